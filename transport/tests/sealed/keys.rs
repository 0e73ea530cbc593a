//! The keys of organisations.

use futures::executor::block_on;
use secret_store_core::{ErrorKind, SecretStoreExt as _};
use secret_store_transport::{KeySpec, SealedRequest};

use super::support::{DAY, KEYS, World, id, kind, specs, target, tenant};

#[test]
fn keys_are_made_rotated_and_retired() {
    block_on(async {
        let world = World::new(KeySpec::X25519).await;
        let acme = tenant("acme");
        let again = kind(world.keys.create(&acme, KeySpec::X25519, DAY).await);
        assert!(matches!(again, ErrorKind::Conflict | ErrorKind::AlreadyExists), "{again:?}");
        assert_eq!(kind(world.keys.rotate(&tenant("nobody"), KeySpec::X25519, DAY).await), ErrorKind::NotFound);
        assert_eq!(world.keys.rotate(&acme, KeySpec::X25519, DAY).await.expect("rotates"), 2);
        assert_eq!(world.keys.rotate(&acme, KeySpec::X25519, DAY).await.expect("rotates"), 3);
        let numbers = async || {
            let versions = world.keys.versions(&acme).await.expect("lists");
            versions.iter().map(|info| info.version).collect::<Vec<_>>()
        };
        assert_eq!(numbers().await, [1, 2, 3]);
        assert_eq!(kind(world.keys.retire(&acme, 3).await), ErrorKind::InvalidInput, "the newest");
        world.keys.retire(&acme, 2).await.expect("retires 1 and 2");
        let before = world.dump();
        world.keys.retire(&acme, 1).await.expect("retired already");
        assert!(world.dump() == before);
        assert_eq!(numbers().await, [3]);
        for version in 4..=10 {
            assert_eq!(world.keys.rotate(&acme, KeySpec::X25519, DAY).await.expect("rotates"), version);
        }
        assert_eq!(kind(world.keys.rotate(&acme, KeySpec::X25519, DAY).await), ErrorKind::InvalidInput, "a ninth");
        assert_eq!(
            kind(world.keys.create(&tenant("other"), KeySpec::X25519, 1099 * DAY).await),
            ErrorKind::InvalidInput
        );
        assert_eq!(kind(world.store.get(&id(KEYS, "other")).await), ErrorKind::NotFound, "nothing was made");
    });
}

#[test]
fn the_key_of_a_retired_version_is_gone_from_the_current_value() {
    block_on(async {
        let world = World::new(KeySpec::X25519).await;
        let acme = tenant("acme");
        let old = world.store.get(&id(KEYS, "acme")).await.expect("reads");
        // The private key ends the value of a set of one version.
        let private = old.expose_secret()[old.expose_secret().len() - 32..].to_vec();
        world.keys.rotate(&acme, KeySpec::X25519, DAY).await.expect("rotates");
        let holds = async || {
            let value = world.store.get(&id(KEYS, "acme")).await.expect("reads");
            value.expose_secret().windows(32).any(|window| window == private)
        };
        assert!(holds().await);
        world.keys.retire(&acme, 1).await.expect("retires");
        assert!(!holds().await);
    });
}

#[test]
fn of_two_rotations_at_once_one_is_a_conflict() {
    block_on(async {
        let world = World::new(KeySpec::X25519).await;
        let acme = tenant("acme");
        let rotate = || world.keys.rotate(&acme, KeySpec::X25519, DAY);
        let answers = futures::join!(rotate(), rotate());
        match answers {
            (Ok(_), Err(refusal)) | (Err(refusal), Ok(_)) => assert_eq!(refusal.kind(), ErrorKind::Conflict),
            // One after the other, where the executor ran them so.
            (Ok(one), Ok(two)) => assert_ne!(one, two),
            other => panic!("{other:?}"),
        }
    });
}

#[test]
fn every_server_hands_out_the_same_records() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            let acme = tenant("acme");
            let one = world.keys.records(&acme, &world.authority).await.expect("records");
            let two = world.keys.records(&acme, &world.authority).await.expect("records");
            assert_eq!(one, two);
            assert_ne!(
                one.sealing,
                world.keys.records(&tenant("evil"), &world.authority).await.expect("records").sealing
            );
        });
    }
}

/// A value that somebody else put there is no key set, cut or extended or altered.
#[test]
fn what_is_no_key_set_is_refused() {
    block_on(async {
        let world = World::new(KeySpec::X25519).await;
        let good = world.store.get(&id(KEYS, "acme")).await.expect("reads").expose_secret().to_vec();
        let sealed = world.seal(&target("MainDb"), "hunter2").await;
        for length in 0..good.len() {
            world.store.put(&id(KEYS, "acme"), good[..length].into()).await.expect("stored");
            let refusal = world.refused(&target("MainDb"), SealedRequest::new(sealed.clone())).await;
            assert!(matches!(refusal, ErrorKind::Integrity | ErrorKind::NotSealed), "{length}: {refusal:?}");
        }
        world.store.put(&id(KEYS, "acme"), [&good[..], &[0]].concat().into()).await.expect("stored");
        assert_eq!(kind(world.keys.versions(&tenant("acme")).await), ErrorKind::Integrity);
        world.store.put(&id(KEYS, "acme"), good.into()).await.expect("stored");
        world.intake().put_sealed(&target("MainDb"), SealedRequest::new(sealed)).await.expect("the good one");
    });
}
