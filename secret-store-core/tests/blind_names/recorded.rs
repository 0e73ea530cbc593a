//! Audit entries with blind names, for logs that are kept elsewhere.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::audit::{AuditEntry, AuditSink, AuditedStore, Verifier};
use secret_store_core::{Blinding, Result, SecretStore, SecretStoreExt};

use super::eyes::{assert_blind, shows};
use super::support::{APPLICATION, World, application, id, key};

const NAMES: [&str; 3] = [APPLICATION, "MainDbPassword", "Smtp/Relay#2"];

#[derive(Debug, Default)]
struct Sink(Mutex<Vec<AuditEntry>>);

#[async_trait]
impl AuditSink for Sink {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        self.0.lock().expect("no test panics here").extend_from_slice(entries);
        Ok(())
    }
}

/// Every operation, well and in vain.
fn entries(blinding: Option<Blinding>) -> Vec<AuditEntry> {
    let sink = Arc::new(Sink::default());
    let builder = AuditedStore::builder(Arc::new(World::new().clear()), sink.clone());
    let builder = builder.environment("production").actor("billing");
    let store = match blinding {
        Some(blinding) => builder.blind_names(blinding),
        None => builder,
    };
    let store = store.build().expect("configured");
    let [main, other] = ["MainDbPassword", "Smtp/Relay#2"].map(id);
    block_on(async {
        store.put(&main, "one".into()).await.map(drop).expect("stored");
        store.put(&other, "two".into()).await.map(drop).expect("stored");
        store.get(&main).await.map(drop).expect("opens");
        store.get_many(&[main.clone(), other.clone()]).await.map(drop).expect("opens");
        store.get_all(&application()).await.map(drop).expect("opens");
        store.list(&application()).await.map(drop).expect("a page");
        store.history(&main).await.map(drop).expect("a page");
        store.delete(&other).await.expect("deleted");
        store.get(&other).await.map(drop).expect_err("deleted");
        store.history(&id("Nobody")).await.map(drop).expect("none");
        store.get_many(&[main, other.clone()]).await.map(drop).expect_err("deleted");
        store.delete_with(&other, Default::default()).await.expect_err("deleted");
    });
    sink.0.lock().expect("no test panics here").clone()
}

fn bytes(entries: &[AuditEntry]) -> Vec<u8> {
    let of_entry = |entry: &AuditEntry| [entry.as_bytes(), format!("{entry:?}").as_bytes()].concat();
    entries.iter().flat_map(of_entry).collect()
}

#[test]
fn entries_show_hashes_for_names() {
    let blinding = Blinding::new(&key(1));
    let blind = entries(Some(blinding.clone()));
    assert_blind("the log", &bytes(&blind), &NAMES);
    let clear = entries(None);
    for name in NAMES {
        assert!(shows(&bytes(&clear), name), "{name}");
    }
    // Entry by entry the same, and whoever has the key finds what happened to a name.
    assert_eq!(blind.len(), clear.len());
    for (blind, clear) in blind.iter().zip(&clear) {
        assert_eq!(*blind.application(), blinding.application(clear.application()));
        assert_eq!((blind.action(), blind.phase(), blind.outcome()), (clear.action(), clear.phase(), clear.outcome()));
        let of_clear = clear.secrets().iter().map(|secret| {
            let id = secret_store_core::SecretId::new(clear.application().clone(), secret.name.clone());
            (blinding.secret(&id).name().clone(), secret.version)
        });
        let of_blind = blind.secrets().iter().map(|secret| (secret.name.clone(), secret.version));
        assert!(of_blind.eq(of_clear));
    }
    let mut verifier = Verifier::new().with_application(blinding.application(&application()));
    blind.iter().for_each(|entry| verifier.push(entry.as_bytes()));
    assert!(verifier.finish().is_intact());
}
