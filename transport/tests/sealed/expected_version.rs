//! Submissions without a round trip: in the place of one version, once.

use std::time::Duration;

use futures::executor::block_on;
use secret_store_core::{ErrorKind, SecretStoreExt as _, SecretVersion};
use secret_store_transport::{Freshness, SealedRequest, SealedSecret};

use super::support::{World, id, kind, specs, target};

const MINUTE: Duration = Duration::from_secs(60);

fn version(number: u64) -> SecretVersion {
    SecretVersion::new(number).expect("1 or more")
}

async fn seal(world: &World, expected: u64, value: &str) -> SealedSecret {
    let freshness = Freshness::expected(version(expected), &*world.clock, 10 * MINUTE);
    world.sealing_key("acme").await.seal(&target("MainDb"), &freshness, &value.into()).expect("seals")
}

#[test]
fn takes_the_place_of_the_expected_version_once() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            let early = seal(&world, 1, "too early").await;
            assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(early)).await, ErrorKind::NotFound);
            world.store.put(&id("acme.prod", "MainDb"), "one".into()).await.expect("stored");
            let (mine, rival) = (seal(&world, 1, "mine").await, seal(&world, 1, "rival").await);
            let info = world.intake().put_sealed(&target("MainDb"), SealedRequest::new(mine.clone())).await;
            assert_eq!(info.expect("stored").version, version(2));
            for late in [rival, mine.clone()] {
                assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(late)).await, ErrorKind::Conflict);
            }
            // Version 1 comes back by no way: a deleted and new secret goes on counting.
            world.store.delete(&id("acme.prod", "MainDb")).await.expect("deletes");
            world.store.put(&id("acme.prod", "MainDb"), "again".into()).await.expect("stored");
            assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(mine)).await, ErrorKind::Conflict);
        });
    }
}

#[test]
fn of_two_at_once_one_is_a_conflict() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        world.store.put(&id("acme.prod", "MainDb"), "one".into()).await.expect("stored");
        let (a, b) = (seal(&world, 1, "a").await, seal(&world, 1, "b").await);
        let (one, two, main) = (world.intake(), world.intake(), target("MainDb"));
        let answers =
            futures::join!(one.put_sealed(&main, SealedRequest::new(a)), two.put_sealed(&main, SealedRequest::new(b)));
        let refusal = match answers {
            (Ok(_), Err(refusal)) | (Err(refusal), Ok(_)) => refusal,
            other => panic!("{other:?}"),
        };
        assert_eq!(refusal.kind(), ErrorKind::Conflict);
        assert_eq!(world.store.get(&id("acme.prod", "MainDb")).await.expect("reads").info().version, version(2));
    });
}

#[test]
fn expires_and_lasts_an_hour_at_most() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        world.store.put(&id("acme.prod", "MainDb"), "one".into()).await.expect("stored");
        let sealed = seal(&world, 1, "two").await;
        world.clock.advance(10 * MINUTE + Duration::from_secs(31));
        assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(sealed)).await, ErrorKind::Expired);
        let key = world.sealing_key("acme").await;
        let long = Freshness::expected(version(1), &*world.clock, 61 * MINUTE);
        assert_eq!(kind(key.seal(&target("MainDb"), &long, &"two".into())), ErrorKind::InvalidInput);
        let none = Freshness::expected(SecretVersion::UNVERSIONED, &*world.clock, MINUTE);
        assert_eq!(kind(key.seal(&target("MainDb"), &none, &"two".into())), ErrorKind::InvalidInput);
    });
}

/// The clock of a client runs ahead: the server refuses what lasts too long by its own.
#[test]
fn a_server_refuses_what_lasts_too_long() {
    block_on(async {
        let (world, ahead) = (World::new(specs()[0]).await, World::new(specs()[0]).await);
        world.store.put(&id("acme.prod", "MainDb"), "one".into()).await.expect("stored");
        ahead.clock.advance(2 * MINUTE);
        let freshness = Freshness::expected(version(1), &*ahead.clock, 60 * MINUTE);
        let record = world.keys.records(&super::support::tenant("acme"), &world.authority).await.expect("records");
        let key = secret_store_transport::SealingKey::from_record(
            &record.sealing,
            &world.trust(),
            &super::support::tenant("acme"),
            ahead.clock(),
        );
        let sealed = key.expect("trusted").seal(&target("MainDb"), &freshness, &"two".into()).expect("seals");
        assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(sealed)).await, ErrorKind::InvalidInput);
    });
}
