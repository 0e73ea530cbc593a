//! Every request of every operation of a store, to either service, with every fault: a typed outcome, no duplicate version,
//! no acknowledged write lost, nothing in clear on the wire, in bounded time.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use secret_store_core::{Consistency, ErrorKind, GetOptions, SecretStore, SecretStoreExt, SecretVersion};
use secret_store_dynamo_emulator::{Fault, KeyState, Patience, Request, Service};

use crate::canaries::leaks_of;
use crate::persistence_faults::{FAULTS, kind_of, patience};
use crate::support::{Keys, Table, once};
use crate::trial::{ONE, OPERATIONS, Operation, Outcome, TWO, Trial, VALUES};

/// A store reads again what is left open: several calls, each with several attempts.
const BOUND: Duration = Duration::from_secs(20);

/// The kind that a fault of a request to KMS gives, whatever the operation; `None` where it passes, or where the other region
/// can do what this one did not.
fn kind_at_kms(keys: Keys, request: &Request, fault: &Fault) -> Option<ErrorKind> {
    let opens = request.operation() == "Decrypt";
    match fault {
        _ if keys == Keys::Replicated || (keys == Keys::Regional && opens) => None,
        Fault::KeyDisabled => Some(ErrorKind::KeyUnavailable),
        Fault::CapacityExceeded | Fault::Conflict => None,
        fault => kind_of(fault),
    }
}

/// The writer tries again after an error that says it may, and ends with one version.
async fn assert_repeatable(trial: &Trial<'_>, operation: Operation, outcome: &Outcome, what: &str) {
    if operation == Operation::PutWithToken && outcome.is_err() {
        let version = trial.run(operation, &trial.table.direct_store().await).await.expect("nothing fails any more");
        assert_eq!(version.map(SecretVersion::get), Some(3), "{what}");
        assert_eq!(trial.versions().await, (operation.after(), true), "{what}: one version for one token");
    }
}

/// How many requests an operation makes when nothing fails.
async fn calls(table: &Table, operation: Operation) -> usize {
    let trial = Trial::begin(table, operation, usize::MAX - operation as usize).await;
    let store = table.store(Patience::default()).await;
    table.proxy.forget();
    let outcome = trial.run(operation, &store).await;
    assert!(outcome.is_ok(), "{operation:?}: {outcome:?}");
    trial.assert_consistent(operation, &outcome, "healthy").await;
    let requests = table.proxy.take_operations();
    let asks_kms = ["GenerateDataKey", "Decrypt"].iter().any(|name| requests.iter().any(|request| request == name));
    assert_eq!(asks_kms, !operation.needs_no_key(), "{operation:?}: {requests:?}");
    requests.len()
}

/// What the fault says, or success where the store got round it. One attempt is made of each request: what KMS answers is
/// known exactly.
fn assert_typed(keys: Keys, outcome: &Outcome, faults: &[Fault], hit: &Request, what: &str) {
    let kind = outcome.as_ref().err().map(|error| error.kind());
    if let ([fault], Some(Service::Kms)) = (faults, hit.service()) {
        assert_eq!(kind, kind_at_kms(keys, hit, fault), "{what}");
    } else if let Some(kind) = kind {
        assert!(faults.iter().any(|fault| kind_of(fault) == Some(kind)), "{what}: {kind:?}");
    }
}

async fn try_one(trial: &Trial<'_>, operation: Operation, call: usize, faults: &[Fault]) {
    let what = format!("{operation:?}, call {call}, {faults:?}, {:?}", trial.table.keys);
    let proxy = &trial.table.proxy;
    let store = trial.table.store(faults.iter().fold(once(), |once, fault| patience(fault, once))).await;
    if !operation.writes() && faults.iter().any(|fault| matches!(fault, Fault::Stale)) {
        // The store has seen the newest version; an older answer is noticed.
        let strong = GetOptions::default().with_consistency(Consistency::Strong);
        store.get_with(&trial.id, strong).await.expect("a get");
        store.purge_keys();
    }
    proxy.forget();
    for (later, fault) in faults.iter().enumerate() {
        proxy.fail_call(call + later, fault);
    }
    let began = Instant::now();
    let outcome = trial.run(operation, &store).await;
    assert!(began.elapsed() < BOUND, "{what} took {:?}", began.elapsed());
    proxy.heal();
    let exchanges = proxy.take_exchanges();
    assert!(exchanges.len() > call, "{what}: the fault happened");
    assert_typed(trial.table.keys, &outcome, faults, &exchanges[call].request, &what);
    assert_eq!(leaks_of(trial.table, &exchanges, &VALUES), Vec::<String>::new(), "{what}");
    trial.assert_consistent(operation, &outcome, &what).await;
    assert_repeatable(trial, operation, &outcome, &what).await;
}

async fn try_every_call(keys: Keys, operation: Operation) {
    let table = Table::with(keys).await;
    let calls = calls(&table, operation).await;
    assert!(calls > 0);
    // What only reads leaves its secret to the next.
    let unchanged = Trial::begin(&table, operation, 0).await;
    for call in 0..calls {
        for (number, fault) in FAULTS.into_iter().enumerate() {
            if operation.writes() {
                let trial = Trial::begin(&table, operation, 1 + call * FAULTS.len() + number).await;
                try_one(&trial, operation, call, &[fault]).await;
            } else {
                try_one(&unchanged, operation, call, &[fault]).await;
            }
        }
    }
}

async fn try_after_a_lost_commit(operation: Operation) {
    let table = Table::new().await;
    let calls = calls(&table, operation).await;
    for (number, fault) in FAULTS.into_iter().enumerate() {
        let trial = Trial::begin(&table, operation, number).await;
        try_one(&trial, operation, calls - 1, &[Fault::ResetAfter, fault]).await;
    }
}

/// All operations at once, each with a table of its own, as much of it is waiting.
async fn try_each<F>(operations: &[Operation], try_one: impl Fn(Operation) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let trials = operations.iter().map(|operation| tokio::spawn(try_one(*operation)));
    for (trial, operation) in join_all(trials).await.into_iter().zip(operations) {
        trial.unwrap_or_else(|error| panic!("{operation:?}: {error}"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_with_every_fault() {
    try_each(&OPERATIONS, |operation| try_every_call(Keys::One, operation)).await;
}

/// A wrap under keys of two regions is one request more; what cannot be opened in one is opened in the other.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_with_every_fault_under_keys_of_two_regions() {
    try_each(&OPERATIONS, |operation| try_every_call(Keys::Regional, operation)).await;
}

/// What one replica does not do is done by the other.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_with_every_fault_under_a_key_with_a_replica() {
    try_each(&OPERATIONS, |operation| try_every_call(Keys::Replicated, operation)).await;
}

/// The answer of the commit is lost, and the read that looks what became of it fails as well.
#[tokio::test(flavor = "multi_thread")]
async fn every_fault_after_a_lost_commit() {
    let writes: Vec<_> = OPERATIONS.into_iter().filter(|operation| operation.writes()).collect();
    try_each(&writes, try_after_a_lost_commit).await;
}

/// What a store has seen is not forgotten because a replica does not know it yet.
#[tokio::test]
async fn a_replica_that_lags_behind_is_noticed() {
    let table = Table::new().await;
    let trial = Trial::begin(&table, Operation::Get, 0).await;
    let store = table.store(once()).await;
    let strong = GetOptions::default().with_consistency(Consistency::Strong);
    store.get_with(&trial.id, strong.clone()).await.expect("a get");
    table.proxy.forget();
    table.proxy.fail_always(Fault::Stale);
    assert_eq!(store.get(&trial.id).await.expect("read again").text().expect("text"), TWO);
    // The document key of the newest version is at hand.
    assert_eq!(table.proxy.take_operations(), ["GetItem", "GetItem"]);
    // A store that has seen nothing cannot know, unless it asks for a strong read.
    let cold = table.store(once()).await;
    assert_eq!(cold.get(&trial.id).await.expect("an older version").text().expect("text"), ONE);
    let asked = table.store(once()).await.get_with(&trial.id, strong).await.expect("strong");
    assert_eq!(asked.info().version.get(), 2);
}

/// The master key cannot be used: a type of its own, nothing written, and nothing lost when it can be used again.
#[tokio::test]
async fn a_master_key_out_of_use_writes_nothing() {
    let table = Table::new().await;
    let states = [KeyState::Disabled, KeyState::PendingDeletion, KeyState::PendingDeletionAsDisabled];
    for (number, state) in states.into_iter().enumerate() {
        for (operation_number, operation) in OPERATIONS.into_iter().enumerate() {
            let trial = Trial::begin(&table, operation, number * OPERATIONS.len() + operation_number).await;
            let store = table.store(once()).await;
            table.kms.set_state(table.master_key.as_str(), state);
            let outcome = trial.run(operation, &store).await;
            table.kms.set_state(table.master_key.as_str(), KeyState::Enabled);
            let kind = outcome.as_ref().err().map(|error| error.kind());
            let expected = (!operation.needs_no_key()).then_some(ErrorKind::KeyUnavailable);
            assert_eq!(kind, expected, "{operation:?}, {state:?}");
            trial.assert_consistent(operation, &outcome, "out of use").await;
        }
    }
}
