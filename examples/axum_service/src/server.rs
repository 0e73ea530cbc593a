//! From a listener to the last answer.

use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, select};
use secret_store_core::{Clock, WatchOptions};
use tokio::net::TcpListener;

use crate::database::Database;
use crate::reload::{follow, open_pool};
use crate::routes::router;
use crate::secrets::Secrets;
use crate::state::AppState;

/// Serves until `shutdown` is ready; then requests that have begun are answered, and the audit log has all of them.
///
/// # Errors
///
/// When the first password cannot be read or is refused, the listener fails, passwords are not followed any more, or the audit log
/// is not complete.
pub async fn serve(
    listener: TcpListener,
    secrets: Secrets,
    database: Arc<Database>,
    watching: WatchOptions,
    clock: Arc<dyn Clock>,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let (pool, seen) = open_pool(&secrets, database).await?;
    let following = tokio::spawn(follow(secrets.clone(), pool.clone(), seen, watching, clock));
    let app = router(AppState { secrets: secrets.clone(), pool });
    let serving = axum::serve(listener, app).with_graceful_shutdown(shutdown).into_future();
    let served = match select(pin!(serving), following).await {
        Either::Left((served, following)) => {
            following.abort();
            served.map_err(Into::into)
        }
        // A service that no longer hears of rotations would fail later, at a time that nobody chose.
        Either::Right((panicked, _)) => panicked.map(|never| match never {}).map_err(Into::into),
    };
    secrets.flush().await?;
    tracing::info!("every request was answered");
    served
}
