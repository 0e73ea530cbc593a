//! The sink that tells whoever listens.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use secret_store_core::SecretStoreExt;
use secret_store_core::audit::{AuditedStore, TracingSink};
use tracing::field::{Field, Visit};
use tracing::span;

use crate::support::{id, secrets, wait};

/// Keeps events of the audit target as `field=value` lines.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0 += &format!("{}={value:?};", field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0 += &format!("{}={value};", field.name());
    }
}

impl tracing::Subscriber for Listener {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.target() == TracingSink::TARGET
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(format!("{};", event.metadata().level()));
        event.record(&mut fields);
        self.0.lock().expect("no panic").push(fields.0);
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[test]
fn events_have_every_field_and_escape_what_callers_name() {
    let store = AuditedStore::builder(secrets(), Arc::new(TracingSink)).environment("e\n").actor("service");
    let store = store.build().expect("configured");
    let listener = Listener::default();
    let events = Arc::clone(&listener.0);
    tracing::subscriber::with_default(listener, || {
        wait(async {
            let request = store.for_request("eve\u{1b}[2J", "r\r\nfake: entry").expect("valid");
            request.put(&id("a\u{202e}b"), "the value".into()).await.expect("puts");
            store.get_many(&[id("a\u{202e}b")]).await.expect("reads");
        });
    });
    let events = events.lock().expect("no panic");
    assert_eq!(events.len(), 3);
    assert!(
        events.iter().all(|event| !event.contains(['\n', '\r', '\u{1b}', '\u{202e}']) && event.starts_with("INFO;"))
    );
    assert!(events[1].contains(r"actor=eve\u{1b}[2J;request=r\r\nfake: entry;"), "{}", events[1]);
    assert!(events[1].contains(r"secrets=a\u{202e}b v1;"), "{}", events[1]);
    assert!(
        events[2].contains(r"environment=e\n;actor=service;action=get many;phase=read;outcome=success;"),
        "{}",
        events[2]
    );
    for field in
        ["time=20", "application=YourApp.Production", "count=1", "writer=", "sequence=3", "operation=3", "hash="]
    {
        assert!(events[2].contains(field), "{field} in {}", events[2]);
    }
    assert!(events.iter().all(|event| !event.contains("the value")));
}
