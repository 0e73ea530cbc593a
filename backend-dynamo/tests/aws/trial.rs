//! One secret, every operation of a store on it, and what must be there afterwards.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use secret_store_core::{
    Consistency, EnvelopeStore, ErrorKind, GetOptions, ListOptions, ProtectOptions, PutOptions, Result, SecretId,
    SecretStore, SecretStoreExt, SecretVersion,
};
use secret_store_dynamo_emulator::Patience;

use crate::support::{Table, value};

/// Long enough to be nowhere by chance.
pub(crate) const ONE: &str = "the first value, which nothing else contains";
pub(crate) const TWO: &str = "the second value, which nothing else contains";
pub(crate) const NEW: &str = "the value that is written, which nothing else contains";
/// All of them.
pub(crate) const VALUES: [&str; 3] = [ONE, TWO, NEW];

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Operation {
    Get,
    GetVersion,
    GetMany,
    GetAll,
    List,
    History,
    AcceptRollback,
    Repair,
    Create,
    Put,
    PutWithToken,
    ProtectAndSave,
    RewrapAndSave,
    Delete,
    Restore,
}

pub(crate) const OPERATIONS: [Operation; 15] = [
    Operation::Get,
    Operation::GetVersion,
    Operation::GetMany,
    Operation::GetAll,
    Operation::List,
    Operation::History,
    Operation::AcceptRollback,
    Operation::Repair,
    Operation::Create,
    Operation::Put,
    Operation::PutWithToken,
    Operation::ProtectAndSave,
    Operation::RewrapAndSave,
    Operation::Delete,
    Operation::Restore,
];

impl Operation {
    pub(crate) fn writes(self) -> bool {
        self.seals() || self == Self::Delete
    }

    /// Whether it makes a version, under a new document key.
    pub(crate) fn seals(self) -> bool {
        use Operation::{Create, ProtectAndSave, Put, PutWithToken, Restore, RewrapAndSave};
        matches!(self, Create | Put | PutWithToken | ProtectAndSave | RewrapAndSave | Restore)
    }

    /// Whether it does without any master key.
    pub(crate) fn needs_no_key(self) -> bool {
        matches!(self, Self::List | Self::History | Self::Delete)
    }

    /// What all versions are afterwards, if it happened.
    pub(crate) fn after(self) -> Versions {
        let mut versions = before(self);
        match self {
            Self::Create => drop(versions.insert(1, NEW.to_owned())),
            Self::Restore => drop(versions.insert(3, ONE.to_owned())),
            _ if self.seals() => drop(versions.insert(3, NEW.to_owned())),
            _ => {}
        }
        versions
    }
}

/// The value of each version that can be read.
pub(crate) type Versions = BTreeMap<u64, String>;

fn before(operation: Operation) -> Versions {
    match operation {
        Operation::Create => Versions::new(),
        _ => Versions::from([(1, ONE.to_owned()), (2, TWO.to_owned())]),
    }
}

/// What an operation answers: the version that a write made.
pub(crate) type Outcome = Result<Option<SecretVersion>>;

/// One secret, in an application of its own.
pub(crate) struct Trial<'a> {
    pub(crate) table: &'a Table,
    pub(crate) id: SecretId,
}

impl<'a> Trial<'a> {
    pub(crate) async fn begin(table: &'a Table, operation: Operation, number: usize) -> Self {
        let id = SecretId::parse(&format!("Trial.{number}"), "MainDb").expect("a valid id");
        let store = table.direct_store().await;
        let trial = Self { table, id };
        for (version, text) in before(operation) {
            store.put(&trial.id, value(&text)).await.expect("a put");
            if version == 1 && !operation.writes() {
                trial.read_once().await;
            }
        }
        trial
    }

    /// The first version as a replica that lags behind will answer it.
    async fn read_once(&self) {
        let store = self.table.store(Patience::default()).await;
        store.get(&self.id).await.expect("a get");
        store.get_version(&self.id, SecretVersion::FIRST).await.expect("a get");
        store.get_many(std::slice::from_ref(&self.id)).await.expect("a get");
        store.get_all(self.id.application()).await.expect("a get");
        store.list(self.id.application()).await.expect("a list");
    }

    pub(crate) async fn run(&self, operation: Operation, store: &EnvelopeStore) -> Outcome {
        if operation.writes() { self.write(operation, store).await } else { self.read(operation, store).await }
    }

    async fn read(&self, operation: Operation, store: &EnvelopeStore) -> Outcome {
        let id = &self.id;
        let newest = |text: &str| assert_eq!(text, TWO, "{operation:?}");
        let version = |info: Option<SecretVersion>| assert_eq!(info.map(SecretVersion::get), Some(2), "{operation:?}");
        match operation {
            Operation::Get => newest(store.get(id).await?.text()?),
            Operation::GetVersion => {
                assert_eq!(store.get_version(id, SecretVersion::FIRST).await?.text()?, ONE);
            }
            Operation::GetMany => newest(store.get_many(&[id.clone(), id.clone()]).await?[1].text()?),
            Operation::GetAll => {
                let all = store.get_all(id.application()).await?;
                assert_eq!(all.len(), 1, "complete or an error");
                newest(all[0].text()?);
            }
            Operation::List => assert_eq!(store.list(id.application()).await?.items.len(), 1),
            Operation::AcceptRollback => version(store.accept_rollback(id).await?.map(|info| info.version)),
            Operation::Repair => version(store.repair(id).await?.map(|info| info.version)),
            _ => {
                let options = ListOptions::default().with_consistency(Consistency::Strong);
                assert_eq!(store.history_with(id, options).await?.items.len(), 1);
            }
        }
        Ok(None)
    }

    async fn write(&self, operation: Operation, store: &EnvelopeStore) -> Outcome {
        let id = &self.id;
        let info = match operation {
            Operation::PutWithToken => {
                let options = PutOptions::default().with_idempotency_token("token");
                store.put_with(id, value(NEW), options).await?
            }
            Operation::ProtectAndSave => {
                let protected = store.protect(id, value(NEW), ProtectOptions::default()).await?;
                store.save(&protected).await?
            }
            Operation::RewrapAndSave => {
                let protected = store.protect(id, value(NEW), ProtectOptions::default()).await?;
                let key = protected.wrapped_key().master_key_id().clone();
                let moved = store.rewrap(&protected, &key, &key).await?.expect("it has a wrap under its first key");
                store.save(&moved).await?
            }
            Operation::Delete => {
                store.delete(id).await?;
                return Ok(None);
            }
            Operation::Restore => store.restore(id, SecretVersion::FIRST).await?,
            _ => store.put(id, value(NEW)).await?,
        };
        Ok(Some(info.version))
    }

    /// Every version that is there, by a store that has seen nothing yet; and whether one is current.
    pub(crate) async fn versions(&self) -> (Versions, bool) {
        let store = self.table.direct_store().await;
        let strong = GetOptions::default().with_consistency(Consistency::Strong);
        let mut versions = Versions::new();
        let mut add = |version: SecretVersion, text: &str| {
            assert!(versions.insert(version.get(), text.to_owned()).is_none(), "version {version:?} is there twice");
        };
        let options = ListOptions::default().with_limit(NonZeroUsize::new(100).expect("not zero"));
        let history =
            store.history_with(&self.id, options.with_consistency(Consistency::Strong)).await.expect("a history");
        for info in history.items {
            let secret = store.get_with(&self.id, strong.clone().with_version(info.version)).await.expect("a version");
            add(info.version, secret.text().expect("text"));
        }
        match store.get_with(&self.id, strong).await {
            Ok(secret) => {
                add(secret.info().version, secret.text().expect("text"));
                (versions, true)
            }
            Err(error) if error.kind() == ErrorKind::NotFound => (versions, false),
            Err(error) => panic!("{error}"),
        }
    }

    /// What was acknowledged is there, what was refused is not, and nothing is there twice.
    pub(crate) async fn assert_consistent(&self, operation: Operation, outcome: &Outcome, what: &str) {
        let (versions, has_current) = self.versions().await;
        let old = before(operation);
        let is_old = versions == old && has_current != old.is_empty();
        let is_new = versions == operation.after() && has_current == (operation != Operation::Delete);
        match outcome {
            Ok(_) if !operation.writes() => assert!(is_old, "{what}: a read changes nothing: {versions:?}"),
            Ok(version) => {
                assert!(is_new, "{what}: an acknowledged write is there: {versions:?}, current: {has_current}");
                let newest = versions.keys().last().copied();
                assert_eq!(version.map(SecretVersion::get), version.and(newest), "{what}");
            }
            Err(error) if error.kind() == ErrorKind::Unavailable => assert!(is_old || is_new, "{what}: {versions:?}"),
            Err(error) => assert!(is_old, "{what}: {error}: a refused write is not there: {versions:?}"),
        }
    }
}
