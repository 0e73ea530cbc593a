//! A cache of clear values: while it keeps one that is found, and when it has let go of it nothing is, whatever made it let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::{
    CacheOptions, CachedStore, Clock, EnvelopeStore, Result, SecretCache, SecretStoreExt, SecretValue,
};

use super::super::Expect::{Absent, Held, Present};
use super::{Scene, id};

/// As short as a value that is no canary.
const SHORT: &str = "short";

/// A clock that the scene moves.
#[derive(Debug, Default)]
struct SceneClock(AtomicU64);

#[async_trait]
impl Clock for SceneClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_secs(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, _: Duration) {}
}

/// How a cache lets go of a value.
const ENDS: [&str; 7] = ["evicted", "replaced", "deleted", "purged", "purged-with-all", "swept", "closed"];

impl Scene {
    pub(super) fn cache(&self) -> Result<()> {
        for end in ENDS {
            self.cache_until(end)?;
        }
        self.hand_out()
    }

    fn scan_values(&self, name: &str, values: super::super::Expect) {
        self.store.purge_keys();
        self.canaries.scan(name, [values, Absent, Held]);
    }

    /// Another process writes, the cache reads; the write leaves nothing, so that what is found is the cache's.
    fn filled(&self, name: &str, cache: &SecretCache) -> Result<CachedStore<EnvelopeStore>> {
        let cached = CachedStore::sharing(self.store.clone(), cache);
        block_on(self.store.put(&id(name)?, self.canaries.value(1024)))?;
        drop(block_on(cached.get(&id(name)?))?);
        Ok(cached)
    }

    fn cache_until(&self, end: &str) -> Result<()> {
        let clock = Arc::new(SceneClock::default());
        let cache = SecretCache::new(&CacheOptions::default().with_capacity(1).with_clock(clock.clone()));
        let name = format!("cached-until-{end}");
        let (cached, secret) = (self.filled(&name, &cache)?, id(&name)?);
        self.scan_values(&format!("{name}-control"), Present);
        match end {
            "evicted" => self.push_out(&cached)?,
            "replaced" => drop(block_on(cached.put(&secret, SHORT.into()))?),
            "deleted" => block_on(cached.delete(&secret))?,
            "purged" => cached.purge(&secret),
            "purged-with-all" => cache.purge(),
            "swept" => {
                clock.0.store(3600, Ordering::SeqCst);
                cache.sweep();
            }
            _ => {}
        }
        // "closed": the room stays, its only store goes.
        let kept = (end != "closed").then_some(cached);
        self.scan_values(&name, Absent);
        drop((kept, cache));
        Ok(())
    }

    /// Reads others until there is no room.
    fn push_out(&self, cached: &CachedStore<EnvelopeStore>) -> Result<()> {
        for other in 0..4 {
            let other = id(format_args!("pushes-out-{other}"))?;
            block_on(self.store.put(&other, SecretValue::from(SHORT)))?;
            drop(block_on(cached.get(&other))?);
        }
        assert!(cached.metrics().evictions > 0, "{:?}", cached.metrics());
        Ok(())
    }

    /// Who was handed a value has it until they drop it, however often the cache is purged.
    fn hand_out(&self) -> Result<()> {
        let cache = SecretCache::new(&CacheOptions::default());
        let cached = self.filled("handed-out", &cache)?;
        let secrets = [block_on(cached.get(&id("handed-out")?))?, block_on(cached.get(&id("handed-out")?))?];
        cache.purge();
        self.scan_values("handed-out-and-purged", Present);
        drop(secrets);
        self.scan_values("handed-out-and-dropped", Absent);
        Ok(())
    }
}
