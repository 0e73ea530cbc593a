//! Many writers of one secret.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use secret_store_core::{
    Consistency, EnvelopeStore, ErrorKind, ListOptions, Precondition, PutOptions, SecretInfo, SecretStore,
    SecretStoreExt,
};
use secret_store_dynamo_emulator::Patience;

use crate::support::{Table, id, value};

const WRITERS: usize = 64;

/// All at once; each with a store of its own, as processes have.
async fn write_all(table: &Table, precondition: &Precondition) -> Vec<Result<SecretInfo, ErrorKind>> {
    let start = Arc::new(tokio::sync::Barrier::new(WRITERS));
    let mut writers = Vec::with_capacity(WRITERS);
    for number in 0..WRITERS {
        let store = table.store(Patience::default()).await;
        let options = PutOptions::default().with_precondition(precondition.clone());
        let start = Arc::clone(&start);
        writers.push(tokio::spawn(async move {
            start.wait().await;
            let value = value(&format!("writer {number}"));
            store.put_with(&id("Contended"), value, options).await.map_err(|error| error.kind())
        }));
    }
    let mut outcomes = Vec::with_capacity(WRITERS);
    for writer in writers {
        outcomes.push(writer.await.expect("a writer does not panic"));
    }
    outcomes
}

async fn values(store: &EnvelopeStore) -> BTreeSet<String> {
    let options = ListOptions::default().with_limit(NonZeroUsize::new(1000).expect("not zero"));
    let history = store.history_with(&id("Contended"), options.with_consistency(Consistency::Strong)).await;
    let mut values = BTreeSet::new();
    for info in history.expect("a history").items {
        let secret = store.get_version(&id("Contended"), info.version).await.expect("an earlier version");
        values.insert(secret.text().expect("text").to_owned());
    }
    let current = store.get(&id("Contended")).await.expect("a current version");
    values.insert(current.text().expect("text").to_owned());
    values
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_precondition_every_writer_makes_a_version_of_its_own() {
    let table = Table::new().await;
    let outcomes = write_all(&table, &Precondition::Any).await;
    let versions: BTreeSet<u64> =
        outcomes.into_iter().map(|outcome| outcome.expect("every put lands").version.get()).collect();
    assert_eq!(versions, (1..=WRITERS as u64).collect());
    let expected = (0..WRITERS).map(|number| format!("writer {number}")).collect();
    assert_eq!(values(&table.direct_store().await).await, expected, "no value is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_precondition_one_writer_wins_each_version() {
    let table = Table::new().await;
    let store = table.direct_store().await;
    let mut precondition = Precondition::Absent;
    for version in 1..=3 {
        let outcomes = write_all(&table, &precondition).await;
        let winners: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().ok()).collect();
        let losers: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
        assert_eq!(winners.len(), 1, "version {version}: {outcomes:?}");
        assert!(losers.iter().all(|kind| **kind == ErrorKind::Conflict), "version {version}: {losers:?}");
        assert_eq!(winners[0].version.get(), version);
        let current = store.get(&id("Contended")).await.expect("a current version");
        assert_eq!(current.info().revision, winners[0].revision);
        precondition = Precondition::Revision(current.info().revision.clone());
    }
    assert_eq!(values(&store).await.len(), 3);
}
