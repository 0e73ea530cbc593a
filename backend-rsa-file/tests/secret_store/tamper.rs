//! Every change of a stored record under RSA, in both formats: a typed error, or exactly what the threat model admits.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::{
    ApplicationConfig, Consistency, EnvelopeStore, ErrorKind, Legacy, Persistence, Precondition, Record,
    SecretStoreExt, SecretValue, Value, Write,
};
use secret_store_memory::MemoryPersistence;
use secret_store_rsa_file::RsaKeyProvider;

use crate::vectors::{Vector, vectors};

struct Subject<'a> {
    vector: &'a Vector,
    provider: Arc<RsaKeyProvider>,
    legacy: Legacy,
}

impl Subject<'_> {
    fn store(&self, records: Arc<MemoryPersistence>) -> EnvelopeStore {
        let application = ApplicationConfig::default().with_legacy(self.legacy);
        EnvelopeStore::builder(self.provider.clone(), records)
            .store_id("prod")
            .master_key(self.vector.master_key_id())
            .application(self.vector.id().application().clone(), application)
            .build()
            .expect("the configuration is good")
    }

    /// What a store that never saw the secret before reads.
    fn read(&self, record: Record) -> Result<Vec<u8>, ErrorKind> {
        let records = Arc::new(MemoryPersistence::new());
        let write = Write::put(self.vector.key(), record, Precondition::Any);
        block_on(records.commit(vec![write])).expect("commits");
        let secret = block_on(self.store(records).get(&self.vector.id()));
        secret.map(|secret| secret.expose_secret().to_vec()).map_err(|error| error.kind())
    }

    fn sealed(&self, value: &str) -> Record {
        let records = Arc::new(MemoryPersistence::new());
        block_on(self.store(records.clone()).put(&self.vector.id(), SecretValue::from(value))).expect("stores");
        let stored = block_on(records.load(&self.vector.key(), Consistency::Strong)).expect("loads");
        (*stored.expect("is there").record).clone()
    }
}

/// Every flipped bit, every shorter and one longer form of an attribute.
fn changes(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let flipped = (0..bytes.len() * 8).map(|bit| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    });
    let shorter = (0..bytes.len()).map(|length| bytes[..length].to_vec());
    flipped.chain(shorter).chain([[bytes, &[0]].concat()])
}

const BYTES: [&str; 3] = ["InitialisationVector", "ProtectedDocumentKey", "ProtectedSecretValue"];

#[test]
fn format_1_opens_unchanged_or_not_at_all() {
    let vectors = vectors();
    let vector = &vectors.written[0];
    let subject = Subject { vector, provider: vectors.provider(vector), legacy: Legacy::Off };
    let record = subject.sealed("hunter2");
    assert_eq!(subject.read(record.clone()).expect("opens"), b"hunter2");
    let mut tried = 0;
    for name in BYTES {
        for changed in changes(record.bytes(name).expect("an attribute of bytes")) {
            let kind = subject.read(record.clone().with(name, Value::from(changed))).expect_err(name);
            assert!(
                matches!(kind, ErrorKind::Integrity | ErrorKind::Unsupported | ErrorKind::KeyNotAllowed),
                "{name}: {kind:?}"
            );
            tried += 1;
        }
    }
    // 12 + 55 + the wrap: header, signer's name, ciphertext and signature of 2,048-bit keys.
    assert_eq!(tried, 9 * (12 + 61 + 3 + 1 + 2 + 6 + 2 + 256 + 256) + 3);
}

/// The document key of format 0 is signed; the value is not authenticated. Admitted: an IV bit changes the same bit of the first
/// block; a changed ciphertext can give another value where the padding happens to hold.
#[test]
fn format_0_admits_what_is_documented_and_nothing_more() {
    let vectors = vectors();
    let vector = vectors.written.iter().find(|vector| vector.id == "16B-2048").expect("a value of one block");
    let subject = Subject { vector, provider: vectors.provider(vector), legacy: Legacy::Read };
    let record = vector.record();
    let value = subject.read(record.clone()).expect("opens");
    for changed in changes(record.bytes("ProtectedDocumentKey").expect("a segment")) {
        let kind = subject.read(record.clone().with("ProtectedDocumentKey", Value::from(changed))).expect_err("signed");
        assert!(matches!(kind, ErrorKind::Integrity | ErrorKind::InvalidInput), "{kind:?}");
    }
    let iv = record.bytes("InitialisationVector").expect("an IV");
    for bit in 0..iv.len() * 8 {
        let mut changed = iv.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let mut expected = value.clone();
        expected[bit / 8] ^= 1 << (bit % 8);
        let read = subject.read(record.clone().with("InitialisationVector", Value::from(changed)));
        assert_eq!(read, Ok(expected), "the admitted flaw of format 0");
    }
    for length in (0..iv.len()).chain([17]) {
        let resized: Vec<u8> = iv.iter().copied().chain([0]).take(length).collect();
        let kind = subject.read(record.clone().with("InitialisationVector", Value::from(resized))).expect_err("size");
        assert_eq!(kind, ErrorKind::Integrity);
    }
    for changed in changes(record.bytes("ProtectedSecretValue").expect("a value")) {
        let whole_blocks = !changed.is_empty() && changed.len() % 16 == 0;
        match subject.read(record.clone().with("ProtectedSecretValue", Value::from(changed))) {
            Ok(_) => assert!(whole_blocks, "only whole blocks can hold a padding"),
            Err(kind) => assert_eq!(kind, ErrorKind::Integrity),
        }
    }
}

#[test]
fn a_wrap_of_another_secret_or_version_is_refused() {
    let vectors = vectors();
    let vector = &vectors.written[0];
    let subject = Subject { vector, provider: vectors.provider(vector), legacy: Legacy::Off };
    let other = Subject { vector: &vectors.written[1], provider: subject.provider.clone(), legacy: Legacy::Off };
    let (ours, theirs) = (subject.sealed("ours"), other.sealed("theirs"));
    // Every choice of attributes from one record and from the other, but all of one.
    let names: Vec<String> = ours.iter().map(|(name, _)| name.to_owned()).filter(|name| name != "CreatedAt").collect();
    let mut opened = 0;
    for choice in 1..(1_u32 << names.len()) {
        let mut mixed = ours.clone();
        for (n, name) in names.iter().enumerate().filter(|(n, _)| choice & (1 << n) != 0) {
            let _ = n;
            mixed.set(name.clone(), theirs.get(name).expect("both have it").clone());
        }
        match subject.read(mixed.clone()) {
            // Only what is equal in both was exchanged.
            Ok(value) => {
                assert_eq!(value, b"ours");
                assert_eq!(mixed, ours);
                opened += 1;
            }
            Err(kind) => assert_eq!(kind, ErrorKind::Integrity),
        }
    }
    // Application, master key and version are equal: 2³ choices less the empty one.
    assert_eq!(opened, 7);
}
