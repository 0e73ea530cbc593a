//! What the service answers when something is wrong beneath it.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use secret_store_core::audit::{MockAuditSink, PersistenceSink};
use secret_store_core::{Error, ErrorKind};
use secret_store_example_axum_service::problem::Problem;

use super::support::{LIFETIME, LINK, Service, World};

/// A service whose store answers two reads, of the password and of the partner's key, and fails from then on.
async fn failing_after_one_link(world: &World, kind: ErrorKind) -> Service {
    let mut store = world.answering(2);
    store.expect_get_with().returning(move |_, _| Err(Error::new(kind, "the test made this call fail")));
    let service = world.service_over(Arc::new(store), Arc::new(PersistenceSink::new(world.audit.clone()))).await;
    assert_eq!(service.status(LINK).await, StatusCode::OK);
    service
}

/// An outage is bridged with the value that was read last, for five minutes beyond its life, and no longer.
#[tokio::test]
async fn through_an_outage_the_last_key_is_used_for_a_while() {
    for outage in [ErrorKind::Unavailable, ErrorKind::Throttled] {
        let world = World::new().await;
        let service = failing_after_one_link(&world, outage).await;
        world.clock.advance(LIFETIME);
        assert_eq!(service.status(LINK).await, StatusCode::OK, "stale");
        assert_eq!(service.status("/partners/other/links/7").await, StatusCode::SERVICE_UNAVAILABLE, "never read");
        world.clock.advance(Duration::from_secs(5 * 60));
        assert_eq!(service.status(LINK).await, StatusCode::SERVICE_UNAVAILABLE, "too old");
    }
}

/// A right that was taken away is not bridged: neither by what was read before, nor by an outage that follows.
#[tokio::test]
async fn a_right_that_was_taken_away_is_gone() {
    for refusal in [ErrorKind::PermissionDenied, ErrorKind::KeyUnavailable, ErrorKind::Integrity] {
        let world = World::new().await;
        let service = failing_after_one_link(&world, refusal).await;
        world.clock.advance(LIFETIME);
        for _ in 0..3 {
            assert_eq!(service.status(LINK).await, StatusCode::INTERNAL_SERVER_ERROR, "{refusal:?}");
        }
    }
}

/// What cannot be recorded is not released, though the cache has it.
#[tokio::test]
async fn without_the_audit_log_nothing_is_released() {
    let world = World::new().await;
    let mut sink = MockAuditSink::new();
    // The service's own read, and the first link.
    sink.expect_append().times(2).returning(|_| Ok(()));
    sink.expect_append().returning(|_| Err(Error::new(ErrorKind::Unavailable, "the disk is full")));
    let service = world.service_over(world.store(), Arc::new(sink)).await;
    assert_eq!(service.status(LINK).await, StatusCode::OK);
    assert_eq!(service.status(LINK).await, StatusCode::SERVICE_UNAVAILABLE);
    // What needs no secret goes on.
    assert_eq!(service.status("/orders").await, StatusCode::OK);
}

/// A database that refuses new connections.
#[tokio::test]
async fn without_the_database_there_are_no_orders() {
    let world = World::new().await;
    let service = world.service().await;
    world.database.revoke(super::support::PASSWORD);
    let held = service.pool.lease().expect("the connection that is open");
    assert_eq!(service.status("/orders").await, StatusCode::SERVICE_UNAVAILABLE);
    drop(held);
    assert_eq!(service.status("/orders").await, StatusCode::OK, "by the open one");
}

#[test]
fn every_kind_has_a_status() {
    let expected = [
        (ErrorKind::NotFound, 404),
        (ErrorKind::InvalidInput, 400),
        (ErrorKind::TooLarge { limit: 1, actual: 2 }, 413),
        (ErrorKind::AlreadyExists, 409),
        (ErrorKind::Conflict, 409),
        (ErrorKind::Contention, 503),
        (ErrorKind::Throttled, 503),
        (ErrorKind::Unavailable, 503),
        (ErrorKind::Integrity, 500),
        (ErrorKind::RollbackDetected, 500),
        (ErrorKind::KeyNotAllowed, 500),
        (ErrorKind::KeyUnavailable, 500),
        (ErrorKind::KeyDestroyed, 500),
        (ErrorKind::PermissionDenied, 500),
        (ErrorKind::Unsupported, 500),
    ];
    for (kind, status) in expected {
        assert_eq!(Problem::of_kind(kind).status.as_u16(), status, "{kind:?}");
    }
}
