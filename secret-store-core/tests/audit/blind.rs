//! Entries that name nothing in clear.

use std::sync::Arc;

use secret_store_core::audit::{AuditEntry, Verifier};
use secret_store_core::{Blinding, BlindingKey, SecretStoreExt};

use crate::support::{APP, Sink, audited, builder, bytes, id, key, pushed, secrets, wait};

const NAME: &str = "Canary-Name";

fn shows(entries: &[AuditEntry], name: &str) -> bool {
    let told = format!("{entries:?}");
    let raw: Vec<u8> = entries.iter().flat_map(|entry| entry.as_bytes().to_vec()).collect();
    let hex = hex::encode(name);
    told.contains(name) || told.contains(&hex) || raw.windows(name.len()).any(|window| window == name.as_bytes())
}

fn use_everything(store: &impl secret_store_core::SecretStore) {
    wait(async {
        let secret = id(NAME);
        store.put(&secret, "value".into()).await.expect("puts");
        store.get(&secret).await.expect("reads");
        store.get_many(std::slice::from_ref(&secret)).await.expect("reads");
        store.get_many(&[secret.clone(), id("None")]).await.expect_err("one is absent");
        store.get_all(secret.application()).await.expect("reads");
        store.list(secret.application()).await.expect("lists");
        store.history(&secret).await.expect("lists");
        store.delete(&secret).await.expect("deletes");
        store.get(&secret).await.expect_err("gone");
        store.delete(&secret).await.expect_err("gone");
    });
}

#[test]
fn blind_entries_name_nothing_in_clear() {
    // The control.
    let (clear, sink) = audited();
    use_everything(&clear);
    assert!(shows(&sink.entries(), NAME) && shows(&sink.entries(), APP));

    let (blinding_key, _bytes) = BlindingKey::generate().expect("random");
    let blinding = Blinding::new(&blinding_key);
    let sink = Arc::new(Sink::default());
    let store = builder(secrets(), &sink).key(key()).blind_names(blinding.clone()).build().expect("configured");
    use_everything(&store);
    let entries = sink.entries();
    assert!(!shows(&entries, NAME) && !shows(&entries, APP));
    let (application, secret) = (blinding.display(id(NAME).application()), blinding.display(&id(NAME)));
    assert_eq!(entries.len(), 13);
    for entry in &entries {
        assert_eq!(entry.application().as_str(), application);
        let names: Vec<_> = entry.secrets().iter().map(|secret| secret.name.as_str()).collect();
        assert!(names.is_empty() || names.contains(&secret.as_str()), "{names:?}");
    }
    // It is one chain still, and verifies as any other.
    assert!(pushed(Verifier::new().with_key(key()), bytes(&entries)).finish().is_intact());
}
