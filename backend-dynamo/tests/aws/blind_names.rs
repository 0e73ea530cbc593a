//! Under blind names neither the table nor KMS is ever sent a name.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use secret_store_core::audit::{AuditedStore, PersistenceSink};
use secret_store_core::{
    ApplicationConfig, ApplicationName, BlindNames, BlindedKeys, Blinding, BlindingKey, EnvelopeStore, KeyProvider,
    Metadata, Persistence, PutOptions, SecretId, SecretStore, SecretStoreExt, StoreId, TenantId, TenantKeys,
};
use secret_store_dynamo_emulator::{Canary, Exchange, Patience, Service};

use crate::support::{Item, Table};

const STORE: &str = "store-of-the-house";
const SHOP: &str = "YourApp.Production";
const OWNED: &str = "Acme.Production";
const TENANT: &str = "acme-corporation";
const SECRETS: [&str; 2] = ["MainDbPassword", "Smtp/Relay#2"];
const NAMES: [&str; 6] = [STORE, SHOP, OWNED, TENANT, SECRETS[0], SECRETS[1]];

fn application(name: &str) -> ApplicationName {
    ApplicationName::new(name).expect("valid")
}

fn ids() -> impl Iterator<Item = SecretId> {
    let of = |application: &'static str| SECRETS.map(|name| SecretId::parse(application, name).expect("valid"));
    [SHOP, OWNED].into_iter().flat_map(of)
}

/// The usual application, one of a tenant, and the log of both, in one table.
struct Shop {
    store: EnvelopeStore,
    tenants: TenantKeys,
    audited: AuditedStore,
}

impl Shop {
    fn new(table: &Table, records: Arc<dyn Persistence>, keys: Arc<dyn KeyProvider>) -> Self {
        let tenants = TenantKeys::builder(keys, records.clone()).store_id(STORE).master_key(&table.master_key);
        let tenants = tenants.build().expect("valid");
        let config = ApplicationConfig::default();
        let builder = EnvelopeStore::builder(Arc::new(tenants.clone()), records.clone()).store_id(STORE);
        let builder = builder.master_key(table.master_key.clone()).application(application(SHOP), config.clone());
        let owned = config.with_tenant(TenantId::new(TENANT).expect("valid"));
        // Without a cache, each read asks KMS.
        let builder = builder.application(application(OWNED), owned).key_cache(0, std::time::Duration::ZERO);
        let store = builder.build().expect("valid");
        let audited = AuditedStore::builder(Arc::new(store.clone()), Arc::new(PersistenceSink::new(records)));
        let audited = audited.environment("production").actor("billing").build().expect("valid");
        Self { store, tenants, audited }
    }

    async fn use_everything(&self) {
        for id in ids() {
            for value in ["one", "two"] {
                let metadata = Metadata::new().with("about", format!("{} of {TENANT}", id.name().as_str()));
                let token = format!("{}-{value}", id.name().as_str());
                let options = PutOptions::default().with_metadata(metadata).with_idempotency_token(token);
                drop(self.audited.put_with(&id, value.into(), options).await.expect("stored"));
            }
            assert_eq!(self.audited.get(&id).await.expect("opens").text().expect("text"), "two");
            assert_eq!(self.audited.history(&id).await.expect("a page").items.len(), 1);
        }
        for name in [SHOP, OWNED] {
            self.audited.get_all(&application(name)).await.map(drop).expect("opens");
            let listed = self.audited.list(&application(name)).await.expect("a page").items;
            assert_eq!(listed.iter().map(|info| info.id.name().as_str()).collect::<Vec<_>>(), SECRETS);
        }
        let gone = SecretId::parse(SHOP, SECRETS[1]).expect("valid");
        self.audited.delete(&gone).await.expect("deleted");
        self.audited.get(&gone).await.map(drop).expect_err("deleted");
        let again = SecretId::parse(SHOP, SECRETS[0]).expect("valid");
        drop(self.store.restore(&again, secret_store_core::SecretVersion::FIRST).await.expect("restored"));
        let owned = self.tenants.applications(&TenantId::new(TENANT).expect("valid")).await.expect("lists");
        assert_eq!(owned, [application(OWNED)]);
    }
}

/// Every item as bytes: names and values of its attributes.
fn dump(items: &[Item]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in items.iter().flatten() {
        bytes.extend_from_slice(name.as_bytes());
        match value {
            AttributeValue::S(text) | AttributeValue::N(text) => bytes.extend_from_slice(text.as_bytes()),
            AttributeValue::B(blob) => bytes.extend_from_slice(blob.as_ref()),
            other => panic!("{other:?} is never stored"),
        }
    }
    bytes
}

/// Where each name shows: in the table, in what each service was sent or answered.
fn shown(items: &[Item], exchanges: &[Exchange]) -> BTreeMap<&'static str, Vec<&'static str>> {
    let dump = dump(items);
    let mut shown = BTreeMap::new();
    for name in NAMES {
        let canary = Canary::new(name.as_bytes());
        let sent = |service: Service| {
            exchanges.iter().filter(|exchange| exchange.request.service() == Some(service)).any(|exchange| {
                let answered = exchange.response.as_ref();
                canary.is_in_request(&exchange.request)
                    || answered.is_some_and(|response| canary.is_in_response(response))
            })
        };
        let places =
            [("table", canary.is_in(&dump)), ("dynamodb", sent(Service::DynamoDb)), ("kms", sent(Service::Kms))];
        let places: Vec<_> = places.into_iter().filter(|(_, found)| *found).map(|(place, _)| place).collect();
        if !places.is_empty() {
            shown.insert(name, places);
        }
    }
    shown
}

fn actions(exchanges: &[Exchange], service: Service) -> usize {
    exchanges.iter().filter(|exchange| exchange.request.service() == Some(service)).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_name_goes_over_the_wire() {
    let table = Table::new().await;
    let (key, _) = BlindingKey::generate().expect("random");
    let blinding = Blinding::new(&key);
    let records = BlindNames::open(Arc::new(table.proxied(Patience::default())), blinding.clone()).await;
    let keys = BlindedKeys::new(Arc::new(table.proxied_keys(Patience::default()).await), blinding.clone());
    let shop = Shop::new(&table, Arc::new(records.expect("the first")), Arc::new(keys));
    shop.use_everything().await;
    let (items, exchanges) = (table.scan().await, table.proxy.take_exchanges());
    assert!(items.len() > 20 && actions(&exchanges, Service::DynamoDb) > 40, "{} items", items.len());
    assert!(actions(&exchanges, Service::Kms) > 5);
    assert_eq!(shown(&items, &exchanges), BTreeMap::new());
    // What CloudTrail shows instead are the hashes that whoever has the key can name, as access policies do.
    let sent: Vec<_> = exchanges.iter().filter(|exchange| exchange.request.operation() == "Decrypt").collect();
    let hash = blinding.display(&application(SHOP));
    let context = |exchange: &Exchange| exchange.request.json()["EncryptionContext"].clone();
    let of_shop: Vec<_> =
        sent.iter().map(|exchange| context(exchange)).filter(|of| of["ss:application"] == *hash).collect();
    assert!(!of_shop.is_empty());
    for context in of_shop {
        assert_eq!(context["ss:store"], *blinding.display(&StoreId::new(STORE).expect("valid")));
        let names = SECRETS.map(|name| blinding.display(&SecretId::parse(SHOP, name).expect("valid")));
        assert!(names.iter().any(|name| context["ss:name"] == **name), "{context}");
        assert_eq!((&context["ss:purpose"], &context["ss:suite"]), (&"3".into(), &"1".into()));
    }
}

/// The same eyes see every name where names are clear.
#[tokio::test(flavor = "multi_thread")]
async fn every_name_goes_over_the_wire_without_blind_names() {
    let table = Table::new().await;
    let records = Arc::new(table.proxied(Patience::default()));
    let keys = Arc::new(table.proxied_keys(Patience::default()).await);
    Shop::new(&table, records, keys).use_everything().await;
    let shown = shown(&table.scan().await, &table.proxy.take_exchanges());
    for (name, places) in [
        // What is stored is bound to it and does not say it.
        (STORE, &["kms"][..]),
        (SHOP, &["table", "dynamodb", "kms"]),
        // Under a tenant's key it has no context that KMS sees.
        (OWNED, &["table", "dynamodb"]),
        (TENANT, &["table", "dynamodb", "kms"]),
        (SECRETS[0], &["table", "dynamodb", "kms"]),
        (SECRETS[1], &["table", "dynamodb", "kms"]),
    ] {
        assert_eq!(shown.get(name).map_or(&[][..], Vec::as_slice), places, "{name}");
    }
}
