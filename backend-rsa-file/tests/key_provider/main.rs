//! The key provider through its public interface, on real directories.

#![cfg(unix)]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use futures::executor::block_on;
use secret_store_core::{EncryptionContext, Error, ErrorKind, MasterKeyId, Result, SecretId, SecretVersion, StoreId};
use secret_store_rsa_file::{KeyDirectory, RsaKeyProvider, RsaKeyProviderBuilder, SigningKeyId};
use tempfile::TempDir;

mod generation;
mod roles;
mod setup;

/// A directory of keys for one test. The keys are those of the vectors: making new ones takes long.
struct Keys {
    temporary: TempDir,
}

impl Keys {
    /// Both halves of master key `Test` and signing key `signer`.
    fn both() -> Self {
        let keys = Self::empty();
        keys.put("encryption/Test.pem", &pem("enc2048"), 0o600);
        keys.put("signing/signer.pem", &pem("sign2048"), 0o600);
        keys
    }

    fn empty() -> Self {
        let keys = Self { temporary: tempfile::tempdir().expect("a temporary directory") };
        for folder in ["encryption", "signing"] {
            let path = keys.path(folder);
            fs::create_dir(&path).expect("a new folder");
            fs::set_permissions(path, Permissions::from_mode(0o700)).expect("its owner");
        }
        keys
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temporary.path().join(name)
    }

    fn put(&self, name: &str, content: &str, mode: u32) {
        fs::write(self.path(name), content).expect("a file");
        self.set_mode(name, mode);
    }

    fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), Permissions::from_mode(mode)).expect("its owner");
    }

    fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("it was there");
    }

    fn directory(&self) -> KeyDirectory {
        KeyDirectory::new(self.temporary.path())
    }

    /// The usual two keys.
    fn builder(&self) -> RsaKeyProviderBuilder {
        RsaKeyProvider::builder().directory(self.directory()).master_key(master("Test")).signing_key(signer("signer"))
    }

    fn build(&self) -> Result<RsaKeyProvider> {
        block_on(self.builder().build())
    }
}

/// Of a throw-away key of the vectors.
fn pem(name: &str) -> String {
    let vectors: serde_json::Value =
        serde_json::from_str(include_str!("../vectors/secretstore-legacy.json")).expect("the vectors are JSON");
    vectors["keys"][name]["pkcs8_pem"].as_str().expect("a key").to_owned()
}

/// The public half of `enc2048`.
const ENC2048_PUBLIC: &str = include_str!("../vectors/keys/spki.pub.pem");
/// The public half of `sign2048`.
const SIGN2048_PUBLIC: &str = include_str!("../vectors/keys/sign2048.pub.pem");

fn master(id: &str) -> MasterKeyId {
    MasterKeyId::new(id).expect("a valid id")
}

fn signer(id: &str) -> SigningKeyId {
    SigningKeyId::new(id).expect("a valid id")
}

fn context() -> EncryptionContext {
    let id = SecretId::parse("YourApp.Production", "MainDb").expect("valid names");
    EncryptionContext::document_key(&StoreId::new("prod").expect("a valid id"), &id, SecretVersion::FIRST)
}

/// Asserts the kind, that the message is one clause naming the path (escaped) and that it tells each of these.
fn assert_refused<T: std::fmt::Debug>(result: Result<T>, kind: ErrorKind, tells: &[&str]) -> Error {
    let error = result.expect_err("it must be refused");
    let message = error.to_string();
    assert_eq!(error.kind(), kind, "{message}");
    for part in tells {
        assert!(message.contains(part), "{part:?} is missing: {message}");
    }
    assert!(!message.contains('\n') && !message.contains("PRIVATE KEY-----"), "{message}");
    error
}

/// A path as messages show it.
fn shown(path: &Path) -> String {
    format!("{path:?}")
}
