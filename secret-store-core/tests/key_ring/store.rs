//! The secret store over a ring: from one provider to another without a moment in which a secret cannot be read.

use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{
    Consistency, EnvelopeStore, EnvelopeStoreBuilder, ErrorKind, KeyProvider, KeyRing, ListQuery, Persistence,
    Precondition, ProtectOptions, ProtectedSecret, PutOptions, Record, RecordKey, SecretStore, SecretStoreExt,
    SecretVersion, Value, Write,
};
use secret_store_memory::MemoryPersistence;

use super::support::{Call, Holder, master, refusal, secret, wait};

const APP: &str = "YourApp.Production";
const NAMES: [&str; 3] = ["Db", "ApiKey", "Token"];

/// One provider that is left and one that is moved to, over one database.
struct World {
    old: Arc<Holder>,
    new: Arc<Holder>,
    records: Arc<MemoryPersistence>,
}

impl World {
    fn new() -> Self {
        let (old, new) = (Holder::new(1, &["rsa"]), Holder::new(2, &["kms"]));
        Self { old, new, records: Arc::new(MemoryPersistence::new()) }
    }

    /// Without a cache, so that every read needs its holder.
    fn builder(&self, keys: Arc<dyn KeyProvider>) -> EnvelopeStoreBuilder {
        EnvelopeStore::builder(keys, self.records.clone()).store_id("prod").key_cache(0, Duration::ZERO)
    }

    fn store(&self, keys: Arc<dyn KeyProvider>, main: &str) -> EnvelopeStore {
        self.builder(keys).master_key(main).build().expect("a valid configuration")
    }

    fn take(&self) -> (Vec<Call>, Vec<Call>) {
        (self.old.take(), self.new.take())
    }

    /// Where versions of secrets stand, current ones and earlier ones.
    fn places(&self) -> Vec<(RecordKey, String)> {
        let mut places = Vec::new();
        for partition in [APP.to_owned(), format!("~h~{APP}")] {
            let page = wait(self.records.list(&ListQuery::new(partition.as_str()))).expect("a page");
            let versions = page.items.into_iter().filter(|(sort, _)| !sort.ends_with('\u{1f}'));
            places.extend(versions.map(|(sort, _)| {
                let name = sort.split('\u{1f}').next().expect("at least one part").to_owned();
                (RecordKey::new(partition.as_str(), sort), name)
            }));
        }
        places
    }

    fn record(&self, place: &RecordKey) -> Record {
        let stored = wait(self.records.load(place, Consistency::Strong)).expect("memory answers");
        Record::clone(&stored.expect("there").record)
    }

    /// What a rotator does to one record.
    fn rewrap(&self, store: &EnvelopeStore, (place, name): &(RecordKey, String)) -> bool {
        let stored = wait(self.records.load(place, Consistency::Strong)).expect("memory answers").expect("there");
        let protected = ProtectedSecret::from_record(&secret(name), &stored.record).expect("a record");
        let moved = wait(store.rewrap(&protected, &master("rsa"), &master("kms"))).expect("rewrapped");
        let Some(moved) = moved else { return false };
        let unchanged = Precondition::Revision(stored.revision);
        wait(self.records.commit(vec![Write::put(place.clone(), moved.to_record(), unchanged)])).expect("commits");
        true
    }
}

fn put(store: &EnvelopeStore, name: &str, value: &str) -> String {
    let info = wait(store.put(&secret(name), value.into())).expect("stored");
    info.master_key_id.as_str().to_owned()
}

fn text(store: &EnvelopeStore, name: &str) -> String {
    wait(store.get(&secret(name))).expect("opens").text().expect("text").to_owned()
}

/// Every version of every secret, through every store given.
fn everything_reads(stores: &[&EnvelopeStore]) {
    for store in stores {
        for name in NAMES {
            for number in [1, 2] {
                let version = SecretVersion::new(number).expect("not zero");
                let opened = wait(store.get_version(&secret(name), version)).expect("opens");
                assert_eq!(opened.text().expect("text"), format!("{name} {number}"));
            }
            assert_eq!(text(store, name), format!("{name} 2"));
        }
    }
}

fn written(store: &EnvelopeStore) {
    for name in NAMES {
        (1..=2).for_each(|number| drop(put(store, name, &format!("{name} {number}"))));
    }
}

/// Without what a rewrap moves.
fn without_wraps(mut record: Record) -> Record {
    for attribute in ["MasterKeyId", "ProtectedDocumentKey"] {
        assert!(record.remove(attribute).is_some());
    }
    record
}

#[test]
fn moving_to_another_provider_is_read_before_during_and_after() {
    let world = World::new();
    let alone = world.store(world.old.clone(), "rsa");
    written(&alone);
    everything_reads(&[&alone]);
    let before: Vec<_> = world.places().iter().map(|(place, _)| without_wraps(world.record(place))).collect();

    // First every process learns to read what the new one holds; the old one wraps still.
    let learning = KeyRing::new(world.old.clone()).with_unwrapping(world.new.clone());
    let learning = world.store(Arc::new(learning), "rsa");
    // Then the new one wraps.
    let moving = KeyRing::new(world.new.clone()).with_unwrapping(world.old.clone());
    let moving = world.store(Arc::new(moving), "kms");
    everything_reads(&[&alone, &learning, &moving]);
    world.take();
    assert_eq!(put(&moving, "Fresh", "fresh"), "kms");
    assert_eq!((text(&learning, "Fresh"), text(&moving, "Fresh")), ("fresh".to_owned(), "fresh".to_owned()));
    assert_eq!(world.take(), (vec![], vec![Call::Generate, Call::Unwrap, Call::Unwrap]));
    wait(moving.delete(&secret("Fresh"))).expect("deleted");

    let places: Vec<_> = world.places().into_iter().filter(|(_, name)| name != "Fresh").collect();
    assert_eq!(places.len(), NAMES.len() * 2);
    for place in &places {
        world.take();
        assert!(world.rewrap(&moving, place));
        assert_eq!(world.take(), (vec![Call::Unwrap], vec![Call::Wrap]));
        assert!(!world.rewrap(&moving, place), "once is enough");
        assert_eq!(world.take(), (vec![], vec![]));
        everything_reads(&[&learning, &moving]);
    }
    let after: Vec<_> = places.iter().map(|(place, _)| without_wraps(world.record(place))).collect();
    assert_eq!(before, after, "nothing but the wraps has changed");

    world.take();
    let arrived = world.store(world.new.clone(), "kms");
    everything_reads(&[&arrived, &moving]);
    assert_eq!(world.old.take(), [], "the old one is needed no more");
    assert_eq!(put(&arrived, "Db", "Db 3"), "kms");
}

#[test]
fn what_is_protected_elsewhere_moves_too() {
    let world = World::new();
    let ring = KeyRing::new(world.new.clone()).with_unwrapping(world.old.clone());
    let store = world.store(Arc::new(ring), "kms");
    let (before, id) = (world.store(world.old.clone(), "rsa"), secret("Db"));
    let protected = wait(before.protect(&id, "1".into(), ProtectOptions::default())).expect("protected");
    let moved = wait(store.rewrap(&protected, &master("rsa"), &master("kms"))).expect("rewrapped").expect("moved");
    assert_eq!(wait(world.store(world.new.clone(), "kms").unprotect(&moved)).expect("opens").expose_secret(), b"1");
    world.take();
    // Back is a matter of the ring: there the old one wraps.
    let error = refusal(wait(store.rewrap(&moved, &master("kms"), &master("rsa"))));
    assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
    assert!(error.to_string().contains("`with_wrapping`"), "{error}");
    assert_eq!(world.take(), (vec![], vec![]));
    let back = KeyRing::new(world.new.clone()).with_wrapping(world.old.clone());
    let back = wait(world.store(Arc::new(back), "kms").rewrap(&moved, &master("kms"), &master("rsa")));
    assert_eq!(back.expect("rewrapped").expect("moved").wrapped_key().master_key_id(), &master("rsa"));
}

/// A put that chooses a key of a member that only unwraps, and a store that is configured so.
#[test]
fn a_store_never_writes_under_a_member_that_only_unwraps() {
    let world = World::new();
    let ring = || Arc::new(KeyRing::new(world.new.clone()).with_unwrapping(world.old.clone()));
    let chosen = PutOptions::default().with_master_key(master("rsa"));
    let store = world.store(ring(), "kms");
    let mut errors = vec![refusal(wait(store.put_with(&secret("Db"), "1".into(), chosen)))];
    errors.push(refusal(wait(world.store(ring(), "rsa").put(&secret("Db"), "1".into()))));
    assert_eq!(world.take(), (vec![], vec![]));
    let also =
        world.builder(ring()).master_key("kms").also_wrap_with([master("rsa")]).build().expect("both are accepted");
    errors.push(refusal(wait(also.put(&secret("Db"), "1".into()))));
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
        assert!(error.to_string().contains("`with_wrapping`"), "{error}");
    }
    assert_eq!(world.old.take(), []);
    assert!(world.records.snapshot().is_empty());
}

#[test]
fn one_document_key_under_keys_of_two_members_survives_the_loss_of_either() {
    let world = World::new();
    let ring = Arc::new(KeyRing::new(world.new.clone()).with_wrapping(world.old.clone()));
    let build = || world.builder(ring.clone()).master_key("kms").also_wrap_with([master("rsa")]).build();
    let store = build().expect("a valid configuration");
    written(&store);
    assert_eq!(world.new.take(), [Call::Generate; 6]);
    assert_eq!(world.old.take(), [Call::Wrap; 6]);
    everything_reads(&[&store]);
    assert_eq!(world.take(), (vec![], vec![Call::Unwrap; NAMES.len() * 3]), "the first wrap is enough");
    for (dead, alive) in [(&world.new, &world.old), (&world.old, &world.new)] {
        dead.die();
        let store = build().expect("a valid configuration");
        everything_reads(&[&store]);
        assert!(dead.take().len() <= 1, "while it is away it is asked last");
        assert_eq!(alive.take(), vec![Call::Unwrap; NAMES.len() * 3]);
        // A put says so: nothing is believed to be safe that is not.
        let error = refusal(wait(store.put(&secret("Db"), "3".into())));
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        dead.heal();
        world.take();
    }
    // Each alone opens it, as the store of another place.
    for (holder, id) in [(&world.old, "rsa"), (&world.new, "kms")] {
        everything_reads(&[&world.store(holder.clone(), id)]);
    }
}

#[test]
fn a_record_that_names_a_key_no_member_accepts_contacts_nobody() {
    let world = World::new();
    written(&world.store(world.old.clone(), "rsa"));
    let place = RecordKey::new(APP, "Db");
    let forged = world.record(&place).with("MasterKeyId", Value::from("stranger"));
    wait(world.records.commit(vec![Write::put(place, forged, Precondition::Any)])).expect("commits");
    world.take();
    let ring = Arc::new(KeyRing::new(world.new.clone()).with_unwrapping(world.old.clone()));
    let error = refusal(wait(world.store(ring.clone(), "kms").get(&secret("Db"))));
    assert_eq!(error.kind(), ErrorKind::KeyNotAllowed);
    assert!(error.to_string().contains("stranger"), "{error}");
    // Nor does a name that another member has lead to the one that made it.
    let place = RecordKey::new(APP, "Token");
    let renamed = world.record(&place).with("MasterKeyId", Value::from("kms"));
    wait(world.records.commit(vec![Write::put(place, renamed, Precondition::Any)])).expect("commits");
    assert_eq!(refusal(wait(world.store(ring.clone(), "kms").get(&secret("Token")))).kind(), ErrorKind::Integrity);
    assert_eq!(world.take(), (vec![], vec![Call::Unwrap]));
    // The store's own allow-list stands in front of the ring's.
    let narrow = world.builder(ring).master_key("kms").unwrap_with([master("kms")]).build().expect("valid");
    assert_eq!(refusal(wait(narrow.get(&secret("ApiKey")))).kind(), ErrorKind::KeyNotAllowed);
    assert_eq!(world.take(), (vec![], vec![]));
}
