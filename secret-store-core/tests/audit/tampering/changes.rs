//! Entries are changed: by a bit, by a field with every disguise, with the chain after them.

use secret_store_core::audit::FaultKind;

use super::{ENTRIES, Target, disguises, hash_of, report};
use crate::support::Fields;

#[test]
fn every_bit_of_every_entry() {
    let target = Target::new();
    let mut attacks = 0;
    for (at, entry) in target.bytes.iter().enumerate() {
        let mut changed = entry.clone();
        for byte in 0..entry.len() {
            for bit in 0..8 {
                changed[byte] ^= 1 << bit;
                target.replaced(at, &changed, "a bit");
                changed[byte] ^= 1 << bit;
                attacks += 1;
            }
        }
        for length in 0..entry.len() {
            let fault = target.replaced(at, &entry[..length].to_vec(), "a cut");
            assert_eq!(fault.kind, FaultKind::Malformed);
            attacks += 1;
        }
        for more in [&[0][..], &[1], entry] {
            assert_eq!(target.replaced(at, &[entry, more].concat(), "more").kind, FaultKind::Malformed);
            attacks += 1;
        }
    }
    report("bits, cuts, additions", attacks);
}

/// Each field, changed in ways that leave an entry an entry.
fn changed_fields(target: &Target, at: usize) -> Vec<(String, Vec<u8>)> {
    let entry = &target.bytes[at];
    let mut changes = Vec::new();
    for (field, range) in target.fields[at].iter().filter(|(_, range)| !range.is_empty()) {
        let values: Vec<Vec<u8>> = match *field {
            "magic" | "length" | "secrets" | "authentication" | "hash" | "mac" | "key id" => continue,
            "has version" => continue,
            "action" | "phase" | "outcome" => (0..=16).map(|code| vec![code]).collect(),
            "sequence" | "operation" | "time" | "version" | "count" => {
                let mut up = entry[range.clone()].to_vec();
                let mut down = up.clone();
                up.last_mut().into_iter().for_each(|last| *last = last.wrapping_add(1));
                *down.last_mut().expect("not empty") -= u8::from(down.last() > Some(&0));
                vec![up, down, vec![0; range.len()]]
            }
            "previous" | "writer" => {
                let others = target.bytes.iter().map(|other| other[range.clone()].to_vec()).take(20);
                others.chain([vec![0; range.len()]]).collect()
            }
            // Names.
            _ => vec![vec![b'x'; range.len()], entry[range.clone()].to_ascii_uppercase()],
        };
        for value in values {
            let mut changed = entry.clone();
            changed[range.clone()].copy_from_slice(&value);
            if changed != *entry {
                changes.push(((*field).to_owned(), changed));
            }
        }
    }
    changes
}

#[test]
fn every_field_with_every_disguise() {
    let target = Target::new();
    let mut attacks = 0;
    for at in 0..ENTRIES {
        for (field, changed) in changed_fields(&target, at) {
            for (disguise, forged) in disguises(&changed, &target.log[at]) {
                target.replaced(at, &forged, &format!("{field}, {disguise}"));
                attacks += 1;
            }
        }
        // The content as it was, only the proof of it gone or exchanged.
        let fields = &target.fields[at];
        for (disguise, forged) in disguises(&target.bytes[at], &target.log[at]).into_iter().skip(2) {
            target.replaced(at, &forged, disguise);
            attacks += 1;
        }
        for other in (0..ENTRIES).filter(|other| *other != at) {
            for proof in ["hash", "mac"] {
                let mut forged = target.bytes[at].clone();
                forged[fields.range(proof)].copy_from_slice(&target.bytes[other][target.fields[other].range(proof)]);
                target.replaced(at, &forged, proof);
                attacks += 1;
            }
        }
    }
    report("fields, disguises, exchanged proofs", attacks);
}

/// The chain from the changed entry on, recomputed for its writer.
#[test]
fn recomputed_chains() {
    let target = Target::new();
    let mut attacks = 0;
    for at in 0..ENTRIES {
        let mut changed = target.bytes[at].clone();
        let actor = target.fields[at].range("actor");
        changed[actor].fill(b'm');
        for style in 0..5 {
            let (_, first) = disguises(&changed, &target.log[at]).swap_remove(style);
            let mut forged = vec![first];
            let mut previous = hash_of(&forged[0]);
            for (entry, genuine) in target.bytes[at + 1..].iter().zip(&target.log[at + 1..]) {
                if genuine.writer() != target.log[at].writer() {
                    forged.push(entry.clone());
                    continue;
                }
                let mut entry = entry.clone();
                let link = Fields::of(&entry).range("previous");
                entry[link].copy_from_slice(&previous);
                let (_, relinked) = disguises(&entry, genuine).swap_remove(style.max(1));
                previous = hash_of(&relinked);
                forged.push(relinked);
            }
            let fault = target.first_fault(at, &forged).expect("detected");
            assert_eq!(fault.index, at as u64, "style {style} from {at}: {fault}");
            attacks += 1;
        }
    }
    report("recomputed chains", attacks);
}

#[test]
fn entries_exchanged_between_writers() {
    let target = Target::new();
    let mut attacks = 0;
    for first in 0..ENTRIES {
        let others = (first + 1..ENTRIES).filter(|other| target.log[*other].writer() != target.log[first].writer());
        for second in others.step_by(3) {
            // Each claims to be of the other's chain, in the other's place there.
            let take = |from: usize, to: usize, fields: &[&str]| {
                let mut forged = target.bytes[to].clone();
                for field in fields {
                    let bytes = target.bytes[from][target.fields[from].range(field)].to_vec();
                    forged[target.fields[to].range(field)].copy_from_slice(&bytes);
                }
                forged
            };
            for fields in [&["writer"][..], &["writer", "sequence"], &["writer", "sequence", "previous"]] {
                for (_, forged) in disguises(&take(second, first, fields), &target.log[first]) {
                    target.replaced(first, &forged, "another writer's place");
                    attacks += 1;
                }
            }
        }
    }
    report("exchanges between writers", attacks);
}
