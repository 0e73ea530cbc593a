//! The obligations of a persistence, and of a store over it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_conformance::{Options, persistence, store};
use secret_store_core::{EnvelopeStore, MasterKeyId, Persistence, Result, SystemClock};
use secret_store_dynamo::{DynamoPersistence, create_table};
use secret_store_dynamo_emulator::DynamoDbEmulator;
use secret_store_memory::MemoryKeyProvider;

use crate::support::plain;

/// A new table for each case, all of them in one emulator.
#[derive(Clone)]
struct Tables {
    emulator: Arc<DynamoDbEmulator>,
    count: Arc<AtomicUsize>,
}

impl Tables {
    fn new() -> Self {
        Self { emulator: Arc::new(DynamoDbEmulator::start()), count: Arc::default() }
    }

    /// How to open a new table, any number of times.
    async fn create(&self) -> Result<impl Fn() -> DynamoPersistence + Send + Sync + Clone + use<>> {
        let table = format!("Table-{}", self.count.fetch_add(1, Ordering::Relaxed));
        create_table(&self.emulator.client(), &table, &plain(), &SystemClock).await?;
        let emulator = Arc::clone(&self.emulator);
        Ok(move || DynamoPersistence::new(emulator.client(), table.as_str()))
    }

    async fn persistence(&self) -> Result<persistence::Instance> {
        let open = self.create().await?;
        let instance = persistence::Instance::from(open());
        Ok(instance.with_reopen(move || std::future::ready(Ok(open()))))
    }
}

fn options() -> Options {
    Options::default().with_spawn(|task| drop(tokio::spawn(task)))
}

/// Stores over any persistence that share their id and their master keys.
fn stores() -> Result<impl Fn(Arc<dyn Persistence>) -> Result<EnvelopeStore> + Clone> {
    let ids = [MasterKeyId::new("first")?, MasterKeyId::new("second")?];
    let keys = Arc::new(MemoryKeyProvider::new().with_generated(&ids[0])?.with_generated(&ids[1])?);
    Ok(move |records| {
        let builder = EnvelopeStore::builder(Arc::<MemoryKeyProvider>::clone(&keys), records);
        builder.store_id("conformance").master_key("first").build()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_obligation_of_a_persistence() {
    let tables = Tables::new();
    persistence::run_with(|| tables.persistence(), options()).await.assert_complete();
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_obligation_of_a_store() {
    let tables = Tables::new();
    let fresh = || async {
        let (build, open) = (stores()?, tables.create().await?);
        let instance = store::Instance::from(build(Arc::new(open()))?);
        let instance = instance.with_other_master_key(MasterKeyId::new("second")?);
        Ok(instance.with_reopen(move || std::future::ready(build(Arc::new(open())))))
    };
    store::run_with(fresh, options()).await.assert_complete();
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_obligation_of_a_store_in_hostile_hands() {
    let tables = Tables::new();
    let build = stores().expect("the operating system gives random bytes");
    let report =
        store::run_hostile_with(|| tables.persistence(), move |records| std::future::ready(build(records)), options());
    report.await.assert_complete();
}
