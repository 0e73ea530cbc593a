//! What the service answers when all is well, and what the audit log has of it.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use secret_store_core::audit::{AuditFilter, AuditLog, Verifier};
use sha2::Sha256;

use super::support::{LINK, PARTNER_KEY, World};

#[tokio::test]
async fn a_link_is_signed_with_the_partners_key() {
    let world = World::new().await;
    let service = world.service().await;
    let mut mac = Hmac::<Sha256>::new_from_slice(PARTNER_KEY.as_bytes()).expect("a key");
    mac.update(b"7");
    let (status, body) = service.get(LINK).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body.contains(&hex::encode(mac.finalize().into_bytes())), "{body}");
}

#[tokio::test]
async fn orders_and_health_are_answered() {
    let service = World::new().await.service().await;
    assert_eq!(service.get("/orders").await.1, r#"{"orders":["two books","a lamp"]}"#);
    assert_eq!(service.get("/health").await.1, r#"{"draining":0,"password_version":1,"status":"ok"}"#);
}

#[tokio::test]
async fn a_request_of_nobody_is_refused() {
    let service = World::new().await.service().await;
    let request = Request::get(LINK).body(Body::empty()).expect("a request");
    assert_eq!(service.send(request).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn names_from_outside_are_checked() {
    let service = World::new().await.service().await;
    assert_eq!(service.status("/partners/nobody/links/7").await, StatusCode::NOT_FOUND);
    // A line break, and a name that is too long.
    assert_eq!(service.status("/partners/a%0Ab/links/7").await, StatusCode::BAD_REQUEST);
    assert_eq!(service.status(&format!("/partners/{}/links/7", "x".repeat(1000))).await, StatusCode::BAD_REQUEST);
}

/// Whose request it was, also where the cache answered; and nothing about looks of the watch.
#[tokio::test]
async fn every_release_is_in_the_audit_log() {
    let world = World::new().await;
    let service = world.service().await;
    for _ in 0..3 {
        service.get(LINK).await;
    }
    service.get("/partners/nobody/links/7").await;
    let log = AuditLog::new(world.audit.clone());
    let alices = AuditFilter::new().actor("alice@example.com").request_id("request-17");
    let mut reader = log.read(world.app.name(), alices);
    let mut outcomes = Vec::new();
    while let Some(entry) = reader.next().await.expect("readable") {
        outcomes.push(entry.outcome().expect("a read has ended").as_str());
    }
    assert_eq!(outcomes, ["success", "success", "success", "not found"]);
    let verification = log.verify(world.app.name(), Verifier::new().with_key(world.audit_key.clone())).await;
    // The service's own first read is the fifth.
    assert_eq!(verification.expect("readable").entries(), 5);
}
