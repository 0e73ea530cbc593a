//! A rotated password is taken over while the service runs.

use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use secret_store_core::audit::PersistenceSink;
use secret_store_core::{Error, ErrorKind, WatchOptions};
use secret_store_example_axum_service::reload::follow;
use secret_store_example_axum_service::secrets::DATABASE_PASSWORD;
use tokio::task::JoinHandle;

use super::support::{PASSWORD, Service, World};

const NEXT: &str = "canary-password-two";
/// The interval, with its jitter.
const LOOK: Duration = Duration::from_secs(33);

/// The task of the service, at the test's time.
fn following(world: &World, service: &Service) -> JoinHandle<std::convert::Infallible> {
    let options = WatchOptions::default().with_clock(world.clock.clone());
    let Service { secrets, pool, seen, .. } = service;
    tokio::spawn(follow(secrets.clone(), pool.clone(), seen.clone(), options, world.clock.clone()))
}

/// Lets every task do what it can at this time.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

async fn after(world: &World, time: Duration) {
    world.clock.advance(time);
    settle().await;
}

#[tokio::test]
async fn a_rotated_password_is_taken_over_without_a_restart() {
    let world = World::new().await;
    let service = world.service().await;
    let task = following(&world, &service);
    settle().await;
    let in_use = service.pool.lease().expect("a connection");

    world.database.accept(NEXT);
    world.app.put(DATABASE_PASSWORD, NEXT).await.expect("stored");
    settle().await;
    assert_eq!(service.pool.password_version().get(), 1, "nobody has looked yet");
    after(&world, LOOK).await;
    assert_eq!(service.pool.password_version().get(), 2);

    // The old connection is used to its end; nothing new comes under the old password.
    world.database.revoke(PASSWORD);
    assert_eq!(in_use.orders().len(), 2);
    assert_eq!(service.get("/health").await.1, r#"{"draining":1,"password_version":2,"status":"ok"}"#);
    let all = [service.pool.lease(), service.pool.lease(), service.pool.lease()];
    assert!(all.iter().all(Result::is_ok), "new ones are opened under the new password");
    drop(in_use);
    assert_eq!(service.pool.draining(), 0);
    task.abort();
}

/// The store has the new password before the database accepts it.
#[tokio::test]
async fn a_password_that_the_database_refuses_is_tried_again() {
    let world = World::new().await;
    let service = world.service().await;
    let task = following(&world, &service);
    settle().await;
    world.app.put(DATABASE_PASSWORD, NEXT).await.expect("stored");
    after(&world, LOOK).await;
    assert_eq!(service.pool.password_version().get(), 1);
    assert_eq!(service.status("/orders").await, StatusCode::OK, "by the old one");
    world.database.accept(NEXT);
    after(&world, Duration::from_secs(5)).await;
    assert_eq!(service.pool.password_version().get(), 2);
    task.abort();
}

/// While nobody can look, the service goes on with what it has, and takes over what it missed.
#[tokio::test]
async fn an_outage_delays_a_rotation_and_loses_none() {
    let world = World::new().await;
    // The first read; then an outage of one look.
    let (mut store, answers) = (world.answering(1), world.store());
    store.expect_get_with().times(1).returning(|_, _| Err(Error::new(ErrorKind::Unavailable, "the table is away")));
    store.expect_get_with().returning(move |id, options| {
        futures_util::FutureExt::now_or_never(answers.get_with(id, options)).expect("answers at once")
    });
    let sink = Arc::new(PersistenceSink::new(world.audit.clone()));
    let service = world.service_over(Arc::new(store), sink).await;
    let task = following(&world, &service);
    world.database.accept(NEXT);
    world.app.put(DATABASE_PASSWORD, NEXT).await.expect("stored");
    settle().await;
    assert_eq!(service.pool.password_version().get(), 1, "the first look failed");
    // The second one comes after two intervals.
    after(&world, LOOK * 2).await;
    assert_eq!(service.pool.password_version().get(), 2);
    task.abort();
}

#[tokio::test]
async fn a_deleted_password_stays_in_use_until_there_is_another() {
    let world = World::new().await;
    let service = world.service().await;
    let task = following(&world, &service);
    settle().await;
    world.app.delete(DATABASE_PASSWORD).await.expect("deleted");
    after(&world, LOOK).await;
    assert_eq!(service.status("/orders").await, StatusCode::OK);
    world.database.accept(NEXT);
    world.app.put(DATABASE_PASSWORD, NEXT).await.expect("stored");
    after(&world, LOOK).await;
    assert_eq!(service.pool.password_version().get(), 2);
    task.abort();
}
