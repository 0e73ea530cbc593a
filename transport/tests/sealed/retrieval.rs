//! What works.

use futures::executor::block_on;
use secret_store_core::{ErrorKind, SecretName, SecretStoreExt as _};
use secret_store_transport::{MAX_BUNDLE_BYTES, MAX_NAMES, Message as _, RetrievalRequest};

use super::support::{DAY, World, id, kind, place, specs, tenant};

fn names(names: &[&str]) -> Vec<SecretName> {
    names.iter().map(|name| SecretName::new(*name).expect("valid")).collect()
}

async fn with_secrets(spec: secret_store_transport::KeySpec) -> World {
    let world = World::new(spec).await;
    for (name, value) in [("MainDb", "hunter2"), ("Api", "token"), ("Empty", "")] {
        world.store.put(&id("acme.prod", name), value.into()).await.expect("stored");
    }
    world.store.put(&id("acme.prod", "MainDb"), "hunter3".into()).await.expect("stored");
    world
}

#[test]
fn secrets_come_sealed_in_the_order_in_which_they_were_asked_for() {
    for spec in specs() {
        block_on(async {
            let world = with_secrets(spec).await;
            let answers = world.answer_key("acme").await;
            let asked = names(&["Empty", "MainDb", "Api"]);
            let (request, pending) = answers.request(&place("acme", "prod"), asked.clone(), spec).await.expect("asks");
            // Over the wire and back.
            let request: RetrievalRequest =
                serde_json::from_str(&serde_json::to_string(&request).expect("serialises")).expect("parses");
            assert_eq!((request.place(), request.names()), (place("acme", "prod"), asked));
            let bundle = world.retrieval().answer(&request).await.expect("answers");
            let text = serde_json::to_string(&bundle).expect("serialises");
            assert!(!bundle.as_bytes().windows(7).any(|window| window == b"hunter3"));
            let secrets = pending.open(&serde_json::from_str(&text).expect("parses")).await.expect("opens");
            let found: Vec<_> = secrets
                .iter()
                .map(|secret| (secret.name.as_str(), secret.version.get(), secret.value.text().expect("text")))
                .collect();
            assert_eq!(found, [("Empty", 1, ""), ("MainDb", 2, "hunter3"), ("Api", 1, "token")]);
            assert!(!format!("{secrets:?} {pending:?} {bundle:?}").contains("hunter3"));
        });
    }
}

#[test]
fn all_of_the_secrets_or_none() {
    block_on(async {
        let world = with_secrets(specs()[0]).await;
        let answers = world.answer_key("acme").await;
        let asked = names(&["MainDb", "Missing"]);
        let (request, _) = answers.request(&place("acme", "prod"), asked, specs()[0]).await.expect("asks");
        assert_eq!(kind(world.retrieval().answer(&request).await), ErrorKind::NotFound);
    });
}

#[test]
fn requests_have_bounds() {
    block_on(async {
        let world = with_secrets(specs()[0]).await;
        let answers = world.answer_key("acme").await;
        let ask = async |names: Vec<SecretName>| answers.request(&place("acme", "prod"), names, specs()[0]).await;
        let many: Vec<_> = (0..=MAX_NAMES).map(|n| SecretName::new(format!("{n:0>900}")).expect("valid")).collect();
        let (request, _) = ask(many[..MAX_NAMES].to_vec()).await.expect("as many as may be");
        assert_eq!(kind(world.retrieval().answer(&request).await), ErrorKind::NotFound);
        for refused in [vec![], many, names(&["MainDb", "MainDb"])] {
            assert_eq!(kind(ask(refused).await), ErrorKind::InvalidInput);
        }
        let other = answers.request(&place("evil", "prod"), names(&["MainDb"]), specs()[0]).await;
        assert_eq!(kind(other), ErrorKind::PermissionDenied);
        for n in 0..3 {
            let value = vec![0; 2 * 1024 * 1024];
            world.store.put(&id("acme.prod", &format!("Large{n}")), value.into()).await.expect("stored");
        }
        let (request, _) = ask(names(&["Large0", "Large1", "Large2"])).await.expect("asks");
        let refusal = kind(world.retrieval().answer(&request).await);
        assert!(matches!(refusal, ErrorKind::TooLarge { limit, .. } if limit == MAX_BUNDLE_BYTES as u64));
        let (request, pending) = ask(names(&["Large0", "MainDb"])).await.expect("asks");
        let bundle = world.retrieval().answer(&request).await.expect("answers");
        assert_eq!(pending.open(&bundle).await.expect("opens")[0].value.len(), 2 * 1024 * 1024);
    });
}

#[test]
fn two_servers_on_one_store_answer_a_request_once() {
    block_on(async {
        let world = with_secrets(specs()[0]).await;
        let (answers, one, two) = (world.answer_key("acme").await, world.retrieval(), world.retrieval());
        for _ in 0..20 {
            let (request, pending) =
                answers.request(&place("acme", "prod"), names(&["MainDb"]), specs()[0]).await.expect("asks");
            let (bundle, refusal) = match futures::join!(one.answer(&request), two.answer(&request)) {
                (Ok(bundle), Err(refusal)) | (Err(refusal), Ok(bundle)) => (bundle, refusal),
                other => panic!("{other:?}"),
            };
            assert_eq!(refusal.kind(), ErrorKind::Replayed);
            pending.open(&bundle).await.expect("opens");
        }
    });
}

#[test]
fn an_answer_key_is_good_until_it_is_retired() {
    block_on(async {
        let world = with_secrets(specs()[0]).await;
        let (acme, answers) = (tenant("acme"), world.answer_key("acme").await);
        let ask = async || answers.request(&place("acme", "prod"), names(&["MainDb"]), specs()[0]).await.expect("asks");
        world.keys.rotate(&acme, specs()[0], 90 * DAY).await.expect("rotates");
        let (request, pending) = ask().await;
        pending.open(&world.retrieval().answer(&request).await.expect("answers")).await.expect("opens");
        world.keys.retire(&acme, 1).await.expect("retires");
        let (request, _) = ask().await;
        assert_eq!(kind(world.retrieval().answer(&request).await), ErrorKind::KeyRetired);
        // The client asks nothing of a server whose key it believes no longer.
        world.clock.advance(91 * DAY);
        let late = answers.request(&place("acme", "prod"), names(&["MainDb"]), specs()[0]).await;
        assert_eq!(kind(late), ErrorKind::Expired);
    });
}
