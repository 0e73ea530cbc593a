//! A process: a store with caches of its own, which die with it.

use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{ApplicationConfig, EnvelopeStore, KeyProvider, MasterKeyId, Persistence, TenantKeys};

use super::link::Link;
use super::plan::{MASTER_KEYS, Plan, STORE, tenant};
use super::random::Chance;
use super::world::{ProcessId, World, master};

/// How a process is configured, again after each crash.
#[derive(Clone, Debug)]
pub(crate) struct Configuration {
    master_key: MasterKeyId,
    wrap_with: Vec<MasterKeyId>,
    commit_timeout: Duration,
    caches: usize,
}

impl Configuration {
    /// Before anything was rotated.
    pub(crate) fn first() -> Self {
        Self::of(&master(MASTER_KEYS[0]))
    }

    /// One that everything is open to. New keys of tenants are made under the last master key from the beginning: that comes
    /// before a rotation.
    pub(crate) fn complete(plan: &Plan) -> Self {
        let master_key = if plan.tenant.is_some() { plan.last_master_key() } else { master(MASTER_KEYS[0]) };
        Self {
            master_key,
            wrap_with: MASTER_KEYS.map(master).to_vec(),
            commit_timeout: Duration::from_secs(30),
            caches: 100,
        }
    }

    /// One that knows this key alone, and keeps nothing.
    pub(crate) fn of(key: &MasterKeyId) -> Self {
        let commit_timeout = Duration::from_secs(30);
        Self { master_key: key.clone(), wrap_with: vec![key.clone()], commit_timeout, caches: 0 }
    }

    /// Some know the old key alone, some write under the new one before the rotation begins.
    pub(crate) fn draw(chance: &mut Chance, plan: &Plan) -> Self {
        let mut drawn = Self::complete(plan);
        drawn.commit_timeout = Duration::from_secs(*chance.pick(&[10, 30, 60]));
        drawn.caches = *chance.pick(&[0, 100, 100]);
        match chance.below(6) {
            0 => drawn.wrap_with.truncate(1),
            1 if plan.steps.len() == 1 => drawn.master_key = plan.last_master_key(),
            _ => {}
        }
        drawn
    }

    /// Whether writes of it may be refused once the first key was replaced.
    pub(crate) fn is_left_behind(&self) -> bool {
        self.wrap_with.len() == 1
    }
}

pub(crate) struct Process {
    pub(crate) world: Arc<World>,
    pub(crate) id: ProcessId,
    pub(crate) store: EnvelopeStore,
    pub(crate) tenant_keys: Option<TenantKeys>,
}

impl Process {
    pub(crate) fn start(world: &Arc<World>, id: ProcessId, configuration: &Configuration) -> Self {
        let link = Link { world: Arc::clone(world), process: id, limit: configuration.commit_timeout, is_quiet: false };
        Self::over(world, id, configuration, link)
    }

    pub(crate) fn over(world: &Arc<World>, id: ProcessId, configuration: &Configuration, link: Link) -> Self {
        let link = Arc::new(link);
        let (store, tenant_keys) = build(world, configuration, link.clone(), link);
        Self { world: Arc::clone(world), id, store, tenant_keys }
    }
}

pub(crate) fn build(
    world: &World,
    configuration: &Configuration,
    keys: Arc<dyn KeyProvider>,
    records: Arc<dyn Persistence>,
) -> (EnvelopeStore, Option<TenantKeys>) {
    // Longer than any trace: when a cached key goes is not the seed's to say.
    let day = Duration::from_secs(24 * 60 * 60);
    let tenant_keys = world.plan.tenant.as_ref().map(|_| {
        let builder = TenantKeys::builder(Arc::clone(&keys), Arc::clone(&records)).store_id(STORE);
        let builder = builder
            .master_key(configuration.master_key.clone())
            .clock(world.clock.clone())
            .key_cache(configuration.caches, day);
        builder.build().expect("a valid configuration")
    });
    let keys = tenant_keys.clone().map_or(keys, |keys| Arc::new(keys) as Arc<dyn KeyProvider>);
    let mut application = ApplicationConfig::default();
    if world.plan.tenant.is_some() {
        application = application.with_tenant(tenant());
    }
    let builder = EnvelopeStore::builder(keys, records)
        .store_id(STORE)
        .application(world.plan.application(), application)
        .commit_timeout(configuration.commit_timeout)
        .key_cache(configuration.caches, day)
        .clock(world.clock.clone());
    let builder = if world.plan.tenant.is_some() {
        builder
    } else {
        builder.master_key(configuration.master_key.clone()).wrap_with(configuration.wrap_with.clone())
    };
    (builder.build().expect("a valid configuration"), tenant_keys)
}
