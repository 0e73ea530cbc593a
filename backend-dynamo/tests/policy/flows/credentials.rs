//! Servers that take, use and keep client-encrypted credentials and their keys.

use std::sync::Arc;

use secret_store_core::{ErrorKind, Persistence, Result, SecretValue};
use secret_store_transport::credential::{
    Credential, CredentialIntake, CredentialKey, CredentialKeyVersion, CredentialKeys, CredentialOwner,
    CredentialPlace, CredentialRotationOptions, CredentialUse, CredentialVault, Domain, Host, NewCredential,
    TrialOpenIntake, encrypt_credential,
};

use super::messages::{authority, trust};
use super::{Flow, audit, flows, reader};
use crate::site::{Site, name, tenant};

const DOMAIN: &str = "example.com";
/// The secret that is the first version of a user's key.
const FIRST_KEY: &str = "credential-key/0000000001";
const FIRST: CredentialKeyVersion = CredentialKeyVersion::FIRST;

pub(super) fn intake_flows() -> Vec<Flow> {
    flows![
        "take a credential" => take,
        "take a credential whose answer is lost" => take_without_answer,
        "refuse a plaintext" => refuse,
        "check the table" => reader::check,
        "append audit entries" => audit::append,
        "append audit entries whose answers are lost" => audit::append_without_answer,
    ]
}

pub(super) fn opening_intake_flows() -> Vec<Flow> {
    flows![
        "take a credential by opening it" => take_by_opening,
        "take a credential by opening it whose answer is lost" => take_by_opening_without_answer,
        "look up a key by its alias" => super::auditor::look_up,
        "check the table" => reader::check,
        "append audit entries" => audit::append,
        "append audit entries whose answers are lost" => audit::append_without_answer,
    ]
}

pub(super) fn user_flows() -> Vec<Flow> {
    flows![
        "use a credential" => use_one,
        "remove a credential" => remove,
        "look up a key by its alias" => super::auditor::look_up,
        "check the table" => reader::check,
        "append audit entries" => audit::append,
        "append audit entries whose answers are lost" => audit::append_without_answer,
    ]
}

pub(super) fn keeper_flows() -> Vec<Flow> {
    flows![
        "make a user's key" => create,
        "make a user's key whose answer is lost" => create_without_answer,
        "make the first key of a tenant" => create_first_of_tenant,
        "make a key where one was deleted" => create_after_delete,
        "hand a user's key out" => hand_out,
        "renew a key's record" => renew,
        "make a user's key where batches are denied" => create_without_batches,
        "detect that a key was removed" => detect_removal,
        "rotate a user's key" => rotate,
        "rotate a user's key that was stored twice" => rotate_stored_twice,
        "look up a key by its alias" => super::auditor::look_up,
        "check the table" => reader::check,
        "append audit entries" => audit::append,
        "append audit entries whose answers are lost" => audit::append_without_answer,
    ]
}

fn owner(application: &str) -> CredentialOwner {
    CredentialOwner::new(tenant(), name(application))
}

fn place(site: &Site) -> CredentialPlace {
    let id = site.fresh("Credential").name().to_string();
    CredentialPlace::parse(&id, "password").expect("valid")
}

/// As the caller.
async fn keys(site: &Site) -> CredentialKeys {
    CredentialKeys::new(Arc::new(site.store().await), site.records()).with_authority(Arc::new(Signing))
}

/// Past the gate.
async fn admin_keys(site: &Site) -> CredentialKeys {
    let store = Arc::new(site.admin().await);
    CredentialKeys::new(store, site.admin_records()).with_authority(Arc::new(Signing))
}

/// The authority of all flows.
#[derive(Debug)]
struct Signing;

#[async_trait::async_trait]
impl secret_store_transport::Authority for Signing {
    fn public_key(&self) -> secret_store_transport::AuthorityPublicKey {
        authority().public_key()
    }

    async fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        secret_store_transport::Authority::sign(authority(), message).await
    }
}

/// Past the gate: a user without keys and credentials.
async fn forget(site: &Site, application: &str) {
    site.clear(application).await;
    site.clear_partition(&format!("~c~{application}")).await;
}

/// Past the gate: the user's key, a new one.
async fn key(site: &Site, application: &str) -> CredentialKey {
    forget(site, application).await;
    admin_keys(site).await.create(&owner(application)).await.expect("a key")
}

fn encrypted(key: &CredentialKey, place: &CredentialPlace) -> Credential {
    let new = NewCredential::new(place.clone(), Domain::new(DOMAIN).expect("valid"), 1);
    encrypt_credential(key, &new, &SecretValue::from("hunter2")).expect("encrypted")
}

fn intake_over(site: &Site, records: Arc<dyn Persistence>) -> CredentialIntake {
    CredentialIntake::new(records, trust()).with_audit(audit::recorder_of(site))
}

/// Past the gate: a credential that the user's client submitted.
async fn submitted(site: &Site, application: &str) -> CredentialPlace {
    let (key, place) = (key(site, application).await, place(site));
    let intake = CredentialIntake::new(site.admin_records(), trust());
    intake.ingest(&owner(application), encrypted(&key, &place)).await.expect("taken");
    place
}

async fn take(site: &Site) -> Result<()> {
    for application in site.applications() {
        let credential = encrypted(&key(site, application).await, &place(site));
        intake_over(site, site.records()).ingest(&owner(application), credential).await?;
    }
    Ok(())
}

/// It landed, and is recognised by reading it.
async fn take_without_answer(site: &Site) -> Result<()> {
    for application in site.applications() {
        let credential = encrypted(&key(site, application).await, &place(site));
        let intake = CredentialIntake::new(site.records(), trust());
        let owner = owner(application);
        site.losing_answers_to("TransactWriteItems", intake.ingest(&owner, credential)).await?;
    }
    Ok(())
}

async fn refuse(site: &Site) -> Result<()> {
    for application in site.applications() {
        let intake = intake_over(site, site.records());
        match intake.ingest_bytes(&owner(application), b"hunter2".to_vec()).await {
            Err(error) if error.kind() == ErrorKind::NotSealed => {}
            Err(error) => return Err(error),
            Ok(_) => panic!("a plaintext is refused"),
        }
    }
    Ok(())
}

async fn opening_intake(site: &Site) -> TrialOpenIntake {
    TrialOpenIntake::new(Arc::new(site.store().await), site.records())
}

async fn take_by_opening(site: &Site) -> Result<()> {
    for application in site.applications() {
        let credential = encrypted(&key(site, application).await, &place(site));
        let intake = opening_intake(site).await.with_audit(audit::recorder_of(site));
        intake.ingest(&owner(application), credential).await?;
    }
    Ok(())
}

async fn take_by_opening_without_answer(site: &Site) -> Result<()> {
    for application in site.applications() {
        let credential = encrypted(&key(site, application).await, &place(site));
        let (intake, owner) = (opening_intake(site).await, owner(application));
        site.losing_answers_to("TransactWriteItems", intake.ingest(&owner, credential)).await?;
    }
    Ok(())
}

async fn vault(site: &Site) -> CredentialVault {
    let vault = CredentialVault::new(Arc::new(site.store().await), site.records());
    vault.with_audit(audit::recorder_of(site))
}

async fn use_one(site: &Site) -> Result<()> {
    for application in site.applications() {
        let place = submitted(site, application).await;
        let here = CredentialUse::at(Host::new(DOMAIN).expect("valid"));
        let (vault, owner) = (vault(site).await, owner(application));
        let used = vault.with_credential(&owner, &place, &here, |view| view.text().expect("text").to_owned());
        assert_eq!(used.await?, "hunter2");
    }
    Ok(())
}

async fn remove(site: &Site) -> Result<()> {
    for application in site.applications() {
        let place = submitted(site, application).await;
        vault(site).await.remove(&owner(application), &place, 1).await?;
    }
    Ok(())
}

async fn create(site: &Site) -> Result<()> {
    for application in site.applications() {
        forget(site, application).await;
        keys(site).await.create(&owner(application)).await?;
    }
    Ok(())
}

async fn create_without_answer(site: &Site) -> Result<()> {
    for application in site.applications() {
        forget(site, application).await;
        let (keys, owner) = (keys(site).await, owner(application));
        site.losing_answers_to("TransactWriteItems", keys.create(&owner)).await?;
    }
    Ok(())
}

async fn create_first_of_tenant(site: &Site) -> Result<()> {
    forget(site, crate::site::USERS).await;
    site.forget_tenant().await;
    keys(site).await.create(&owner(crate::site::USERS)).await.map(drop)
}

/// Its number goes on above the one that was deleted.
async fn create_after_delete(site: &Site) -> Result<()> {
    use secret_store_core::{DeleteOptions, SecretId, SecretStore};
    for application in site.applications() {
        drop(key(site, application).await);
        let id = SecretId::parse(application, FIRST_KEY).expect("valid");
        let with_history = DeleteOptions::default().with_history();
        site.admin().await.delete_with(&id, with_history).await.expect("deleted");
        site.clear_partition(&format!("~c~{application}")).await;
        keys(site).await.create(&owner(application)).await?;
    }
    Ok(())
}

async fn create_without_batches(site: &Site) -> Result<()> {
    site.without_batches(create(site)).await
}

/// The keeper itself has stored it.
async fn detect_removal(site: &Site) -> Result<()> {
    for application in site.applications() {
        forget(site, application).await;
        let keys = keys(site).await;
        keys.create(&owner(application)).await?;
        forget(site, application).await;
        match keys.create(&owner(application)).await {
            Err(error) if error.kind() == ErrorKind::RollbackDetected => {}
            Err(error) => return Err(error),
            Ok(_) => panic!("the key was there"),
        }
    }
    Ok(())
}

/// An earlier version of the key's secret goes with it.
async fn rotate_stored_twice(site: &Site) -> Result<()> {
    use secret_store_core::{SecretId, SecretStoreExt};
    for application in site.applications() {
        submitted(site, application).await;
        let id = SecretId::parse(application, FIRST_KEY).expect("valid");
        let admin = site.admin().await;
        let again = SecretValue::new(admin.get(&id).await.expect("a key").expose_secret());
        admin.put(&id, again).await.expect("a put");
        let options = CredentialRotationOptions::default();
        let rotation = keys(site).await.rotate_data_key(&owner(application), FIRST, &options).await?;
        assert!(rotation.is_finished());
    }
    Ok(())
}

async fn hand_out(site: &Site) -> Result<()> {
    for application in site.applications() {
        drop(key(site, application).await);
        let keys = keys(site).await;
        let version = keys.current_version(&owner(application)).await?;
        keys.key(&owner(application), version).await?;
    }
    Ok(())
}

async fn renew(site: &Site) -> Result<()> {
    for application in site.applications() {
        drop(key(site, application).await);
        keys(site).await.renew(&owner(application), FIRST).await?;
    }
    Ok(())
}

async fn rotate(site: &Site) -> Result<()> {
    for application in site.applications() {
        submitted(site, application).await;
        let keys = keys(site).await;
        let options = CredentialRotationOptions::default();
        let rotation = keys.rotate_data_key(&owner(application), FIRST, &options).await?;
        assert!(rotation.is_finished());
    }
    Ok(())
}
