//! RSA key files as master keys. A service on AWS has KMS here.

use std::path::Path;
use std::sync::Arc;

use secret_store_core::{ErrorKind, MasterKeyId, Result};
use secret_store_rsa_file::{GenerateOptions, KeyDirectory, RsaKeyProvider, SigningKeyId};

/// The master key's id.
pub const MASTER_KEY: &str = "main";
const SIGNING_KEY: &str = "writer";

/// Makes the key files, unless they are there. (Give them a passphrase in earnest: `GenerateOptions`.)
///
/// # Errors
///
/// When they cannot be written.
pub async fn make(keys: &Path) -> Result<()> {
    let (directory, options) = (KeyDirectory::new(keys), GenerateOptions::default());
    made_once(directory.generate_master_key(&MasterKeyId::new(MASTER_KEY)?, &options).await)?;
    made_once(directory.generate_signing_key(&SigningKeyId::new(SIGNING_KEY)?, &options).await)
}

fn made_once<T>(made: Result<T>) -> Result<()> {
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Opens the key files.
///
/// # Errors
///
/// When they are missing or wrong.
pub async fn open(keys: &Path) -> Result<Arc<RsaKeyProvider>> {
    let provider = RsaKeyProvider::builder().directory(KeyDirectory::new(keys));
    let provider = provider.master_key(MasterKeyId::new(MASTER_KEY)?).signing_key(SigningKeyId::new(SIGNING_KEY)?);
    Ok(Arc::new(provider.build().await?))
}
