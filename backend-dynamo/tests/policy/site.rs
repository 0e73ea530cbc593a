//! A table and master keys behind proxies that let pass what a caller's policies allow.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use secret_store_core::{
    ApplicationConfig, ApplicationName, BlindNames, BlindedKeys, Blinding, BlindingKey, Clock, EnvelopeStore,
    EnvelopeStoreBuilder, HistoryRetention, KeyProvider, Legacy, ListQuery, MasterKeyId, Persistence, Precondition,
    Record, RecordKey, SecretId, SecretValue, SettingsUse, SystemClock, TenantId, TenantKeys, Value, Write,
};
use secret_store_dynamo::{
    Connection, DynamoPersistence, KmsKeyProvider, Protection, TableOptions, Timeouts, create_table,
};
use secret_store_dynamo_emulator::{
    Decision, DynamoDbEmulator, Fault, FaultProxy, KeyState, KmsEmulator, Patience, PolicyGate, REGION, Response,
};
use serde_json::json;

use crate::grants::Grants;

pub(crate) const TABLE: &str = "Secrets";
pub(crate) const STORE: &str = "prod";
/// In format 0, in part.
pub(crate) const SHOP: &str = "Shop";
pub(crate) const PAY: &str = "Pay";
/// Of the tenant.
pub(crate) const USERS: &str = "Users";
pub(crate) const TENANT: &str = "acme";
/// Of both tiers.
pub(crate) const APPLICATIONS: [&str; 3] = [SHOP, PAY, USERS];
/// Which holds the keys of organisations.
pub(crate) const SEALING: &str = "Sealing";
/// Whose rights nobody here has.
pub(crate) const OTHER: &str = "Other";
pub(crate) const ALIAS: &str = "alias/main";

const FAR: &str = "us-east-1";

/// The master keys, by what they are for.
#[derive(Clone, Debug)]
pub(crate) struct Keys {
    pub(crate) main: String,
    pub(crate) recovery: String,
    pub(crate) target: String,
    /// In another region.
    pub(crate) far: String,
    /// Which nobody here may use.
    pub(crate) foreign: String,
}

pub(crate) struct Site {
    pub(crate) dynamodb: DynamoDbEmulator,
    kms: KmsEmulator,
    far_kms: KmsEmulator,
    pub(crate) proxy: FaultProxy,
    pub(crate) gate: Arc<PolicyGate>,
    pub(crate) keys: Keys,
    numbers: AtomicUsize,
    applications: Mutex<Vec<&'static str>>,
    /// How programs write names, if not as they are.
    blinding: Option<Blinding>,
}

/// Of the sites whose programs hide names.
pub(crate) fn blinding_key() -> BlindingKey {
    BlindingKey::from_bytes(&[7; 32])
}

impl Site {
    /// With a gate for one caller, who may do nothing yet.
    pub(crate) async fn new(caller: &str) -> Self {
        let (dynamodb, kms, far_kms) = (DynamoDbEmulator::start(), KmsEmulator::start(REGION), KmsEmulator::start(FAR));
        let options = TableOptions::default().with_point_in_time_recovery(Protection::Off);
        create_table(&dynamodb.client(), TABLE, &options, &SystemClock).await.expect("a new table");
        let keys = Keys {
            main: kms.create_key(),
            recovery: kms.create_key(),
            target: kms.create_key(),
            far: far_kms.create_key(),
            foreign: kms.create_key(),
        };
        kms.set_alias(ALIAS, &keys.main);
        let mut gate = PolicyGate::new(caller).with_key_name(ALIAS, &keys.main);
        for key in [&keys.main, &keys.recovery, &keys.target, &keys.far] {
            let id = key.rsplit('/').next().expect("an id");
            gate = gate.with_key_name(id, key);
        }
        let gate = Arc::new(gate);
        let proxy = FaultProxy::of_account(&dynamodb, &[&kms, &far_kms]);
        let asked = Arc::clone(&gate);
        proxy.set_gate(move |request| asked.refusal(request));
        let numbers = AtomicUsize::new(0);
        let applications = Mutex::new(APPLICATIONS.to_vec());
        let blinding = None;
        let site = Self { dynamodb, kms, far_kms, proxy, gate, keys, numbers, applications, blinding };
        site.describe_backups();
        site
    }

    /// The same, with programs that hide names.
    pub(crate) async fn blind(caller: &str, blinding: Blinding) -> Self {
        let site = Self { blinding: Some(blinding.clone()), ..Self::new(caller).await };
        BlindNames::open(Arc::new(site.admin_table()), blinding).await.expect("the first to come");
        site
    }

    /// The same, with programs that begin to hide names.
    pub(crate) fn hiding(self, blinding: Blinding) -> Self {
        Self { blinding: Some(blinding), ..self }
    }

    /// The flows are for these alone from now on.
    pub(crate) fn set_applications(&self, applications: Vec<&'static str>) {
        *self.applications.lock().expect("nobody panics in here") = applications;
    }

    /// What the flows are for.
    pub(crate) fn applications(&self) -> Vec<&'static str> {
        self.applications.lock().expect("nobody panics in here").clone()
    }

    /// Those whose document keys are wrapped by master keys.
    pub(crate) fn applications_under_master_keys(&self) -> Vec<&'static str> {
        self.applications().into_iter().filter(|application| *application != USERS).collect()
    }

    /// The emulator knows no backups: the proxy answers as the service documents it.
    pub(crate) fn describe_backups(&self) {
        self.proxy.fail_operation("DescribeContinuousBackups", backups());
    }

    /// From now on the caller has these rights.
    pub(crate) fn grant(&self, grants: &Grants) {
        self.gate.set_policies(&[&grants.identity.to_string()]).expect("a policy the evaluator knows");
        for (key, policy) in &grants.key_policies {
            self.gate.set_key_policy(key, &policy.to_string()).expect("a key policy the evaluator knows");
        }
        drop(self.gate.take_decisions());
    }

    /// What was decided since the last time.
    pub(crate) fn decisions(&self) -> Vec<Decision> {
        self.gate.take_decisions()
    }

    /// Takes the main master key away, or gives it back.
    pub(crate) fn set_main_key(&self, state: KeyState) {
        self.kms.set_state(&self.keys.main, state);
    }

    /// A name that was not used before.
    pub(crate) fn fresh(&self, application: &str) -> SecretId {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        SecretId::parse(application, &format!("Secret-{number}")).expect("a valid id")
    }

    /// A sort key that was not used before.
    pub(crate) fn fresh_key(&self, partition: &str) -> RecordKey {
        RecordKey::new(partition, format!("record-{}", self.numbers.fetch_add(1, Ordering::Relaxed)))
    }

    /// As the caller: DynamoDB.
    pub(crate) fn client(&self) -> aws_sdk_dynamodb::Client {
        Patience::default().with_attempts(1).dynamodb_client(&self.proxy.url())
    }

    /// As the caller: the table.
    pub(crate) fn table(&self) -> DynamoPersistence {
        DynamoPersistence::new(self.client(), TABLE)
    }

    /// Past the gate: the table.
    pub(crate) fn admin_table(&self) -> DynamoPersistence {
        DynamoPersistence::new(self.dynamodb.client(), TABLE)
    }

    /// As the caller: records as programs have them.
    pub(crate) fn records(&self) -> Arc<dyn Persistence> {
        self.named(self.table())
    }

    /// Past the gate: records as programs have them.
    pub(crate) fn admin_records(&self) -> Arc<dyn Persistence> {
        self.named(self.admin_table())
    }

    fn named(&self, table: DynamoPersistence) -> Arc<dyn Persistence> {
        match &self.blinding {
            Some(blinding) => Arc::new(BlindNames::unchecked(Arc::new(table), blinding.clone())),
            None => Arc::new(table),
        }
    }

    /// As the caller: KMS.
    pub(crate) fn kms_client(&self) -> aws_sdk_kms::Client {
        connection(REGION, self.proxy.url()).kms().expect("a complete connection")
    }

    /// As the caller: KMS in the other region.
    pub(crate) fn far_kms_client(&self) -> aws_sdk_kms::Client {
        connection(FAR, self.proxy.url()).kms().expect("a complete connection")
    }

    /// Past the gate: KMS.
    pub(crate) fn admin_kms(&self) -> aws_sdk_kms::Client {
        connection(REGION, self.kms.url()).kms().expect("a complete connection")
    }

    /// As the caller: every master key.
    pub(crate) async fn provider(&self) -> Arc<dyn KeyProvider> {
        self.provider_over(self.kms_client(), self.far_kms_client()).await
    }

    /// Past the gate: every master key.
    pub(crate) async fn admin_provider(&self) -> Arc<dyn KeyProvider> {
        let far = connection(FAR, self.far_kms.url()).kms().expect("a complete connection");
        self.provider_over(self.admin_kms(), far).await
    }

    async fn provider_over(&self, home: aws_sdk_kms::Client, far: aws_sdk_kms::Client) -> Arc<dyn KeyProvider> {
        let Keys { main, recovery, target, far: far_key, foreign } = &self.keys;
        let builder = KmsKeyProvider::builder(home).client(far);
        let builder = builder.key(main).key(recovery).key(target).key(far_key).key(foreign);
        let provider = Arc::new(builder.build().await.expect("a valid configuration"));
        match &self.blinding {
            Some(blinding) => Arc::new(BlindedKeys::new(provider, blinding.clone())),
            None => provider,
        }
    }

    /// As the caller: tenant keys, new ones under a master key.
    pub(crate) async fn tenant_keys(&self, master_key: &str) -> TenantKeys {
        tenant_keys(self.provider().await, self.records(), master_key)
    }

    /// Past the gate: tenant keys under the main master key.
    pub(crate) async fn admin_tenant_keys(&self) -> TenantKeys {
        tenant_keys(self.admin_provider().await, self.admin_records(), &self.keys.main)
    }

    /// The tenant has no key any more, and what was under it is lost.
    pub(crate) async fn forget_tenant(&self) {
        self.clear_partition(&format!("~k~{TENANT}")).await;
    }

    /// The tenant's keys are under this master key.
    pub(crate) async fn move_tenant(&self, master_key: &str) {
        let keys = self.admin_tenant_keys().await;
        keys.create(&tenant()).await.expect("a tenant");
        for version in keys.versions(&tenant()).await.expect("versions") {
            keys.rewrap_version(&version, &self::master_key(master_key)).await.expect("moved");
        }
    }

    /// An application's main master key was replaced by the target.
    pub(crate) async fn replace_main_key(&self, application: &str) {
        let builder = self.builder(self.admin_provider().await, self.admin_records());
        let store = builder.clock(Arc::new(HurriedClock::default())).build().expect("a complete configuration");
        let (main, target) = (self::master_key(&self.keys.main), self::master_key(&self.keys.target));
        let rotation = store.rotator().rotate_master_key(&main, &target).application(&name(application));
        rotation.run().await.expect("a rotation");
    }

    /// An application without secrets, in which no rotation was begun: a rotation visits everything that there is.
    pub(crate) async fn clear(&self, application: &str) {
        for partition in [application.to_owned(), format!("~h~{application}"), format!("~s~{application}")] {
            self.clear_partition(&partition).await;
        }
    }

    pub(crate) async fn clear_partition(&self, partition: &str) {
        let records = self.admin_records();
        loop {
            let listed = records.list(&ListQuery::new(partition)).await.expect("a list").items;
            if listed.is_empty() {
                return;
            }
            let delete = |(sort, _): &(Arc<str>, _)| {
                Write::delete(RecordKey::new(partition, Arc::clone(sort)), Precondition::Any)
            };
            for some in listed.chunks(100) {
                records.commit(some.iter().map(delete).collect()).await.expect("deletes");
            }
        }
    }

    /// As the caller.
    pub(crate) async fn store(&self) -> EnvelopeStore {
        self.builder(self.provider().await, self.records()).build().expect("a complete configuration")
    }

    /// As the caller, with another master key for what is new, and a clock that lets nobody wait for late writers.
    pub(crate) async fn rotating_to(&self, master_key: &str) -> EnvelopeStore {
        let builder = self.builder(self.provider().await, self.records()).master_key(master_key);
        builder.clock(Arc::new(HurriedClock::default())).build().expect("a complete configuration")
    }

    /// Past the gate, with another master key for what is new.
    pub(crate) async fn admin_under(&self, master_key: &str) -> EnvelopeStore {
        self.admin_builder().await.master_key(master_key).build().expect("a complete configuration")
    }

    /// While no answer to a `PutItem` arrives.
    pub(crate) async fn losing_answers<T>(&self, work: impl Future<Output = T>) -> T {
        self.losing_answers_to("PutItem", work).await
    }

    /// While no answer to an operation arrives.
    pub(crate) async fn losing_answers_to<T>(&self, operation: &str, work: impl Future<Output = T>) -> T {
        self.proxy.fail_operation(operation, Fault::ResetAfter);
        let outcome = work.await;
        self.proxy.heal();
        self.describe_backups();
        outcome
    }

    /// While something beyond the caller's policies denies `BatchGetItem`.
    pub(crate) async fn without_batches<T>(&self, work: impl Future<Output = T>) -> T {
        self.proxy.fail_operation("BatchGetItem", Fault::Denied);
        let outcome = work.await;
        self.proxy.heal();
        self.describe_backups();
        outcome
    }

    /// As the caller, for what a store is to be configured otherwise.
    pub(crate) async fn store_with(&self, config: ApplicationConfig) -> EnvelopeStore {
        let builder = self.builder(self.provider().await, self.records());
        builder.application(name(SHOP), config).build().expect("a complete configuration")
    }

    /// As the caller, with a bounded history.
    pub(crate) async fn store_keeping(&self, retention: HistoryRetention) -> EnvelopeStore {
        let builder = self.builder(self.provider().await, self.records());
        builder.history(retention).build().expect("a complete configuration")
    }

    /// As the caller, with further wraps.
    pub(crate) async fn store_wrapping_also(&self, keys: impl IntoIterator<Item = MasterKeyId>) -> EnvelopeStore {
        let builder = self.builder(self.provider().await, self.records());
        builder.also_wrap_with(keys).build().expect("a complete configuration")
    }

    /// Past the gate, with further wraps.
    pub(crate) async fn admin_wrapping_also(&self, keys: impl IntoIterator<Item = MasterKeyId>) -> EnvelopeStore {
        self.admin_builder().await.also_wrap_with(keys).build().expect("a complete configuration")
    }

    /// Past the gate: somebody who may do everything.
    pub(crate) async fn admin(&self) -> EnvelopeStore {
        self.admin_with(ApplicationConfig::default()).await
    }

    /// Past the gate, for what a store is to be configured otherwise.
    pub(crate) async fn admin_with(&self, config: ApplicationConfig) -> EnvelopeStore {
        let builder = self.admin_builder().await.application(name(SHOP), config);
        builder.build().expect("a complete configuration")
    }

    /// It makes records as they were before a rotation.
    async fn admin_builder(&self) -> EnvelopeStoreBuilder {
        self.builder(self.admin_provider().await, self.admin_records()).settings(SettingsUse::Ignored)
    }

    pub(crate) fn builder(&self, keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> EnvelopeStoreBuilder {
        let main = MasterKeyId::new(self.keys.main.as_str()).expect("valid");
        let all = [&self.keys.main, &self.keys.recovery, &self.keys.target, &self.keys.far];
        let all = || all.into_iter().map(|key| MasterKeyId::new(key.as_str()).expect("valid"));
        let keys = tenant_keys(keys, records.clone(), &self.keys.main);
        let builder = EnvelopeStore::builder(Arc::new(keys), records).store_id(STORE).master_key(main);
        let of_tenant = ApplicationConfig::default().with_tenant(tenant());
        builder.wrap_with(all()).unwrap_with(all()).application(name(USERS), of_tenant)
    }
}

/// Master keys pass through.
fn tenant_keys(keys: Arc<dyn KeyProvider>, records: Arc<dyn Persistence>, master_key: &str) -> TenantKeys {
    let builder = TenantKeys::builder(keys, records).store_id(STORE).master_key(master_key);
    builder.build().expect("a complete configuration")
}

/// Long waits are over at once; short ones, by which answers are given up and requests repeated, are as they are.
#[derive(Debug, Default)]
struct HurriedClock {
    skipped: AtomicU64,
}

#[async_trait::async_trait]
impl Clock for HurriedClock {
    fn now(&self) -> SystemTime {
        SystemClock.now() + Duration::from_secs(self.skipped.load(Ordering::Relaxed))
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic() + Duration::from_secs(self.skipped.load(Ordering::Relaxed))
    }

    async fn sleep(&self, duration: Duration) {
        // Longer than any write may take: the grace period of a rotation.
        if duration > Duration::from_secs(100) {
            self.skipped.fetch_add(duration.as_secs() + 1, Ordering::Relaxed);
        } else {
            SystemClock.sleep(duration).await;
        }
    }
}

fn connection(region: &str, url: String) -> Connection {
    let patient = Duration::from_secs(10);
    let timeouts = Timeouts::default().with_connect(patient).with_read(patient).with_attempt(patient);
    Connection::new(region)
        .with_endpoint(url)
        .with_credentials(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .with_http_client(aws_smithy_http_client::Builder::new().build_http())
        .with_timeouts(timeouts)
        .with_max_attempts(1)
}

fn backups() -> Fault {
    let recovery = json!({ "PointInTimeRecoveryStatus": "ENABLED" });
    Fault::Answer(Response::json(
        200,
        &json!({ "ContinuousBackupsDescription": {
            "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery,
        } }),
    ))
}

pub(crate) fn name(application: &str) -> ApplicationName {
    ApplicationName::new(application).expect("a valid name")
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new(TENANT).expect("a valid id")
}

pub(crate) fn master_key(arn: &str) -> MasterKeyId {
    MasterKeyId::new(arn).expect("a valid id")
}

pub(crate) fn value(text: &str) -> SecretValue {
    SecretValue::new(text.as_bytes())
}

pub(crate) fn record(text: &str) -> Record {
    Record::new().with("Text", Value::from(text))
}

/// For an application that shares its table with the original.
pub(crate) fn legacy(legacy: Legacy) -> ApplicationConfig {
    ApplicationConfig::default().with_legacy(legacy)
}
