//! Moving what was stored under names in clear to where hidden names stand.

use std::sync::Arc;

use secret_store_core::{
    BlindMove, BlindNames, BlindedKeys, Blinding, EnvelopeStore, ListQuery, Persistence, Precondition, RecordKey,
    Result, SecretStoreExt, StoreId, Write,
};
use secret_store_dynamo_emulator::{Fault, Response};
use serde_json::json;

use super::{Flow, flows, reader};
use crate::site::{STORE, Site, TENANT, USERS, blinding_key, name, record, tenant, value};

pub(super) fn flows() -> Vec<Flow> {
    flows![
        "move everything of an application" => move_application,
        "leave what stands in the new place already" => leave_what_collides,
        "move wraps that were left behind, in a race" => rewrap_in_a_race,
        "look up a key by its alias" => super::auditor::look_up,
        "check the table" => reader::check,
    ]
}

fn both() -> Blinding {
    Blinding::new(&blinding_key()).with_previous_in_clear().expect("another naming")
}

/// Past the gate: records under the new names alone.
fn hidden(site: &Site) -> BlindNames {
    BlindNames::unchecked(Arc::new(site.admin_table()), Blinding::new(&blinding_key()))
}

/// A record of every partition of an application, the one of a tenant's keys among them.
fn one_of_each(application: &str) -> Vec<RecordKey> {
    let number = "00000000000000000001";
    let entry = format!("2026-01-01T00:00:00.000Z\u{1f}{}\u{1f}{number}", "0".repeat(32));
    let mut all = vec![
        RecordKey::new(application, "Name"),
        RecordKey::new(format!("~h~{application}"), format!("Name\u{1f}{number}")),
        RecordKey::new(format!("~s~{application}"), "SETTINGS"),
        RecordKey::new(format!("~c~{application}"), "CREDENTIAL\u{1f}id\u{1f}field"),
    ];
    let digits = "0123456789abcdef".chars();
    all.extend(digits.map(|digit| RecordKey::new(format!("~a{digit}~{application}"), entry.as_str())));
    if application == USERS {
        all.push(RecordKey::new(format!("~k~{TENANT}"), "v0000000009"));
    }
    all
}

/// Past the gate: nothing is there, in clear or hidden.
async fn forget(site: &Site, application: &str) {
    for key in one_of_each(application) {
        site.clear_partition(key.partition()).await;
        let records = hidden(site);
        let partition = || Arc::clone(key.partition());
        let listed = records.list(&ListQuery::new(partition())).await.expect("a list");
        for (sort, _) in listed.items {
            let delete = Write::delete(RecordKey::new(partition(), sort), Precondition::Any);
            records.commit(vec![delete]).await.expect("a delete");
        }
    }
}

async fn put(records: &dyn Persistence, key: RecordKey) {
    records.commit(vec![Write::put(key, record("kept"), Precondition::Any)]).await.expect("a put");
}

/// As the caller: everything of an application, with its wraps.
async fn moved(site: &Site, application: &str) -> Result<Vec<BlindMove>> {
    let records = BlindNames::open(Arc::new(site.table()), both()).await?;
    let keys = BlindedKeys::new(site.provider().await, both());
    let store = StoreId::new(STORE).expect("valid");
    let mover = records.mover().with_keys(&keys, &store);
    let mut all = vec![mover.application(&name(application)).await?];
    all.push(mover.partition(&format!("~c~{application}")).await?);
    if application == USERS {
        all.push(mover.tenant(&tenant()).await?);
    }
    Ok(all)
}

/// The mark of the new key is there afterwards.
async fn move_application(site: &Site) -> Result<()> {
    for application in site.applications() {
        forget(site, application).await;
        site.clear_partition("~b").await;
        let id = site.fresh(application);
        for text in ["first", "second"] {
            site.admin().await.put(&id, value(text)).await.expect("a put");
        }
        for key in one_of_each(application) {
            put(&site.admin_table(), key).await;
        }
        let all = moved(site, application).await?;
        assert!(all.iter().all(|it| it.finished), "{all:?}");
        let store = hidden_store(site, Blinding::new(&blinding_key())).await;
        assert_eq!(store.get(&id).await.expect("it opens").text().expect("text"), "second");
    }
    Ok(())
}

/// Past the gate: a store with hidden names, whose contexts are written so.
async fn hidden_store(site: &Site, contexts: Blinding) -> EnvelopeStore {
    let keys = Arc::new(BlindedKeys::new(site.admin_provider().await, contexts));
    site.builder(keys, Arc::new(hidden(site))).build().expect("a complete configuration")
}

async fn leave_what_collides(site: &Site) -> Result<()> {
    for application in site.applications() {
        forget(site, application).await;
        for key in one_of_each(application) {
            put(&site.admin_table(), key.clone()).await;
            put(&hidden(site), key).await;
        }
        let left: u64 = moved(site, application).await?.iter().map(|it| it.left).sum();
        assert_eq!(left, one_of_each(application).len() as u64);
        forget(site, application).await;
    }
    Ok(())
}

/// What stands in the new place has its wrap under names in clear, and somebody else is faster each time.
async fn rewrap_in_a_race(site: &Site) -> Result<()> {
    for application in site.applications() {
        forget(site, application).await;
        let in_clear = Blinding::in_clear_with_next(&blinding_key());
        let store = hidden_store(site, in_clear).await;
        let id = site.fresh(application);
        for text in ["first", "second"] {
            store.put(&id, value(text)).await.expect("a put");
        }
        let lost = json!({
            "__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException",
            "message": "The conditional request failed",
        });
        site.proxy.fail_operation("PutItem", Fault::Answer(Response::json(400, &lost)));
        let outcome = moved(site, application).await;
        site.proxy.heal();
        site.describe_backups();
        assert!(outcome?.iter().any(|it| it.left > 0));
        forget(site, application).await;
    }
    Ok(())
}
