//! Moving keys.

use secret_store_core::rotation::ReencryptionId;
use secret_store_core::{EncryptionContext, KeyProvider, ProtectOptions, Result, SecretId, SecretStoreExt};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo_emulator::KeyState;

use super::{Flow, audit, documented, flows, reader};
use crate::site::{ALIAS, Site, USERS, master_key, name, tenant, value};

pub(super) fn flows() -> Vec<Flow> {
    flows![
        "rotate the master key" => rotate,
        "keep a wrap where the old master key is lost" => keep_wrap,
        "check that a master key is needed no more" => check_retirement,
        "rotate document keys" => rotate_documents,
        "rotate document keys while answers are lost" => rotate_documents_without_answers,
        "move a tenant key to another master key" => move_tenant_key,
        "replace, retire and destroy a tenant key" => replace_tenant_key,
        "look up keys by alias and id" => look_up,
        "check the table" => reader::check,
        "read several records in one request ¹" => documented::read_several,
        "open a document key of format 0 ¹" => open_format_0,
        "check the last number in a migration ¹" => documented::check_number,
        "append audit entries" => audit::append,
        "append audit entries whose answers are lost" => audit::append_without_answer,
    ]
}

/// Of master keys alone.
pub(super) fn master_flows() -> Vec<Flow> {
    flows![
        "rotate the master key" => rotate,
        "rotate the master key while answers are lost" => rotate_without_answers,
        "keep a wrap where the old master key is lost" => keep_wrap,
        "check that a master key is needed no more" => check_retirement,
        "move a tenant key to another master key" => move_tenant_key,
        "rewrite records of a tenant ¹" => documented::rewrite_tenant_records,
    ]
}

/// A target in another region.
pub(super) fn far_flows() -> Vec<Flow> {
    flows![
        "rotate the master key" => rotate_far,
        "rotate the master key while answers are lost" => rotate_far_without_answers,
        "keep a wrap where the old master key is lost" => keep_wrap_far,
        "check that a master key is needed no more" => check_retirement,
        "move a tenant key to another master key" => move_tenant_key_far,
        "rewrite records of a tenant ¹" => documented::rewrite_tenant_records,
    ]
}

/// A current record and an earlier version, under the main key.
async fn stored(site: &Site, application: &str) -> SecretId {
    site.clear(application).await;
    let id = site.fresh(application);
    for text in ["first", "second"] {
        site.admin().await.put(&id, value(text)).await.expect("a put");
    }
    id
}

async fn rotate_to(site: &Site, target: &str) -> Result<()> {
    let (main, target) = (master_key(&site.keys.main), master_key(target));
    for application in site.applications_under_master_keys() {
        let id = stored(site, application).await;
        let rotator = site.rotating_to(main.as_str()).await.rotator();
        let report = rotator.rotate_master_key(&main, &target).application(&name(application)).run().await?;
        assert!(report.applications[0].is_finished);
        let secret = site.admin().await.get(&id).await.expect("it opens");
        assert_eq!((secret.text().expect("text"), &secret.info().master_key_id), ("second", &target));
    }
    Ok(())
}

async fn rotate(site: &Site) -> Result<()> {
    rotate_to(site, &site.keys.target).await
}

async fn rotate_far(site: &Site) -> Result<()> {
    rotate_to(site, &site.keys.far).await
}

/// What has landed is recognised by reading it.
async fn rotate_without_answers(site: &Site) -> Result<()> {
    site.losing_answers(rotate(site)).await
}

async fn rotate_far_without_answers(site: &Site) -> Result<()> {
    site.losing_answers(rotate_far(site)).await
}

async fn check_retirement(site: &Site) -> Result<()> {
    let main = master_key(&site.keys.main);
    for application in site.applications() {
        stored(site, application).await;
        let rotator = site.rotating_to(main.as_str()).await.rotator();
        let found = rotator.check_retirement(&main).application(&name(application)).run().await?;
        assert_eq!(found.applications[0].needed_by.is_empty(), application == USERS);
    }
    Ok(())
}

/// The master key was replaced, and a late writer has stored the earlier version under the old one.
async fn rotate_documents_of(site: &Site, application: &str) -> Result<u64> {
    site.clear(application).await;
    if application != USERS {
        site.replace_main_key(application).await;
    }
    let id = site.fresh(application);
    site.admin().await.put(&id, value("first")).await.expect("a put");
    site.admin_under(&site.keys.target).await.put(&id, value("second")).await.expect("a put");
    let rotator = site.rotating_to(&site.keys.target).await.rotator();
    let report = rotator.rotate_document_keys(ReencryptionId::generate()?).secret(&id)?.run().await?;
    assert!(report.is_complete());
    assert_eq!(site.admin().await.get(&id).await.expect("it opens").text().expect("text"), "second");
    Ok(report.changed())
}

async fn rotate_documents(site: &Site) -> Result<()> {
    for application in site.applications() {
        assert_eq!(rotate_documents_of(site, application).await?, 2);
    }
    Ok(())
}

async fn rotate_documents_without_answers(site: &Site) -> Result<()> {
    for application in site.applications() {
        site.losing_answers(rotate_documents_of(site, application)).await?;
    }
    Ok(())
}

async fn move_tenant_key_to(site: &Site, target: &str) -> Result<()> {
    site.move_tenant(&site.keys.main).await;
    let keys = site.tenant_keys(&site.keys.main).await;
    for version in keys.versions(&tenant()).await? {
        keys.rewrap_version(&version, &master_key(target)).await?;
    }
    Ok(())
}

async fn move_tenant_key(site: &Site) -> Result<()> {
    move_tenant_key_to(site, &site.keys.target).await
}

async fn move_tenant_key_far(site: &Site) -> Result<()> {
    move_tenant_key_to(site, &site.keys.far).await?;
    site.forget_tenant().await;
    Ok(())
}

/// A new version under the new master key; what was under the old one is under the new one then.
async fn replace_tenant_key(site: &Site) -> Result<()> {
    site.forget_tenant().await;
    site.clear(USERS).await;
    let id = site.fresh(USERS);
    site.admin().await.put(&id, value("kept")).await.expect("a put");
    let keys = site.tenant_keys(&site.keys.target).await;
    let first = keys.active_version(&tenant()).await?.expect("it has a key");
    keys.activate_next(&tenant(), first).await?;
    let rotator = site.rotating_to(&site.keys.target).await.rotator();
    rotator.rotate_document_keys(ReencryptionId::generate()?).secret(&id)?.run().await?;
    keys.retire(&tenant(), first).await?;
    keys.destroy_version(&tenant(), first).await?;
    assert_eq!(site.admin().await.get(&id).await.expect("it opens").text().expect("text"), "kept");
    site.forget_tenant().await;
    Ok(())
}

/// A record has a wrap under the target already: it is proved to open, and the other one is given up.
async fn keep_wrap_under(site: &Site, target: &str) -> Result<()> {
    let (main, target) = (master_key(&site.keys.main), master_key(target));
    for application in site.applications_under_master_keys() {
        let also = site.admin_wrapping_also([target.clone()]).await;
        let (id, options) = (site.fresh(application), ProtectOptions::default());
        let protected = also.protect(&id, value("kept"), options).await.expect("protected");
        site.set_main_key(KeyState::Disabled);
        let rewrapped = site.store().await.rewrap(&protected, &main, &target).await;
        site.set_main_key(KeyState::Enabled);
        let rewrapped = rewrapped?.expect("it had a wrap under the old key");
        assert_eq!((rewrapped.wrapped_key().master_key_id(), rewrapped.further_wraps().len()), (&target, 0));
    }
    Ok(())
}

async fn keep_wrap(site: &Site) -> Result<()> {
    keep_wrap_under(site, &site.keys.target).await
}

async fn keep_wrap_far(site: &Site) -> Result<()> {
    keep_wrap_under(site, &site.keys.far).await
}

async fn open_format_0(site: &Site) -> Result<()> {
    let nothing = EncryptionContext::legacy();
    let main = master_key(&site.keys.main);
    let generated = site.admin_provider().await.generate_key(&main, &nothing).await.expect("a key");
    site.provider().await.unwrap_key(&generated.wrapped, &nothing).await.map(drop)
}

async fn look_up(site: &Site) -> Result<()> {
    KmsKeyProvider::builder(site.kms_client()).key(ALIAS).build().await?;
    let id = site.keys.target.rsplit('/').next().expect("an id");
    KmsKeyProvider::builder(site.kms_client()).key(id).build().await.map(drop)
}
