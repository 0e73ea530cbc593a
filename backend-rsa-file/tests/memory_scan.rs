//! Values and keys leave memory, over this backend: document keys through RSA, the text of the private key file, records on disk;
//! document keys that move to RSA from another key provider.

use std::cell::RefCell;
use std::path::Path;
use std::sync::Arc;

use futures::executor::block_on;
use secret_store_conformance::memory_scan::{self, Backend, Canaries};
use secret_store_core::{KeyEncryptionKey, KeyRing, MasterKeyId, Result, SecretValue};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use secret_store_rsa_file::{
    DirectoryPersistence, GenerateOptions, KeyDirectory, RsaKeyProvider, RsaKeySize, SigningKeyId,
};

/// A new RSA master key with its signing key, the text of whose files is looked for.
fn rsa_keys(directory: &Path, master: &MasterKeyId, canaries: &Canaries) -> Result<RsaKeyProvider> {
    let (keys, signer) = (KeyDirectory::new(directory.join("keys")), SigningKeyId::new("writer")?);
    let small = GenerateOptions::default().with_size(RsaKeySize::Bits2048);
    block_on(keys.generate_master_key(master, &small))?;
    block_on(keys.generate_signing_key(&signer, &small))?;
    for file in [keys.master_key_file(master), keys.signing_key_file(&signer)] {
        let pem = SecretValue::new(std::fs::read(file).expect("the private key file"));
        // What follows the header and the numbers that every such key begins with; a line is 64 characters.
        for line in pem.expose_secret().split(|byte| *byte == b'\n').skip(8).filter(|line| line.len() == 64) {
            canaries.watch_master_key(line);
        }
    }
    block_on(RsaKeyProvider::builder().directory(keys).master_key(master.clone()).signing_key(signer).build())
}

/// The numbers of the RSA key itself are held by the RSA implementation in a form of its own and are not looked for.
#[test]
#[cfg_attr(not(feature = "aws-lc"), ignore = "the `rsa` crate drops the padded document key without wiping it")]
fn secrets_and_keys_leave_memory() {
    let directories = RefCell::new(Vec::new());
    memory_scan::run("secrets_and_keys_leave_memory", |canaries| {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let master = MasterKeyId::new("main")?;
        let provider = rsa_keys(temporary.path(), &master, canaries)?;
        let records = block_on(DirectoryPersistence::open(temporary.path().join("records")))?;
        directories.borrow_mut().push(temporary);
        Ok(Backend::new(provider, records, master))
    });
}

/// Between two members of a ring a document key is in clear for a moment. The RSA side is where that takes long enough to be
/// dropped in the middle.
#[test]
#[cfg_attr(not(feature = "aws-lc"), ignore = "the `rsa` crate drops the padded document key without wiping it")]
fn document_keys_that_move_between_providers_leave_memory() {
    memory_scan::run("document_keys_that_move_between_providers_leave_memory", |canaries| {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let (from, to) = (MasterKeyId::new("memory")?, MasterKeyId::new("rsa")?);
        let key = canaries.master_key();
        let key = KeyEncryptionKey::from_bytes(key.expose_secret().try_into().expect("32 bytes"));
        let memory = Arc::new(MemoryKeyProvider::new().with_key(from.clone(), key));
        // Reads its files now and never again.
        let rsa = Arc::new(rsa_keys(temporary.path(), &to, canaries)?);
        let ring = KeyRing::new(rsa).with_wrapping(memory);
        Ok(Backend::new(ring, MemoryPersistence::new(), from).with_other_master_key(to))
    });
}
