//! Storing secrets.

use std::num::NonZeroU64;

use super::{Flow, audit, flows, reader};
use crate::site::{SHOP, Site, USERS, legacy, master_key, value};
use secret_store_core::{
    DeleteOptions, HistoryRetention, Legacy, Persistence, Precondition, PutOptions, RecordKey, Result, SecretId,
    SecretStore, SecretStoreExt, Write,
};

pub(super) fn flows() -> Vec<Flow> {
    flows![
        "put a new secret" => put,
        "put a new version" => put_again,
        "put with a retried token" => put_with_token,
        "put after a delete" => put_after_delete,
        "put whose answer is lost" => put_without_answer,
        "put over a restored record" => put_over_restored,
        "put over a secret in format 0" => put_over_format_0,
        "put a secret in format 0" => put_in_format_0,
        "put, and drop the oldest version" => put_and_prune,
        "delete a secret" => delete,
        "repair the number of a deleted secret" => repair,
        "put under several master keys" => put_under_several,
        "look up a key by its alias" => reader::look_up,
        "check the table" => reader::check,
        "read settings" => reader::read_settings,
        "begin a tenant" => begin_tenant,
        "put under a tenant key that is under the recovery key" => put_under_recovered_tenant,
        "append audit entries" => audit::append,
        "append audit entries whose answers are lost" => audit::append_without_answer,
    ]
}

async fn put(site: &Site) -> Result<()> {
    for application in site.applications() {
        site.store().await.put(&site.fresh(application), value("first")).await?;
    }
    Ok(())
}

/// One that has `count` versions.
async fn with_versions(site: &Site, application: &str, count: usize) -> SecretId {
    let id = site.fresh(application);
    for number in 0..count {
        site.admin().await.put(&id, value(&number.to_string())).await.expect("a put");
    }
    id
}

async fn put_again(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = with_versions(site, application, 1).await;
        site.store().await.put(&id, value("second")).await?;
    }
    Ok(())
}

/// The token is not the current version's any more.
async fn put_with_token(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = site.fresh(application);
        let options = PutOptions::default().with_idempotency_token("order-1");
        let first = site.admin().await.put_with(&id, value("once"), options.clone()).await.expect("a put");
        site.admin().await.put(&id, value("later")).await.expect("a put");
        let again = site.store().await.put_with(&id, value("once"), options).await?;
        assert_eq!(first.version, again.version);
    }
    Ok(())
}

/// The number depends on the last one, which is checked in the same transaction.
async fn put_after_delete(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = with_versions(site, application, 2).await;
        site.admin().await.delete(&id).await.expect("a delete");
        let info = site.store().await.put(&id, value("again")).await?;
        assert_eq!(info.version.get(), 3);
    }
    Ok(())
}

/// It landed, and is recognised by reading it.
async fn put_without_answer(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = site.fresh(application);
        let store = site.store().await;
        site.losing_answers(store.put(&id, value("landed"))).await?;
    }
    Ok(())
}

/// Its own version stands in the history already: the slot is read, and checked in the transaction.
async fn put_over_restored(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = with_versions(site, application, 1).await;
        let key = RecordKey::new(application, id.name().as_str());
        let records = site.admin_records();
        let first = records.load(&key, Default::default()).await.expect("a read").expect("there");
        site.admin().await.put(&id, value("second")).await.expect("a put");
        let restored = Write::put(key, first.record, Precondition::Any);
        records.commit(vec![restored]).await.expect("a restore of one record");
        site.store().await.put(&id, value("third")).await?;
    }
    Ok(())
}

/// What is there has no revision: it is read again, and moves to the history under the next free number.
async fn put_over_format_0(site: &Site) -> Result<()> {
    let id = site.fresh(SHOP);
    site.admin_with(legacy(Legacy::ReadWrite)).await.put(&id, value("old")).await.expect("a put");
    let info = site.store_with(legacy(Legacy::Read)).await.put(&id, value("new")).await?;
    assert_eq!(info.version.get(), 2);
    Ok(())
}

async fn put_in_format_0(site: &Site) -> Result<()> {
    site.store_with(legacy(Legacy::ReadWrite)).await.put(&site.fresh(SHOP), value("old")).await.map(drop)
}

async fn put_and_prune(site: &Site) -> Result<()> {
    let one = HistoryRetention::Versions(NonZeroU64::MIN);
    for application in site.applications() {
        let id = with_versions(site, application, 2).await;
        site.store_keeping(one).await.put(&id, value("third")).await?;
    }
    Ok(())
}

async fn delete(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = with_versions(site, application, 1).await;
        site.store().await.delete_with(&id, DeleteOptions::default()).await?;
    }
    Ok(())
}

/// The record of the last number was lost in a restore. The absence of a current record is checked in the transaction.
async fn repair(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = with_versions(site, application, 2).await;
        site.admin().await.delete(&id).await.expect("a delete");
        let last = RecordKey::new(format!("~h~{application}"), format!("{}\u{1f}", id.name().as_str()));
        let lost = Write::delete(last, Precondition::Any);
        site.admin_records().commit(vec![lost]).await.expect("a record is lost");
        site.store().await.repair(&id).await?;
        assert_eq!(site.admin().await.put(&id, value("again")).await.expect("a put").version.get(), 3);
    }
    Ok(())
}

/// The document key is wrapped for recovery besides.
async fn put_under_several(site: &Site) -> Result<()> {
    for application in site.applications_under_master_keys() {
        let store = site.store_wrapping_also([master_key(&site.keys.recovery)]).await;
        store.put(&site.fresh(application), value("wrapped twice")).await?;
    }
    Ok(())
}

/// The first key of a tenant: made, and stored with the mark of the active version. Then the application is recorded.
async fn begin_tenant(site: &Site) -> Result<()> {
    site.forget_tenant().await;
    site.store().await.put(&site.fresh(USERS), value("first")).await.map(drop)
}

async fn put_under_recovered_tenant(site: &Site) -> Result<()> {
    site.move_tenant(&site.keys.recovery).await;
    let outcome = site.store().await.put(&site.fresh(USERS), value("wrapped")).await;
    site.move_tenant(&site.keys.main).await;
    outcome.map(drop)
}
