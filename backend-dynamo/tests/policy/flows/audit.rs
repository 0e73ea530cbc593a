//! Audit entries of every writer, appended by the library's own sink and read by its own log.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secret_store_core::audit::{Action, AuditEntry, AuditLog, AuditRecorder, AuditSink, PersistenceSink, Verifier};
use secret_store_core::{ApplicationName, Result};

use crate::site::{SEALING, Site, name};

/// Keeps entries for the test to hand on.
#[derive(Debug, Default)]
struct Captured(Mutex<Vec<AuditEntry>>);

#[async_trait]
impl AuditSink for Captured {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        self.0.lock().expect("nobody panics in here").extend_from_slice(entries);
        Ok(())
    }
}

/// A recorder for what a flow does.
pub(super) fn recorder(sink: Arc<dyn AuditSink>) -> AuditRecorder {
    AuditRecorder::builder(sink).environment("test").actor("flow").build().expect("a complete configuration")
}

/// As the caller.
pub(super) fn recorder_of(site: &Site) -> AuditRecorder {
    recorder(Arc::new(PersistenceSink::new(site.records())))
}

/// Two entries of one writer, for each of the sixteen partitions that writers are spread over.
async fn entries_of_all_writers(application: &ApplicationName) -> Vec<Vec<AuditEntry>> {
    let mut found = BTreeMap::new();
    while found.len() < 16 {
        let captured = Arc::new(Captured::default());
        let recorder = recorder(Arc::clone(&captured) as _);
        for _ in 0..2 {
            recorder.record_read(Action::Get, application, &[], Ok(()), |()| Vec::new()).await.expect("recorded");
        }
        let entries = std::mem::take(&mut *captured.0.lock().expect("nobody panics in here"));
        let digit = entries[0].writer().to_string().chars().next().expect("digits");
        found.insert(digit, entries);
    }
    found.into_values().collect()
}

async fn append_of(site: &Site, application: &str) -> Result<()> {
    let sink = PersistenceSink::new(site.records());
    for entries in entries_of_all_writers(&name(application)).await {
        sink.append(&entries[..1]).await?;
    }
    Ok(())
}

/// What landed is recognised by reading it, one entry or several.
async fn append_without_answer_of(site: &Site, application: &str) -> Result<()> {
    let sink = PersistenceSink::new(site.records());
    for entries in entries_of_all_writers(&name(application)).await {
        site.losing_answers_to("TransactWriteItems", sink.append(&entries)).await?;
        sink.append(&entries[..1]).await?;
    }
    Ok(())
}

pub(super) async fn append(site: &Site) -> Result<()> {
    for application in site.applications() {
        append_of(site, application).await?;
    }
    Ok(())
}

pub(super) async fn append_without_answer(site: &Site) -> Result<()> {
    for application in site.applications() {
        append_without_answer_of(site, application).await?;
    }
    Ok(())
}

/// What has no place is recorded beside the keys of organisations.
pub(super) async fn append_refusals(site: &Site) -> Result<()> {
    append_of(site, SEALING).await
}

pub(super) async fn append_refusals_without_answer(site: &Site) -> Result<()> {
    append_without_answer_of(site, SEALING).await
}

pub(super) async fn verify(site: &Site) -> Result<()> {
    for application in site.applications() {
        let log = AuditLog::new(site.records());
        let verification = log.verify(&name(application), Verifier::new()).await?;
        assert!(verification.is_intact(), "{verification:?}");
    }
    Ok(())
}
