//! The traits as their users and implementors meet them: behind an `Arc`, with provided methods, mocked, and moved between tasks.

mod markers;
mod mocks;
mod provided;
mod reached;
mod shared;

use secret_store_core::{EncryptionContext, MasterKeyId, SecretId, SecretVersion, StoreId};

fn id() -> SecretId {
    SecretId::parse("App", "Db").expect("valid")
}

fn main_key() -> MasterKeyId {
    MasterKeyId::new("main").expect("valid")
}

fn context() -> EncryptionContext {
    EncryptionContext::document_key(&StoreId::new("prod").expect("valid"), &id(), SecretVersion::FIRST)
}
