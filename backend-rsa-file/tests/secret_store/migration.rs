//! What the original wrote goes to format 1 and back, and the original's own reading still opens it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_lc_rs::cipher::{AES_128, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey};
use aws_lc_rs::rsa::{KeyPair, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA512, UnparsedPublicKey};
use futures::executor::block_on;
use secret_store_core::{
    ApplicationConfig, Clock, Consistency, EnvelopeStore, ErrorKind, Format, Legacy, Persistence, Precondition, Record,
    SecretStoreExt, Write,
};
use secret_store_memory::MemoryPersistence;
use secret_store_rsa_file::RsaKeyProvider;

use crate::vectors::{Vector, Vectors, bytes, vectors};

/// A thousand times as fast as others.
#[derive(Debug, Default)]
struct FastClock(AtomicU64);

#[async_trait]
impl Clock for FastClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration / 1000);
        self.0.fetch_add(u64::try_from(duration.as_micros()).expect("a short time"), Ordering::SeqCst);
    }
}

struct World<'a> {
    vectors: &'a Vectors,
    keys: Arc<RsaKeyProvider>,
    records: Arc<MemoryPersistence>,
    clock: Arc<FastClock>,
}

impl World<'_> {
    fn store(&self, vector: &Vector, legacy: Legacy) -> EnvelopeStore {
        EnvelopeStore::builder(self.keys.clone(), self.records.clone())
            .store_id("prod")
            .master_key(vector.master_key_id())
            .clock(self.clock.clone())
            .application(vector.id().application().clone(), ApplicationConfig::default().with_legacy(legacy))
            .build()
            .expect("the configuration is good")
    }

    async fn record(&self, vector: &Vector) -> Record {
        let stored = self.records.load(&vector.key(), Consistency::Strong).await.expect("loads").expect("is there");
        Record::clone(&stored.record)
    }

    fn der(&self, key: &str) -> Vec<u8> {
        let lines = self.vectors.pem(key).lines().filter(|line| !line.starts_with("-----"));
        bytes(&lines.collect::<String>())
    }

    /// As the original reads, with nothing of ours: lengths, signature, key id, RSA-OAEP with SHA-1, AES-128 in CBC mode.
    fn read_as_the_original_does(&self, vector: &Vector, record: &Record) -> Vec<u8> {
        let segment = record.bytes("ProtectedDocumentKey").expect("bytes").to_vec();
        let length = |at: usize| {
            usize::try_from(i32::from_le_bytes(segment[at..at + 4].try_into().expect("four bytes"))).expect("positive")
        };
        let (id_bytes, signature_bytes) = (length(0), length(4));
        let (signature, signed) = segment[8..].split_at(signature_bytes);
        let pair = KeyPair::from_pkcs8(&self.der(vector.signing_key())).expect("a signing key");
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, pair.public_key().as_ref());
        public.verify(signed, signature).expect("the original accepts the signature");
        let (id, encrypted) = signed.split_at(id_bytes);
        assert_eq!(id, record.text("MasterKeyId").expect("text").as_bytes());
        let private = PrivateDecryptingKey::from_pkcs8(&self.der(vector.encryption_key())).expect("a master key");
        let private = OaepPrivateDecryptingKey::new(private).expect("for OAEP");
        let mut key = vec![0; private.min_output_size()];
        let key = private.decrypt(&OAEP_SHA1_MGF1SHA1, encrypted, &mut key, None).expect("unwraps");
        let iv: [u8; 16] = record.bytes("InitialisationVector").expect("bytes")[..].try_into().expect("16 bytes");
        let mut value = record.bytes("ProtectedSecretValue").expect("bytes").to_vec();
        let key = PaddedBlockDecryptingKey::cbc_pkcs7(UnboundCipherKey::new(&AES_128, key).expect("16 bytes"));
        let opened = key.expect("a key").decrypt(&mut value, DecryptionContext::Iv128(iv.into()));
        opened.expect("padded").to_vec()
    }
}

#[test]
fn what_the_original_wrote_goes_to_format_1_and_back() {
    let vectors = vectors();
    assert_eq!(vectors.written.len(), 8);
    for vector in &vectors.written {
        let expected = bytes(vector.plaintext.as_deref().expect("a plaintext"));
        let world = World {
            vectors: &vectors,
            keys: vectors.provider(vector),
            records: Arc::new(MemoryPersistence::new()),
            clock: Arc::default(),
        };
        assert_eq!(world.read_as_the_original_does(vector, &vector.record()), expected, "{}", vector.id);
        block_on(async {
            let plant = Write::put(vector.key(), vector.record(), Precondition::Any);
            world.records.commit(vec![plant]).await.expect("commits");
            let (reads, writes) = (world.store(vector, Legacy::Read), world.store(vector, Legacy::ReadWrite));
            let application = vector.id().application().clone();

            let report = reads.rotator().migrate(&application).run().await.expect("migrated");
            assert_eq!((report.changed(), report.is_complete()), (1, true), "{}", vector.id);
            let secret = world.store(vector, Legacy::Off).get(&vector.id()).await.expect("opens in format 1");
            assert_eq!((secret.expose_secret(), secret.info().format), (&*expected, Format::One), "{}", vector.id);

            let report = writes.rotator().revert_migration(&application).run().await.expect("reverted");
            assert_eq!((report.changed(), report.is_complete()), (1, true), "{}", vector.id);
            let record = world.record(vector).await;
            assert!(record.iter().map(|(name, _)| name).eq(vector.record().iter().map(|(name, _)| name)));
            assert_eq!(world.read_as_the_original_does(vector, &record), expected, "{}", vector.id);
            assert_eq!(writes.get(&vector.id()).await.expect("opens").expose_secret(), expected, "{}", vector.id);

            // Once more, and for ever.
            reads.rotator().migrate(&application).run().await.expect("migrated");
            reads.rotator().raise_minimum_format(&application).run().await.expect("raised");
            let error = writes.rotator().revert_migration(&application).run().await.expect_err("no way back");
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{}", vector.id);
            let secret = world.store(vector, Legacy::Read).get(&vector.id()).await.expect("opens");
            assert_eq!((secret.expose_secret(), secret.info().version.get()), (&*expected, 2), "{}", vector.id);
        });
    }
}
