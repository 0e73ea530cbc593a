//! Lines and their one form; the writer over a disk that crashes, fills up and forgets.

mod crossed;
mod disk;
mod line;
mod writer;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::audit::{AuditEntry, AuditKey, AuditSink, AuditedStore, Verification, Verifier};
use secret_store_core::{Error, ErrorKind, Result, SecretId, SecretStoreExt};

const KEY: [u8; 32] = [7; 32];

fn key() -> Arc<AuditKey> {
    Arc::new(AuditKey::from_bytes(&KEY))
}

/// Keeps entries; refuses when told, so that the number of what it refused is given again.
#[derive(Debug, Default)]
struct Collected(Mutex<(Vec<AuditEntry>, bool)>);

#[async_trait]
impl AuditSink for Collected {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        let mut state = self.0.lock().expect("no panic");
        state.0.extend_from_slice(entries);
        if state.1 { Err(Error::new(ErrorKind::Throttled, "told to refuse")) } else { Ok(()) }
    }
}

fn store(sink: &Arc<Collected>) -> AuditedStore {
    let secrets = Arc::new(secret_store_memory::store("audited").expect("random"));
    let builder = AuditedStore::builder(secrets, Arc::<Collected>::clone(sink)).environment("tests").actor("somebody");
    builder.key(key()).build().expect("configured")
}

/// The first entries of one writer, of several kinds.
fn entries(count: usize) -> Vec<AuditEntry> {
    let sink = Arc::new(Collected::default());
    let store = store(&sink).for_request("J\u{f6}rg \"the\\ tester\"\u{202e}", "\u{1f512}\n").expect("valid");
    let id = SecretId::parse("App", "a\u{e9}").expect("valid");
    let collected = || sink.0.lock().expect("no panic").0.clone();
    block_on(async {
        while collected().len() < count {
            store.put(&id, "value".into()).await.expect("puts");
            store.get(&id).await.expect("reads");
            store.list(id.application()).await.expect("lists");
        }
    });
    let mut entries = collected();
    entries.truncate(count);
    entries
}

/// Two different entries for the same place, after one that both continue.
fn fork() -> (AuditEntry, [AuditEntry; 2]) {
    let sink = Arc::new(Collected::default());
    let store = store(&sink);
    let id = |name| SecretId::parse("App", name).expect("valid");
    block_on(async {
        store.get(&id("first")).await.expect_err("none there");
        sink.0.lock().expect("no panic").1 = true;
        store.get(&id("left")).await.expect_err("refused");
        store.get(&id("right")).await.expect_err("refused");
    });
    let [first, left, right] = sink.0.lock().expect("no panic").0.clone().try_into().expect("three entries");
    assert_eq!((left.sequence(), right.sequence()), (2, 2));
    assert_ne!(left, right);
    (first, [left, right])
}

/// Every line, the last one only with its line feed.
fn lines(bytes: &[u8]) -> Vec<&[u8]> {
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    lines.pop();
    lines
}

fn verify(bytes: &[u8]) -> Verification {
    let mut verifier = Verifier::new().with_key(key());
    for line in lines(bytes) {
        match super::line::entry_bytes(line) {
            Some(entry) => verifier.push(&entry),
            None => verifier.push_malformed(),
        }
    }
    verifier.finish()
}
