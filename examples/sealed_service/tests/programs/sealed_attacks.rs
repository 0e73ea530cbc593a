//! Sealed secrets: what is refused, and leaves nothing behind.

use hyper::{Method, StatusCode};
use secret_store_core::SecretValue;
use secret_store_example_sealed_service::connection::Refused;
use secret_store_example_sealed_service::sealed::client::{seal, secret_path, submit};
use secret_store_example_sealed_service::trust::authority;
use secret_store_example_sealed_service::{Failure, trust};
use secret_store_transport::{SealedRequest, Target, Trust};

use crate::sealed::{CLIENT, Home, TARGET, VALUE, borrowed};
use crate::support::{Server, fails, printed};

const PLAIN: &str = "plaintext-canary";

fn target() -> Target {
    Target::parse("acme", "production", "MainDb").expect("valid")
}

async fn sealed(home: &Home, server: &Server) -> SealedRequest {
    let trust = Trust::Authority(authority(printed(&home.pins, "authority ")).expect("a key"));
    seal(&server.connection("alice"), &trust, &target(), &SecretValue::from(VALUE)).await.expect("sealed")
}

fn refused(answer: Result<u64, Failure>) -> (StatusCode, String) {
    let refused = answer.expect_err("refused").downcast::<Refused>().expect("by the server");
    (refused.status, refused.word)
}

/// The lines of the audit log.
fn audit_log(home: &Home) -> Vec<serde_json::Value> {
    let text = String::from_utf8(home.place.read("home/audit.jsonl")).expect("text");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn a_client_sends_nothing_where_it_does_not_trust() {
    let home = Home::new(&[]);
    let server = home.serve();
    let before = home.place.files("home/records");
    let another = trust::authority_in(&home.place.path("another.key")).expect("made").public_key();
    let another = hex::encode(another.to_bytes());
    // Another authority, and the pin of another record.
    for trust in [["--authority", &another], ["--pin", printed(&home.pins, "answers ")]] {
        let said = fails(CLIENT, &borrowed(&home.client(&server, "alice", trust, &["put", TARGET])), VALUE);
        assert!(said.contains("integrity"), "{said}");
    }
    assert_eq!(home.place.files("home/records"), before, "not even a nonce was asked for");

    home.put(&server, VALUE);
    let before = home.place.files("home/records");
    let get = ["get", TARGET, "--print"];
    let said = fails(CLIENT, &borrowed(&home.client(&server, "bob", ["--authority", &another], &get)), b"");
    assert!(said.contains("integrity"), "{said}");
    assert_eq!(home.place.files("home/records"), before);
    // And nobody leaves the trust step out, or does it twice.
    let missing = home.client(&server, "alice", ["put", TARGET], &[]);
    assert!(fails(CLIENT, &borrowed(&missing), VALUE).contains("--authority"));
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_is_refused_recorded_and_stored_nowhere() {
    let home = Home::new(&[]);
    let server = home.serve();
    let before = home.place.files("home/records");
    let (alice, path) = (server.connection("alice"), secret_path(&target()));
    let submitted = [
        PLAIN.to_owned(),
        format!("\"{PLAIN}\""),
        format!(r#"{{"sealed": false, "value": "{PLAIN}"}}"#),
        format!(r#"{{"sealed": true, "value": "{PLAIN}"}}"#),
        format!(r#"{{"value": "{PLAIN}"}}"#),
        format!(r#"{{"sealed": true, "value": "", "plain": "{PLAIN}"}}"#),
        String::new(),
    ];
    for body in &submitted {
        let (status, answer) = alice.send(Method::PUT, &path, body.clone().into()).await.expect("answered");
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
        assert_eq!(&answer[..], br#"{"error":"not sealed"}"#, "{body}");
    }
    assert_eq!(home.place.files("home/records"), before);
    let entries = audit_log(&home);
    let outcomes = entries.iter().filter(|entry| entry["outcome"] == "not sealed").count();
    assert_eq!(outcomes, submitted.len());
    assert!(entries.iter().all(|entry| entry["actor"] == "alice"));
    assert_eq!(server.stop(), format!("audit log: {} entries, intact\n", 2 * submitted.len()));
    home.place.assert_nowhere("home", PLAIN.as_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_servers_share_nonces() {
    let home = Home::new(&[]);
    let (one, two) = (home.serve(), home.serve());
    // The nonce is of one server, the submission goes to the other.
    let request = sealed(&home, &one).await;
    assert_eq!(submit(&two.connection("alice"), &target(), &request).await.expect("stored"), 1);
    let before = home.place.files("home/records");
    for server in [&one, &two] {
        let answer = submit(&server.connection("alice"), &target(), &request).await;
        assert_eq!(refused(answer), (StatusCode::CONFLICT, "replayed".into()));
    }
    assert_eq!(home.place.files("home/records"), before);
    assert_eq!(home.get(&one, &[]), VALUE);
    drop(one);
    assert!(two.stop().ends_with("entries, intact\n"), "both wrote one log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seal_is_for_one_name() {
    let home = Home::new(&[]);
    let server = home.serve();
    let request = sealed(&home, &server).await;
    let before = home.place.files("home/records");
    let other = Target::parse("acme", "production", "OtherDb").expect("valid");
    let (status, _) = refused(submit(&server.connection("alice"), &other, &request).await);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(home.place.files("home/records"), before);
    assert_eq!(submit(&server.connection("alice"), &target(), &request).await.expect("for this one"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn callers_have_their_rights_and_no_others() {
    let home = Home::new(&[]);
    let server = home.serve();
    home.put(&server, VALUE);
    let request = sealed(&home, &server).await;
    let before = home.place.files("home/records");
    let (status, _) = refused(submit(&server.connection("mallory"), &target(), &request).await);
    assert_eq!(status, StatusCode::UNAUTHORIZED, "an unknown token");
    let (status, _) = refused(submit(&server.connection("bob"), &target(), &request).await);
    assert_eq!(status, StatusCode::FORBIDDEN, "bob may only get");
    for caller in ["alice", "carol"] {
        assert!(home.refused(&server, caller, &["get", TARGET, "--print"]).contains("403"));
    }
    assert_eq!(home.place.files("home/records"), before);
    // Production's secret is not dev's.
    assert!(home.refused(&server, "carol", &["get", "acme/dev/MainDb", "--print"]).contains("404"));
}

#[test]
fn an_edited_audit_log_is_noticed() {
    let home = Home::new(&[]);
    let server = home.serve();
    home.put(&server, VALUE);
    assert_eq!(server.stop(), "audit log: 2 entries, intact\n");
    let text = String::from_utf8(home.place.read("home/audit.jsonl")).expect("text");
    home.place.write("home/audit.jsonl", text.replace("alice", "malice"));
    assert_eq!(home.serve().stop_failing(), "", "it does not say that the log is intact");
}
