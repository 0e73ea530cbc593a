//! One region of KMS.

use std::collections::BTreeSet;
use std::future::ready;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::exchange::Request;
use crate::http;
use crate::server_thread::ServerThread;

mod asymmetric;
mod ciphertext;
mod fields;
mod key;
mod operation;
mod refusal;
mod region;

pub use key::KeyState;

use asymmetric::RsaKey;
use ciphertext::Materials;
use key::{Key, Secrets};
use region::Region;

/// The account that owns every key here: the one AWS uses in its documentation.
pub const ACCOUNT: &str = "111122223333";

/// One region of KMS on 127.0.0.1: AWS JSON 1.1 over HTTP, real AES-256-GCM with the encryption context as associated
/// data, keys in memory.
///
/// It answers `DescribeKey`, `GenerateDataKey`, `GenerateDataKeyWithoutPlaintext`, `Encrypt`, `Decrypt`, `ReEncrypt`,
/// `RotateKeyOnDemand` and `GetPublicKey`. Whatever it does not implement (other operations and parameters, such as
/// `Recipient`) it refuses with `UnsupportedOperationException`. It checks no signature and no policy, save for
/// [`deny`](KmsEmulator::deny).
#[derive(Debug)]
pub struct KmsEmulator {
    region: Arc<Mutex<Region>>,
    server: ServerThread,
}

impl KmsEmulator {
    /// Starts a region without any key.
    ///
    /// # Panics
    ///
    /// When the machine gives no port or no thread: a test cannot go on without.
    #[must_use]
    pub fn start(region: &str) -> Self {
        let region = Arc::new(Mutex::new(Region::new(region)));
        let served = Arc::clone(&region);
        let connection = move || {
            let served = Arc::clone(&served);
            move |request: Request| ready(Some(operation::answer(&mut lock(&served), &request)))
        };
        Self { region, server: ServerThread::start(move |listener| http::serve(listener, connection)) }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The name of the region.
    #[must_use]
    pub fn region(&self) -> String {
        lock(&self.region).name().to_owned()
    }

    /// Creates a symmetric key and answers its ARN.
    #[must_use]
    pub fn create_key(&self) -> String {
        self.add(key::random_uuid(), Secrets::Symmetric(Materials::generate()))
    }

    /// Creates a multi-Region symmetric key (a primary) and answers its ARN.
    #[must_use]
    pub fn create_multi_region_key(&self) -> String {
        self.add(format!("mrk-{}", key::random_digits()), Secrets::Symmetric(Materials::generate()))
    }

    /// Creates an RSA key of 2,048 bits for encryption and answers its ARN.
    #[must_use]
    pub fn create_rsa_key(&self) -> String {
        self.add(key::random_uuid(), Secrets::Rsa(Arc::new(RsaKey::generate())))
    }

    fn add(&self, id: String, secrets: Secrets) -> String {
        lock(&self.region).add(Key::new(id, secrets))
    }

    /// Replicates a multi-Region key into another region, as `ReplicateKey` does: same key id, same key material, from
    /// then on a state and aliases of its own. Answers the replica's ARN.
    ///
    /// # Panics
    ///
    /// When the key is none of this region, or no multi-Region key.
    #[must_use]
    pub fn replicate(&self, arn: &str, to: &Self) -> String {
        let key = lock(&self.region).key(arn).expect("a key of this region").replica();
        assert!(key.is_multi_region(), "only multi-Region keys have replicas");
        lock(&to.region).add(key)
    }

    /// Gives a key another name (`alias/…`), in the place of what it named before.
    ///
    /// # Panics
    ///
    /// When the name does not begin with `alias/`.
    pub fn set_alias(&self, alias: &str, arn: &str) {
        assert!(alias.starts_with("alias/"), "KMS aliases begin with alias/");
        lock(&self.region).set_alias(alias, arn);
    }

    /// Enables, disables or schedules for deletion.
    ///
    /// # Panics
    ///
    /// When there is no such key.
    pub fn set_state(&self, arn: &str, state: KeyState) {
        lock(&self.region).key_mut(arn).expect("a key of this region").state = state;
    }

    /// Removes a key, as the end of its deletion window does.
    pub fn destroy(&self, arn: &str) {
        lock(&self.region).remove(arn);
    }

    /// Denies an action (`kms:Decrypt`) to every caller until [`allow_all`](KmsEmulator::allow_all).
    pub fn deny(&self, action: &str) {
        lock(&self.region).denied.insert(action.to_owned());
    }

    /// Denies nothing any more.
    pub fn allow_all(&self) {
        lock(&self.region).denied = BTreeSet::new();
    }
}

fn lock(region: &Mutex<Region>) -> MutexGuard<'_, Region> {
    region.lock().unwrap_or_else(PoisonError::into_inner)
}
