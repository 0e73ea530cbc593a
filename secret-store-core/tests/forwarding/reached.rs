//! An implementation of all three traits that keeps the names of the methods that reached it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secret_store_core::{
    ApplicationName, Consistency, DeleteOptions, DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey,
    GetOptions, KeyProvider, Limits, ListOptions, ListQuery, MasterKeyId, Page, Persistence, PutOptions, RecordKey,
    Result, Revision, Secret, SecretId, SecretInfo, SecretStore, SecretValue, Stored, WrappedKey, Write,
};

/// Keeps the names of the methods that reached it.
#[derive(Debug, Default)]
pub(crate) struct Reached(Mutex<Vec<&'static str>>);

impl Reached {
    fn keep(&self, method: &'static str) {
        self.0.lock().expect("no panic under this lock").push(method);
    }

    pub(crate) fn take(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.0.lock().expect("no panic under this lock"))
    }
}

pub(crate) fn sentinel() -> Error {
    Error::new(ErrorKind::Throttled, "reached")
}

pub(crate) const LIMITS: Limits = Limits::DEFAULT.with_record_bytes(12_345);

#[async_trait]
impl Persistence for Reached {
    fn limits(&self) -> Limits {
        self.keep("limits");
        LIMITS
    }

    async fn load(&self, _: &RecordKey, _: Consistency) -> Result<Option<Stored>> {
        self.keep("load");
        Err(sentinel())
    }

    async fn load_many(&self, _: &[RecordKey], _: Consistency) -> Result<Vec<Option<Stored>>> {
        self.keep("load_many");
        Err(sentinel())
    }

    async fn list(&self, _: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.keep("list");
        Err(sentinel())
    }

    async fn commit(&self, _: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.keep("commit");
        Err(sentinel())
    }
}

#[async_trait]
impl KeyProvider for Reached {
    fn accepts(&self, _: &MasterKeyId) -> bool {
        self.keep("accepts");
        true
    }

    async fn generate_key(&self, _: &MasterKeyId, _: &EncryptionContext) -> Result<GeneratedKey> {
        self.keep("generate_key");
        Err(sentinel())
    }

    async fn wrap_key(&self, _: &MasterKeyId, _: &DocumentKey, _: &EncryptionContext) -> Result<WrappedKey> {
        self.keep("wrap_key");
        Err(sentinel())
    }

    async fn unwrap_key(&self, _: &WrappedKey, _: &EncryptionContext) -> Result<DocumentKey> {
        self.keep("unwrap_key");
        Err(sentinel())
    }

    async fn rewrap_key(
        &self,
        _: &WrappedKey,
        _: &EncryptionContext,
        _: &MasterKeyId,
        _: &EncryptionContext,
    ) -> Result<WrappedKey> {
        self.keep("rewrap_key");
        Err(sentinel())
    }
}

#[async_trait]
impl SecretStore for Reached {
    async fn get_with(&self, _: &SecretId, _: GetOptions) -> Result<Secret> {
        self.keep("get_with");
        Err(sentinel())
    }

    async fn put_with(&self, _: &SecretId, _: SecretValue, _: PutOptions) -> Result<SecretInfo> {
        self.keep("put_with");
        Err(sentinel())
    }

    async fn delete_with(&self, _: &SecretId, _: DeleteOptions) -> Result<()> {
        self.keep("delete_with");
        Err(sentinel())
    }

    async fn list_with(&self, _: &ApplicationName, _: ListOptions) -> Result<Page<SecretInfo>> {
        self.keep("list_with");
        Err(sentinel())
    }

    async fn history_with(&self, _: &SecretId, _: ListOptions) -> Result<Page<SecretInfo>> {
        self.keep("history_with");
        Err(sentinel())
    }

    async fn get_many_with(&self, _: &[SecretId], _: GetOptions) -> Result<Vec<Secret>> {
        self.keep("get_many_with");
        Err(sentinel())
    }

    async fn get_all_with(&self, _: &ApplicationName, _: GetOptions) -> Result<Vec<Secret>> {
        self.keep("get_all_with");
        Err(sentinel())
    }
}

#[track_caller]
pub(crate) fn reached<T: std::fmt::Debug>(result: Result<T>) {
    assert_eq!(result.expect_err("the sentinel").to_string(), "reached");
}
