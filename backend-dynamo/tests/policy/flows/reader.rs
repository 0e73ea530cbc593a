//! Reading secrets.

use secret_store_core::{
    ErrorKind, GetOptions, Legacy, ListOptions, Result, SecretStore, SecretStoreExt, SecretVersion,
};
use secret_store_dynamo::{KmsKeyProvider, check_table};
use secret_store_dynamo_emulator::KeyState;

use super::{Flow, audit, flows};
use crate::site::{ALIAS, APPLICATIONS, PAY, SHOP, Site, TABLE, USERS, legacy, master_key, name, value};

pub(super) fn flows() -> Vec<Flow> {
    flows![
        "get a secret" => get,
        "get a secret whose first master key is lost" => get_by_recovery_key,
        "get a secret in format 0" => get_in_format_0,
        "get several secrets in one request" => get_several,
        "get all secrets of an application" => get_all,
        "list secrets" => list,
        "list earlier versions" => history,
        "get an earlier version" => get_version,
        "get a version that is gone" => get_version_that_is_gone,
        "look up a key by its alias" => look_up,
        "check the table" => check,
        "read settings" => read_settings,
        "get a secret of a tenant whose first master key is lost" => get_under_recovered_tenant,
        "append audit entries" => audit::append,
        "append audit entries whose answers are lost" => audit::append_without_answer,
    ]
}

async fn get(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = site.fresh(application);
        site.admin().await.put(&id, value("read")).await.expect("a put");
        let secret = site.store().await.get(&id).await?;
        assert_eq!(secret.text().expect("text"), "read");
    }
    Ok(())
}

async fn get_by_recovery_key(site: &Site) -> Result<()> {
    for application in site.applications_under_master_keys() {
        let id = site.fresh(application);
        let also = site.admin_wrapping_also([master_key(&site.keys.recovery)]).await;
        also.put(&id, value("read")).await.expect("a put");
        site.set_main_key(KeyState::Disabled);
        let secret = site.store().await.get(&id).await;
        site.set_main_key(KeyState::Enabled);
        assert_eq!(secret?.text().expect("text"), "read");
    }
    Ok(())
}

async fn get_in_format_0(site: &Site) -> Result<()> {
    let id = site.fresh(SHOP);
    site.admin_with(legacy(Legacy::ReadWrite)).await.put(&id, value("old")).await.expect("a put");
    let secret = site.store_with(legacy(Legacy::Read)).await.get(&id).await?;
    assert_eq!(secret.info().version, SecretVersion::UNVERSIONED);
    Ok(())
}

async fn get_several(site: &Site) -> Result<()> {
    let ids = APPLICATIONS.map(|application| site.fresh(application));
    for id in &ids {
        site.admin().await.put(id, value("read")).await.expect("a put");
    }
    site.store().await.get_many(&ids).await.map(drop)
}

async fn get_all(site: &Site) -> Result<()> {
    // In an application without format 0, which this store does not read.
    let id = site.fresh(PAY);
    site.admin().await.put(&id, value("read")).await.expect("a put");
    let all = site.store().await.get_all_with(&name(PAY), GetOptions::default()).await?;
    assert!(all.iter().any(|secret| *secret.id() == id));
    Ok(())
}

pub(super) async fn list(site: &Site) -> Result<()> {
    for application in site.applications() {
        site.admin().await.put(&site.fresh(application), value("listed")).await.expect("a put");
        let page = site.store().await.list_with(&name(application), ListOptions::default()).await?;
        assert!(!page.items.is_empty());
    }
    Ok(())
}

pub(super) async fn history(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = site.fresh(application);
        for text in ["first", "second"] {
            site.admin().await.put(&id, value(text)).await.expect("a put");
        }
        let page = site.store().await.history_with(&id, ListOptions::default()).await?;
        assert_eq!(page.items.len(), 1);
    }
    Ok(())
}

async fn get_version(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = site.fresh(application);
        for text in ["first", "second"] {
            site.admin().await.put(&id, value(text)).await.expect("a put");
        }
        let secret = site.store().await.get_version(&id, SecretVersion::FIRST).await?;
        assert_eq!(secret.text().expect("text"), "first");
    }
    Ok(())
}

/// Before it says so, it looks where the version may have moved meanwhile.
async fn get_version_that_is_gone(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = site.fresh(application);
        site.admin().await.put(&id, value("first")).await.expect("a put");
        let second = SecretVersion::FIRST.next().expect("a number");
        match site.store().await.get_version(&id, second).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
            Ok(_) => panic!("a version that never was"),
        }
    }
    Ok(())
}

/// A key id has to be looked up as well; every key that the role may use.
pub(super) async fn look_up(site: &Site) -> Result<()> {
    KmsKeyProvider::builder(site.kms_client()).key(ALIAS).build().await?;
    let id = site.keys.recovery.rsplit('/').next().expect("an id");
    KmsKeyProvider::builder(site.kms_client()).key(id).build().await.map(drop)
}

pub(super) async fn check(site: &Site) -> Result<()> {
    check_table(&site.client(), TABLE).await.map(drop)
}

pub(super) async fn read_settings(site: &Site) -> Result<()> {
    for application in site.applications() {
        site.store().await.settings(&name(application)).await?;
    }
    Ok(())
}

async fn get_under_recovered_tenant(site: &Site) -> Result<()> {
    let id = site.fresh(USERS);
    site.admin().await.put(&id, value("read")).await.expect("a put");
    site.move_tenant(&site.keys.recovery).await;
    let secret = site.store().await.get(&id).await;
    site.move_tenant(&site.keys.main).await;
    assert_eq!(secret?.text().expect("text"), "read");
    Ok(())
}
