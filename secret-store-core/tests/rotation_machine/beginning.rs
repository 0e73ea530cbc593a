//! What is there when a trace begins.

use std::sync::Arc;
use std::time::Duration;

use secret_store_core::SecretStoreExt;

use super::answers::Asked;
use super::invariants::{fine, now};
use super::link::Link;
use super::model::Wish;
use super::plan::tenant;
use super::process::{Configuration, Process};
use super::world::{ProcessId, World};

/// Whoever filled the store is gone when the trace begins.
const OWNER: ProcessId = 99;

/// Some versions of each secret, some deleted.
pub(crate) fn fill(world: &Arc<World>) -> Result<(), String> {
    let link = Link { world: Arc::clone(world), process: OWNER, limit: Duration::from_secs(30), is_quiet: true };
    let process = Process::over(world, OWNER, &Configuration::first(), link);
    if let Some(keys) = &process.tenant_keys {
        fine(now(keys.create(&tenant())), "the tenant's first key")?;
    }
    for id in &world.plan.names {
        let (versions, is_deleted) = world.draw(|chance| (chance.below(4), chance.percent(20)));
        world.model().secrets.get_mut(id).expect("it is one of the trace").at_beginning = versions as u64;
        for number in 1..=versions {
            let value = format!("{}/{number}", id.name());
            let asked = Asked::new(world, OWNER, id, Wish::Put { value: value.clone(), is_copy: false });
            asked.put(&now(process.store.put(id, value.as_str().into())), &[]);
        }
        if versions > 0 && is_deleted {
            let asked = Asked::new(world, OWNER, id, Wish::Delete);
            asked.delete(&now(process.store.delete(id)));
        }
    }
    world.state().violation.take().map_or(Ok(()), Err)
}
