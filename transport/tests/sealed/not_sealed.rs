//! Plaintext is refused and cannot be forced through.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use futures::executor::block_on;
use secret_store_core::ErrorKind;
use secret_store_core::audit::{Action, Outcome, Phase};
use secret_store_transport::{Message as _, SealedRequest};
use serde_json::json;

use super::support::{World, from_json, specs, target};

#[test]
fn what_says_that_it_is_not_sealed_is_refused() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        let seal = serde_json::to_value(world.seal(&target("MainDb"), "hunter2").await).expect("serialises");
        for body in [
            json!({"sealed": false, "value": "hunter2"}),
            // Also over a good seal: nobody downgrades a client without being noticed.
            json!({"sealed": false, "value": seal}),
            json!({"value": seal}),
            json!({"sealed": "true", "value": seal}),
            json!({"sealed": 1, "value": seal}),
            json!({"sealed": null, "value": seal}),
            json!({"sealed": [true], "value": seal}),
            json!({}),
        ] {
            let request = from_json(&body.to_string());
            assert_eq!(world.refused(&target("MainDb"), request).await, ErrorKind::NotSealed, "{body}");
        }
    });
}

#[test]
fn what_says_that_it_is_sealed_and_is_not_is_refused() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        let seal = world.seal(&target("MainDb"), "hunter2").await;
        let text = serde_json::to_value(&seal).expect("serialises");
        let as_text = |bytes: &[u8]| json!(URL_SAFE_NO_PAD.encode(bytes));
        for value in [
            json!("hunter2"),
            json!(""),
            json!("a plain text secret with spaces & signs"),
            as_text(b"hunter2"),
            as_text(&vec![0x5A; 10_000]),
            as_text(b"SX1"),
            as_text(b"SX1\x01\x01"),
            as_text(&[b"SX1\x04", &seal.as_bytes()[4..]].concat()),
            as_text(&[b"SX0", &seal.as_bytes()[3..]].concat()),
            // With padding: one form alone.
            json!(STANDARD.encode(&seal.as_bytes()[..seal.as_bytes().len() / 3 * 3 - 1])),
            json!(7),
            json!(-7),
            json!(0.5),
            json!(null),
            json!(true),
            json!(["U1gx"]),
            json!({"sealed": text}),
        ] {
            let request = from_json(&json!({"sealed": true, "value": value}).to_string());
            let refusal = world.refused(&target("MainDb"), request).await;
            assert_eq!(refusal, ErrorKind::NotSealed, "{value}");
        }
        let text = text.as_str().expect("a string");
        for body in [
            format!("{{\"sealed\":true,\"value\":\"{text}\",\"value\":\"{text}\"}}"),
            format!("{{\"sealed\":true,\"sealed\":true,\"value\":\"{text}\"}}"),
            format!("{{\"sealed\":true,\"value\":\"{text}\",\"plaintext\":\"hunter2\"}}"),
            "{\"sealed\":true}".into(),
        ] {
            assert_eq!(world.refused(&target("MainDb"), from_json(&body)).await, ErrorKind::NotSealed, "{body}");
        }
        for (sealed, bytes) in [(true, b"hunter2".to_vec()), (false, seal.as_bytes().to_vec()), (false, Vec::new())] {
            let request = SealedRequest::from_parts(sealed, bytes);
            assert_eq!(world.refused(&target("MainDb"), request).await, ErrorKind::NotSealed);
        }
        let refused = world.entries("acme.prod").await;
        assert!(refused.iter().all(|entry| entry.action() == Action::PutSealed));
        let ended: Vec<_> = refused.iter().filter(|entry| entry.phase() == Phase::Outcome).collect();
        assert_eq!((ended.len(), refused.len()), (24, 48), "each refusal is recorded");
        assert!(ended.iter().all(|entry| entry.outcome() == Some(Outcome::NotSealed) && entry.count() == 0));
    });
}

#[test]
fn a_request_never_shows_or_keeps_what_it_refused() {
    for body in ["{\"sealed\":false,\"value\":\"hunter2\"}", "{\"sealed\":true,\"value\":\"hunter2\"}"] {
        let request = from_json(body);
        let shown = format!("{request:?}");
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(serde_json::to_string(&request).is_err(), "there is nothing to send on");
    }
    // What has another shape is not sealed either: an error of the format would quote it.
    block_on(async {
        let world = World::new(specs()[0]).await;
        for body in ["\"hunter2\"", "7", "-7", "0.5", "true", "null", "[\"hunter2\"]"] {
            assert_eq!(world.refused(&target("MainDb"), from_json(body)).await, ErrorKind::NotSealed, "{body}");
        }
    });
}

#[test]
fn a_seal_that_is_too_large_is_refused_before_it_is_decoded() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        // Decoding would find out that the second is no base64url.
        for text in ["A", "!"] {
            let text = text.repeat(3 * 1024 * 1024);
            let request = from_json(&format!("{{\"sealed\":true,\"value\":\"{text}\"}}"));
            let refusal = world.refused(&target("MainDb"), request).await;
            assert!(matches!(refusal, ErrorKind::TooLarge { .. }), "{refusal:?}");
        }
    });
}

#[test]
fn a_seal_of_a_later_release_is_unsupported() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        let seal = world.seal(&target("MainDb"), "hunter2").await;
        for (at, byte) in [(2, b'2'), (4, 9)] {
            let mut later = seal.as_bytes().to_vec();
            later[at] = byte;
            let request = SealedRequest::from_parts(true, later);
            assert_eq!(world.refused(&target("MainDb"), request).await, ErrorKind::Unsupported);
        }
        world.intake().put_sealed(&target("MainDb"), SealedRequest::new(seal)).await.expect("version 1 still opens");
    });
}
