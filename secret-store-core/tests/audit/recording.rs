//! What each operation leaves.

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::store;
use secret_store_core::audit::{Action, AuditEntry, MAX_ENTRY_BYTES, Outcome, Phase, Verifier};
use secret_store_core::{
    EnvelopeStore, ErrorKind, GetOptions, MasterKeyId, PutOptions, SecretId, SecretName, SecretStore, SecretStoreExt,
    SecretVersion,
};

use crate::support::{
    APP, ENVIRONMENT, SERVICE, Sink, app, audited, builder, bytes, id, key, pushed, secrets, version, wait,
};

/// What an entry says, for comparing.
type Said = (Action, Phase, Option<Outcome>, Vec<(String, Option<u64>)>, u32, u64);

fn said(entry: &AuditEntry) -> Said {
    let secrets = entry.secrets().iter();
    let secrets = secrets.map(|secret| (secret.name.as_str().to_owned(), secret.version.map(SecretVersion::get)));
    (entry.action(), entry.phase(), entry.outcome(), secrets.collect(), entry.count(), entry.operation())
}

fn named(names: &[(&str, Option<u64>)]) -> Vec<(String, Option<u64>)> {
    names.iter().map(|(name, version)| ((*name).to_owned(), *version)).collect()
}

#[test]
fn every_operation_leaves_what_its_documentation_says() {
    use {Action::*, Outcome::*, Phase::Intent, Phase::Read};
    let (store, sink) = audited();
    let some = |outcome| Some(outcome);
    wait(async {
        let (a, b) = (id("a"), id("b"));
        store.put(&a, "1".into()).await.expect("puts");
        store.put(&a, "2".into()).await.expect("puts");
        store.put(&b, "3".into()).await.expect("puts");
        let entries: Vec<_> = sink.take().iter().map(said).collect();
        assert_eq!(entries[0], (Put, Intent, None, named(&[("a", None)]), 0, 1));
        assert_eq!(entries[1], (Put, Phase::Outcome, some(Success), named(&[("a", Some(1))]), 1, 1));
        assert_eq!(entries[3], (Put, Phase::Outcome, some(Success), named(&[("a", Some(2))]), 1, 3));

        store.get(&a).await.expect("reads");
        store.get_version(&a, version(1)).await.expect("reads");
        store.get_many(&[b.clone(), a.clone()]).await.expect("reads");
        store.get_all(a.application()).await.expect("reads");
        store.list(a.application()).await.expect("lists");
        store.history(&a).await.expect("lists");
        store.delete(&b).await.expect("deletes");
        let entries: Vec<_> = sink.take().iter().map(said).collect();
        let both = [("a", Some(2)), ("b", Some(1))];
        assert_eq!(
            entries,
            [
                (Get, Read, some(Success), named(&[("a", Some(2))]), 1, 7),
                (Get, Read, some(Success), named(&[("a", Some(1))]), 1, 8),
                (GetMany, Read, some(Success), named(&[both[1], both[0]]), 2, 9),
                (GetAll, Read, some(Success), named(&both), 2, 10),
                (List, Read, some(Success), named(&[]), 2, 11),
                (History, Read, some(Success), named(&[("a", None)]), 1, 12),
                (Delete, Intent, None, named(&[("b", None)]), 0, 13),
                (Delete, Phase::Outcome, some(Success), named(&[("b", None)]), 1, 13),
            ]
        );
    });
}

#[test]
fn failed_and_refused_operations_leave_the_kind_of_their_error() {
    use {Action::*, Phase::Intent, Phase::Read};
    let (store, sink) = audited();
    wait(async {
        let a = id("a");
        store.get(&a).await.expect_err("none there");
        store.get_version(&a, version(9)).await.expect_err("none there");
        store.get_many(&[a.clone(), id("b")]).await.expect_err("none there");
        store.delete(&a).await.expect_err("none there");
        let revision = PutOptions::default().with_precondition(secret_store_core::Precondition::Revision(1.into()));
        store.put_with(&a, "1".into(), revision).await.expect_err("none there");
        let forbidden = PutOptions::default().with_master_key(MasterKeyId::new("other").expect("valid"));
        store.put_with(&a, "1".into(), forbidden).await.expect_err("not allowed");
        let lenient = SecretId::new(app(APP), SecretName::lenient("tab\there").expect("lenient"));
        store.put(&lenient, "1".into()).await.expect_err("no name to write");
    });
    let entries: Vec<_> = sink.take().iter().map(said).collect();
    let failed = |action, kind: Outcome, names: &[_], operation| {
        let phase = if action == Put || action == Delete { Phase::Outcome } else { Read };
        (action, phase, Some(kind), named(names), 0, operation)
    };
    let intent = |action, name, operation| (action, Intent, None, named(&[(name, None)]), 0, operation);
    let none = ("a", None);
    assert_eq!(
        entries,
        [
            failed(Get, Outcome::NotFound, &[none], 1),
            failed(Get, Outcome::NotFound, &[("a", Some(9))], 2),
            failed(GetMany, Outcome::NotFound, &[none, ("b", None)], 3),
            intent(Delete, "a", 4),
            failed(Delete, Outcome::NotFound, &[none], 4),
            intent(Put, "a", 6),
            failed(Put, Outcome::Conflict, &[none], 6),
            intent(Put, "a", 8),
            failed(Put, Outcome::KeyNotAllowed, &[none], 8),
            intent(Put, "tab\there", 10),
            failed(Put, Outcome::InvalidInput, &[("tab\there", None)], 10),
        ]
    );
}

#[test]
fn entries_say_who_where_and_when() {
    let (store, sink) = audited();
    let request = store.for_request("alice@example.com", "req-17").expect("valid");
    let before = std::time::SystemTime::now();
    wait(async {
        store.get(&id("a")).await.expect_err("none there");
        request.get(&id("a")).await.expect_err("none there");
        request.list(&app("Another.App")).await.expect("lists");
    });
    let entries = sink.entries();
    let who = entries.iter().map(|entry| (entry.actor(), entry.request_id(), entry.environment()));
    let alice = ("alice@example.com", Some("req-17"), ENVIRONMENT);
    assert_eq!(who.collect::<Vec<_>>(), [(SERVICE, None, ENVIRONMENT), alice, alice]);
    for entry in &entries {
        let late = std::time::SystemTime::from(entry.time()).duration_since(before).unwrap_or_default();
        assert!(late.as_secs() < 60, "{late:?}");
    }
    // Handles share a chain; applications do not.
    assert_eq!((entries[0].writer(), entries[0].sequence()), (entries[1].writer(), entries[1].sequence() - 1));
    assert_ne!(entries[2].writer(), entries[1].writer());
    assert_eq!((entries[2].sequence(), entries[2].application().as_str()), (1, "Another.App"));
}

#[test]
fn environment_actor_and_request_are_demanded_and_bounded() {
    let sink = Arc::new(Sink::default());
    let long = "x".repeat(256);
    let build =
        |environment: &str, actor: &str| builder(secrets(), &sink).environment(environment).actor(actor).build();
    for (environment, actor) in [("", "a"), ("e", ""), (&long[..], "a"), ("e", &long)] {
        assert_eq!(build(environment, actor).expect_err("refused").kind(), ErrorKind::InvalidInput);
    }
    let without = secret_store_core::audit::AuditedStore::builder(secrets(), Arc::<Sink>::clone(&sink));
    assert!(without.build().expect_err("nothing is named").to_string().contains("environment"));
    let store = build(&long[1..], &long[1..]).expect("255 bytes each");
    for (actor, request) in [("", "r"), ("a", ""), (&long[..], "r"), ("a", &long)] {
        assert_eq!(store.for_request(actor, request).expect_err("refused").kind(), ErrorKind::InvalidInput);
    }
    assert!(store.for_request("a\n\u{1b}[2J", "r\0").is_ok(), "any characters; they are escaped where they are shown");
}

/// Many secrets, of the longest names, under the longest labels: several entries, each within its bound, none left out.
#[test]
fn what_names_many_secrets_becomes_several_entries() {
    let sink = Arc::new(Sink::default());
    let store = builder(secrets(), &sink).environment("e".repeat(255)).actor("a".repeat(255)).key(key());
    let store = store.build().expect("configured").for_request("b".repeat(255), "r".repeat(255)).expect("valid");
    let application = "A".repeat(255);
    let id = |n: usize| SecretId::parse(&application, &format!("{n:0>900}")).expect("valid");
    let ids: Vec<_> = (0..50).map(id).collect();
    wait(async {
        for id in &ids {
            store.put(id, "value".into()).await.expect("puts");
        }
        sink.take();
        assert_eq!(store.get_many(&ids).await.expect("reads").len(), 50);
        assert_eq!(store.get_all(ids[0].application()).await.expect("reads").len(), 50);
        store.get_many_with(&ids, GetOptions::default().with_version(version(7))).await.expect_err("no such version");
    });
    let entries = sink.take();
    for action in [Action::GetMany, Action::GetAll] {
        let of_action = |entry: &&AuditEntry| entry.action() == action && entry.outcome() == Some(Outcome::Success);
        let parts: Vec<_> = entries.iter().filter(of_action).collect();
        assert!(parts.len() > 2, "{}", parts.len());
        let first = parts[0].sequence();
        assert!(parts.iter().all(|entry| entry.operation() == first && entry.count() == 50));
        assert!(parts.iter().all(|entry| entry.as_bytes().len() <= MAX_ENTRY_BYTES));
        let names: Vec<_> = parts.iter().flat_map(|entry| entry.secrets()).map(|secret| &secret.name).collect();
        assert_eq!(names, ids.iter().map(SecretId::name).collect::<Vec<_>>());
    }
    let failed = entries.iter().filter(|entry| entry.outcome() != Some(Outcome::Success));
    assert_eq!(
        failed.flat_map(|entry| entry.secrets()).filter(|secret| secret.version == Some(version(7))).count(),
        50
    );
}

#[test]
fn secrets_of_several_applications_are_recorded_with_each() {
    let (store, sink) = audited();
    let ids = [("One", "a"), ("Two", "b"), ("One", "c")].map(|(app, name)| SecretId::parse(app, name).expect("valid"));
    wait(async {
        for id in &ids {
            store.put(id, "value".into()).await.expect("puts");
        }
        sink.take();
        store.get_many(&ids).await.expect("reads");
        store.get_many(&[]).await.expect("reads nothing");
    });
    let entries = sink.take();
    let said: Vec<_> = entries.iter().map(|entry| (entry.application().as_str(), said(entry).3)).collect();
    let (one, two) = (named(&[("a", Some(1)), ("c", Some(1))]), named(&[("b", Some(1))]));
    assert_eq!(said, [("One", one), ("Two", two)]);
    assert_eq!(entries.iter().map(AuditEntry::count).collect::<Vec<_>>(), [2, 1]);
}

/// Clocks jump; entries of one chain are never earlier than the one before.
#[test]
fn time_does_not_go_back_within_a_chain() {
    #[derive(Debug)]
    struct Jumping(std::sync::atomic::AtomicU64);
    #[async_trait::async_trait]
    impl secret_store_core::Clock for Jumping {
        fn now(&self) -> std::time::SystemTime {
            let n = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            std::time::UNIX_EPOCH + std::time::Duration::from_secs(1000 + n * 7919 % 101)
        }
        fn monotonic(&self) -> std::time::Duration {
            std::time::Duration::ZERO
        }
        async fn sleep(&self, _: std::time::Duration) {}
    }
    let sink = Arc::new(Sink::default());
    let store = builder(secrets(), &sink).clock(Arc::new(Jumping(Default::default()))).build().expect("configured");
    wait(async {
        for _ in 0..50 {
            store.get(&id("a")).await.expect_err("none there");
        }
    });
    let entries = sink.entries();
    assert!(entries.is_sorted_by_key(AuditEntry::time) && entries[0].time() < entries[49].time());
    assert!(pushed(Verifier::new().in_order_of_time(), bytes(&entries)).finish().is_intact());
}

#[test]
fn the_layer_is_a_secret_store() {
    let first = MasterKeyId::new("first").expect("valid");
    let second = MasterKeyId::new("second").expect("valid");
    let report = block_on(store::run(|| async {
        let keys = secret_store_memory::MemoryKeyProvider::new().with_generated(&first)?.with_generated(&second)?;
        let records = Arc::new(secret_store_memory::MemoryPersistence::new());
        let keys = Arc::new(keys);
        let sink = Arc::new(Sink::default());
        let open = move || {
            let inner = EnvelopeStore::builder(keys.clone(), records.clone()).store_id("layer").master_key("first");
            builder(Arc::new(inner.build()?), &sink).key(key()).build()
        };
        let instance = store::Instance::from(open()?).with_other_master_key(second.clone());
        Ok(instance.with_reopen(move || std::future::ready(open())))
    }));
    report.assert_complete();
}

/// Each method reaches the one of the same name: what a store does better than the provided method is not lost.
#[test]
fn every_method_reaches_its_own() {
    let mut inner = secret_store_core::MockSecretStore::new();
    let gone = || secret_store_core::Error::new(ErrorKind::KeyUnavailable, "reached");
    inner.expect_get_with().times(1).returning(move |_, _| Err(gone()));
    inner.expect_put_with().times(1).returning(move |_, _, _| Err(gone()));
    inner.expect_delete_with().times(1).returning(move |_, _| Err(gone()));
    inner.expect_list_with().times(1).returning(move |_, _| Err(gone()));
    inner.expect_history_with().times(1).returning(move |_, _| Err(gone()));
    inner.expect_get_many_with().times(1).returning(move |_, _| Err(gone()));
    inner.expect_get_all_with().times(1).returning(move |_, _| Err(gone()));
    let sink = Arc::new(Sink::default());
    let store = builder(Arc::new(inner), &sink).build().expect("configured");
    wait(async {
        let (a, app) = (id("a"), app(APP));
        let reached = [
            store.get(&a).await.err(),
            store.put(&a, "1".into()).await.err(),
            store.delete(&a).await.err(),
            store.list(&app).await.err(),
            store.history(&a).await.err(),
            store.get_many(std::slice::from_ref(&a)).await.err(),
            store.get_all(&app).await.err(),
        ];
        assert!(
            reached.iter().flatten().all(|error| error.to_string() == "reached") && reached.iter().all(Option::is_some)
        );
    });
    let actions: Vec<_> = sink.entries().iter().map(|entry| (entry.action(), entry.phase())).collect();
    assert_eq!(actions.len(), 9, "{actions:?}");
}
