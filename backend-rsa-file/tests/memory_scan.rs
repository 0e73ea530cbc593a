//! Values and keys leave memory, over this backend: document keys through RSA, the text of the private key file, records on disk.

use std::cell::RefCell;

use futures::executor::block_on;
use secret_store_conformance::memory_scan::{self, Backend};
use secret_store_core::{MasterKeyId, SecretValue};
use secret_store_rsa_file::{
    DirectoryPersistence, GenerateOptions, KeyDirectory, RsaKeyProvider, RsaKeySize, SigningKeyId,
};

/// The numbers of the RSA key itself are held by the RSA implementation in a form of its own and are not looked for.
#[test]
#[cfg_attr(not(feature = "aws-lc"), ignore = "the `rsa` crate drops the padded document key without wiping it")]
fn secrets_and_keys_leave_memory() {
    let directories = RefCell::new(Vec::new());
    memory_scan::run("secrets_and_keys_leave_memory", |canaries| {
        let temporary = tempfile::tempdir().expect("a temporary directory");
        let keys = KeyDirectory::new(temporary.path().join("keys"));
        let (master, signer) = (MasterKeyId::new("main")?, SigningKeyId::new("writer")?);
        let small = GenerateOptions::default().with_size(RsaKeySize::Bits2048);
        block_on(keys.generate_master_key(&master, &small))?;
        block_on(keys.generate_signing_key(&signer, &small))?;
        for file in [keys.master_key_file(&master), keys.signing_key_file(&signer)] {
            let pem = SecretValue::new(std::fs::read(file).expect("the private key file"));
            // What follows the header and the numbers that every such key begins with; a line is 64 characters.
            for line in pem.expose_secret().split(|byte| *byte == b'\n').skip(8).filter(|line| line.len() == 64) {
                canaries.watch_master_key(line);
            }
        }
        let provider = RsaKeyProvider::builder().directory(keys).master_key(master.clone()).signing_key(signer);
        let provider = block_on(provider.build())?;
        let records = block_on(DirectoryPersistence::open(temporary.path().join("records")))?;
        directories.borrow_mut().push(temporary);
        Ok(Backend::new(provider, records, master))
    });
}
