//! Requests that the design gives a role, sent here by themselves: the layers that will send them do not exist yet.

use std::collections::HashMap;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::DataKeySpec;
use secret_store_core::{
    Consistency, EncryptionContext, Error, ErrorKind, ListQuery, Persistence, Precondition, Result, SecretId,
    SecretVersion, StoreId, Write,
};

use crate::site::{PAY, SHOP, STORE, Site, TENANT, USERS, record};

const APPLICATIONS: [&str; 3] = [SHOP, PAY, USERS];

pub(super) fn context(id: &SecretId) -> EncryptionContext {
    EncryptionContext::document_key(&StoreId::new(STORE).expect("valid"), id, SecretVersion::FIRST)
}

fn history(application: &str) -> String {
    format!("~h~{application}")
}

fn settings(application: &str) -> String {
    format!("~s~{application}")
}

fn tenant_keys() -> String {
    format!("~k~{TENANT}")
}

/// All partitions of audit entries.
fn audit_logs() -> impl Iterator<Item = String> {
    "0123456789abcdef".chars().flat_map(|digit| APPLICATIONS.map(|application| format!("~a{digit}~{application}")))
}

async fn load(site: &Site, partition: &str) -> Result<()> {
    site.records().load(&site.fresh_key(partition), Consistency::Strong).await.map(drop)
}

async fn load_several(site: &Site, partitions: &[&str]) -> Result<()> {
    let keys: Vec<_> = partitions.iter().map(|partition| site.fresh_key(partition)).collect();
    site.records().load_many(&keys, Consistency::Strong).await.map(drop)
}

async fn list(site: &Site, partition: &str) -> Result<()> {
    site.records().list(&ListQuery::new(partition)).await.map(drop)
}

/// A record that is new.
fn create(site: &Site, partition: &str) -> Write {
    Write::put(site.fresh_key(partition), record("new"), Precondition::Absent)
}

/// A record that is read and put on its revision.
async fn rewrite(site: &Site, partition: &str) -> Result<()> {
    let write = create(site, partition);
    let key = write.key().clone();
    site.admin_records().commit(vec![write]).await.expect("a record");
    let found = site.records().load(&key, Consistency::Strong).await?.expect("there");
    let put = Write::put(key, record("rewritten"), Precondition::Revision(found.revision));
    site.records().commit(vec![put]).await.map(drop)
}

pub(super) async fn read_settings(site: &Site) -> Result<()> {
    for application in APPLICATIONS {
        load(site, &settings(application)).await?;
    }
    Ok(())
}

/// The records of the tenant's application, and its keys.
pub(super) async fn read_tenant_records(site: &Site) -> Result<()> {
    load(site, USERS).await?;
    load(site, &history(USERS)).await?;
    load_several(site, &[USERS, &history(USERS)]).await?;
    load(site, &tenant_keys()).await
}

pub(super) async fn append_audit_entry(site: &Site) -> Result<()> {
    // Entries are written one by one; here those of all writers at once, because there are so many partitions.
    let entries = audit_logs().map(|partition| create(site, &partition)).collect();
    site.records().commit(entries).await.map(drop)
}

pub(super) async fn read_audit_log(site: &Site) -> Result<()> {
    for partition in audit_logs() {
        list(site, &partition).await?;
    }
    Ok(())
}

/// Current record, last number and settings, in one request; and the settings alone, where batches are not allowed.
pub(super) async fn read_state(site: &Site) -> Result<()> {
    for application in APPLICATIONS {
        load_several(site, &[application, &history(application), &settings(application)]).await?;
        load(site, &settings(application)).await?;
    }
    Ok(())
}

/// What a put and a repair do to the partitions of an application.
pub(super) async fn write_tenant_records(site: &Site) -> Result<()> {
    load(site, USERS).await?;
    load(site, &history(USERS)).await?;
    list(site, &history(USERS)).await?;
    let check = |partition: &str| Write::check(site.fresh_key(partition), Precondition::Absent);
    let history = history(USERS);
    site.records().commit(vec![create(site, USERS), create(site, &history), check(&history)]).await?;
    site.records().commit(vec![check(USERS), create(site, &history)]).await.map(drop)
}

pub(super) async fn delete_tenant_records(site: &Site) -> Result<()> {
    for application in APPLICATIONS {
        let delete = |partition: &str| Write::delete(site.fresh_key(partition), Precondition::Any);
        let both = vec![delete(application), delete(&history(application))];
        site.records().commit(both).await?;
    }
    Ok(())
}

/// The first key of a tenant: made, and stored with the mark of the active version. Then the application is recorded.
pub(super) async fn begin_tenant(site: &Site) -> Result<()> {
    let partition = tenant_keys();
    load_several(site, &[&partition, &partition, &partition]).await?;
    generate(&site.kms_client(), &site.keys.main).await?;
    site.records().commit(vec![create(site, &partition), create(site, &partition)]).await?;
    load(site, &partition).await?;
    let owned = Write::put(site.fresh_key(&partition), record("owned"), Precondition::Any);
    site.records().commit(vec![owned]).await.map(drop)
}

/// On the condition that another version is active.
pub(super) async fn retire_tenant_key(site: &Site) -> Result<()> {
    let (active, version) = (create(site, &tenant_keys()), create(site, &tenant_keys()));
    let keys = [active.key().clone(), version.key().clone()];
    site.admin_records().commit(vec![active, version]).await.expect("records");
    let mut found = site.records().load_many(&keys, Consistency::Strong).await?.into_iter().flatten();
    let mut unchanged = || Precondition::Revision(found.next().expect("there").revision);
    let [active, version] = keys;
    let check = Write::check(active, unchanged());
    site.records().commit(vec![Write::put(version, record("retired"), unchanged()), check]).await.map(drop)
}

fn tenant_context() -> HashMap<String, String> {
    let pairs = [("store", STORE), ("tenant", TENANT), ("version", "1"), ("purpose", "4"), ("suite", "1")];
    pairs.into_iter().map(|(name, value)| (format!("ss:{name}"), value.to_owned())).collect()
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::PermissionDenied, "KMS refuses").with_source(error)
}

async fn generate(client: &aws_sdk_kms::Client, key: &str) -> Result<Blob> {
    let request = client.generate_data_key().key_id(key).key_spec(DataKeySpec::Aes256);
    let answer = request.set_encryption_context(Some(tenant_context())).send().await.map_err(failed)?;
    Ok(answer.ciphertext_blob.expect("a ciphertext"))
}

async fn decrypt(client: &aws_sdk_kms::Client, key: &str, wrapped: Blob) -> Result<Blob> {
    let request = client.decrypt().key_id(key).ciphertext_blob(wrapped);
    let answer = request.set_encryption_context(Some(tenant_context())).send().await.map_err(failed)?;
    Ok(answer.plaintext.expect("a plaintext"))
}

pub(super) async fn unwrap_tenant_key(site: &Site) -> Result<()> {
    for key in [&site.keys.main, &site.keys.recovery] {
        let wrapped = generate(&site.admin_kms(), key).await.expect("a key");
        decrypt(&site.kms_client(), key, wrapped).await?;
    }
    Ok(())
}

pub(super) async fn rewrap_tenant_key(site: &Site) -> Result<()> {
    let wrapped = generate(&site.admin_kms(), &site.keys.main).await.expect("a key");
    let request = site.kms_client().re_encrypt().ciphertext_blob(wrapped);
    let request = request.source_key_id(&site.keys.main).set_source_encryption_context(Some(tenant_context()));
    let request = request.destination_key_id(&site.keys.target);
    let request = request.set_destination_encryption_context(Some(tenant_context()));
    request.send().await.map(drop).map_err(failed)
}

pub(super) async fn rewrap_tenant_key_far(site: &Site) -> Result<()> {
    let wrapped = generate(&site.admin_kms(), &site.keys.main).await.expect("a key");
    let plaintext = decrypt(&site.kms_client(), &site.keys.main, wrapped).await?;
    let request = site.far_kms_client().encrypt().key_id(&site.keys.far).plaintext(plaintext);
    request.set_encryption_context(Some(tenant_context())).send().await.map(drop).map_err(failed)
}

/// The tenant's key opens, under the old or the new master key, and a new version is made.
pub(super) async fn replace_tenant_key(site: &Site) -> Result<()> {
    for key in [&site.keys.main, &site.keys.target] {
        let wrapped = generate(&site.admin_kms(), key).await.expect("a key");
        decrypt(&site.kms_client(), key, wrapped).await?;
    }
    generate(&site.kms_client(), &site.keys.target).await.map(drop)
}

pub(super) async fn list_records(site: &Site) -> Result<()> {
    for application in APPLICATIONS {
        list(site, application).await?;
        list(site, &history(application)).await?;
    }
    list(site, &tenant_keys()).await
}

pub(super) async fn read_several(site: &Site) -> Result<()> {
    for application in APPLICATIONS {
        load_several(site, &[application, &history(application), &settings(application), &tenant_keys()]).await?;
    }
    Ok(())
}

pub(super) async fn rewrite_records(site: &Site) -> Result<()> {
    for application in APPLICATIONS {
        for partition in [application, &history(application), &settings(application)] {
            rewrite(site, partition).await?;
        }
    }
    rewrite(site, &tenant_keys()).await
}

pub(super) async fn check_number(site: &Site) -> Result<()> {
    for application in APPLICATIONS {
        let check = Write::check(site.fresh_key(&history(application)), Precondition::Absent);
        site.records().commit(vec![create(site, application), check]).await?;
    }
    Ok(())
}
