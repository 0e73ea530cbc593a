//! Holders of keys that count what they are asked and fail when told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secret_store_core::{
    DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, KeyEncryptionKey, KeyProvider, MasterKeyId, Result,
    SecretId, SecretVersion, StoreId, WrappedKey,
};
use secret_store_memory::MemoryKeyProvider;

pub(crate) use futures::executor::block_on as wait;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Call {
    Generate,
    Wrap,
    Unwrap,
    Rewrap,
}

/// Master keys in memory behind a count and a switch.
#[derive(Debug, Default)]
pub(crate) struct Holder {
    keys: MemoryKeyProvider,
    accepted: BTreeSet<MasterKeyId>,
    asked: Mutex<Vec<Call>>,
    failing: Mutex<BTreeMap<Call, ErrorKind>>,
}

impl Holder {
    /// With a key of its own for each id: the number of the holder and the id make it, so that two holders of one number have the same.
    pub(crate) fn new(number: u8, ids: &[&str]) -> Arc<Self> {
        let (keys, mut accepted) = (MemoryKeyProvider::new(), BTreeSet::new());
        for id in ids {
            let mut bytes = [number; 32];
            bytes.iter_mut().zip(id.bytes()).for_each(|(byte, letter)| *byte ^= letter);
            keys.add(master(id), KeyEncryptionKey::from_bytes(&bytes));
            accepted.insert(master(id));
        }
        Arc::new(Self { keys, accepted, ..Self::default() })
    }

    /// What it was asked since the last time.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut *self.asked.lock().expect("no panic under this lock"))
    }

    /// From now on these calls fail so.
    pub(crate) fn fail(&self, calls: &[Call], kind: ErrorKind) {
        let mut failing = self.failing.lock().expect("no panic under this lock");
        failing.extend(calls.iter().map(|call| (*call, kind)));
    }

    /// As a region that is lost.
    pub(crate) fn die(&self) {
        self.fail(&[Call::Generate, Call::Wrap, Call::Unwrap, Call::Rewrap], ErrorKind::Unavailable);
    }

    pub(crate) fn heal(&self) {
        self.failing.lock().expect("no panic under this lock").clear();
    }

    /// A call for a key that is not accepted is the test's failure: nobody may make one.
    fn meet(&self, call: Call, ids: &[&MasterKeyId]) -> Result<()> {
        for id in ids {
            assert!(self.accepted.contains(*id), "{call:?} of {id} came to a holder that does not accept it");
        }
        self.asked.lock().expect("no panic under this lock").push(call);
        match self.failing.lock().expect("no panic under this lock").get(&call) {
            Some(ErrorKind::Integrity) => Err(Error::integrity()),
            Some(kind) => Err(Error::new(*kind, "the test made this call fail").with_operation("held")),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl KeyProvider for Holder {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.accepted.contains(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.meet(Call::Generate, &[id])?;
        self.keys.generate_key(id, context).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.meet(Call::Wrap, &[id])?;
        self.keys.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.meet(Call::Unwrap, &[key.master_key_id()])?;
        self.keys.unwrap_key(key, context).await
    }

    /// Within the holder, as a KMS does it.
    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        self.meet(Call::Rewrap, &[key.master_key_id(), to])?;
        self.keys.rewrap_key(key, from, to, to_context).await
    }
}

pub(crate) fn master(id: &str) -> MasterKeyId {
    MasterKeyId::new(id).expect("a valid master key id")
}

pub(crate) fn secret(name: &str) -> SecretId {
    SecretId::parse("YourApp.Production", name).expect("a valid name")
}

/// The context of a version of one secret.
pub(crate) fn context(version: u64) -> EncryptionContext {
    let version = SecretVersion::new(version).expect("not zero");
    EncryptionContext::document_key(&StoreId::new("prod").expect("valid"), &secret("Db"), version)
}

/// A wrap of a new key by a holder itself, which is not counted.
pub(crate) fn wrapped_by(holder: &Holder, id: &str) -> (DocumentKey, WrappedKey) {
    let generated = wait(holder.keys.generate_key(&master(id), &context(1))).expect("generates");
    (generated.document_key, generated.wrapped)
}

/// The error that must have come.
#[track_caller]
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T>) -> Error {
    result.expect_err("this must be refused")
}
