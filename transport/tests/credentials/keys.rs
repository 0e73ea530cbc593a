//! Users' keys: made once, never twice, whoever comes between.

use std::sync::Arc;

use async_trait::async_trait;
use secret_store_conformance::fault::Racing;
use secret_store_core::{
    Consistency, ErrorKind, ListQuery, Page, Persistence, RecordKey, Result, Revision, SecretId, SecretName,
    SecretStoreExt as _, Stored, Write,
};
use secret_store_transport::AuthorityKey;
use secret_store_transport::credential::{CredentialKey, CredentialKeys, CredentialOwner, CredentialRotationOptions};

use super::support::{World, at, encrypt, here, key_at, kind, owner, place, tenant, version, wait};

fn key_id(owner: &CredentialOwner, number: u32) -> SecretId {
    let name = SecretName::new(format!("credential-key/{number:010}")).expect("valid");
    SecretId::new(owner.application().clone(), name)
}

async fn rotate(keys: &CredentialKeys, owner: &CredentialOwner, from: u32) {
    let rotated = keys.rotate_data_key(owner, version(from), &CredentialRotationOptions::default()).await;
    assert!(rotated.expect("rotated").is_finished());
}

#[test]
fn a_first_key_is_made_once_also_after_it_is_gone() {
    let world = World::new();
    let (alice, first) = world.user("alice");
    wait(rotate(&world.keys(), &alice, 1));
    let before = world.dump();
    assert_eq!(kind(wait(world.keys().create(&alice))), ErrorKind::AlreadyExists);
    assert_eq!(kind(wait(world.keys().enrol(&alice, &first))), ErrorKind::AlreadyExists);
    assert_eq!(kind(wait(world.keys().renew(&alice, version(1)))), ErrorKind::KeyRetired);
    assert_eq!(world.dump(), before);
}

#[test]
fn a_first_key_of_an_interrupted_call_gives_way_to_none() {
    let world = World::new();
    let alice = owner("alice");
    let kept = CredentialKey::generate(tenant("alice"), version(1)).expect("random");
    wait(world.store_over(world.memory.clone()).put(&key_id(&alice, 1), kept.to_stored())).expect("kept");
    let before = world.dump();
    let other = CredentialKey::generate(tenant("alice"), version(1)).expect("random");
    assert_eq!(kind(wait(world.keys().enrol(&alice, &other))), ErrorKind::AlreadyExists);
    assert_eq!(world.dump(), before);
    wait(world.keys().enrol(&alice, &kept)).expect("goes on where it stopped");
}

/// Another tenant's key, or another version's, in the place of this one's.
#[test]
fn a_key_that_belongs_elsewhere_is_refused() {
    let world = World::new();
    let (alice, _) = world.user("alice");
    let store = world.store_over(world.memory.clone());
    for (name, number) in [("bob", 1), ("alice", 2)] {
        let other = CredentialKey::generate(tenant(name), version(number)).expect("random");
        wait(store.put(&key_id(&alice, 1), other.to_stored())).expect("put there");
        assert_eq!(kind(wait(world.keys().key(&alice, version(1)))), ErrorKind::Integrity);
    }
    let mut later =
        CredentialKey::generate(tenant("alice"), version(1)).expect("random").to_stored().expose_secret().to_vec();
    later[4] = 9;
    wait(store.put(&key_id(&alice, 1), later.into())).expect("put there");
    assert_eq!(kind(wait(world.keys().key(&alice, version(1)))), ErrorKind::Unsupported, "upgrade, do not despair");
}

/// Whoever creates or renews while somebody rotates: no retired version is accepted again.
#[test]
fn no_race_brings_a_retired_version_back() {
    for spared in 0..4 {
        let world = World::new();
        let alice = owner("alice");
        let racing = Arc::new(Racing::new(world.memory.clone()));
        for _ in 0..spared {
            racing.before_commit(async {});
        }
        let (keys, rival) = (world.keys(), alice.clone());
        racing.before_commit(async move {
            keys.create(&rival).await.expect("the rival's key, or the one that was kept");
            rotate(&keys, &rival, 1).await;
        });
        let created = wait(world.keys_over(racing.clone()).create(&alice));
        if racing.waiting() > 0 {
            assert!(spared > 1, "the race took place");
            break;
        }
        assert!(created.is_err(), "{spared}");
        assert_eq!(wait(world.keys().current_version(&alice)).expect("accepted"), version(2));
        assert_eq!(kind(wait(world.keys().renew(&alice, version(1)))), ErrorKind::KeyRetired, "{spared}");
    }
    let world = World::new();
    let (alice, old) = world.user("alice");
    let racing = Arc::new(Racing::new(world.memory.clone()));
    let (keys, rival) = (world.keys(), alice.clone());
    racing.before_commit(async move {
        rotate(&keys, &rival, 1).await;
    });
    assert_eq!(kind(wait(world.keys_over(racing).renew(&alice, version(1)))), ErrorKind::Conflict);
    assert_eq!(kind(wait(world.intake().ingest(&alice, encrypt(&old, "password", 1, "x")))), ErrorKind::KeyRetired);
}

/// A verify key that changes between looking at it and the commit is judged anew.
#[test]
fn a_verify_key_put_there_meanwhile_is_judged_too() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    let racing = Arc::new(Racing::new(world.memory.clone()));
    let foreign = CredentialKeys::new(world.store_over(world.memory.clone()), world.memory.clone())
        .with_authority(Arc::new(AuthorityKey::generate().expect("random")))
        .with_clock(world.clock.clone());
    let rival = alice.clone();
    racing.before_commit(async move { foreign.renew(&rival, version(1)).await.expect("as somebody in the database") });
    let refused = wait(world.intake_over(racing).ingest(&alice, encrypt(&key, "password", 1, "hunter2")));
    assert!(refused.is_err());
    assert_eq!(world.stored(&alice, "password"), None);
}

#[test]
fn an_intake_that_opens_tells_that_the_key_is_gone() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    wait(world.store_over(world.memory.clone()).delete(&key_id(&alice, 1))).expect("deleted");
    let credential = encrypt(&key, "password", 1, "hunter2");
    assert_eq!(kind(wait(world.trial().ingest(&alice, credential))), ErrorKind::KeyRetired);
    let record = wait(world.memory.load(&key_at(&alice, 1), Consistency::Strong)).expect("answers");
    assert!(record.is_some(), "its state says that it is accepted still");
}

/// Rotates after the first read of a credential: its key is gone when it is asked for.
struct RotatedAfterReading {
    world: World,
    owner: CredentialOwner,
    field: RecordKey,
}

impl std::fmt::Debug for RotatedAfterReading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RotatedAfterReading")
    }
}

#[async_trait]
impl Persistence for RotatedAfterReading {
    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        let found = self.world.memory.load(key, consistency).await;
        if *key == self.field && self.world.keys().current_version(&self.owner).await? == version(1) {
            rotate(&self.world.keys(), &self.owner, 1).await;
        }
        found
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.world.memory.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.world.memory.commit(writes).await
    }
}

#[test]
fn a_rotation_between_two_reads_is_not_seen_by_who_uses() {
    let world = World::new();
    let (alice, key) = world.user("alice");
    world.ingest(&alice, &encrypt(&key, "password", 1, "hunter2"));
    let store = world.store_over(world.memory.clone());
    let clock = world.clock.clone();
    let records = Arc::new(RotatedAfterReading { owner: alice.clone(), field: at(&alice, "password"), world });
    let vault = secret_store_transport::credential::CredentialVault::new(store, records).with_clock(clock);
    let used = wait(vault.with_credential(&alice, &place("password"), &here(), |view| {
        assert_eq!(view.expose_secret(), b"hunter2");
        view.info().key_version
    }));
    assert_eq!(used.expect("read again"), version(2));
}
