//! A place that is configured, or resolved, to the application of the organisations' keys: a mistake that must not give them away.

use std::time::Duration;

use futures::executor::block_on;
use secret_store_core::{ApplicationName, ErrorKind, SecretName};
use secret_store_transport::{Freshness, Places, Retrieval, SealedIntake, SealedRequest, SingleUse};

use super::support::{KEYS, World, kind, place, specs};

fn keys() -> ApplicationName {
    ApplicationName::new(KEYS).expect("valid")
}

#[test]
fn the_keys_of_organisations_are_neither_read_nor_replaced_as_secrets() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        let configured = Places::new().with(place("evil", "keys"), keys()).expect("free");
        for places in [configured, Places::new().with_others(|_| Some(keys()))] {
            let (recorder, once) = (world.recorder(world.sink()), world.once());
            let target = place("evil", "keys").secret(SecretName::new("acme").expect("valid"));
            let intake = SealedIntake::new(world.store.clone(), world.keys.clone(), places.clone(), once, recorder)
                .with_clock(world.clock());
            assert_eq!(kind(intake.issue_nonce(&target.place).await), ErrorKind::PermissionDenied);
            // A nonce of that very application: the place alone is what is refused.
            let (once, application) = (world.once(), keys());
            let nonce = once.issue(&application, SingleUse::Submission, Duration::from_secs(60));
            let freshness = Freshness::Nonce(nonce.await.expect("issues"));
            let sealed = world.sealing_key("evil").await.seal(&target, &freshness, &"mine".into()).expect("seals");
            let before = world.dump();
            let refusal = kind(intake.put_sealed(&target, SealedRequest::new(sealed)).await);
            assert_eq!(refusal, ErrorKind::PermissionDenied);
            let (recorder, once) = (world.recorder(world.sink()), world.once());
            let retrieval = Retrieval::new(world.store.clone(), world.keys.clone(), places, once, recorder)
                .with_clock(world.clock());
            let answers = world.answer_key("evil").await;
            let names = [SecretName::new("acme").expect("valid")];
            let (request, _) = answers.request(&target.place, names, specs()[0]).await.expect("asks");
            assert_eq!(kind(retrieval.answer(&request).await), ErrorKind::PermissionDenied);
            assert!(world.dump() == before, "nothing was written");
        }
    });
}
