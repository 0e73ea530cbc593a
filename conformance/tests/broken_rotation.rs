//! The suite of rotation finds what is wrong: backends that lose something when keys change.

use std::sync::Arc;

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_conformance::Report;
use secret_store_conformance::rotation::{self, Instance};
use secret_store_core::{
    Consistency, DocumentKey, EncryptionContext, GeneratedKey, KeyProvider, ListQuery, MasterKeyId, Page, Persistence,
    RecordKey, Result, Revision, Stored, WrappedKey, Write,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};

fn ids() -> [MasterKeyId; 2] {
    ["old", "new"].map(|id| MasterKeyId::new(id).expect("valid"))
}

fn memory(ids: &[MasterKeyId]) -> Arc<MemoryKeyProvider> {
    Arc::new(ids.iter().fold(MemoryKeyProvider::new(), |keys, id| keys.with_generated(id).expect("random bytes")))
}

/// Runs the suite over what is made of sound backends; the old key is removed when it is to be taken away.
fn report<P: Persistence, K: KeyProvider>(
    spoil: impl Fn(MemoryPersistence, Arc<MemoryKeyProvider>) -> (P, K),
) -> Report {
    block_on(rotation::run(|| {
        let keys = memory(&ids());
        let (records, spoilt) = spoil(MemoryPersistence::new(), Arc::clone(&keys));
        let instance = Instance::new(records, spoilt, ids(), Arc::clone(&keys));
        std::future::ready(Ok(instance.with_taking_away(move || {
            keys.remove(&ids()[0]);
            std::future::ready(Ok(()))
        })))
    }))
}

#[track_caller]
fn assert_found(report: &Report, cases: &[&str]) {
    for case in cases {
        assert!(report.failed().any(|failed| failed == *case), "{case} was to fail\n{report}");
    }
}

#[test]
fn sound_backends_pass() {
    report(|records, keys| (records, keys)).assert_complete();
}

/// Gives every wrap of another key the old wrap under the new name.
#[derive(Debug)]
struct Renaming(Arc<MemoryKeyProvider>);

#[async_trait]
impl KeyProvider for Renaming {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.0.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.0.generate_key(id, context).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.0.wrap_key(id, key, context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.0.unwrap_key(key, context).await
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        _: &EncryptionContext,
        to: &MasterKeyId,
        _: &EncryptionContext,
    ) -> Result<WrappedKey> {
        Ok(WrappedKey::new(to.clone(), Arc::clone(key.as_shared())))
    }
}

#[test]
fn a_key_provider_that_does_not_move_keys() {
    let report = report(|records, keys| (records, Renaming(keys)));
    assert_found(
        &report,
        &[
            "master::values_and_history_stay_to_the_byte",
            "master::readers_and_writers_go_on",
            "master::the_old_key_is_proved_to_be_needed_no_more_and_taken_away",
            "master::a_stopped_one_goes_on",
            "tenant_tier::no_record_of_a_secret_changes",
        ],
    );
}

/// Its listings of a history are empty.
#[derive(Debug)]
struct Forgetful(MemoryPersistence);

#[async_trait]
impl Persistence for Forgetful {
    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.0.load(key, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let mut page = self.0.list(query).await?;
        page.items.retain(|(sort, _)| !sort.contains('\u{1f}'));
        Ok(page)
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.0.commit(writes).await
    }
}

#[test]
fn a_persistence_that_lists_no_history() {
    let report = report(|records, keys| (Forgetful(records), keys));
    assert_found(
        &report,
        &[
            "master::a_dry_run_changes_nothing",
            "master::values_and_history_stay_to_the_byte",
            "master::the_old_key_is_proved_to_be_needed_no_more_and_taken_away",
            "tenants::values_and_history_stay_to_the_byte",
            "documents::everything_is_sealed_anew_as_the_same_versions",
            "faults::a_call_of_the_persistence_fails",
        ],
    );
}

/// The new key is not the one that wraps were moved to.
#[test]
fn what_remains_holds_another_key() {
    let report = block_on(rotation::run(|| {
        let instance = Instance::new(MemoryPersistence::new(), memory(&ids()), ids(), memory(&ids()[1..]));
        std::future::ready(Ok(instance))
    }));
    assert_found(
        &report,
        &[
            "master::values_and_history_stay_to_the_byte",
            "master::two_at_once_end_as_one",
            "tenant_tier::the_old_key_is_proved_to_be_needed_no_more_and_taken_away",
            "faults::a_commit_lands_and_its_answer_is_lost",
        ],
    );
    assert!(report.passed().any(|case| case.starts_with("documents::")), "{report}");
}
