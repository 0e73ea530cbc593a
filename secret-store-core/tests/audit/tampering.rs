//! Whoever can write to the log, without its key: every way to change a log of 200 entries by three writers, each detected, at the
//! right entry. A head was exported before.

mod changes;
mod insertions;
mod limits;
mod orders;
mod removals;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::Arc;

use secret_store_core::audit::{AuditEntry, AuditHead, AuditKey, Fault, Verifier, WriterId};

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

fn hash_of(entry: &[u8]) -> Vec<u8> {
    entry[Fields::of(entry).range("hash")].to_vec()
}
