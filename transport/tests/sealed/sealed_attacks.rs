//! Everything that can be done to a submission on its way: nothing is accepted, nothing is stored.

use std::time::Duration;

use futures::executor::block_on;
use secret_store_core::{ErrorKind, SecretName, SecretStoreExt as _};
use secret_store_transport::{
    AuthorityKey, Fingerprint, Freshness, KeySpec, Message as _, SealedRequest, SealingKey, Target, Trust,
};

use super::support::{DAY, World, id, kind, place, specs, target, tenant};

fn named(organisation: &str, environment: &str, name: &str) -> Target {
    place(organisation, environment).secret(SecretName::new(name).expect("valid"))
}

#[test]
fn a_seal_for_one_target_is_none_for_another() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            let sealed = world.seal(&target("MainDb"), "hunter2").await;
            for other in [
                named("acme", "prod", "OtherDb"),
                named("acme", "prod", "MainD"),
                named("acme", "dev", "MainDb"),
                named("evil", "prod", "MainDb"),
            ] {
                let request = SealedRequest::new(sealed.clone());
                assert_eq!(world.refused(&other, request).await, ErrorKind::Integrity, "{other:?}");
            }
        });
    }
}

/// The names in the message are what an attacker writes there; what it was sealed for is what opens.
#[test]
fn a_relabelled_seal_is_refused() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            for (from, to, other) in [
                (&b"acme"[..], &b"evil"[..], named("evil", "prod", "MainDb")),
                (b"MainDb", b"MainDc", named("acme", "prod", "MainDc")),
            ] {
                let sealed = world.seal(&target("MainDb"), "hunter2").await;
                let mut bytes = sealed.as_bytes().to_vec();
                let at = bytes.windows(from.len()).position(|window| window == from).expect("stands there");
                bytes[at..][..to.len()].copy_from_slice(to);
                let request = SealedRequest::from_parts(true, bytes);
                assert_eq!(world.refused(&other, request).await, ErrorKind::Integrity);
            }
        });
    }
}

#[test]
fn a_dev_secret_never_appears_under_prod() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        let dev = named("acme", "dev", "MainDb");
        let sealed = world.seal(&dev, "only for dev").await;
        assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(sealed.clone())).await, ErrorKind::Integrity);
        // Relabelled: `dev` and `prod` have other lengths, so the frame is written again.
        let (head, rest) = sealed.as_bytes().split_at(5 + 4 + 4);
        let relabelled = [head, &[0, 0, 0, 4], b"prod", &rest[4 + 3..]].concat();
        let request = SealedRequest::from_parts(true, relabelled);
        assert_eq!(world.refused(&target("MainDb"), request).await, ErrorKind::Integrity);
        world.intake().put_sealed(&dev, SealedRequest::new(sealed)).await.expect("stored where it belongs");
        assert!(world.secrets_of("acme.prod").is_empty());
        assert_eq!(kind(world.store.get(&id("acme.prod", "MainDb")).await), ErrorKind::NotFound);
        // A nonce issued for `dev` is none for `prod`, though the client seals for it.
        let key = world.sealing_key("acme").await;
        let nonce = world.nonce(&dev).await;
        let sealed = key.seal(&target("MainDb"), &nonce, &"hunter2".into()).expect("seals");
        assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(sealed)).await, ErrorKind::NotFound);
        // A place that the server does not have is nobody's.
        let test = named("acme", "test", "MainDb");
        let nonce = world.nonce(&target("MainDb")).await;
        let sealed = key.seal(&test, &nonce, &"hunter2".into()).expect("seals");
        assert_eq!(world.refused(&test, SealedRequest::new(sealed)).await, ErrorKind::PermissionDenied);
        assert_eq!(kind(world.intake().issue_nonce(&test.place).await), ErrorKind::PermissionDenied);
    });
}

#[test]
fn a_replayed_seal_is_refused_on_every_server() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            let sealed = world.seal(&target("MainDb"), "hunter2").await;
            world.intake().put_sealed(&target("MainDb"), SealedRequest::new(sealed.clone())).await.expect("stored");
            for _ in 0..3 {
                let request = SealedRequest::new(sealed.clone());
                assert_eq!(world.refused(&target("MainDb"), request).await, ErrorKind::Replayed);
            }
            // Also after the secret was deleted, and after the marks were swept.
            world.store.delete(&id("acme.prod", "MainDb")).await.expect("deletes");
            let request = SealedRequest::new(sealed.clone());
            assert_eq!(world.refused(&target("MainDb"), request).await, ErrorKind::Replayed);
            world.clock.advance(Duration::from_secs(3600));
            let application = "acme.prod".parse().expect("valid");
            let limit = std::num::NonZeroUsize::new(100).expect("not zero");
            assert!(world.once().sweep(&application, limit).await.expect("sweeps").removed > 0);
            assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(sealed)).await, ErrorKind::Expired);
        });
    }
}

#[test]
fn submissions_arrive_in_any_order_and_parts_of_two_do_not_mix() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        let (one, two) = (world.seal(&target("MainDb"), "one").await, world.seal(&target("MainDb"), "two").await);
        for split in 1..one.as_bytes().len() {
            let mixed = [&one.as_bytes()[..split], &two.as_bytes()[split..]].concat();
            if mixed == one.as_bytes() || mixed == two.as_bytes() {
                continue;
            }
            let request = SealedRequest::from_parts(true, mixed);
            let refusal = world.refused(&target("MainDb"), request).await;
            assert!(matches!(refusal, ErrorKind::Integrity | ErrorKind::Expired | ErrorKind::NotFound), "{refusal:?}");
        }
        for sealed in [two, one] {
            world.intake().put_sealed(&target("MainDb"), SealedRequest::new(sealed)).await.expect("stored");
        }
    });
}

/// Whichever bit it is: of the header, the names, the version, the nonce, the encapsulated key, the ciphertext.
#[test]
fn every_flipped_bit_is_refused_and_nothing_is_stored() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            let sealed = world.seal(&target("MainDb"), "hunter2").await;
            let (before, intake) = (world.dump(), world.intake());
            for bit in 0..sealed.as_bytes().len() * 8 {
                let mut flipped = sealed.as_bytes().to_vec();
                flipped[bit / 8] ^= 1 << (bit % 8);
                let request = SealedRequest::from_parts(true, flipped);
                let refusal = kind(intake.put_sealed(&target("MainDb"), request).await);
                let expected = [
                    ErrorKind::Integrity,
                    ErrorKind::NotSealed,
                    ErrorKind::Unsupported,
                    ErrorKind::Expired,
                    ErrorKind::KeyRetired,
                    ErrorKind::KeyUnavailable,
                    ErrorKind::InvalidInput,
                ];
                assert!(expected.contains(&refusal), "bit {bit}: {refusal:?}");
            }
            assert!(world.dump() == before, "something was stored");
            intake.put_sealed(&target("MainDb"), SealedRequest::new(sealed)).await.expect("the good one");
        });
    }
}

#[test]
fn every_truncation_and_extension_is_refused_and_nothing_is_stored() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            let sealed = world.seal(&target("MainDb"), "hunter2").await;
            let (before, intake) = (world.dump(), world.intake());
            for length in 0..sealed.as_bytes().len() {
                let request = SealedRequest::from_parts(true, sealed.as_bytes()[..length].to_vec());
                let refusal = kind(intake.put_sealed(&target("MainDb"), request).await);
                let expected = if length < 5 { ErrorKind::NotSealed } else { ErrorKind::Integrity };
                assert_eq!(refusal, expected, "{length}");
            }
            for (front, behind) in [(&b""[..], &b"\0"[..]), (b"\0", b""), (b"", b"\0\0\0\0")] {
                let request = SealedRequest::from_parts(true, [front, sealed.as_bytes(), behind].concat());
                let refusal = kind(intake.put_sealed(&target("MainDb"), request).await);
                assert!(matches!(refusal, ErrorKind::Integrity | ErrorKind::NotSealed));
            }
            assert!(world.dump() == before, "something was stored");
        });
    }
}

#[test]
fn a_substituted_organisation_key_is_refused_by_the_client() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            let (acme, evil) = (tenant("acme"), tenant("evil"));
            let good = world.keys.records(&acme, &world.authority).await.expect("records").sealing;
            let take = |record, trust: &Trust| SealingKey::from_record(record, trust, &acme, world.clock());
            let pin = Trust::Fingerprint(good.fingerprint());
            take(&good, &pin).expect("pinned");
            take(&good, &world.trust()).expect("signed");
            // Signed by the attacker; and the attacker's organisation, signed by the right authority.
            let attacker = AuthorityKey::generate().expect("random");
            let forged = world.keys.records(&acme, &attacker).await.expect("records").sealing;
            assert_eq!(kind(take(&forged, &world.trust())), ErrorKind::Integrity);
            let theirs = world.keys.records(&evil, &world.authority).await.expect("records").sealing;
            assert_eq!(kind(take(&theirs, &world.trust())), ErrorKind::PermissionDenied);
            assert_eq!(kind(take(&theirs, &pin)), ErrorKind::Integrity);
            let wrong_pin: Fingerprint = "00".repeat(32).parse().expect("a pin");
            assert_eq!(kind(take(&good, &Trust::Fingerprint(wrong_pin))), ErrorKind::Integrity);
            // A key of another role.
            let answers = world.keys.records(&acme, &world.authority).await.expect("records").answers;
            assert_eq!(kind(take(&answers, &world.trust())), ErrorKind::PermissionDenied);
            // What was sealed to the attacker's key all the same does not open here.
            let key = SealingKey::from_record(&theirs, &world.trust(), &evil, world.clock()).expect("theirs");
            let theirs = named("evil", "prod", "MainDb");
            let sealed = key.seal(&theirs, &world.nonce(&theirs).await, &"hunter2".into()).expect("seals");
            assert_eq!(
                kind(key.seal(&target("MainDb"), &world.nonce(&theirs).await, &"x".into())),
                ErrorKind::PermissionDenied
            );
            assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(sealed)).await, ErrorKind::Integrity);
        });
    }
}

#[test]
fn a_seal_to_a_retired_key_is_stale() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            let acme = tenant("acme");
            let (old, late) = (world.sealing_key("acme").await, world.seal(&target("MainDb"), "late").await);
            assert_eq!(world.keys.rotate(&acme, KeySpec::X25519, 90 * DAY).await.expect("rotates"), 2);
            // Both versions are taken for the time being.
            let sealed =
                old.seal(&target("MainDb"), &world.nonce(&target("MainDb")).await, &"old".into()).expect("seals");
            world.intake().put_sealed(&target("MainDb"), SealedRequest::new(sealed)).await.expect("still taken");
            world.keys.retire(&acme, 1).await.expect("retires");
            assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(late)).await, ErrorKind::KeyRetired);
            let sealed = world.seal(&target("MainDb"), "new").await;
            world.intake().put_sealed(&target("MainDb"), SealedRequest::new(sealed)).await.expect("the new key");
        });
    }
}

#[test]
fn a_seal_is_taken_in_its_time_alone() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        let sealed = world.seal(&target("MainDb"), "hunter2").await;
        world.clock.advance(Duration::from_secs(5 * 60 + 29));
        world.intake().put_sealed(&target("MainDb"), SealedRequest::new(sealed)).await.expect("within the skew");
        let sealed = world.seal(&target("MainDb"), "hunter3").await;
        world.clock.advance(Duration::from_secs(5 * 60 + 31));
        assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(sealed)).await, ErrorKind::Expired);
        // A nonce of the client's own making.
        let key = world.sealing_key("acme").await;
        let mut own = [7; 32];
        own[..8].copy_from_slice(&(1_800_000_000_000_u64 + 900_000).to_be_bytes());
        let own = Freshness::Nonce(secret_store_transport::Nonce::from_bytes(own));
        let sealed = key.seal(&target("MainDb"), &own, &"hunter2".into()).expect("seals");
        assert_eq!(world.refused(&target("MainDb"), SealedRequest::new(sealed)).await, ErrorKind::NotFound);
        // The key record expires with the key.
        world.clock.advance(91 * DAY);
        let fresh = world.nonce(&target("MainDb")).await;
        assert_eq!(kind(key.seal(&target("MainDb"), &fresh, &"hunter2".into())), ErrorKind::Expired);
    });
}
