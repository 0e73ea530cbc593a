//! Master keys outside the allow-list are never called, whatever the table says.

use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::types::AttributeValue;
use secret_store_core::{
    ApplicationConfig, ApplicationName, EncryptionContext, EnvelopeStore, ErrorKind, KeyProvider, Legacy, MasterKeyId,
    SecretId, SecretStoreExt, SecretVersion, StoreId,
};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo_emulator::{Patience, REGION, Service};

use crate::support::{APPLICATION, ELSEWHERE, Item, Table, id, text, value};

/// A table with two versions of a secret, and master keys that exist, that work, and that nobody may call: one beside the
/// right one and one in another region of the same endpoint.
struct Account {
    table: Table,
    near_key: String,
    far_key: String,
    /// The first version, which is history, and the second, as they were written.
    items: [Item; 2],
    /// The KMS requests that named one of the two keys.
    named: Arc<Mutex<Vec<String>>>,
}

impl Account {
    async fn new() -> Self {
        let table = Table::new().await;
        let (near_key, far_key) = (table.kms.create_key(), table.far.create_key());
        let store = table.direct_store().await;
        for version in ["first", "second"] {
            store.put(&id("MainDb"), value(version)).await.expect("a put");
        }
        let first = table.raw(&format!("~h~{APPLICATION}"), &format!("MainDb\u{1f}{:020}", 1)).await;
        let items = [first.expect("there"), table.raw(APPLICATION, "MainDb").await.expect("there")];
        let account = Self { table, near_key, far_key, items, named: Arc::default() };
        account.watch();
        account
    }

    /// Every request to KMS, also one that a later look at what was recorded would miss.
    fn watch(&self) {
        let ids = [&self.near_key, &self.far_key].map(|arn| arn.rsplit('/').next().expect("an id").to_owned());
        let named = Arc::clone(&self.named);
        self.table.proxy.set_gate(move |request| {
            let body = String::from_utf8_lossy(&request.body);
            let forbidden = ids.iter().any(|id| body.contains(id)) || request.region() == Some(ELSEWHERE);
            if request.service() == Some(Service::Kms) && forbidden {
                named.lock().unwrap_or_else(PoisonError::into_inner).push(request.action());
            }
            None
        });
    }

    fn take_named(&self) -> Vec<String> {
        std::mem::take(&mut *self.named.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A wrap that this key really made, for the very place it will stand at.
    async fn wrap(&self, region: &str, arn: &str, version: u64, legacy: bool) -> Vec<u8> {
        let url = if region == REGION { self.table.kms.url() } else { self.table.far.url() };
        let keys = KmsKeyProvider::builder(Patience::default().kms_client(region, &url)).key(arn).build().await;
        let store = StoreId::new("test").expect("valid");
        let version = SecretVersion::new(version).expect("not zero");
        let context = match legacy {
            true => EncryptionContext::legacy(),
            false => EncryptionContext::document_key(&store, &id("MainDb"), version),
        };
        let key = MasterKeyId::new(arn).expect("valid");
        let generated = keys.expect("a valid configuration").generate_key(&key, &context).await.expect("generated");
        generated.wrapped.as_bytes().to_vec()
    }

    /// The record of a version, which names this master key and has this wrap.
    async fn forge(&self, version: u64, master_key: &str, wrap: Vec<u8>, legacy: bool) {
        let mut item = self.items[usize::try_from(version).expect("small") - 1].clone();
        item.insert("MasterKeyId".to_owned(), text(master_key));
        item.insert("ProtectedDocumentKey".to_owned(), AttributeValue::B(wrap.into()));
        if legacy {
            item.retain(|name, _| !["Version", "CreatedAt", "~rev"].contains(&name.as_str()));
            item.insert("InitialisationVector".to_owned(), AttributeValue::B(vec![1; 16].into()));
            item.insert("ProtectedSecretValue".to_owned(), AttributeValue::B(vec![2; 32].into()));
        }
        self.table.put_raw(item).await;
    }

    async fn store(&self) -> EnvelopeStore {
        let keys = self.table.proxied_keys(Patience::default()).await;
        let builder = self.table.builder(keys, self.table.proxied(Patience::default()));
        let application = ApplicationName::new(APPLICATION).expect("valid");
        let config = ApplicationConfig::default().with_legacy(Legacy::Read);
        builder.application(application, config).build().expect("a complete configuration")
    }

    /// Two versions that all of these keys really wrapped, the first of them first.
    async fn write_under(&self, id: &SecretId, keys: [&str; 3]) {
        let client = |region, url: &str| Patience::default().kms_client(region, url);
        let builder = KmsKeyProvider::builder(client(REGION, &self.table.kms.url()));
        let builder = builder.client(client(ELSEWHERE, &self.table.far.url()));
        let provider = keys.iter().fold(builder, |builder, key| builder.key(*key)).build().await.expect("valid");
        let [first, further @ ..] = keys.map(|key| MasterKeyId::new(key).expect("valid"));
        let builder = self.table.builder(provider, self.table.direct()).master_key(first).also_wrap_with(further);
        let store = builder.build().expect("a complete configuration");
        for version in ["first", "second"] {
            let info = store.put(id, value(version)).await.expect("a put");
            assert!(!info.also_wrapped_with.is_empty());
        }
    }

    /// Of both versions, so that the next ones are what is left.
    async fn break_first_wraps(&self, id: &SecretId) {
        let (application, name) = (id.application().as_str(), id.name().as_str());
        let places = [
            (application.to_owned(), name.to_owned()),
            (format!("~h~{application}"), format!("{name}\u{1f}{:020}", 1)),
        ];
        for (partition, sort) in places {
            let mut item = self.table.raw(&partition, &sort).await.expect("there");
            item.insert("ProtectedDocumentKey".to_owned(), AttributeValue::B(vec![7; 184].into()));
            self.table.put_raw(item).await;
        }
    }

    /// Every operation that opens the current or the first version, each by a store that has seen nothing.
    async fn outcomes(&self, id: &SecretId) -> Vec<Result<(), ErrorKind>> {
        let outcomes = [
            self.store().await.get(id).await.map(drop),
            self.store().await.get_many(std::slice::from_ref(id)).await.map(drop),
            self.store().await.get_all(id.application()).await.map(drop),
            self.store().await.accept_rollback(id).await.map(drop),
            self.store().await.repair(id).await.map(drop),
            self.store().await.get_version(id, SecretVersion::FIRST).await.map(drop),
            self.store().await.restore(id, SecretVersion::FIRST).await.map(drop),
        ];
        outcomes.map(|outcome| outcome.map_err(|error| error.kind())).into()
    }
}

#[tokio::test]
async fn forged_records_call_no_key_outside_the_allow_list() {
    let account = Account::new().await;
    for (region, arn) in [(REGION, account.near_key.clone()), (ELSEWHERE, account.far_key.clone())] {
        for legacy in [false, true] {
            account.table.proxy.forget();
            let wrap = account.wrap(region, &arn, 1, false).await;
            account.forge(1, &arn, wrap, false).await;
            let wrap = account.wrap(region, &arn, 2, legacy).await;
            account.forge(2, &arn, wrap, legacy).await;
            let outcomes = account.outcomes(&id("MainDb")).await;
            assert_eq!(outcomes, [Err(ErrorKind::KeyNotAllowed); 7], "{arn}, format 0: {legacy}");
            let exchanges = account.table.proxy.take_exchanges();
            let to_kms = exchanges.iter().filter(|exchange| exchange.request.service() == Some(Service::Kms)).count();
            assert_eq!(to_kms, 0, "no request to KMS at all");
            assert_eq!(account.take_named(), [""; 0]);
        }
    }
}

/// The ciphertext names its key. KMS alone would open it.
#[tokio::test]
async fn a_wrap_of_a_key_outside_under_an_allowed_name_opens_nothing() {
    let account = Account::new().await;
    for version in [1, 2] {
        let wrap = account.wrap(REGION, &account.near_key, version, false).await;
        account.forge(version, account.table.master_key.as_str(), wrap, false).await;
    }
    account.table.proxy.forget();
    assert_eq!(account.outcomes(&id("MainDb")).await, [Err(ErrorKind::Integrity); 7]);
    let exchanges = account.table.proxy.take_exchanges();
    let to_kms: Vec<_> = exchanges.iter().filter(|exchange| exchange.request.service() == Some(Service::Kms)).collect();
    assert_eq!(to_kms.len(), 7);
    for exchange in to_kms {
        assert_eq!(exchange.request.action(), "kms:Decrypt");
        assert_eq!(exchange.request.json()["KeyId"], account.table.master_key.as_str(), "the key is pinned");
    }
    assert_eq!(account.take_named(), [""; 0]);
}

/// A record may name several master keys. Those outside are never called, whichever stands first, also where no allowed one
/// gives a key.
#[tokio::test]
async fn of_several_wraps_those_under_keys_outside_are_left_alone() {
    let account = Account::new().await;
    let [allowed, near, far] = [account.table.master_key.as_str(), &account.near_key, &account.far_key];
    let cases = [
        ("AllowedFirst", [allowed, near, far], Ok(())),
        ("AllowedLast", [near, far, allowed], Ok(())),
        ("Broken", [allowed, near, far], Err(ErrorKind::Integrity)),
        ("Outside", [near, far, near], Err(ErrorKind::KeyNotAllowed)),
    ];
    for (application, keys, expected) in cases {
        let id = SecretId::parse(application, "MainDb").expect("valid");
        account.write_under(&id, keys).await;
        if application == "Broken" {
            account.break_first_wraps(&id).await;
        }
        account.table.proxy.forget();
        assert_eq!(account.outcomes(&id).await, [expected; 7], "{application}");
        let exchanges = account.table.proxy.take_exchanges();
        let to_kms = exchanges.iter().filter(|exchange| exchange.request.service() == Some(Service::Kms));
        let named: Vec<_> = to_kms.map(|exchange| exchange.request.json()["KeyId"].clone()).collect();
        assert_eq!(named.is_empty(), application == "Outside");
        assert!(named.iter().all(|key| *key == allowed), "{application}: {named:?}");
    }
    assert_eq!(account.take_named(), [""; 0]);
}

/// The watch sees a call of such a key.
#[tokio::test]
async fn a_call_of_a_key_outside_is_noticed() {
    let account = Account::new().await;
    for (region, arn) in [(REGION, &account.near_key), (ELSEWHERE, &account.far_key)] {
        let client = Patience::default().kms_client(region, &account.table.proxy.url());
        client.describe_key().key_id(arn).send().await.expect("it exists");
        assert_eq!(account.take_named(), ["kms:DescribeKey"]);
    }
}
