//! The end of a rotation: no older key is left, however many there are and whatever an interrupted one has left of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use secret_store_core::{
    ApplicationName, DeleteOptions, ErrorKind, GetOptions, ListOptions, Page, PutOptions, Result, Secret, SecretId,
    SecretInfo, SecretStore, SecretStoreExt as _, SecretValue,
};
use secret_store_transport::credential::{CredentialKeys, CredentialOwner};

use super::rotating::options;
use super::support::{World, encrypt, kind, version, wait};

/// Counts what it is asked, and may ignore what it is told of the history.
#[derive(Debug)]
struct Watched {
    inner: Arc<dyn SecretStore>,
    history: History,
    /// So often somebody puts back what was deleted.
    put_back: AtomicUsize,
    deletes: AtomicUsize,
    listings: AtomicUsize,
    histories: AtomicUsize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum History {
    Deleted,
    Hoarded,
}

impl Watched {
    fn over(world: &World, history: History) -> Arc<Self> {
        let inner = world.store_over(world.memory.clone());
        let (put_back, deletes, listings, histories) = Default::default();
        Arc::new(Self { inner, history, put_back, deletes, listings, histories })
    }

    /// Deletes, listings of keys and listings of one key's history since the last time.
    fn calls(&self) -> [usize; 3] {
        [&self.deletes, &self.listings, &self.histories].map(|count| count.swap(0, Ordering::SeqCst))
    }
}

#[async_trait]
impl SecretStore for Watched {
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret> {
        self.inner.get_with(id, options).await
    }

    async fn put_with(&self, id: &SecretId, value: SecretValue, options: PutOptions) -> Result<SecretInfo> {
        self.inner.put_with(id, value, options).await
    }

    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()> {
        self.deletes.fetch_add(1, Ordering::SeqCst);
        match self.history {
            History::Deleted => self.inner.delete_with(id, options).await?,
            History::Hoarded => self.inner.delete(id).await?,
        }
        let fewer = |left: usize| left.checked_sub(1);
        if self.put_back.fetch_update(Ordering::SeqCst, Ordering::SeqCst, fewer).is_ok() {
            self.inner.put(id, "a copy".into()).await?;
        }
        Ok(())
    }

    async fn list_with(&self, application: &ApplicationName, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.listings.fetch_add(1, Ordering::SeqCst);
        self.inner.list_with(application, options).await
    }

    async fn history_with(&self, id: &SecretId, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.histories.fetch_add(1, Ordering::SeqCst);
        self.inner.history_with(id, options).await
    }
}

fn keys_over(world: &World, store: Arc<Watched>) -> CredentialKeys {
    let keys = CredentialKeys::new(store, world.memory.clone()).with_authority(world.authority.clone());
    keys.with_clock(world.clock.clone())
}

fn key_id(owner: &CredentialOwner, number: u32) -> SecretId {
    SecretId::parse(owner.application().as_str(), &format!("credential-key/{number:010}")).expect("valid")
}

/// How many earlier values of a version's key the store still has.
fn hoarded(world: &World, owner: &CredentialOwner, number: u32) -> usize {
    wait(world.store_over(world.memory.clone()).history(&key_id(owner, number))).expect("listed").items.len()
}

#[test]
fn a_store_that_keeps_the_old_key_is_found_out() {
    let world = World::new();
    let (alice, old) = world.user("alice");
    world.ingest(&alice, &encrypt(&old, "password", 1, "hunter2"));
    let hoarding = keys_over(&world, Watched::over(&world, History::Hoarded));
    let kept = wait(hoarding.rotate_data_key(&alice, version(1), &options()));
    assert_eq!(kind(kept), ErrorKind::Unsupported);
    assert_eq!(hoarded(&world, &alice, 1), 1);
    assert!(wait(world.keys().rotate_data_key(&alice, version(1), &options())).expect("rotated").is_finished());
    assert_eq!(hoarded(&world, &alice, 1), 0);
}

/// Of each of forty older keys only an earlier value is left, as after a deletion that was interrupted between the key and its
/// history: no listing of secrets shows it.
#[test]
fn forty_older_versions_are_deleted_and_nothing_is_deleted_twice() {
    const VERSIONS: u32 = 40;
    let world = World::new();
    let (alice, first) = world.user("alice");
    world.ingest(&alice, &encrypt(&first, "password", 1, "hunter2"));
    let (keys, store) = (world.keys(), world.store_over(world.memory.clone()));
    for number in 1..=VERSIONS {
        let rotation = wait(keys.rotate_data_key(&alice, version(number), &options())).expect("rotated");
        assert!(rotation.is_finished(), "{number}");
    }
    for number in 1..=VERSIONS {
        let id = key_id(&alice, number);
        wait(store.put(&id, "a copy".into())).expect("put back");
        wait(store.delete(&id)).expect("deleted without its history");
    }
    let left = |number: u32| hoarded(&world, &alice, number);
    assert!((1..=VERSIONS).all(|number| left(number) == 1), "the positive control");
    assert_eq!(wait(world.keys().versions(&alice)).expect("listed"), [version(VERSIONS + 1)]);

    let store = Watched::over(&world, History::Deleted);
    let rotate = || wait(keys_over(&world, store.clone()).rotate_data_key(&alice, version(VERSIONS), &options()));
    let rotation = rotate().expect("goes on");
    assert!(rotation.is_finished());
    assert_eq!(rotation.shredded(), (1..=VERSIONS).map(version).collect::<Vec<_>>());
    assert!((1..=VERSIONS).all(|number| left(number) == 0));
    let each = usize::try_from(VERSIONS).expect("small");
    assert_eq!(store.calls(), [each, 2, 2 * each], "each deleted once, looked at before and after");

    let rotation = rotate().expect("done already");
    assert!(rotation.is_finished() && rotation.shredded().is_empty());
    assert_eq!(store.calls(), [0, 1, each], "what is gone is not deleted again");
    assert_eq!(world.value(&alice, "password").expect("opens"), "hunter2");
}

/// Somebody puts an older key back whenever it is deleted.
#[test]
fn a_key_that_comes_back_meanwhile_is_deleted_too() {
    for (times, is_deleted) in [(1, true), (3, true), (usize::MAX, false)] {
        let world = World::new();
        let (alice, _) = world.user("alice");
        let store = Watched::over(&world, History::Deleted);
        store.put_back.store(times, Ordering::SeqCst);
        let rotated = wait(keys_over(&world, store.clone()).rotate_data_key(&alice, version(1), &options()));
        if is_deleted {
            let rotation = rotated.expect("rotated");
            assert_eq!((rotation.is_finished(), rotation.shredded()), (true, &[version(1)][..]));
            assert_eq!(wait(world.keys().versions(&alice)).expect("listed"), [version(2)]);
            assert_eq!(store.calls()[0], times + 1);
        } else {
            assert_eq!(kind(rotated), ErrorKind::Unsupported, "it ends, and says that the key is there");
        }
    }
}
