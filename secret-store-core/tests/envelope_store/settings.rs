//! Settings: what a rotation changes under running writers, and what whoever can write to the database gains by forging them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures::FutureExt;
use secret_store_core::{
    ApplicationConfig, Clock, DocumentKey, EncryptionContext, EnvelopeStore, ErrorKind, Format, GeneratedKey,
    KeyProvider, Legacy, MasterKeyId, ProtectOptions, PutOptions, Record, Result, SecretStore, SecretStoreExt,
    SettingsUse, Value, WrappedKey,
};

use super::support::{
    APP, Call, KeyCall, Keys, MAIN, MASTER_KEY_ID, Strike, World, app, current, id, kind, master, raised, refusal,
    settings, settings_key, slot, version, wait,
};

const SECOND: Duration = Duration::from_secs(1);
const NEW: &str = "second";

fn replaced(sequence: u64) -> Record {
    settings(sequence, &[(MAIN, NEW)])
}

/// A store that may follow a replacement.
fn following(world: &World) -> EnvelopeStore {
    world.builder().wrap_with([master(MAIN), master(NEW)]).build().expect("valid")
}

fn key_of(world: &World, name: &str) -> String {
    world.record(&current(&id(name))).text(MASTER_KEY_ID).expect("text").to_string()
}

fn put(store: &EnvelopeStore, name: &str) -> Result<secret_store_core::SecretInfo> {
    wait(store.put(&id(name), "v".into()))
}

#[test]
fn a_replaced_key_is_not_written_under_again() {
    let world = World::new();
    world.plant(&settings_key(), replaced(1));
    let store = following(&world);
    let before = world.records.calls();
    put(&store, "configured").expect("stored");
    assert_eq!(world.records.calls() - before, 2, "settings come with the state");
    wait(store.put_with(&id("chosen"), "v".into(), PutOptions::default().with_master_key(master(MAIN))))
        .expect("stored");
    let protected = wait(store.protect(&id("saved"), "v".into(), ProtectOptions::default())).expect("protected");
    wait(store.save(&protected)).expect("saved");
    wait(store.restore(&id("chosen"), version(1))).expect("restored");
    for name in ["configured", "chosen", "saved"] {
        assert_eq!(key_of(&world, name), NEW, "{name}");
        assert_eq!(wait(store.get(&id(name))).expect("opens").expose_secret(), b"v");
    }
    let read = wait(store.settings(&app(APP))).expect("settings");
    assert_eq!((read.sequence(), read.replacement(&master(MAIN))), (1, Some(&master(NEW))));
}

#[test]
fn a_replacement_is_followed_only_to_a_key_that_is_listed() {
    let world = World::new();
    let listed = |keys: &[&str]| world.builder().wrap_with(keys.iter().map(|key| master(key))).build().expect("valid");
    for (store, target) in [
        (world.store(), NEW),
        (listed(&[MAIN]), NEW),
        (listed(&[MAIN, "stranger"]), "stranger"),
        (world.store(), "stranger"),
    ] {
        world.plant(&settings_key(), settings(1, &[(MAIN, target)]));
        let calls = world.keys.calls();
        let error = refusal(put(&store, "Db"));
        assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
        assert!(error.to_string().contains(target) && error.to_string().contains("wrap_with"), "{error}");
        assert_eq!(world.keys.calls(), calls, "no key is asked");
        assert!(world.stored(&current(&id("Db"))).is_none());
    }
}

#[test]
fn settings_are_trusted_for_a_while_and_read_again() {
    let world = World::new();
    let store = following(&world);
    put(&store, "Db").expect("stored");
    world.plant(&settings_key(), replaced(1));
    world.clock.advance(29 * SECOND);
    put(&store, "Db").expect("stored");
    assert_eq!(key_of(&world, "Db"), MAIN, "what was read a moment ago");
    world.clock.advance(SECOND);
    put(&store, "Db").expect("stored");
    assert_eq!(key_of(&world, "Db"), NEW);
}

/// Polls once what must wait.
fn starts<F: Future + Unpin>(running: &mut F) {
    let poll = running.poll_unpin(&mut Context::from_waker(Waker::noop()));
    assert!(poll.is_pending(), "it waits");
}

/// A writer that is paused between its key and its commit longer than it may trust its settings begins again with new ones.
#[test]
fn a_paused_writer_does_not_write_under_a_key_that_was_replaced_meanwhile() {
    for (pause, expected, keys) in [(59, MAIN, 1), (60, NEW, 2), (3600, NEW, 2)] {
        let world = World::new();
        let store = following(&world);
        let open = world.keys.hold(KeyCall::Generate);
        let name = id("Db");
        let mut writer = store.put(&name, "v".into());
        starts(&mut writer);
        world.plant(&settings_key(), replaced(1));
        world.clock.advance(pause * SECOND);
        open.send(()).expect("it waits");
        let info = wait(writer).expect("stored");
        assert_eq!((key_of(&world, "Db").as_str(), info.version), (expected, version(1)), "{pause} s");
        assert_eq!(world.keys.calls(), keys, "{pause} s");
    }
}

/// The same for what was protected before and is saved now.
#[test]
fn what_was_protected_under_a_replaced_key_is_not_saved() {
    let world = World::new();
    let store = following(&world);
    let protected = wait(store.protect(&id("Db"), "v".into(), ProtectOptions::default())).expect("protected");
    let again = wait(store.protect(&id("Same"), "v".into(), ProtectOptions::default())).expect("protected");
    wait(store.save(&again)).expect("saved in time");
    world.plant(&settings_key(), replaced(1));
    world.clock.advance(60 * SECOND);
    for store in [&store, &following(&world)] {
        let error = refusal(wait(store.save(&protected)));
        assert_eq!(error.kind(), ErrorKind::Conflict);
        assert!(error.to_string().contains("protect the value again"), "{error}");
        assert!(world.stored(&current(&id("Db"))).is_none());
        wait(store.save(&again)).expect("what stands there is saved");
    }
    let protected = wait(store.protect(&id("Db"), "v".into(), ProtectOptions::default())).expect("protected");
    wait(store.save(&protected)).expect("saved");
    assert_eq!(key_of(&world, "Db"), NEW);
}

/// The time of day counts too: the monotonic clock stands still while a machine is suspended.
#[test]
fn a_suspended_machine_does_not_make_settings_young() {
    #[derive(Debug, Default)]
    struct Suspended(AtomicUsize);

    #[async_trait::async_trait]
    impl Clock for Suspended {
        fn now(&self) -> std::time::SystemTime {
            std::time::UNIX_EPOCH + Duration::from_secs(self.0.load(Ordering::SeqCst) as u64)
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {}
    }

    let world = World::new();
    let clock = Arc::new(Suspended::default());
    let store = world.builder().wrap_with([master(MAIN), master(NEW)]).clock(clock.clone()).build().expect("valid");
    let open = world.keys.hold(KeyCall::Generate);
    let name = id("Db");
    let mut writer = store.put(&name, "v".into());
    starts(&mut writer);
    world.plant(&settings_key(), replaced(1));
    clock.0.store(3600, Ordering::SeqCst);
    open.send(()).expect("it waits");
    wait(writer).expect("stored");
    assert_eq!(key_of(&world, "Db"), NEW);
    // Set back, it is the monotonic one that counts.
    clock.0.store(0, Ordering::SeqCst);
    put(&store, "Db").expect("stored");
}

#[test]
fn a_commit_is_bounded_by_time() {
    let world = World::new();
    let store = world.builder().commit_timeout(10 * SECOND).build().expect("valid");
    world.records.stall();
    let name = id("Db");
    let mut writer = store.put(&name, "v".into());
    starts(&mut writer);
    world.clock.advance(9 * SECOND);
    starts(&mut writer);
    world.clock.advance(SECOND);
    let Poll::Ready(outcome) = writer.poll_unpin(&mut Context::from_waker(Waker::noop())) else {
        panic!("its time is over");
    };
    let error = refusal(outcome);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("may have landed"), "{error}");
    for wrong in [Duration::ZERO, 61 * SECOND] {
        assert_eq!(kind(world.builder().commit_timeout(wrong).build()), ErrorKind::InvalidInput);
    }
}

/// A commit that is done at once needs no timer.
#[test]
fn a_ready_commit_arms_no_timer() {
    #[derive(Debug)]
    struct NoTimer;

    #[async_trait::async_trait]
    impl Clock for NoTimer {
        fn now(&self) -> std::time::SystemTime {
            std::time::UNIX_EPOCH
        }

        fn monotonic(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {
            panic!("nothing to wait for");
        }
    }

    let world = World::new();
    let store = world.builder().clock(Arc::new(NoTimer)).build().expect("valid");
    put(&store, "Db").expect("stored");
    wait(store.delete(&id("Db"))).expect("deleted");
}

#[test]
fn older_settings_than_seen_are_a_rollback_until_they_are_accepted() {
    let world = World::new();
    world.plant(&settings_key(), replaced(2));
    let store = following(&world);
    put(&store, "Db").expect("stored");
    for older in [Some(settings(1, &[])), None] {
        match older {
            Some(older) => world.plant(&settings_key(), older),
            None => world.erase(&settings_key()),
        }
        world.clock.advance(30 * SECOND);
        let error = refusal(put(&store, "Db"));
        assert_eq!(error.kind(), ErrorKind::RollbackDetected);
        assert!(error.to_string().contains("accept_settings_rollback"), "{error}");
        assert_eq!(kind(wait(store.settings(&app(APP)))), ErrorKind::RollbackDetected);
        assert_eq!(wait(store.get(&id("Db"))).expect("reads go on").expose_secret(), b"v");
    }
    store.accept_settings_rollback(&app(APP));
    put(&store, "Db").expect("stored");
    assert_eq!(key_of(&world, "Db"), MAIN);
}

/// A read that began before a change and ends after it is no rollback, and what the faster one saw holds.
#[test]
fn a_slow_read_of_settings_is_no_rollback() {
    let world = World::new();
    let old = Arc::new(secret_store_memory::MemoryPersistence::new());
    let store = following(&world);
    world.plant(&settings_key(), replaced(1));
    let (within, first) = (store.clone(), AtomicUsize::new(0));
    world.records.hook(move |call| match call {
        Call::LoadMany(_) if first.fetch_add(1, Ordering::SeqCst) == 0 => {
            let faster = within.put(&id("Other"), "v".into()).now_or_never();
            faster.expect("memory waits for nothing").expect("stored by the faster one");
            Strike::From(old.clone())
        }
        _ => Strike::Pass,
    });
    put(&store, "Db").expect("stored");
    assert_eq!(key_of(&world, "Db"), NEW);
}

#[test]
fn malformed_settings_shut_writers_out_and_readers_not() {
    let world = World::new();
    put(&following(&world), "Db").expect("stored");
    let whole = replaced(3);
    for (name, value, expected) in [
        ("Sequence", Value::from(0), ErrorKind::Integrity),
        ("Sequence", Value::from("1"), ErrorKind::Integrity),
        ("Replaced", Value::from(vec![0xa0]), ErrorKind::Integrity),
        ("MinimumFormat", Value::from(7), ErrorKind::Unsupported),
        ("Unknown", Value::from(7), ErrorKind::Unsupported),
    ] {
        world.plant(&settings_key(), whole.clone().with(name, value));
        let store = following(&world);
        let calls = world.keys.calls();
        assert_eq!(kind(put(&store, "Db")), expected, "{name}");
        assert_eq!(kind(wait(store.protect(&id("Db"), "v".into(), ProtectOptions::default()))), expected);
        assert_eq!(world.keys.calls(), calls);
        assert_eq!(wait(store.get(&id("Db"))).expect("opens").expose_secret(), b"v");
    }
    let store = following(&world);
    wait(store.delete(&id("Db"))).expect("a delete wraps nothing");
    assert!(world.stored(&slot(&id("Db"), 1)).is_some());
}

#[test]
fn a_role_without_the_right_to_read_settings_says_so_in_its_configuration() {
    let world = World::new();
    world.plant(&settings_key(), replaced(1));
    world.records.hook(|call| match call {
        Call::LoadMany(_) => Strike::Before(ErrorKind::PermissionDenied),
        _ => Strike::Pass,
    });
    let error = refusal(put(&following(&world), "Db"));
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    assert!(error.to_string().contains("~s~") && error.to_string().contains("SettingsUse::Ignored"), "{error}");
    world.records.unhook();

    let of_application = ApplicationConfig::default().with_settings(SettingsUse::Ignored);
    for store in [
        world.builder().settings(SettingsUse::Ignored).build().expect("valid"),
        world.builder().application(app(APP), of_application).build().expect("valid"),
    ] {
        let before = world.records.calls();
        put(&store, "Db").expect("stored");
        assert_eq!((world.records.calls() - before, key_of(&world, "Db").as_str()), (2, MAIN));
    }
    let follows = ApplicationConfig::default().with_settings(SettingsUse::Followed);
    let store = world.builder().settings(SettingsUse::Ignored).wrap_with([master(MAIN), master(NEW)]);
    let store = store.application(app(APP), follows).build().expect("valid");
    put(&store, "Db").expect("stored");
    assert_eq!(key_of(&world, "Db"), NEW);
}

#[test]
fn the_floor_of_the_settings_shuts_format_0_out() {
    let world = World::new();
    let both = world.legacy(Legacy::ReadWrite);
    put(&both, "old").expect("stored in format 0");
    put(&world.legacy(Legacy::Read), "new").expect("stored in format 1");
    let format = |name| wait(both.get(&id(name))).map(|secret| secret.info().format);
    assert_eq!((format("old").ok(), format("new").ok()), (Some(Format::Zero), Some(Format::One)));

    world.plant(&settings_key(), raised(1));
    let readers = [world.legacy(Legacy::Read), world.legacy(Legacy::ReadWrite)];
    let kept = wait(both.list(&app(APP))).expect("listed").items.len();
    assert_eq!(kept, 2);
    for reader in &readers {
        let before = world.records.calls();
        wait(reader.get(&id("new"))).expect("format 1 asks no settings");
        assert_eq!(world.records.calls() - before, 1);
        let calls = world.keys.calls();
        for read in [
            wait(reader.get(&id("old"))),
            wait(reader.get_many(&[id("new"), id("old")])).map(|mut all| all.remove(0)),
            wait(reader.get_all(&app(APP))).map(|mut all| all.remove(0)),
        ] {
            let error = refusal(read);
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("minimum format"), "{error}");
        }
        assert!(world.keys.calls() <= calls + 1, "no key is asked for format 0");
        assert_eq!(kind(wait(reader.accept_rollback(&id("old")))), ErrorKind::Unsupported);
    }
    let [_, writer] = &readers;
    assert_eq!(kind(put(writer, "third")), ErrorKind::Unsupported);
    assert!(world.stored(&current(&id("third"))).is_none());
}

#[test]
fn a_floor_that_was_seen_does_not_sink() {
    let world = World::new();
    put(&world.legacy(Legacy::ReadWrite), "old").expect("stored");
    let reader = world.legacy(Legacy::Read);
    let kept = wait(world.legacy(Legacy::ReadWrite).protect(&id("kept"), "v".into(), ProtectOptions::default()));
    let kept = kept.expect("protected");
    wait(reader.unprotect(&kept)).expect("opens");
    wait(reader.get(&id("old"))).expect("opens");
    world.plant(&settings_key(), raised(1));
    wait(reader.get(&id("old"))).expect("what was read a moment ago");
    world.clock.advance(30 * SECOND);
    assert_eq!(kind(wait(reader.get(&id("old")))), ErrorKind::Unsupported);
    assert_eq!(kind(wait(reader.unprotect(&kept))), ErrorKind::Unsupported, "by what this process has seen");
    // Newer settings without it, or none that can be read, change nothing.
    world.plant(&settings_key(), settings(9, &[]));
    world.clock.advance(60 * SECOND);
    assert_eq!(kind(wait(reader.get(&id("old")))), ErrorKind::Unsupported);
    world.clock.advance(60 * SECOND);
    world.plant(&settings_key(), Record::new());
    assert_eq!(kind(wait(reader.get(&id("old")))), ErrorKind::Unsupported);
}

/// A reader that may not read settings keeps to its configuration, and asks once a minute.
#[test]
fn a_reader_without_the_right_keeps_to_its_configuration() {
    let world = World::new();
    put(&world.legacy(Legacy::ReadWrite), "old").expect("stored");
    world.plant(&settings_key(), raised(1));
    let reader = world.legacy(Legacy::Read);
    let settings = settings_key();
    world.records.deny(settings);
    for _ in 0..3 {
        wait(reader.get(&id("old"))).expect("the configured floor holds");
    }
    assert_eq!(world.records.denied(), 1);
    world.clock.advance(60 * SECOND);
    wait(reader.get(&id("old"))).expect("the configured floor holds");
    assert_eq!(world.records.denied(), 2);
}

fn three_keys() -> World {
    World::with_keys(&[MAIN, NEW, "third"])
}

fn with_further(world: &World, further: &str) -> EnvelopeStore {
    let listed = [MAIN, NEW, "third"].map(master);
    world.builder().wrap_with(listed).also_wrap_with([master(further)]).build().expect("valid")
}

#[test]
fn further_keys_are_followed_too() {
    for (replaced, further, expected) in [
        (&[(NEW, "third")][..], NEW, (MAIN, &["third"][..])),
        (&[(MAIN, "third")], NEW, ("third", &[NEW])),
        // One of the two takes the other's place: one wrap is left.
        (&[(MAIN, NEW)], NEW, (NEW, &[])),
        (&[(NEW, MAIN)], NEW, (MAIN, &[])),
    ] {
        let world = three_keys();
        world.plant(&settings_key(), settings(1, replaced));
        let info = put(&with_further(&world, further), "Db").expect("stored");
        let also: Vec<_> = info.also_wrapped_with.iter().map(MasterKeyId::as_str).collect();
        assert_eq!((info.master_key_id.as_str(), &also[..]), expected, "{replaced:?}");
    }
}

#[test]
fn a_further_key_is_followed_only_to_a_key_that_is_listed() {
    let world = three_keys();
    world.plant(&settings_key(), settings(1, &[(NEW, "third")]));
    for store in [
        world.builder().also_wrap_with([master(NEW)]).build().expect("valid"),
        world.builder().wrap_with([MAIN, NEW].map(master)).also_wrap_with([master(NEW)]).build().expect("valid"),
    ] {
        let error = refusal(put(&store, "Db"));
        assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
        assert!(error.to_string().contains("wrap_with"), "{error}");
        assert!(world.stored(&current(&id("Db"))).is_none());
    }
}

#[test]
fn what_was_protected_under_a_further_key_that_was_replaced_is_not_saved() {
    let world = three_keys();
    let store = with_further(&world, NEW);
    let protected = wait(store.protect(&id("Db"), "v".into(), ProtectOptions::default())).expect("protected");
    world.plant(&settings_key(), settings(1, &[(NEW, "third")]));
    let error = refusal(wait(with_further(&world, NEW).save(&protected)));
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("protect the value again"), "{error}");
    assert!(world.stored(&current(&id("Db"))).is_none());
}

/// A reservation outlives a rotation of the record that it found, and what is saved then is under the key in use.
#[test]
fn a_reservation_outlives_a_rewrap_and_not_a_replacement_of_its_own_key() {
    let world = World::new();
    let store = following(&world);
    put(&store, "Db").expect("stored");
    let under_old = wait(store.protect(&id("Db"), "2".into(), ProtectOptions::default())).expect("protected");
    let options = ProtectOptions::default().with_master_key(master(NEW));
    let under_new = wait(store.protect(&id("Db"), "2".into(), options)).expect("protected");
    let first = current(&id("Db"));
    let found = secret_store_core::ProtectedSecret::from_record(&id("Db"), &world.record(&first)).expect("its record");
    let rewrapped = wait(store.rewrap(&found, &master(MAIN), &master(NEW))).expect("rewrapped").expect("it was there");
    world.plant(&first, rewrapped.to_record());
    world.plant(&settings_key(), replaced(1));
    world.clock.advance(60 * SECOND);
    assert_eq!(kind(wait(store.save(&under_old))), ErrorKind::Conflict);
    assert_eq!(wait(store.save(&under_new)).expect("saved").version, version(2));
    assert_eq!(key_of(&world, "Db"), NEW);
}

/// Calls its keys by other names than it is asked by, as a KMS does with aliases.
#[derive(Debug)]
struct Aliased(Arc<Keys>);

impl Aliased {
    fn arn(id: &MasterKeyId) -> MasterKeyId {
        master(id.as_str().trim_start_matches("alias/"))
    }
}

#[async_trait::async_trait]
impl KeyProvider for Aliased {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.0.accepts(&Self::arn(id))
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.0.generate_key(&Self::arn(id), context).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.0.wrap_key(&Self::arn(id), key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.0.unwrap_key(key, context).await
    }
}

/// A rotation names keys as records do; a writer that is configured with an alias follows it all the same.
#[test]
fn a_replaced_key_is_followed_from_its_alias() {
    let world = three_keys();
    world.plant(&settings_key(), settings(1, &[(MAIN, NEW)]));
    let listed = ["alias/main", MAIN, NEW, "third"].map(master);
    let builder = || {
        EnvelopeStore::builder(Arc::new(Aliased(world.keys.clone())), world.records.clone())
            .store_id("prod")
            .clock(world.clock.clone())
            .wrap_with(listed.clone())
    };
    let store = builder().master_key("alias/main").build().expect("valid");
    assert_eq!(put(&store, "Db").expect("stored").master_key_id, master(NEW));
    let store = builder().master_key("third").also_wrap_with([master("alias/main")]).build().expect("valid");
    assert_eq!(put(&store, "Db").expect("stored").also_wrapped_with, [master(NEW)]);
    let store = builder().master_key(NEW).also_wrap_with([master("alias/main")]).build().expect("valid");
    assert_eq!(put(&store, "Db").expect("stored").also_wrapped_with, []);
    // Where the new key is not listed, nothing is stored.
    let store = builder().wrap_with(["alias/main", MAIN].map(master)).master_key("alias/main").build().expect("valid");
    assert_eq!(kind(put(&store, "Other")), ErrorKind::KeyNotAllowed);
    assert!(world.stored(&current(&id("Other"))).is_none());
}
