//! Moving keys.

use secret_store_core::{EncryptionContext, KeyProvider, ProtectOptions, Result};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo_emulator::KeyState;

use super::{Flow, documented, flows, reader};
use crate::site::{ALIAS, PAY, SHOP, Site, master_key, value};

pub(super) fn flows() -> Vec<Flow> {
    flows![
        "rewrap a document key" => rewrap,
        "keep a wrap where the old master key is lost" => keep_wrap,
        "open and replace a document key" => reopen,
        "open a document key of format 0" => open_format_0,
        "look up keys by alias and id" => look_up,
        "check the table" => reader::check,
        "list records ¹" => documented::list_records,
        "read several records in one request ¹" => documented::read_several,
        "rewrite records, the job and settings ¹" => documented::rewrite_records,
        "check the last number in a migration ¹" => documented::check_number,
        "rewrap a tenant key ¹" => documented::rewrap_tenant_key,
        "open and replace a tenant key ¹" => documented::replace_tenant_key,
        "retire a tenant key ¹" => documented::retire_tenant_key,
        "append an audit entry ¹" => documented::append_audit_entry,
    ]
}

/// A target in another region.
pub(super) fn far_flows() -> Vec<Flow> {
    flows![
        "rewrap a document key" => rewrap_far,
        "keep a wrap where the old master key is lost" => keep_wrap_far,
        "list records ¹" => documented::list_records,
        "rewrite records, the job and settings ¹" => documented::rewrite_records,
        "rewrap a tenant key ¹" => documented::rewrap_tenant_key_far,
    ]
}

async fn rewrap_to(site: &Site, target: &str) -> Result<()> {
    for application in [SHOP, PAY] {
        let context = documented::context(&site.fresh(application));
        let main = master_key(&site.keys.main);
        let generated = site.admin_provider().await.generate_key(&main, &context).await.expect("a key");
        let moved =
            site.provider().await.rewrap_key(&generated.wrapped, &context, &master_key(target), &context).await?;
        let opened = site.admin_provider().await.unwrap_key(&moved, &context).await.expect("it opens");
        assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    }
    Ok(())
}

async fn rewrap(site: &Site) -> Result<()> {
    rewrap_to(site, &site.keys.target).await
}

async fn rewrap_far(site: &Site) -> Result<()> {
    rewrap_to(site, &site.keys.far).await
}

/// A record has a wrap under the target already: it is proved to open, and the other one is given up.
async fn keep_wrap_under(site: &Site, target: &str) -> Result<()> {
    let (main, target) = (master_key(&site.keys.main), master_key(target));
    for application in [SHOP, PAY] {
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

/// What a rotation of document keys does at KMS: a key opens, under the old or the new master key, and a new one is made.
async fn reopen(site: &Site) -> Result<()> {
    for application in [SHOP, PAY] {
        let context = documented::context(&site.fresh(application));
        for key in [&site.keys.main, &site.keys.target] {
            let generated = site.admin_provider().await.generate_key(&master_key(key), &context).await.expect("a key");
            site.provider().await.unwrap_key(&generated.wrapped, &context).await?;
        }
        site.provider().await.generate_key(&master_key(&site.keys.target), &context).await?;
    }
    Ok(())
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
