//! What a server of sealed secrets has on disk, and what it is built from.
//!
//! ```text
//! DIRECTORY/keys/            RSA key files: the master key
//! DIRECTORY/records/         the store: secrets, organisations' keys, nonces
//! DIRECTORY/published.json   the key records, signed by the authority
//! DIRECTORY/audit.jsonl      the audit log; audit.key authenticates it
//! ```
//!
//! The authority's key is not there: a server that is taken over cannot say whose key is whose.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{ApplicationConfig, ApplicationName, EnvelopeStore, ErrorKind, HistoryRetention, TenantId};
use secret_store_rsa_file::DirectoryPersistence;
use secret_store_transport::{
    AuthorityKey, KeyRecord, KeySpec, Once, OrganisationKeys, Place, Places, Retrieval, SealedIntake,
};
use serde::{Deserialize, Serialize};

use crate::audit::{self, Audit};
use crate::{Failure, master_keys};

/// The organisation of this example.
pub const ORGANISATION: &str = "acme";
/// Its environments. Each has an application of its own, so that nothing of `dev` appears under `production`.
pub const ENVIRONMENTS: [&str; 2] = ["production", "dev"];
const SEALING_KEYS: &str = "sealing-keys";
const KEY_LIFETIME: Duration = Duration::from_secs(90 * 86_400);
const PUBLISHED: &str = "published.json";

/// The key records that clients fetch: they need not trust where they come from.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Published {
    /// The key that secrets are sealed to.
    pub sealing: KeyRecord,
    /// The key that answers are verified with.
    pub answers: KeyRecord,
}

/// The parts of a server.
#[derive(Clone, Debug)]
pub struct Home {
    /// Takes what is sealed.
    pub intake: SealedIntake,
    /// Answers requests.
    pub retrieval: Retrieval,
    /// The key records.
    pub published: Published,
    /// What was done.
    pub audit: Audit,
}

/// Makes a directory for servers: master key, the organisation's keys, records signed by the authority. Again, it signs the same
/// records again.
///
/// # Errors
///
/// When something cannot be made.
pub async fn init(home: &Path, authority: &AuthorityKey, spec: KeySpec) -> Result<Published, Failure> {
    std::fs::create_dir_all(home)?;
    master_keys::make(&home.join("keys")).await?;
    audit::make_key(home)?;
    let (_, keys) = store(home).await?;
    match keys.create(&TenantId::new(ORGANISATION)?, spec, KEY_LIFETIME).await {
        Err(error) if !matches!(error.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists) => Err(error.into()),
        _ => publish(home, &keys, authority).await,
    }
}

/// Makes new keys of the organisation, and publishes them. What was sealed to those before is taken until they are
/// [retired](retire). Servers hand out the new records when they are started again.
///
/// # Errors
///
/// As the store.
pub async fn rotate(home: &Path, authority: &AuthorityKey, spec: KeySpec) -> Result<Published, Failure> {
    let (_, keys) = store(home).await?;
    keys.rotate(&TenantId::new(ORGANISATION)?, spec, KEY_LIFETIME).await?;
    publish(home, &keys, authority).await
}

/// Retires a version of the organisation's keys, and those before: for every server at once.
///
/// # Errors
///
/// As the store.
pub async fn retire(home: &Path, version: u32) -> Result<(), Failure> {
    let (_, keys) = store(home).await?;
    Ok(keys.retire(&TenantId::new(ORGANISATION)?, version).await?)
}

async fn publish(home: &Path, keys: &OrganisationKeys, authority: &AuthorityKey) -> Result<Published, Failure> {
    let records = keys.records(&TenantId::new(ORGANISATION)?, authority).await?;
    let published = Published { sealing: records.sealing, answers: records.answers };
    let file = tempfile::NamedTempFile::new_in(home)?;
    serde_json::to_writer(&file, &published)?;
    file.as_file().sync_all()?;
    file.persist(home.join(PUBLISHED)).map_err(|error| error.error)?;
    Ok(published)
}

/// Opens a directory that [`init`] has made. Any number of servers may have it open.
///
/// # Errors
///
/// As the parts, which name the file and what to do.
pub async fn open(home: &Path) -> Result<Home, Failure> {
    let published = std::fs::read(home.join(PUBLISHED)).map_err(|_| "the directory has no keys: `init` makes them")?;
    let published = serde_json::from_slice(&published)?;
    let audit = Audit::open(home, "example", "sealed_server").await?;
    let (store, keys) = store(home).await?;
    let places = ENVIRONMENTS.into_iter().try_fold(Places::new(), |places, environment| {
        let application = ApplicationName::new(format!("{ORGANISATION}.{environment}"))?;
        places.with(Place::parse(ORGANISATION, environment)?, application)
    })?;
    // The nonces lie beside the secrets: so all servers of the store share them.
    let once = Once::new(Arc::new(records(home).await?));
    let recorder = audit.recorder.clone();
    let intake = SealedIntake::new(store.clone(), keys.clone(), places.clone(), once.clone(), recorder.clone());
    let retrieval = Retrieval::new(store, keys, places, once, recorder);
    Ok(Home { intake, retrieval, published, audit })
}

async fn records(home: &Path) -> secret_store_core::Result<DirectoryPersistence> {
    DirectoryPersistence::open(home.join("records")).await
}

async fn store(home: &Path) -> Result<(Arc<EnvelopeStore>, OrganisationKeys), Failure> {
    let master = master_keys::open(&home.join("keys")).await?;
    let sealing_keys = ApplicationName::new(SEALING_KEYS)?;
    // Earlier values of the keys would be retired private keys.
    let without_history = ApplicationConfig::default().with_history(HistoryRetention::None);
    let store = EnvelopeStore::builder(master, Arc::new(records(home).await?))
        .store_id("sealed-service")
        .master_key(master_keys::MASTER_KEY)
        .application(sealing_keys.clone(), without_history)
        .build()?;
    let store = Arc::new(store);
    Ok((store.clone(), OrganisationKeys::new(store, sealing_keys)))
}
