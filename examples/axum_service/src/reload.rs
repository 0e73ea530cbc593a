//! Takes over the database's password when it is rotated.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use secret_store_core::{
    Change, Clock, GetOptions, Result, SecretId, SecretInfo, SecretStore, SecretStoreExt, WatchOptions,
};

use crate::database::{Database, Pool};
use crate::secrets::Secrets;

/// How soon a password that could not be taken over is tried again.
const RETRY: Duration = Duration::from_secs(5);

/// A pool under the password that is there now.
///
/// # Errors
///
/// As a read. A service that cannot begin says so and ends: whoever runs it tries again.
pub async fn open_pool(secrets: &Secrets, database: Arc<Database>) -> Result<(Arc<Pool>, SecretInfo)> {
    let id = secrets.database_password()?;
    let password = secrets.of_service().get(&id).await?;
    let info = password.info().clone();
    let refused = |_| secret_store_core::Error::invalid_input("the database refuses the password: store the right one");
    Ok((Arc::new(Pool::open(database, password).map_err(refused)?), info))
}

/// Follows the password for as long as the service runs; `seen` is the one that the pool has already. Never returns, and may be
/// dropped at any time.
pub async fn follow(
    secrets: Secrets,
    pool: Arc<Pool>,
    seen: SecretInfo,
    options: WatchOptions,
    clock: Arc<dyn Clock>,
) -> std::convert::Infallible {
    let mut watch = secrets.watch(seen.id.clone(), options).seen([&seen]);
    // A version that the pool does not have yet: the database may accept it a moment later than the store has it.
    let mut wanted: Option<SecretInfo> = None;
    loop {
        let changed = std::pin::pin!(watch.changed());
        let change = match &wanted {
            None => Some(changed.await),
            Some(_) => match select(changed, clock.sleep(RETRY)).await {
                Either::Left((change, _)) => Some(change),
                Either::Right(_) => None,
            },
        };
        match change {
            Some(Ok(Change::Set(info))) => wanted = Some(info),
            // Connections that are open stay so. Whoever deletes a password that is in use wants to hear of it.
            Some(Ok(gone)) => {
                wanted = None;
                tracing::warn!(secret = %gone.id(), "the password was deleted: the last one stays in use");
            }
            Some(Err(error)) => tracing::warn!(kind = ?error.kind(), %error, "the password cannot be watched now"),
            None => {}
        }
        if let Some(info) = &wanted
            && take_over(&secrets, &pool, info).await
        {
            wanted = None;
        }
    }
}

/// Whether the pool has the new password now.
async fn take_over(secrets: &Secrets, pool: &Pool, info: &SecretInfo) -> bool {
    let SecretInfo { id, version, .. } = info;
    match read(secrets, id, info).await.map(|password| pool.take_over(password)) {
        Ok(Ok(())) => {
            tracing::info!(secret = %id, %version, "a rotated password was taken over");
            return true;
        }
        Ok(Err(_)) => tracing::warn!(secret = %id, %version, "the database refuses the new password as yet"),
        Err(error) => tracing::warn!(kind = ?error.kind(), %error, "the new password cannot be read now"),
    }
    false
}

/// Not older than what was announced, wherever the answer comes from.
async fn read(secrets: &Secrets, id: &SecretId, info: &SecretInfo) -> Result<secret_store_core::Secret> {
    secrets.of_service().get_with(id, GetOptions::default().with_minimum_version(info.version)).await
}
