//! What must hold of the records after every commit, seen from outside: nothing here is disturbed, and nothing waits.

use std::fmt::Display;
use std::sync::Arc;

use futures::FutureExt;
use secret_store_core::rotation::{JobState, RotationTarget};
use secret_store_core::{
    Clock, Consistency, EnvelopeStore, KeyProvider, Persistence, ProtectedSecret, RecordKey, SecretId, SecretStoreExt,
    SecretVersion, Stored, TenantKeyState, TenantKeyVersion, TenantKeys,
};

use super::model::{Known, Model};
use super::plan::{Plan, tenant};
use super::process::{Configuration, build};
use super::world::{ProcessId, World};

const CIPHERTEXT: &str = "ProtectedSecretValue";

/// Looks at the records past every wire.
pub(crate) struct Observer {
    pub(crate) store: EnvelopeStore,
    pub(crate) tenant_keys: Option<TenantKeys>,
}

/// What memory answers at once.
pub(crate) fn now<T>(work: impl Future<Output = T>) -> T {
    work.now_or_never().expect("memory waits for nothing")
}

pub(crate) fn fine<T, E: Display>(answer: Result<T, E>, what: impl Display) -> Result<T, String> {
    answer.map_err(|error| format!("{what}: {error}"))
}

pub(crate) fn stored(world: &World, key: &RecordKey) -> Option<Stored> {
    now(world.memory.load(key, Consistency::Strong)).expect("memory answers")
}

pub(crate) fn current(id: &SecretId) -> RecordKey {
    RecordKey::new(id.application().as_str(), id.name().as_str())
}

pub(crate) fn slot(id: &SecretId, version: u64) -> RecordKey {
    RecordKey::new(format!("~h~{}", id.application().as_str()), format!("{}\u{1f}{version:020}", id.name().as_str()))
}

impl Observer {
    pub(crate) fn new(world: &World) -> Self {
        let keys: Arc<dyn KeyProvider> = world.keys.clone();
        let (store, tenant_keys) = build(world, &Configuration::complete(&world.plan), keys, world.memory.clone());
        Self { store, tenant_keys }
    }

    /// Looks at what a commit has changed.
    pub(crate) fn look(&self, world: &World, from: ProcessId, keys: &[RecordKey]) {
        let mut model = world.model();
        model.landed += 1;
        if let Err(violation) = self.look_at_all(world, &mut model, from, keys) {
            drop(model);
            world.violate(|| violation);
        }
    }

    fn look_at_all(&self, world: &World, model: &mut Model, from: ProcessId, keys: &[RecordKey]) -> Result<(), String> {
        let (mut of_secrets, mut of_settings, mut of_job, mut of_tenant) = (false, false, false, false);
        for key in keys {
            match (&**key.partition(), &**key.sort()) {
                (partition, "JOB") if partition.starts_with("~s~") => of_job = true,
                (partition, _) if partition.starts_with("~s~") => of_settings = true,
                (partition, _) if partition.starts_with("~k~") => of_tenant = true,
                _ => of_secrets = true,
            }
        }
        if of_job {
            self.look_at_job(world, model, from)?;
        }
        if of_settings {
            self.look_at_settings(world, model)?;
        }
        if of_tenant {
            self.look_at_tenant()?;
            model.verified.clear();
        }
        let is_rotators = world.plan.is_rotator(from);
        if is_rotators && (of_secrets || of_settings) && !model.may_change_records(from, world.clock.monotonic()) {
            return Err(format!("process {from} changes {keys:?} without the lease"));
        }
        for id in &world.plan.names {
            let is_touched = |key: &RecordKey| {
                let name = key.sort().split('\u{1f}').next();
                name == Some(id.name().as_str())
            };
            if of_tenant || of_secrets && keys.iter().any(is_touched) {
                self.look_at_secret(world, model, id)?;
            }
        }
        Ok(())
    }

    /// Every version there ever was is there and opens, byte for byte.
    pub(crate) fn look_at_secret(&self, world: &World, model: &mut Model, id: &SecretId) -> Result<(), String> {
        let key = current(id);
        let found = stored(world, &key);
        let version = match &found {
            None => None,
            Some(found) => Some(self.open(&world.plan, model, id, &key, found, None)?),
        };
        if version.is_none() {
            model.see_current(id, None)?;
        }
        let earlier: Vec<u64> =
            model.secrets[id].versions.keys().copied().filter(|known| Some(*known) != version).collect();
        for number in earlier {
            let key = slot(id, number);
            let found = stored(world, &key).ok_or_else(|| format!("{id}, version {number} is gone"))?;
            self.open(&world.plan, model, id, &key, &found, Some(number))?;
        }
        Ok(())
    }

    /// Opens what stands at a key, unless that was done before, and answers which version it is.
    fn open(
        &self,
        plan: &Plan,
        model: &mut Model,
        id: &SecretId,
        key: &RecordKey,
        found: &Stored,
        asked: Option<u64>,
    ) -> Result<u64, String> {
        if let Some((revision, version)) = model.verified.get(key)
            && *revision == found.revision
        {
            return Ok(*version);
        }
        let secret = match asked {
            None => now(self.store.get(id)),
            Some(number) => now(self.store.get_version(id, SecretVersion::new(number).expect("not zero"))),
        };
        let secret = fine(secret, format!("{key:?} opens no more"))?;
        let version = secret.info().version.get();
        let value = fine(secret.text(), "a text was stored")?.to_owned();
        let ciphertext = Arc::clone(found.record.bytes(CIPHERTEXT).ok_or("no ciphertext")?);
        let known = Known { value, ciphertext };
        if asked.is_none() {
            model.see_current(id, Some((version, known.clone())))?;
        }
        let first = &model.secrets[id].versions[&version];
        if first.value != known.value {
            return Err(format!("{id}, version {version} was {:?} and is {:?}", first.value, known.value));
        }
        if !plan.re_encrypts() && first.ciphertext != known.ciphertext {
            return Err(format!("{id}, version {version} was changed by a rewrap"));
        }
        check_keys(model, &fine(ProtectedSecret::from_record(id, &found.record), key_text(key))?)?;
        model.verified.insert(key.clone(), (found.revision.clone(), version));
        Ok(version)
    }

    fn look_at_job(&self, world: &World, model: &mut Model, from: ProcessId) -> Result<(), String> {
        let job = now(self.store.rotator().job(&world.plan.application()));
        let job = fine(job, "the job")?.ok_or("the job is gone")?;
        if job.fence <= model.job.fence {
            return Err(format!("the fence was {} and is {}", model.job.fence, job.fence));
        }
        model.job.fence = job.fence;
        let holder = (job.state == JobState::Running).then_some(from);
        let former = std::mem::replace(&mut model.job.holder, holder);
        model.job.former.extend(former.map(|former| (former, world.clock.monotonic())));
        if job.state == JobState::Finished {
            match &job.target {
                RotationTarget::MasterKey { from, .. } => drop(model.retired.insert(from.clone())),
                RotationTarget::TenantKey { from, .. } => {
                    model.retired_version = model.retired_version.max(from.get());
                }
                _ => {}
            }
            // What is there needs the old key no more from this moment on.
            model.verified.clear();
            for id in &world.plan.names {
                self.look_at_secret(world, model, id)?;
            }
        }
        Ok(())
    }

    /// At most one master key took the place of others at any moment, and settings never go back.
    fn look_at_settings(&self, world: &World, model: &mut Model) -> Result<(), String> {
        let settings = fine(now(self.store.settings(&world.plan.application())), "the settings")?;
        if settings.sequence() != model.settings + 1 {
            return Err(format!("settings {} came after {}", settings.sequence(), model.settings));
        }
        model.settings = settings.sequence();
        if settings.tenant() != world.plan.tenant.as_ref() {
            return Err(format!("another tenant is recorded: {settings:?}"));
        }
        let in_use: Vec<_> =
            settings.replaced().map(|(_, to)| to).filter(|to| settings.replacement(to).is_none()).collect();
        if in_use.iter().any(|id| *id != in_use[0]) || in_use.len() != settings.replaced().len() {
            return Err(format!("there is not one master key in use: {settings:?}"));
        }
        if let Some(in_use) = in_use.first() {
            model.retired.remove(*in_use);
        }
        Ok(())
    }

    /// One version of the tenant's key is active, the newest.
    fn look_at_tenant(&self) -> Result<(), String> {
        let Some(keys) = &self.tenant_keys else { return Err("there is no tenant".to_owned()) };
        let versions = fine(now(keys.versions(&tenant())), "the tenant's keys")?;
        let active = fine(now(keys.active_version(&tenant())), "the active version")?;
        let newest = versions.last().filter(|newest| newest.state == TenantKeyState::Enabled);
        if versions.is_empty() && active.is_none() || newest.is_some() && active == newest.map(|newest| newest.version)
        {
            return Ok(());
        }
        Err(format!("version {active:?} is active among {versions:?}"))
    }
}

fn key_text(key: &RecordKey) -> String {
    format!("{key:?}")
}

/// No record needs a key that a finished rotation has left behind, and each has one wrap.
fn check_keys(model: &Model, protected: &ProtectedSecret) -> Result<(), String> {
    let wrapped = protected.wrapped_key();
    let (id, version) = (protected.id(), protected.version());
    if !protected.further_wraps().is_empty() {
        return Err(format!("{id}, version {version} has further wraps"));
    }
    if model.retired.contains(wrapped.master_key_id()) {
        return Err(format!("{id}, version {version} is under {}, which was retired", wrapped.master_key_id()));
    }
    match fine(TenantKeys::version_of(wrapped), "the wrap")?.map(TenantKeyVersion::get) {
        Some(number) if number <= model.retired_version => {
            Err(format!("{id}, version {version} is under version {number} of the tenant's key, which was retired"))
        }
        _ => Ok(()),
    }
}
