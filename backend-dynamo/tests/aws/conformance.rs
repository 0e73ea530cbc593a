//! The obligations of a persistence, of a key provider, and of a store over both.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use secret_store_conformance::{Options, key_provider, persistence, store};
use secret_store_core::{EnvelopeStore, MasterKeyId, Persistence, Result, SystemClock};
use secret_store_dynamo::{DynamoPersistence, KmsKeyProvider, create_table};
use secret_store_dynamo_emulator::{DynamoDbEmulator, FaultProxy, KmsEmulator, Patience, REGION};

use crate::support::{ELSEWHERE, plain};

/// One account behind one endpoint: a new table for each case, and two master keys for all of them, in one region or in two.
#[derive(Clone)]
struct Account(Arc<Parts>);

struct Parts {
    // Stops before what it passes requests on to.
    proxy: FaultProxy,
    _dynamodb: DynamoDbEmulator,
    _kms: [KmsEmulator; 2],
    master_keys: [MasterKeyId; 2],
    tables: AtomicUsize,
}

impl Account {
    fn new() -> Self {
        Self::with_second_key_in(REGION)
    }

    fn with_second_key_in(region: &str) -> Self {
        let (dynamodb, kms) = (DynamoDbEmulator::start(), [REGION, ELSEWHERE].map(KmsEmulator::start));
        let proxy = FaultProxy::of_account(&dynamodb, &[&kms[0], &kms[1]]);
        let key_in = |region| kms.iter().find(|kms| kms.region() == region).expect("one of the two").create_key();
        let master_keys =
            [REGION, region].map(|region| MasterKeyId::new(key_in(region)).expect("an ARN is a valid id"));
        Self(Arc::new(Parts { proxy, _dynamodb: dynamodb, _kms: kms, master_keys, tables: AtomicUsize::new(0) }))
    }

    /// How to open a new table, any number of times.
    async fn create(&self) -> Result<impl Fn() -> DynamoPersistence + Send + Sync + Clone + use<>> {
        // What passed in the cases before is of no interest, and much.
        self.0.proxy.forget();
        let table = format!("Table-{}", self.0.tables.fetch_add(1, Ordering::Relaxed));
        let client = Patience::default().dynamodb_client(&self.0.proxy.url());
        create_table(&client, &table, &plain(), &SystemClock).await?;
        let account = self.clone();
        Ok(move || DynamoPersistence::new(Patience::default().dynamodb_client(&account.0.proxy.url()), table.as_str()))
    }

    async fn persistence(&self) -> Result<persistence::Instance> {
        let open = self.create().await?;
        let instance = persistence::Instance::from(open());
        Ok(instance.with_reopen(move || std::future::ready(Ok(open()))))
    }

    async fn keys(&self) -> Result<KmsKeyProvider> {
        let [first, second] = &self.0.master_keys;
        let client = |region| Patience::default().kms_client(region, &self.0.proxy.url());
        let builder = KmsKeyProvider::builder(client(REGION)).client(client(ELSEWHERE));
        builder.key(first.as_str()).key(second.as_str()).build().await
    }

    /// Under the first key, and under so many further ones.
    async fn store(&self, records: Arc<dyn Persistence>, further: usize) -> Result<EnvelopeStore> {
        let builder = EnvelopeStore::builder(Arc::new(self.keys().await?), records).store_id("conformance");
        let [first, others @ ..] = &self.0.master_keys;
        builder.master_key(first.clone()).also_wrap_with(others.iter().take(further).cloned()).build()
    }
}

fn options() -> Options {
    Options::default().with_spawn(|task| drop(tokio::spawn(task)))
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_obligation_of_a_persistence() {
    let account = Account::new();
    persistence::run_with(|| account.persistence(), options()).await.assert_complete();
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_obligation_of_a_key_provider() {
    let factory = || async {
        let account = Account::new();
        let counted = account.clone();
        let instance = key_provider::Instance::new(account.keys().await?, account.0.master_keys.clone());
        Ok(instance.with_contacts(move || counted.0.proxy.exchanges().len() as u64))
    };
    key_provider::run_with(factory, options().with_attempts(512)).await.assert_complete();
}

async fn store_conformance(account: Account, further: usize) {
    let fresh = || async {
        let open = account.create().await?;
        let instance = store::Instance::from(account.store(Arc::new(open()), further).await?);
        let instance = instance.with_other_master_key(account.0.master_keys[1].clone());
        let account = account.clone();
        Ok(instance.with_reopen(move || {
            let (account, records) = (account.clone(), Arc::new(open()));
            async move { account.store(records, further).await }
        }))
    };
    store::run_with(fresh, options()).await.assert_complete();
}

async fn hostile_conformance(account: Account, further: usize, options: Options) {
    let built = account.clone();
    let build = move |records| {
        let account = built.clone();
        async move { account.store(records, further).await }
    };
    store::run_hostile_with(|| account.persistence(), build, options).await.assert_complete();
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_obligation_of_a_store() {
    store_conformance(Account::new(), 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_obligation_of_a_store_with_wraps_in_two_regions() {
    store_conformance(Account::with_second_key_in(ELSEWHERE), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_obligation_of_a_store_in_hostile_hands() {
    hostile_conformance(Account::new(), 0, options()).await;
}

/// One of two wraps may be altered: the other one opens. All else holds as with one.
#[tokio::test(flavor = "multi_thread")]
async fn keeps_every_obligation_of_a_store_with_wraps_in_two_regions_in_hostile_hands() {
    let options = options().with_redundant_attributes(["ProtectedDocumentKey", "Wraps"]);
    hostile_conformance(Account::with_second_key_in(ELSEWHERE), 1, options).await;
}
