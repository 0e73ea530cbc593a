//! Whoever can write to the log, without its key: every way to change a log of 200 entries by three writers, each detected, at the
//! right entry. A head was exported before.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use secret_store_core::audit::{AuditEntry, AuditHead, AuditKey, Fault, FaultKind, Verifier, WriterId};

use crate::support::{ENVIRONMENT, Fields, HASH_BYTES, bytes, head_of, key, place, pushed, rehashed, three_writers};

const ENTRIES: usize = 200;

/// A log, its head, and a verifier that has seen each of its beginnings: an attack shows only from where it begins.
struct Target {
    log: Vec<AuditEntry>,
    bytes: Vec<Vec<u8>>,
    fields: Vec<Fields>,
    head: Arc<AuditHead>,
    beginnings: Vec<Verifier>,
}

impl Target {
    fn new() -> Self {
        Self::of(three_writers(ENTRIES, Some(&key())), Some(key()))
    }

    fn of(log: Vec<AuditEntry>, key: Option<Arc<AuditKey>>) -> Self {
        let bytes = bytes(&log);
        let fields = bytes.iter().map(|entry| Fields::of(entry)).collect();
        let head = head_of(&log, key.clone());
        let mut verifier =
            Verifier::new().with_head(Arc::clone(&head)).with_environment(ENVIRONMENT).in_order_of_time();
        if let Some(key) = key {
            verifier = verifier.with_key(key);
        }
        let mut beginnings = vec![verifier];
        for entry in &bytes {
            beginnings.push(pushed(beginnings.last().expect("one at least").clone(), [entry]));
        }
        Self { log, bytes, fields, head, beginnings }
    }

    /// The first fault of the log that begins as it should, up to an entry, and goes on with others.
    fn first_fault<'a>(&self, from: usize, rest: impl IntoIterator<Item = &'a Vec<u8>>) -> Option<Fault> {
        let mut verifier = self.beginnings[from].clone();
        for entry in rest {
            verifier.push(entry);
            if let Some(fault) = verifier.faults().first() {
                return Some(fault.clone());
            }
        }
        let verification = verifier.finish();
        assert_eq!(verification.check().is_ok(), verification.is_intact());
        verification.faults().first().cloned()
    }

    /// Another entry in the place of one, and the rest as it was: at fault is that entry.
    #[track_caller]
    fn replaced(&self, at: usize, entry: &Vec<u8>, what: &str) -> Fault {
        let rest = self.bytes[at + 1..].iter();
        let fault = self.first_fault(at, std::iter::once(entry).chain(rest));
        let fault = fault.unwrap_or_else(|| panic!("{what} in entry {at} is not detected"));
        assert_eq!(fault.index, at as u64, "{what}: {fault}");
        fault
    }

    /// Genuine entries in another order, some left out or repeated: the fault must be where a log can go on like this no more.
    #[track_caller]
    fn rearranged(&self, order: &[usize], what: &str) {
        let same = order.iter().enumerate().take_while(|(at, entry)| at == *entry).count();
        let rest = order[same..].iter().map(|entry| &self.bytes[*entry]);
        let fault = self.first_fault(same, rest).unwrap_or_else(|| panic!("{what} is not detected"));
        let (index, writer, sequence) = self.where_it_shows(order).unwrap_or_else(|| panic!("{what} changes nothing"));
        assert_eq!(
            (fault.index, fault.writer, fault.sequence),
            (index, Some(writer), Some(sequence)),
            "{what}: {fault}"
        );
    }

    /// What a reader with all the time in the world would say: the first position at which the writer's next entry does not come, or
    /// one comes after which this one belongs before; else the first writer of the head whose last entry is missing.
    fn where_it_shows(&self, order: &[usize]) -> Option<(u64, WriterId, u64)> {
        let (mut next, mut last) = (BTreeMap::new(), None);
        for (at, entry) in order.iter().map(|entry| &self.log[*entry]).enumerate() {
            let expected = next.entry(entry.writer()).or_insert(1);
            if entry.sequence() != *expected || Some(place(entry)) <= last {
                let sequence = entry.sequence().min(*expected);
                return Some((at as u64, entry.writer(), sequence));
            }
            *expected += 1;
            last = Some(place(entry));
        }
        let missing = |(writer, head): &(WriterId, &_)| {
            let head: &secret_store_core::audit::WriterHead = head;
            next.get(writer).copied().unwrap_or(1) <= head.sequence
        };
        let (writer, _) = self.head.writers().find(missing)?;
        Some((order.len() as u64, writer, next.get(&writer).copied().unwrap_or(1)))
    }
}

/// Says how many attacks there were, also where the harness keeps the output of tests that pass.
fn report(what: &str, attacks: usize) {
    let _ = writeln!(std::io::stderr(), "  {what}: {attacks} attacks, all detected at the right entry");
}

fn without(range: impl Fn(usize) -> bool) -> Vec<usize> {
    (0..ENTRIES).filter(|entry| !range(*entry)).collect()
}

#[test]
fn the_log_as_it_was_written_is_intact() {
    let target = Target::new();
    let clean = target.beginnings[ENTRIES].clone().finish();
    assert!(clean.is_intact(), "{:?}", clean.faults());
    assert_eq!((clean.entries(), clean.authenticated(), clean.unprotected()), (200, 200, 0));
    assert_eq!(clean.unknown_count(), clean.unknown().len() as u64);
    // And one that has gone on since the head.
    let longer = three_writers(ENTRIES, Some(&key()));
    for exported in 0..=ENTRIES {
        let head = head_of(&longer[..exported], Some(key()));
        let verifier = Verifier::new().with_key(key()).with_head(head).in_order_of_time();
        let clean = pushed(verifier, bytes(&longer)).finish();
        assert!(clean.is_intact(), "{:?}", clean.faults());
    }
}

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

/// What an attacker who knows the form makes of an entry: all that its document says is right, but for the MAC.
fn disguises(changed: &[u8], genuine: &AuditEntry) -> Vec<(&'static str, Vec<u8>)> {
    let own_key = AuditKey::from_bytes(&[0x66; 32]);
    let own_mac = |bytes: &[u8], key_id: &[u8]| {
        let fields = Fields::of(bytes);
        let mut bytes = bytes.to_vec();
        bytes[fields.range("key id")].copy_from_slice(key_id);
        let mut bytes = rehashed(bytes);
        let mac = mac_by(&[0x66; 32], &bytes[fields.range("hash")]);
        bytes[fields.range("mac")].copy_from_slice(&mac);
        bytes
    };
    let genuine_id = genuine.key_id().expect("authenticated");
    vec![
        ("the hash as it was", changed.to_vec()),
        ("the hash recomputed", rehashed(changed.to_vec())),
        ("the MAC left out", bare(changed)),
        ("a MAC by another key under the key's name", own_mac(changed, genuine_id.as_bytes())),
        ("a MAC by another key under its own name", own_mac(changed, own_key.id().as_bytes())),
    ]
}

fn mac_by(key: &[u8], hash: &[u8]) -> [u8; HASH_BYTES] {
    use hmac::{Hmac, KeyInit, Mac};
    let mac = Hmac::<sha2::Sha256>::new_from_slice(key).expect("any size");
    mac.chain_update(b"secret-store/1\x06\x02").chain_update(hash).finalize().into_bytes().into()
}

/// The entry as a writer without a key would have written it.
fn bare(bytes: &[u8]) -> Vec<u8> {
    let fields = Fields::of(bytes);
    let mut out = bytes[..fields.range("key id").start].to_vec();
    out[3] = 0;
    out.extend_from_slice(&[0; HASH_BYTES]);
    rehashed(out)
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

fn hash_of(entry: &[u8]) -> Vec<u8> {
    entry[Fields::of(entry).range("hash")].to_vec()
}

#[test]
fn every_entry_every_pair_and_every_run_removed() {
    let target = Target::new();
    let mut attacks = 0;
    for first in 0..ENTRIES {
        for second in first..ENTRIES {
            target.rearranged(
                &without(|entry| entry == first || entry == second),
                &format!("{first} and {second} removed"),
            );
            target.rearranged(
                &without(|entry| (first..=second).contains(&entry)),
                &format!("{first} to {second} removed"),
            );
            attacks += 2;
        }
    }
    report("removals", attacks);
}

/// Of one writer alone: every run of its entries, from nothing but one to all.
#[test]
fn every_run_of_one_writer_removed_and_whole_writers() {
    let target = Target::new();
    let mut attacks = 0;
    for (writer, head) in target.head.writers() {
        for first in 1..=head.sequence {
            for last in first..=head.sequence {
                let is_removed = |entry: usize| {
                    let entry = &target.log[entry];
                    entry.writer() == writer && (first..=last).contains(&entry.sequence())
                };
                target.rearranged(&without(is_removed), &format!("{first} to {last} of a writer removed"));
                attacks += 1;
            }
        }
    }
    let all: Vec<_> = target.head.writers().map(|(writer, _)| writer).collect();
    for kept in all {
        target.rearranged(&without(|entry| target.log[entry].writer() != kept), "two writers removed");
        attacks += 1;
    }
    report("runs of one writer, whole writers", attacks);
}

#[test]
fn every_cut_and_every_return_to_an_earlier_log() {
    let target = Target::new();
    for length in 0..ENTRIES {
        target.rearranged(&(0..length).collect::<Vec<_>>(), &format!("cut to {length}"));
    }
    report("ends cut off", ENTRIES);
}

#[test]
fn every_entry_repeated_everywhere() {
    let target = Target::new();
    let mut attacks = 0;
    for entry in 0..ENTRIES {
        for at in 0..=ENTRIES {
            let mut order: Vec<_> = (0..ENTRIES).collect();
            order.insert(at, entry);
            target.rearranged(&order, &format!("{entry} repeated at {at}"));
            attacks += 1;
        }
    }
    for length in 1..=ENTRIES {
        let twice: Vec<_> = (0..length).chain(0..ENTRIES).collect();
        target.rearranged(&twice, &format!("the first {length} repeated"));
        attacks += 1;
    }
    report("repetitions", attacks);
}

#[test]
fn every_pair_exchanged_every_entry_moved_every_run_reversed() {
    let target = Target::new();
    let mut attacks = 0;
    for first in 0..ENTRIES {
        for second in first + 1..ENTRIES {
            let mut exchanged: Vec<_> = (0..ENTRIES).collect();
            exchanged.swap(first, second);
            target.rearranged(&exchanged, &format!("{first} and {second} exchanged"));
            let mut moved: Vec<_> = (0..ENTRIES).collect();
            moved[first..=second].rotate_left(1);
            target.rearranged(&moved, &format!("{first} moved to {second}"));
            moved[first..=second].rotate_right(2.min(second - first + 1) % (second - first + 1));
            let mut reversed: Vec<_> = (0..ENTRIES).collect();
            reversed[first..=second].reverse();
            target.rearranged(&reversed, &format!("{first} to {second} reversed"));
            attacks += 3;
        }
    }
    report("orders", attacks);
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

#[test]
fn forged_entries_inserted_everywhere() {
    let target = Target::new();
    let mut attacks = 0;
    for at in 0..=ENTRIES {
        let model = &target.bytes[at.min(ENTRIES - 1)];
        let genuine = &target.log[at.min(ENTRIES - 1)];
        let mut forgeries = vec![Vec::new(), b"nothing like an entry".to_vec(), vec![0; 400]];
        for (writer, sequence) in
            [(None, None), (None, Some(1_000_000)), (Some([0x77; 16]), Some(1)), (Some([0; 16]), None)]
        {
            let mut forged = model.clone();
            let fields = Fields::of(&forged);
            if let Some(writer) = writer {
                forged[fields.range("writer")].copy_from_slice(&writer);
                forged[fields.range("previous")].fill(0);
            }
            if let Some(sequence) = sequence {
                forged[fields.range("sequence")].copy_from_slice(&u64::to_be_bytes(sequence));
                if genuine.operation() == genuine.sequence() {
                    forged[fields.range("operation")].copy_from_slice(&u64::to_be_bytes(sequence));
                }
            }
            forged[fields.range("actor")].fill(b'm');
            forgeries.extend(disguises(&forged, genuine).into_iter().map(|(_, forged)| forged));
        }
        for forged in forgeries {
            let fault = target.first_fault(at, std::iter::once(&forged).chain(&target.bytes[at..])).expect("detected");
            assert_eq!(fault.index, at as u64, "{fault}");
            attacks += 1;
        }
    }
    report("insertions", attacks);
}

/// A whole log of the attacker's own in the place of the true one, however well it fits together.
#[test]
fn another_log_in_its_place() {
    let target = Target::new();
    let own_key = Arc::new(AuditKey::from_bytes(&[0x66; 32]));
    for key in [None, Some(own_key)] {
        let other = bytes(&three_writers(ENTRIES, key.as_ref()));
        let fault = target.first_fault(0, &other).expect("detected");
        assert_eq!((fault.index, fault.kind), (0, FaultKind::NotAuthentic));
    }
    // Authentic, of the same key, but of another deployment.
    let mut verifier = Verifier::new().with_key(key()).with_environment("staging");
    verifier.push(&target.bytes[0]);
    assert_eq!(verifier.faults()[0].kind, FaultKind::Misplaced);
    let other = secret_store_core::ApplicationName::new("Another").expect("valid");
    let mut verifier = Verifier::new().with_key(key()).with_application(other);
    verifier.push(&target.bytes[0]);
    assert_eq!(verifier.faults()[0].kind, FaultKind::Misplaced);
}

/// A log without a key has its head alone: whatever is done to it shows, though a recomputed chain only where the head is met.
#[test]
fn a_log_without_a_key_is_held_by_its_head() {
    let target = Target::of(three_writers(ENTRIES, None), None);
    let mut attacks = 0;
    for at in 0..ENTRIES {
        let mut changed = target.bytes[at].clone();
        changed[target.fields[at].range("actor")].fill(b'm');
        target.replaced(at, &changed, "an actor");
        let mut forged = vec![rehashed(changed)];
        let mut previous = hash_of(&forged[0]);
        for (entry, genuine) in target.bytes[at + 1..].iter().zip(&target.log[at + 1..]) {
            let mut entry = entry.clone();
            if genuine.writer() == target.log[at].writer() {
                let link = Fields::of(&entry).range("previous");
                entry[link].copy_from_slice(&previous);
                entry = rehashed(entry);
                previous = hash_of(&entry);
            }
            forged.push(entry);
        }
        let fault = target.first_fault(at, &forged).expect("detected");
        assert_eq!((fault.kind, fault.writer), (FaultKind::NotOfHead, Some(target.log[at].writer())));
        let last = target.log.iter().rposition(|entry| entry.writer() == target.log[at].writer());
        assert_eq!(Some(fault.index as usize), last);
        target.rearranged(&without(|entry| entry == at), "an entry removed");
        target.rearranged(&(0..at).collect::<Vec<_>>(), "an end cut off");
        attacks += 4;
    }
    report("a log without a key", attacks);
    let clean = target.beginnings[ENTRIES].clone().finish();
    assert!(clean.is_intact() && clean.authenticated() == 0 && clean.unprotected() == 0);
}

/// What the documentation says is not detected is not: nobody shall rely on it.
#[test]
fn what_less_does_not_show() {
    let keyed = three_writers(ENTRIES, Some(&key()));
    let (writer, bytes) = (keyed[0].writer(), bytes(&keyed));
    // A key without a head: an end cut off, a writer removed.
    let with_key = || Verifier::new().with_key(key()).in_order_of_time();
    assert!(pushed(with_key(), &bytes[..77]).finish().is_intact());
    let others = || keyed.iter().filter(|entry| entry.writer() != writer).map(|entry| entry.as_bytes());
    assert!(pushed(with_key(), others()).finish().is_intact());
    // Neither: a log of the attacker's own.
    let forged: Vec<_> = bytes.iter().map(|entry| bare(entry)).collect();
    let broken = pushed(Verifier::new(), &forged).finish();
    assert!(!broken.is_intact(), "each still names the hash of the genuine one before");
    let own = three_writers(ENTRIES, None);
    let own = pushed(Verifier::new(), own.iter().map(|entry| entry.as_bytes())).finish();
    assert!(own.is_intact());
    assert_eq!((own.authenticated(), own.unprotected()), (0, 200), "but it says that nobody vouches for it");
}
