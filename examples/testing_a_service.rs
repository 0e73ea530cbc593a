//! A service that takes any secret store, and its tests: with the memory backend, which behaves like every other one, and
//! with a mock where a test wants a failure.
//!
//! ```text
//! cargo run --example testing_a_service
//! cargo test -p secret-store-examples --example testing_a_service
//! ```

use std::sync::Arc;

use secret_store_core::{EnvelopeStore, ErrorKind, Result, SecretId, SecretStore, SecretStoreExt};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};

/// Signs in to a database with a password from the store. It knows the trait alone.
#[derive(Debug)]
struct Database {
    secrets: Arc<dyn SecretStore>,
    password: SecretId,
}

#[derive(Debug, PartialEq)]
enum SignIn {
    Accepted,
    /// Nobody has stored a password yet: the service can ask for one.
    NoPassword,
}

impl Database {
    async fn sign_in(&self) -> Result<SignIn> {
        match self.secrets.get(&self.password).await {
            // A driver would take the bytes here. They are wiped when `secret` is dropped.
            Ok(secret) => secret.text().map(|_| SignIn::Accepted),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(SignIn::NoPassword),
            Err(error) => Err(error),
        }
    }
}

/// A store of its own for each test: real encryption, nothing on disk.
fn memory_store() -> Result<EnvelopeStore> {
    let keys = MemoryKeyProvider::new().with_generated(&"main".parse()?)?;
    let records = MemoryPersistence::new();
    EnvelopeStore::builder(Arc::new(keys), Arc::new(records)).store_id("test").master_key("main").build()
}

#[tokio::main]
async fn main() -> Result<()> {
    let store = memory_store()?;
    let password = SecretId::parse("Shop.Test", "MainDb")?;
    let database = Database { secrets: Arc::new(store.clone()), password: password.clone() };
    println!("without a password: {:?}", database.sign_in().await?);
    store.put(&password, "hunter2".into()).await?;
    println!("with one:           {:?}", database.sign_in().await?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use secret_store_core::{Error, MockSecretStore};

    fn database(secrets: impl SecretStore) -> Database {
        Database { secrets: Arc::new(secrets), password: SecretId::parse("Shop.Test", "MainDb").expect("valid") }
    }

    #[tokio::test]
    async fn signs_in_once_a_password_is_stored() {
        let store = memory_store().expect("a valid configuration");
        let database = database(store.clone());
        assert_eq!(database.sign_in().await.expect("no failure"), SignIn::NoPassword);
        store.put(&database.password, "hunter2".into()).await.expect("stores");
        assert_eq!(database.sign_in().await.expect("no failure"), SignIn::Accepted);
    }

    /// A failure that the memory backend does not have on its own.
    #[tokio::test]
    async fn an_outage_is_passed_on() {
        let mut store = MockSecretStore::new();
        store.expect_get_with().returning(|_, _| Err(Error::new(ErrorKind::Unavailable, "the table is away")));
        let error = database(store).sign_in().await.expect_err("the store is away");
        assert!(error.is_retryable());
    }

    /// A store that holds something else than text must not look like one without a password.
    #[tokio::test]
    async fn a_password_that_is_no_text_is_an_error() {
        let store = memory_store().expect("a valid configuration");
        let database = database(store.clone());
        store.put(&database.password, vec![0xff].into()).await.expect("stores");
        assert_eq!(database.sign_in().await.expect_err("not text").kind(), ErrorKind::InvalidInput);
    }
}
