//! Keys change over KMS and DynamoDB: what is sent for it, what is not, and under faults.

use std::sync::Arc;

use secret_store_conformance::rotation::{self, Instance};
use secret_store_conformance::{IdleTime, Options};
use secret_store_core::rotation::{JobState, ReencryptionId, Rotation};
use secret_store_core::{
    ApplicationConfig, ApplicationName, EnvelopeStore, MasterKeyId, SecretStoreExt, SecretVersion, SystemClock,
    TenantId, TenantKeyVersion, TenantKeys,
};
use secret_store_dynamo::{DynamoPersistence, KmsKeyProvider, create_table};
use secret_store_dynamo_emulator::{DynamoDbEmulator, Exchange, FaultProxy, KeyState, KmsEmulator, Patience, REGION};

use crate::canaries::leaks;
use crate::persistence_faults::{FAULTS, patience};
use crate::support::{APPLICATION, TABLE, Table, id, plain};

const VALUES: [&str; 3] = [
    "the first value, which nothing else contains",
    "the second value, which nothing else contains",
    "the third value, which nothing else contains",
];
/// Three versions of one secret, one of another.
const RECORDS: usize = 4;

/// The account of the other tests, a second master key in its region, and time that passes while nothing is under way.
struct Account {
    table: Table,
    new: MasterKeyId,
    time: IdleTime,
}

impl Account {
    async fn new() -> Self {
        let table = Table::new().await;
        let new = MasterKeyId::new(table.kms.create_key()).expect("an ARN is a valid id");
        Self { table, new, time: IdleTime::new() }
    }

    fn old(&self) -> &MasterKeyId {
        &self.table.master_key
    }

    fn application() -> ApplicationName {
        ApplicationName::new(APPLICATION).expect("valid")
    }

    async fn keys(&self, ids: &[&MasterKeyId], patience: Patience) -> KmsKeyProvider {
        let builder = KmsKeyProvider::builder(patience.kms_client(REGION, &self.table.proxy.url()));
        let builder = ids.iter().fold(builder, |builder, id| builder.key(id.as_str()));
        builder.build().await.expect("a valid configuration")
    }

    /// A store with both keys, through the proxy.
    async fn store(&self, patience: Patience) -> EnvelopeStore {
        let keys = self.time.keys(self.keys(&[self.old(), &self.new], patience).await);
        let records = self.time.records(self.table.proxied(patience));
        let builder = EnvelopeStore::builder(keys, records).store_id("test").master_key(self.old());
        let builder = builder.wrap_with([self.old().clone(), self.new.clone()]).clock(self.time.clock());
        builder.application(Self::application(), ApplicationConfig::default()).build().expect("complete")
    }

    /// Tenant keys, new versions of which are under a master key, and a store in their tier.
    async fn tenant_store(&self, master: &MasterKeyId) -> (TenantKeys, EnvelopeStore) {
        let keys = self.time.keys(self.keys(&[self.old(), &self.new], Patience::default()).await);
        let records = self.time.records(self.table.proxied(Patience::default()));
        let keys = TenantKeys::builder(keys, Arc::clone(&records)).store_id("test").master_key(master);
        let keys = keys.clock(self.time.clock()).build().expect("complete");
        let builder = EnvelopeStore::builder(Arc::new(keys.clone()), records).store_id("test").clock(self.time.clock());
        let owned = ApplicationConfig::default().with_tenant(acme());
        (keys, builder.application(Self::application(), owned).build().expect("complete"))
    }

    async fn fill(&self, store: &EnvelopeStore) {
        self.time
            .run(async {
                for text in VALUES {
                    store.put(&id("MainDb"), text.into()).await.expect("a put");
                }
                store.put(&id("ApiKey"), VALUES[0].into()).await.expect("a put");
            })
            .await;
    }

    /// Everything opens by a store as it is; keys that it has ready are forgotten.
    async fn assert_opens(&self, store: &EnvelopeStore) {
        store.purge_keys();
        self.time
            .run(async {
                for (number, text) in (1..).zip(VALUES) {
                    let version = SecretVersion::new(number).expect("not zero");
                    let secret = store.get_version(&id("MainDb"), version).await.expect("opens");
                    assert_eq!(secret.text().expect("text"), text);
                }
                assert_eq!(store.get(&id("ApiKey")).await.expect("opens").text().expect("text"), VALUES[0]);
            })
            .await;
    }

    fn rotation(&self, store: &EnvelopeStore) -> Rotation {
        store.rotator().rotate_master_key(self.old(), &self.new)
    }
}

fn acme() -> TenantId {
    TenantId::new("acme").expect("valid")
}

fn count(exchanges: &[Exchange], operation: &str) -> usize {
    exchanges.iter().filter(|exchange| exchange.request.operation() == operation).count()
}

/// How often a record of a secret was written.
fn writes_of_secrets(exchanges: &[Exchange]) -> usize {
    let is_of_secret = |exchange: &&Exchange| {
        let request = exchange.request.json();
        let partition = request["Item"]["ApplicationName"]["S"].as_str();
        partition.is_some_and(|name| !name.starts_with("~s~") && !name.starts_with("~k~"))
    };
    exchanges.iter().filter(|exchange| exchange.request.operation() == "PutItem").filter(is_of_secret).count()
}

/// The published suite: a new table and two new keys for each case; the old key is disabled in KMS at the end.
#[tokio::test(flavor = "multi_thread")]
async fn rotation_keeps_its_promises_over_kms_and_dynamodb() {
    let factory = || async {
        let (dynamodb, kms) = (DynamoDbEmulator::start(), Arc::new(KmsEmulator::start(REGION)));
        let proxy = FaultProxy::of_account(&dynamodb, &[&*kms]);
        let client = Patience::default().dynamodb_client(&proxy.url());
        create_table(&client, TABLE, &plain(), &SystemClock).await?;
        let (old, new) = (kms.create_key(), kms.create_key());
        let builder = || KmsKeyProvider::builder(Patience::default().kms_client(REGION, &kms.url())).key(&new);
        let (both, remaining) = (builder().key(&old).build().await?, builder().build().await?);
        let ids = [MasterKeyId::new(old.as_str())?, MasterKeyId::new(new.as_str())?];
        let instance = Instance::new(DynamoPersistence::new(client, TABLE), both, ids, remaining);
        let disabling = Arc::clone(&kms);
        let instance = instance.with_taking_away(move || {
            disabling.set_state(&old, KeyState::Disabled);
            std::future::ready(Ok(()))
        });
        Ok(instance.keeping((proxy, dynamodb, kms)))
    };
    rotation::run_with(factory, Options::default().with_timeout(std::time::Duration::from_secs(600)))
        .await
        .assert_complete();
}

/// One request to KMS and one write for each record; no key is decrypted, and none in clear is sent or answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_key_moves_inside_kms_by_one_request_a_record() {
    let account = Account::new().await;
    let store = account.store(Patience::default()).await;
    account.fill(&store).await;
    account.table.proxy.forget();
    let report = account.time.run(account.rotation(&store).run()).await.expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (RECORDS as u64, true));
    let exchanges = account.table.proxy.take_exchanges();
    assert_eq!((count(&exchanges, "ReEncrypt"), writes_of_secrets(&exchanges)), (RECORDS, RECORDS));
    // The probe of the new key alone; its key is never stored.
    assert_eq!((count(&exchanges, "GenerateDataKey"), count(&exchanges, "Decrypt")), (1, 1));
    // What is created is a transaction: the job and the settings, and no record of a secret.
    assert_eq!((count(&exchanges, "Encrypt"), count(&exchanges, "TransactWriteItems")), (0, 2));
    assert_eq!(leaks(&exchanges, &VALUES), Vec::<String>::new());
    for exchange in exchanges.iter().filter(|exchange| exchange.request.operation() == "ReEncrypt") {
        let request = exchange.request.json();
        assert_eq!(request["SourceKeyId"], account.old().as_str());
        assert_eq!(request["DestinationKeyId"], account.new.as_str());
        assert_eq!(request["SourceEncryptionContext"], request["DestinationEncryptionContext"]);
    }
    // Again: nothing is left but to look, and to try the key.
    account.time.run(account.rotation(&store).run()).await.expect("rotated");
    let exchanges = account.table.proxy.take_exchanges();
    assert_eq!((count(&exchanges, "ReEncrypt"), writes_of_secrets(&exchanges)), (0, 0));
    // Without the old key.
    account.table.kms.set_state(account.old().as_str(), KeyState::Disabled);
    account.assert_opens(&store).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_and_a_check_ask_kms_for_nothing_and_write_nothing() {
    let account = Account::new().await;
    let store = account.store(Patience::default()).await;
    account.fill(&store).await;
    account.table.proxy.forget();
    let census = account.time.run(account.rotation(&store).dry_run()).await.expect("counted");
    assert_eq!(census.original(), RECORDS as u64);
    let check = account.time.run(store.rotator().check_retirement(account.old()).run()).await.expect("checked");
    assert!(!check.is_proven());
    let operations = account.table.proxy.take_operations();
    assert!(operations.iter().all(|operation| operation == "Query" || operation == "GetItem"), "{operations:?}");
    assert!(operations.iter().any(|operation| operation == "Query"));
}

/// A tenant's key moves secrets without KMS; a master key beneath it moves by one request for each version.
#[tokio::test(flavor = "multi_thread")]
async fn the_tenant_tier_costs_kms_one_request_a_version() {
    let account = Account::new().await;
    let (keys, store) = account.tenant_store(account.old()).await;
    account.fill(&store).await;
    account.table.proxy.forget();
    let rotation = store.rotator().rotate_tenant_key(&keys, &acme(), TenantKeyVersion::FIRST);
    let report = account.time.run(rotation.run()).await.expect("rotated");
    assert_eq!((report.changed(), report.is_complete()), (RECORDS as u64, true));
    let exchanges = account.table.proxy.take_exchanges();
    assert_eq!((count(&exchanges, "GenerateDataKey"), count(&exchanges, "ReEncrypt")), (1, 0), "the new version");
    assert_eq!((count(&exchanges, "Decrypt"), count(&exchanges, "Encrypt")), (0, 0));
    assert_eq!(writes_of_secrets(&exchanges), RECORDS);
    assert_eq!(leaks(&exchanges, &VALUES), Vec::<String>::new());

    let (keys, _) = account.tenant_store(&account.new).await;
    account.table.proxy.forget();
    let moving = store.rotator().rotate_master_key_of_tenants(&keys, account.old(), &account.new);
    let report = account.time.run(moving.tenants([acme()]).run()).await.expect("moved");
    assert_eq!((report.changed, report.is_complete()), (2, true));
    let exchanges = account.table.proxy.take_exchanges();
    assert_eq!((count(&exchanges, "ReEncrypt"), writes_of_secrets(&exchanges)), (2, 0));
    assert_eq!((count(&exchanges, "GenerateDataKey"), count(&exchanges, "Decrypt")), (1, 1), "the probe");
    assert_eq!(leaks(&exchanges, &VALUES), Vec::<String>::new());
    account.table.kms.set_state(account.old().as_str(), KeyState::Disabled);
    let (_, reader) = account.tenant_store(&account.new).await;
    account.assert_opens(&reader).await;
}

/// Every value is opened and sealed: two requests to KMS for each, and no value on the wire.
#[tokio::test(flavor = "multi_thread")]
async fn document_keys_are_two_requests_a_record() {
    let account = Account::new().await;
    let store = account.store(Patience::default()).await;
    account.fill(&store).await;
    store.purge_keys();
    account.table.proxy.forget();
    let id = ReencryptionId::generate().expect("random");
    let report = account.time.run(store.rotator().rotate_document_keys(id).run()).await.expect("sealed anew");
    assert_eq!((report.changed(), report.is_complete()), (RECORDS as u64, true));
    let exchanges = account.table.proxy.take_exchanges();
    assert_eq!((count(&exchanges, "Decrypt"), count(&exchanges, "GenerateDataKey")), (RECORDS, RECORDS));
    assert_eq!(writes_of_secrets(&exchanges), RECORDS);
    assert_eq!(leaks(&exchanges, &VALUES), Vec::<String>::new());
    account.assert_opens(&store).await;
}

/// One request goes wrong, a different one for each fault: the rotation gets round it, or is run again and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_under_every_fault_once() {
    for (number, fault) in FAULTS.into_iter().enumerate() {
        let account = Account::new().await;
        let sound = account.store(Patience::default()).await;
        account.fill(&sound).await;
        let ailing = account.store(patience(&fault, Patience::default().with_attempts(1))).await;
        account.table.proxy.forget();
        account.table.proxy.fail_call(3 + number, &fault);
        let outcome = account.time.run(account.rotation(&ailing).run()).await;
        let requests = account.table.proxy.take_exchanges();
        assert!(requests.len() > 3 + number, "{fault:?}: it happened");
        assert_eq!(leaks(&requests, &VALUES), Vec::<String>::new(), "{fault:?}");
        account.table.proxy.heal();
        account.assert_opens(&sound).await;
        let report = account.time.run(account.rotation(&sound).run()).await;
        let report = report.unwrap_or_else(|error| panic!("{fault:?}, {outcome:?}, then: {error}"));
        assert!(report.is_complete(), "{fault:?}: {report:?}");
        let job = account.time.run(sound.rotator().job(&Account::application())).await.expect("read").expect("there");
        assert_eq!(job.state, JobState::Finished);
        account.table.kms.set_state(account.old().as_str(), KeyState::Disabled);
        account.assert_opens(&sound).await;
    }
}
