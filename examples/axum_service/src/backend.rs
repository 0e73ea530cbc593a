//! Where keys, secrets and the audit log are: RSA key files and a directory. A service on AWS replaces this file alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secret_store_core::audit::AuditKey;
use secret_store_core::{
    EnvelopeStore, ErrorKind, MasterKeyId, Precondition, PutOptions, Result, SecretStoreExt, SecretValue, TracedKeys,
    TracedRecords,
};
use secret_store_rsa_file::{
    DirectoryPersistence, GenerateOptions, JsonLinesSink, KeyDirectory, RsaKeyProvider, SigningKeyId,
};

/// What a service is built from.
#[derive(Debug)]
pub struct Backend {
    /// The store, without any layer over it.
    pub store: EnvelopeStore,
    /// Where audit entries go.
    pub sink: Arc<JsonLinesSink>,
    /// What authenticates them.
    pub audit_key: Arc<AuditKey>,
    /// The file of the audit log.
    pub audit_log: PathBuf,
}

/// Opens what is in a directory, and makes it if there is nothing yet.
///
/// # Errors
///
/// As the parts, which name the file and what to do.
pub async fn open(home: &Path) -> Result<Backend> {
    let (master, signing) = (MasterKeyId::new("production")?, SigningKeyId::new("shop")?);
    let directory = KeyDirectory::new(home.join("keys"));
    made_once(directory.generate_master_key(&master, &GenerateOptions::default()).await)?;
    made_once(directory.generate_signing_key(&signing, &GenerateOptions::default()).await)?;
    let keys = RsaKeyProvider::builder().directory(directory).master_key(master.clone()).signing_key(signing);
    let keys = TracedKeys::new(Arc::new(keys.build().await?), "rsa");
    let records = DirectoryPersistence::open(home.join("records")).await?;
    let records = TracedRecords::new(Arc::new(records), "directory");
    let store = EnvelopeStore::builder(Arc::new(keys), Arc::new(records)).store_id("shop").master_key(&master);
    let store = store.build()?;
    let audit_log = home.join("audit.jsonl");
    let sink = Arc::new(JsonLinesSink::open(&audit_log).await?);
    let audit_key = Arc::new(audit_key(&store).await?);
    Ok(Backend { store, sink, audit_key, audit_log })
}

fn made_once<T>(made: Result<T>) -> Result<()> {
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// The key of the audit log is a secret like others. Whoever holds it can forge entries: so heads of the log are exported to a place
/// that this service cannot write to.
async fn audit_key(store: &EnvelopeStore) -> Result<AuditKey> {
    let app = store.application("Shop.Audit")?;
    let (_, bytes) = AuditKey::generate()?;
    let once = PutOptions::default().with_precondition(Precondition::Absent);
    match app.put_with("MacKey", SecretValue::from(&bytes[..]), once).await {
        Err(error) if error.kind() != ErrorKind::Conflict => return Err(error),
        _ => {}
    }
    let kept = app.get("MacKey").await?;
    let wrong = |_| secret_store_core::Error::invalid_input("the key of the audit log has not 32 bytes");
    Ok(AuditKey::from_bytes(kept.expose_secret().try_into().map_err(wrong)?))
}
