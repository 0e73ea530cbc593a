//! What must hold when everybody has done: nothing is left under an old key, and whoever knows the new one alone reads all.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use secret_store_core::rotation::{Census, JobState};
use secret_store_core::{Clock, EnvelopeStore, ProtectedSecret, SecretId, SecretStoreExt, SecretVersion, TenantKeys};

use super::invariants::{current, fine, now, slot, stored};
use super::master_keys::MasterKeys;
use super::plan::{Step, tenant};
use super::process::{Configuration, build};
use super::world::World;

pub(crate) fn check(world: &Arc<World>) -> Result<(), String> {
    let application = world.plan.application();
    // What is on the wire still lands.
    world.advance_to(world.clock.after(Duration::from_secs(120)));
    if let Some(violation) = world.state().violation.take() {
        return Err(violation);
    }
    let job = fine(now(world.observer().store.rotator().job(&application)), "the job")?.ok_or("there is no job")?;
    if job.state != JobState::Finished {
        return Err(format!("the job has not ended: {job:?}"));
    }
    check_census(world)?;
    check_values(world)?;
    check_keys(world)?;
    check_retirement(world)
}

fn tenant_keys(world: &World) -> Result<&TenantKeys, String> {
    world.observer().tenant_keys.as_ref().ok_or_else(|| "there is no tenant".to_owned())
}

/// Nothing is left to do, and nothing is neither.
fn check_census(world: &World) -> Result<(), String> {
    let store = &world.observer().store;
    let last = world.plan.steps.last().ok_or("a plan has steps")?;
    let application = world.plan.application();
    let census: Census = match last {
        Step::Master { from, to } => {
            now(store.rotator().rotate_master_key(from, to).application(&application).dry_run())
        }
        Step::Documents(id) => now(store.rotator().rotate_document_keys(*id).application(&application).dry_run()),
        Step::Tenant { from } => {
            now(store.rotator().rotate_tenant_key(tenant_keys(world)?, &tenant(), *from).dry_run())
        }
        Step::TenantTier { .. } => return Err("no plan ends so".to_owned()),
    }
    .map_err(|error| format!("the census: {error}"))?;
    let of_written_later = matches!(last, Step::Documents(_));
    for found in &census.applications {
        if !found.neither.is_empty() || (found.original > 0 && !of_written_later) {
            return Err(format!("after the end there is work to do: {found:?}"));
        }
    }
    Ok(())
}

/// A store without caches whose configuration knows nothing but the last key opens every version there ever was.
fn check_values(world: &World) -> Result<(), String> {
    let last = world.plan.last_master_key();
    let keys = Arc::new(MasterKeys(vec![last.clone()]));
    let configuration = Configuration::of(&last);
    let (reader, _) = build(world, &configuration, keys, world.memory.clone());
    let model = world.model();
    for (id, history) in &model.secrets {
        for (number, known) in &history.versions {
            let secret = now(reader.get_version(id, SecretVersion::new(*number).expect("not zero")));
            let secret = fine(secret, format!("{id}, version {number}, by the last key alone"))?;
            if secret.expose_secret() != known.value.as_bytes() {
                return Err(format!("{id}, version {number} is not {:?}", known.value));
            }
        }
        let last = history.current.last().and_then(|(_, version)| *version);
        check_current(&reader, id, last)?;
    }
    Ok(())
}

fn check_current(reader: &EnvelopeStore, id: &SecretId, last: Option<u64>) -> Result<(), String> {
    let found = now(reader.get(id)).ok().map(|secret| secret.info().version.get());
    if found == last { Ok(()) } else { Err(format!("{id} is at version {found:?} and was at {last:?}")) }
}

/// One master key is named, and where values were sealed anew no old ciphertext is left.
fn check_keys(world: &World) -> Result<(), String> {
    let model = world.model();
    let mut named = BTreeSet::new();
    for (id, history) in &model.secrets {
        let is_current = history.current.last().and_then(|(_, version)| *version);
        for (number, known) in &history.versions {
            let key = if is_current == Some(*number) { current(id) } else { slot(id, *number) };
            let found = stored(world, &key).ok_or_else(|| format!("{key:?} is gone"))?;
            let protected = fine(ProtectedSecret::from_record(id, &found.record), "a record")?;
            named.insert(protected.wrapped_key().master_key_id().clone());
            let is_old = found.record.bytes("ProtectedSecretValue") == Some(&known.ciphertext);
            if is_old && world.plan.re_encrypts() && *number <= history.at_beginning {
                return Err(format!("{key:?} was not sealed anew"));
            }
        }
    }
    if let Some(keys) = &world.observer().tenant_keys {
        let versions = fine(now(keys.versions(&tenant())), "the tenant's keys")?;
        let is_under = |id| Some(world.plan.last_master_key()) == id;
        if !versions.iter().all(|version| is_under(version.master_key_id.clone())) {
            return Err(format!("not all keys of the tenant are under the last master key: {versions:?}"));
        }
    }
    if named.len() <= 1 { Ok(()) } else { Err(format!("several keys are in use: {named:?}")) }
}

/// The library itself says so.
fn check_retirement(world: &World) -> Result<(), String> {
    let rotator = world.observer().store.rotator();
    let check = match world.plan.steps.last() {
        Some(Step::Master { from, .. }) => rotator.check_retirement(from).application(&world.plan.application()),
        Some(Step::Tenant { from }) => rotator.check_tenant_key_retirement(tenant_keys(world)?, &tenant(), *from),
        _ => return Ok(()),
    };
    let mut running = pin!(check.run());
    for _ in 0..3 {
        if let Poll::Ready(answer) = running.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            let answer = fine(answer, "the check of the retirement")?;
            return if answer.is_proven() { Ok(()) } else { Err(format!("not proven: {answer:?}")) };
        }
        world.advance_to(world.clock.monotonic() + Duration::from_secs(300));
    }
    Err("the check of the retirement has no end".to_owned())
}
