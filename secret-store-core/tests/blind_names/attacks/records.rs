//! Sealed records that are changed, exchanged or another key's: nothing of them is taken.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::{
    BlindNames, Blinding, Consistency, ErrorKind, Persistence, Precondition, Record, Revision, Value, Write,
};

use super::{resealed, sealed, target};
use secret_store_memory::MemoryPersistence;

use crate::support::{key, load, put};

#[test]
fn every_bit_every_cut_and_every_addition_is_refused() {
    let target = target();
    let honest = sealed(&target.honest);
    assert_eq!(honest.len(), 36 + 512 + 256 + 16);
    for at in 0..honest.len() {
        for bit in 0..8 {
            let mut forged = honest.clone();
            forged[at] ^= 1 << bit;
            // A digit for another digit is a version of the form, and another suite: of a later release.
            let kind = match at {
                2 if forged[2].is_ascii_digit() && forged[2] != b'0' => ErrorKind::Unsupported,
                3 => ErrorKind::Unsupported,
                _ => ErrorKind::Integrity,
            };
            target.refused(&format!("bit {bit} of byte {at}"), resealed(forged), kind);
        }
        target.refused(&format!("cut to {at}"), resealed(honest[..at].to_vec()), ErrorKind::Integrity);
    }
    target.refused("a byte more", resealed([&honest[..], &[0]].concat()), ErrorKind::Integrity);
    target.refused("nothing", Record::new(), ErrorKind::Integrity);
    target.refused("text", Record::new().with("Sealed", Value::from("text")), ErrorKind::Integrity);
    target.refused("another attribute", resealed(honest).with("Text", Value::from("text")), ErrorKind::Integrity);
    target.refused("names in clear", Record::new().with("Text", Value::from("text")), ErrorKind::Integrity);
    // The honest one is taken again.
    put(&*target.memory, target.place.clone(), target.honest.clone());
    assert!(load(&target.names, &target.address).is_some());
}

/// A writer with a blinding key of its own, which is not the store's, makes nothing that is taken.
#[test]
fn what_another_key_sealed_is_refused() {
    let target = target();
    let other = Arc::new(MemoryPersistence::new());
    put(&BlindNames::unchecked(other.clone(), Blinding::new(&key(2))), target.address.clone(), Record::new());
    let foreign = other.snapshot().iter().map(|(_, stored)| stored.record.clone()).next().expect("one");
    target.refused("another key's", (*foreign).clone(), ErrorKind::Integrity);
    // With the id of the right key in front it is no better.
    let mut forged = sealed(&foreign);
    forged[4..12].copy_from_slice(&sealed(&target.honest)[4..12]);
    target.refused("under a false flag", resealed(forged), ErrorKind::Integrity);
}

/// A revision that somebody else issued is none of these records', whatever its text is beneath.
#[test]
fn a_revision_from_beneath_holds_of_nothing() {
    let target = target();
    let beneath = block_on(target.memory.load(&target.place, Consistency::Strong)).expect("answers").expect("there");
    for revision in [beneath.revision.clone(), Revision::new(format!("clear.{}", beneath.revision.as_text()))] {
        let condition = Precondition::Revision(revision);
        for write in [
            Write::put(target.address.clone(), Record::new(), condition.clone()),
            Write::delete(target.address.clone(), condition.clone()),
            Write::check(target.address.clone(), condition.clone()),
        ] {
            let refused = block_on(target.names.commit(vec![write])).expect_err("not its revision");
            assert_eq!(refused.kind(), ErrorKind::Conflict);
            let shown = load(&target.names, &target.address).expect("there").revision;
            assert_eq!(refused.revision(), Some(&shown), "the one that would hold");
        }
    }
}

/// What could not be read again is not written.
#[test]
fn more_attributes_than_a_record_has_are_refused() {
    let target = target();
    let record = |count: usize| -> Record { (0..count).map(|n| (format!("{n:03}"), Value::from("text"))).collect() };
    put(&target.names, target.address.clone(), record(64));
    assert_eq!(*load(&target.names, &target.address).expect("there").record, record(64));
    let write = Write::put(target.address.clone(), record(65), Precondition::Any);
    let refused = block_on(target.names.commit(vec![write])).expect_err("too many");
    assert_eq!(refused.kind(), ErrorKind::TooLarge { limit: 64, actual: 65 });
}
