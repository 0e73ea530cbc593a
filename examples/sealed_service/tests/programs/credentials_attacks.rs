//! Credentials: what is refused, and leaves nothing behind.

use hyper::{Method, StatusCode};

use crate::credentials::{GITHUB, Home, PASSWORD};

#[test]
fn another_users_key_is_refused() {
    let home = Home::new();
    let server = home.serve(&home.authority);
    let before = home.place.files("records");
    for (caller, key, status) in [("alice", "bob", "422"), ("bob", "alice", "422"), ("carol", "alice", "403")] {
        let said = home.put_refused(&server, caller, key, &GITHUB);
        assert!(said.contains(status), "{caller} with the key of {key}: {said}");
    }
    assert_eq!(home.place.files("records"), before);
    // Both refusals that came to the intake are recorded, under who called.
    assert_eq!(server.stop(), "audit log: 4 entries, intact\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn plaintext_is_refused_and_recorded() {
    let home = Home::new();
    let server = home.serve(&home.authority);
    let before = home.place.files("records");
    let alice = server.connection("alice");
    for body in [PASSWORD.to_vec(), hex::encode(PASSWORD).into_bytes(), Vec::new()] {
        let (status, answer) = alice.send(Method::PUT, "/credentials", body).await.expect("answered");
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(&answer[..], br#"{"error":"not sealed"}"#);
    }
    let (status, _) =
        server.connection("mallory").send(Method::PUT, "/credentials", Vec::new()).await.expect("answered");
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert_eq!(home.place.files("records"), before);
    assert_eq!(server.stop(), "audit log: 6 entries, intact\n");
    home.place.assert_nowhere("intake", PASSWORD);
}

#[test]
fn a_server_believes_its_authority_alone() {
    let home = Home::new();
    let another = crate::support::Place::new();
    let another = secret_store_example_sealed_service::trust::authority_in(&another.path("key")).expect("made");
    let server = home.serve(&hex::encode(another.public_key().to_bytes()));
    let before = home.place.files("records");
    assert!(home.put_refused(&server, "alice", "alice", &GITHUB).contains("422"));
    assert_eq!(home.place.files("records"), before);
}

#[test]
fn use_is_bound_to_domain_revision_and_user() {
    let home = Home::new();
    let server = home.serve(&home.authority);
    home.put(&server, "alice", &GITHUB, PASSWORD);
    let using = |user, host, revision| {
        home.agent_refuses(&["use", user, "github", "password", "--host", host, "--minimum-revision", revision])
    };
    assert!(using("alice", "github.com.evil.example", "1").contains("may not be used at this host"));
    assert!(using("alice", "gist.github.com", "1").contains("may not be used at this host"));
    assert!(using("alice", "github.com", "2").contains("older"));
    assert!(using("bob", "github.com", "1").contains("not found"));
    // Each refusal is recorded.
    assert_eq!(home.agent(&["verify"]), "audit log: 4 entries, intact\n");
}
