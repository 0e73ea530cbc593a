//! Every request of every operation of a store, with every fault: a typed outcome, no duplicate version, no acknowledged
//! write lost, in bounded time.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use secret_store_core::{
    Consistency, EnvelopeStore, ErrorKind, GetOptions, ListOptions, PutOptions, Result, SecretId, SecretStore,
    SecretStoreExt, SecretVersion,
};
use secret_store_dynamo_emulator::{Fault, Patience};

use crate::persistence_faults::{FAULTS, kind_of, patience};
use crate::support::{Table, master_key, once, value};

/// A store reads again what is left open: several calls, each with several attempts.
const BOUND: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Get,
    GetVersion,
    GetMany,
    GetAll,
    List,
    History,
    Create,
    Put,
    PutWithToken,
    Delete,
    Restore,
}

const OPERATIONS: [Operation; 11] = [
    Operation::Get,
    Operation::GetVersion,
    Operation::GetMany,
    Operation::GetAll,
    Operation::List,
    Operation::History,
    Operation::Create,
    Operation::Put,
    Operation::PutWithToken,
    Operation::Delete,
    Operation::Restore,
];

impl Operation {
    fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Put | Self::PutWithToken | Self::Delete | Self::Restore)
    }

    /// What all versions are afterwards, if it happened.
    fn after(self) -> Versions {
        let mut versions = before(self);
        match self {
            Self::Create => drop(versions.insert(1, "new".to_owned())),
            Self::Put | Self::PutWithToken => drop(versions.insert(3, "new".to_owned())),
            Self::Restore => drop(versions.insert(3, "one".to_owned())),
            _ => {}
        }
        versions
    }
}

/// The value of each version that can be read.
type Versions = BTreeMap<u64, String>;

fn before(operation: Operation) -> Versions {
    match operation {
        Operation::Create => Versions::new(),
        _ => Versions::from([(1, "one".to_owned()), (2, "two".to_owned())]),
    }
}

/// One secret, in an application of its own.
struct Trial<'a> {
    table: &'a Table,
    id: SecretId,
}

impl<'a> Trial<'a> {
    async fn begin(table: &'a Table, operation: Operation, number: usize) -> Self {
        let id = SecretId::parse(&format!("Trial.{number}"), "MainDb").expect("a valid id");
        let store = table.store(table.direct());
        let trial = Self { table, id };
        for (version, value) in before(operation) {
            store.put(&trial.id, crate::support::value(&value)).await.expect("a put");
            if version == 1 {
                trial.read_once().await;
            }
        }
        trial
    }

    /// The first version as a replica that lags behind will answer it.
    async fn read_once(&self) {
        let store = self.table.store(self.table.proxied(Patience::default()));
        let first = SecretVersion::new(1).expect("not zero");
        store.get(&self.id).await.expect("a get");
        store.get_version(&self.id, first).await.expect("a get");
        store.get_many(std::slice::from_ref(&self.id)).await.expect("a get");
        store.get_all(self.id.application()).await.expect("a get");
        store.list(self.id.application()).await.expect("a list");
    }

    /// Answers the version that a write made.
    async fn run(&self, operation: Operation, store: &EnvelopeStore) -> Result<Option<SecretVersion>> {
        let id = &self.id;
        let first = SecretVersion::new(1).expect("not zero");
        let newest = |text: &str| assert_eq!(text, "two", "{operation:?}");
        match operation {
            Operation::Get => newest(store.get(id).await?.text()?),
            Operation::GetVersion => assert_eq!(store.get_version(id, first).await?.text()?, "one"),
            Operation::GetMany => newest(store.get_many(&[id.clone(), id.clone()]).await?[1].text()?),
            Operation::GetAll => {
                let all = store.get_all(id.application()).await?;
                assert_eq!(all.len(), 1, "complete or an error");
                newest(all[0].text()?);
            }
            Operation::List => assert_eq!(store.list(id.application()).await?.items.len(), 1),
            Operation::History => {
                let options = ListOptions::default().with_consistency(Consistency::Strong);
                assert_eq!(store.history_with(id, options).await?.items.len(), 1);
            }
            Operation::Create | Operation::Put => return Ok(Some(store.put(id, value("new")).await?.version)),
            Operation::PutWithToken => {
                let options = PutOptions::default().with_idempotency_token("token");
                return Ok(Some(store.put_with(id, value("new"), options).await?.version));
            }
            Operation::Delete => store.delete(id).await?,
            Operation::Restore => return Ok(Some(store.restore(id, first).await?.version)),
        }
        Ok(None)
    }

    /// Every version that is there, by a store that has seen nothing yet; and whether one is current.
    async fn versions(&self) -> (Versions, bool) {
        let store = self.table.store(self.table.direct());
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
}

async fn assert_consistent(
    trial: &Trial<'_>,
    operation: Operation,
    outcome: &Result<Option<SecretVersion>>,
    what: &str,
) {
    let (versions, has_current) = trial.versions().await;
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

/// The writer tries again after an error that says it may, and ends with one version.
async fn assert_repeatable(
    trial: &Trial<'_>,
    operation: Operation,
    outcome: &Result<Option<SecretVersion>>,
    what: &str,
) {
    if operation == Operation::PutWithToken && outcome.is_err() {
        let store = trial.table.store(trial.table.direct());
        let version = trial.run(operation, &store).await.expect("nothing fails any more");
        assert_eq!(version.map(SecretVersion::get), Some(3), "{what}");
        assert_eq!(trial.versions().await, (operation.after(), true), "{what}: one version for one token");
    }
}

async fn calls(table: &Table, operation: Operation, number: usize) -> usize {
    let trial = Trial::begin(table, operation, number).await;
    let store = table.store(table.proxied(Patience::default()));
    drop(table.proxy.take_operations());
    let outcome = trial.run(operation, &store).await;
    assert!(outcome.is_ok(), "{operation:?}: {outcome:?}");
    assert_consistent(&trial, operation, &outcome, "healthy").await;
    table.proxy.take_operations().len()
}

/// A typed outcome: what the fault says, or success where the store or the SDK got round it.
fn assert_typed(outcome: &Result<Option<SecretVersion>>, faults: &[Fault], what: &str) {
    if let Err(error) = outcome {
        let allowed = faults.iter().any(|fault| kind_of(fault) == Some(error.kind()));
        assert!(allowed, "{what}: {error} {:?}", error.kind());
    }
}

async fn try_one(table: &Table, operation: Operation, number: usize, call: usize, faults: &[Fault]) {
    let what = format!("{operation:?}, call {call}, {faults:?}");
    let trial = Trial::begin(table, operation, number).await;
    let store = table.store(table.proxied(faults.iter().fold(once(), |once, fault| patience(fault, once))));
    if !operation.writes() && faults.iter().any(|fault| matches!(fault, Fault::Stale)) {
        // The store has seen the newest version; an older answer is noticed.
        let strong = GetOptions::default().with_consistency(Consistency::Strong);
        store.get_with(&trial.id, strong).await.expect("a get");
    }
    drop(table.proxy.take_operations());
    for (later, fault) in faults.iter().enumerate() {
        table.proxy.fail_call(call + later, fault);
    }
    let began = Instant::now();
    let outcome = trial.run(operation, &store).await;
    assert!(began.elapsed() < BOUND, "{what} took {:?}", began.elapsed());
    table.proxy.heal();
    assert_typed(&outcome, faults, &what);
    assert_consistent(&trial, operation, &outcome, &what).await;
    assert_repeatable(&trial, operation, &outcome, &what).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_with_every_fault() {
    let table = Table::new().await;
    let mut number = 0;
    for operation in OPERATIONS {
        let calls = calls(&table, operation, 1_000_000 + operation as usize).await;
        assert!(calls > 0);
        for call in 0..calls {
            for fault in FAULTS {
                number += 1;
                try_one(&table, operation, number, call, &[fault]).await;
            }
        }
    }
}

/// The answer of the commit is lost, and the read that looks what became of it fails as well.
#[tokio::test(flavor = "multi_thread")]
async fn every_fault_after_a_lost_commit() {
    let table = Table::new().await;
    let mut number = 0;
    for operation in OPERATIONS.into_iter().filter(|operation| operation.writes()) {
        let calls = calls(&table, operation, 1_000_000 + operation as usize).await;
        for fault in FAULTS {
            number += 1;
            try_one(&table, operation, number, calls - 1, &[Fault::ResetAfter, fault]).await;
        }
    }
}

/// What a store has seen is not forgotten because a replica does not know it yet.
#[tokio::test]
async fn a_replica_that_lags_behind_is_noticed() {
    let table = Table::new().await;
    let trial = Trial::begin(&table, Operation::Get, 0).await;
    let store = table.store(table.proxied(once()));
    let strong = GetOptions::default().with_consistency(Consistency::Strong);
    store.get_with(&trial.id, strong.clone()).await.expect("a get");
    drop(table.proxy.take_operations());
    table.proxy.fail_always(Fault::Stale);
    assert_eq!(store.get(&trial.id).await.expect("read again").text().expect("text"), "two");
    assert_eq!(table.proxy.take_operations(), ["GetItem", "GetItem"]);
    // A store that has seen nothing cannot know, unless it asks for a strong read.
    let cold = table.store(table.proxied(once()));
    assert_eq!(cold.get(&trial.id).await.expect("an older version").text().expect("text"), "one");
    assert_eq!(
        table.store(table.proxied(once())).get_with(&trial.id, strong).await.expect("strong").info().version.get(),
        2
    );
}

/// The master key is disabled: a type of its own, nothing written, and nothing lost when it is enabled again.
#[tokio::test]
async fn a_disabled_key_writes_nothing() {
    let table = Table::new().await;
    for (number, operation) in OPERATIONS.into_iter().enumerate() {
        let trial = Trial::begin(&table, operation, number).await;
        let store = table.store(table.proxied(once()));
        assert!(table.keys.disable(&master_key()));
        let outcome = trial.run(operation, &store).await;
        assert!(table.keys.enable(&master_key()));
        let needs_no_key = matches!(operation, Operation::List | Operation::History | Operation::Delete);
        match &outcome {
            Ok(_) => assert!(needs_no_key, "{operation:?}"),
            Err(error) => {
                assert_eq!((error.kind(), needs_no_key), (ErrorKind::KeyUnavailable, false), "{operation:?}: {error}")
            }
        }
        assert_consistent(&trial, operation, &outcome, "disabled").await;
    }
}
