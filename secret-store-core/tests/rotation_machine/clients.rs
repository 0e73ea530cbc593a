//! Readers, writers, deleters and restorers.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join;
use secret_store_core::{
    Clock, Error, ErrorKind, ListOptions, ProtectOptions, Result, SecretId, SecretInfo, SecretStore, SecretStoreExt,
    SecretValue, SecretVersion,
};

use super::answers::Asked;
use super::model::Wish;
use super::process::Process;

/// What a client of a trace does, one after the other.
pub(crate) async fn run(process: Process, is_old: bool, left: &AtomicUsize) {
    let client = Client { process, is_old };
    while left.load(Ordering::SeqCst) > 0 {
        left.fetch_sub(1, Ordering::SeqCst);
        let world = &client.process.world;
        let pause = world.draw(|chance| chance.seconds(60));
        world.clock.sleep(pause).await;
        if world.draw(|chance| chance.percent(15)) {
            join(client.act(), client.act()).await;
        } else {
            client.act().await;
        }
    }
}

struct Client {
    process: Process,
    is_old: bool,
}

impl Client {
    async fn act(&self) {
        let world = &self.process.world;
        let (id, action) = world.draw(|chance| (chance.pick(&world.plan.names).clone(), chance.below(20)));
        match action {
            0..=5 => self.put(&id).await,
            6 | 7 => self.save(&id).await,
            8..=10 => self.delete(&id).await,
            11..=13 => self.restore(&id).await,
            14..=17 => self.get(&id).await,
            18 => self.get_all().await,
            _ => self.history(&id).await,
        }
    }

    fn asks(&self, id: &SecretId, wish: Wish) -> Asked<'_> {
        let mut asked = Asked::new(&self.process.world, self.process.id, id, wish);
        asked.is_left_behind = self.is_old;
        asked
    }

    /// A value that nobody else puts.
    fn value(&self) -> String {
        format!("{}/{}", self.process.id, self.process.world.model().operations.len())
    }

    async fn put(&self, id: &SecretId) {
        let value = self.value();
        let asked = self.asks(id, Wish::Put { value: value.clone(), is_copy: false });
        let answer = self.process.store.put(id, value.as_str().into()).await;
        asked.put(&answer, &[]);
    }

    /// Protects now and stores later.
    async fn save(&self, id: &SecretId) {
        let value = self.value();
        let asked = self.asks(id, Wish::Put { value: value.clone(), is_copy: false });
        let answer = self.protect_and_save(id, value.as_str().into()).await;
        asked.put(&answer, &[ErrorKind::Conflict]);
    }

    async fn protect_and_save(&self, id: &SecretId, value: SecretValue) -> Result<SecretInfo> {
        let (world, store) = (&self.process.world, &self.process.store);
        let protected = store.protect(id, value, ProtectOptions::default()).await?;
        let pause = world.draw(|chance| chance.seconds(150));
        world.clock.sleep(pause).await;
        store.save(&protected).await
    }

    async fn delete(&self, id: &SecretId) {
        let asked = self.asks(id, Wish::Delete);
        asked.delete(&self.process.store.delete(id).await);
    }

    /// Some version that is known to be there, with its value.
    fn some_version(&self, id: &SecretId) -> Option<(SecretVersion, String)> {
        let world = &self.process.world;
        let known: Vec<_> = {
            let model = world.model();
            model.secrets[id].versions.iter().map(|(number, known)| (*number, known.value.clone())).collect()
        };
        if known.is_empty() {
            return None;
        }
        let (number, value) = world.draw(|chance| chance.pick(&known).clone());
        Some((SecretVersion::new(number).expect("not zero"), value))
    }

    async fn restore(&self, id: &SecretId) {
        let Some((version, value)) = self.some_version(id) else { return };
        let asked = self.asks(id, Wish::Put { value, is_copy: true });
        let answer = self.process.store.restore(id, version).await;
        asked.put(&answer, &[]);
    }

    async fn get(&self, id: &SecretId) {
        let earlier = self.some_version(id).filter(|_| self.process.world.draw(|chance| chance.percent(40)));
        let asked = self.asks(id, Wish::Get);
        match earlier {
            None => asked.get(&self.process.store.get(id).await, None),
            Some((version, _)) => {
                asked.get(&self.process.store.get_version(id, version).await, Some(version.get()));
            }
        }
    }

    async fn get_all(&self) {
        let world = &self.process.world;
        let all: Vec<_> = world.plan.names.iter().map(|id| self.asks(id, Wish::Get)).collect();
        match self.process.store.get_all(&world.plan.application()).await {
            Ok(secrets) => {
                let mut secrets: Vec<_> = secrets.into_iter().map(Some).collect();
                for (id, asked) in world.plan.names.iter().zip(all) {
                    let found = secrets.iter_mut().find(|found| found.as_ref().is_some_and(|found| found.id() == id));
                    let answer = found
                        .and_then(Option::take)
                        .ok_or_else(|| Error::new(ErrorKind::NotFound, "it is not among all"));
                    asked.get(&answer, None);
                }
            }
            Err(error) => {
                let mut all = all.into_iter();
                if let Some(first) = all.next() {
                    first.get(&Err(error), None);
                }
            }
        }
    }

    /// A listing says of each version what it is; it opens nothing.
    async fn history(&self, id: &SecretId) {
        let before: Vec<u64> = {
            let model = self.process.world.model();
            let versions = &model.secrets[id].versions;
            let current = model.secrets[id].current.last().and_then(|(_, version)| *version);
            versions.keys().copied().filter(|version| Some(*version) != current).collect()
        };
        let asked = self.asks(id, Wish::Get);
        match self.process.store.history_with(id, ListOptions::default()).await {
            Ok(page) => asked.history(&page, &before),
            Err(error) => asked.get(&Err(error), None),
        }
    }
}
