//! The layer: a secret store whose every operation leaves entries.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::codes::Action;
use super::entry::{AuditedSecret, Secrets};
use super::head::AuditHead;
use super::key::AuditKey;
use super::recorder::{AuditRecorder, AuditRecorderBuilder, outcome};
use super::sink::AuditSink;
use crate::clock::Clock;
use crate::error::Result;
use crate::id::{ApplicationName, SecretId, SecretVersion};
use crate::layer::blind_names::Blinding;
use crate::persistence::Page;
use crate::secret::{Secret, SecretInfo, SecretValue};
use crate::store::{DeleteOptions, GetOptions, ListOptions, PutOptions, SecretStore};

/// A [`SecretStore`] over another, which leaves an [entry](super::AuditEntry) of every operation in an
/// [`AuditSink`], and refuses what it cannot record.
///
/// [The module](super) says what is recorded when. Cheap to clone; clones, and the handles of
/// [`for_request`](AuditedStore::for_request), write the same chains.
///
/// Lay it over what is to be seen: a cache inside of it is recorded on every hit, one outside of it only on a miss.
#[derive(Clone, Debug)]
pub struct AuditedStore {
    inner: Arc<dyn SecretStore>,
    recorder: AuditRecorder,
}

/// Configures an [`AuditedStore`].
#[derive(Debug)]
#[must_use = "nothing is audited until it is built and used"]
pub struct AuditedStoreBuilder {
    inner: Arc<dyn SecretStore>,
    recorder: AuditRecorderBuilder,
}

impl AuditedStoreBuilder {
    /// Where this is: `production`. Required, so that entries of one deployment do not pass for those of another, where
    /// [`Verifier::with_environment`](super::Verifier::with_environment) demands the one.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.recorder = self.recorder.environment(environment);
        self
    }

    /// On whose behalf operations are made that no [request](AuditedStore::for_request) names: the service itself. Required.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.recorder = self.recorder.actor(actor);
        self
    }

    /// Authenticates every entry. Without a key whoever can write to the log can write a history of their own.
    pub fn key(mut self, key: impl Into<Arc<AuditKey>>) -> Self {
        self.recorder = self.recorder.key(key);
        self
    }

    /// Entries name applications and secrets blind: see [`AuditRecorderBuilder::blind_names`].
    pub fn blind_names(mut self, blinding: Blinding) -> Self {
        self.recorder = self.recorder.blind_names(blinding);
        self
    }

    /// Another clock than the operating system's, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.recorder = self.recorder.clock(clock);
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when environment or actor are missing, empty or longer than 255 bytes.
    pub fn build(self) -> Result<AuditedStore> {
        Ok(AuditedStore { inner: self.inner, recorder: self.recorder.build()? })
    }
}

impl AuditedStore {
    /// Begins to configure a layer over a store: its entries go to `sink`.
    pub fn builder(inner: Arc<dyn SecretStore>, sink: Arc<dyn AuditSink>) -> AuditedStoreBuilder {
        AuditedStoreBuilder { inner, recorder: AuditRecorder::builder(sink) }
    }

    /// The same store for one request: its entries name this actor and this request id.
    ///
    /// Both are recorded as they are given; whether they are true is for the caller to check.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when one is empty or longer than 255 bytes.
    pub fn for_request(&self, actor: impl AsRef<str>, request_id: impl AsRef<str>) -> Result<Self> {
        Ok(Self { inner: Arc::clone(&self.inner), recorder: self.recorder.for_request(actor, request_id)? })
    }

    /// What leaves this store's entries, for operations around it: theirs go into the same chains, by the same actor.
    #[must_use]
    pub fn recorder(&self) -> &AuditRecorder {
        &self.recorder
    }

    /// The ends of the chains that this store goes on with, as the sink has taken them: what an exported head of the log must come to at
    /// least. Chains that ended, of applications that were idle among thousands or where another entry stood in the place, are in none
    /// of it. A head of the *whole* log comes from [verifying](super::Verification::head) it.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](crate::ErrorKind::TooLarge) for more than a million writers.
    pub fn head(&self) -> Result<AuditHead> {
        self.recorder.head()
    }

    /// Sends what the sink has not taken yet: an outcome whose caller was told that it could not be recorded, an entry whose caller
    /// went away. Call it before a process ends; without it these are lost, and a lost outcome leaves its intent alone.
    ///
    /// # Errors
    ///
    /// As the sink; what is left stays to be sent.
    pub async fn flush(&self) -> Result<()> {
        self.recorder.flush().await
    }

    async fn mutate<T>(
        &self,
        action: Action,
        id: &SecretId,
        mutation: impl Future<Output = Result<T>>,
        version: impl FnOnce(&T) -> Option<SecretVersion>,
    ) -> Result<T> {
        let names = std::slice::from_ref(id.name());
        self.recorder.record_mutation(action, id.application(), names, mutation, version).await
    }
}

fn named(id: &SecretId, version: Option<SecretVersion>) -> AuditedSecret {
    AuditedSecret { name: id.name().clone(), version }
}

fn released(secret: &Secret) -> AuditedSecret {
    named(secret.id(), Some(secret.info().version))
}

#[async_trait]
impl SecretStore for AuditedStore {
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret> {
        let asked_for = named(id, options.version);
        let result = self.inner.get_with(id, options).await;
        let answer = |secret: &Secret| (1, Secrets::from_iter([released(secret)]));
        self.recorder.record(Action::Get, id.application(), result, answer, Secrets::from_iter([asked_for])).await
    }

    async fn put_with(&self, id: &SecretId, value: SecretValue, options: PutOptions) -> Result<SecretInfo> {
        // Not before it is polled, whatever the inner store does when it is called.
        let put = async { self.inner.put_with(id, value, options).await };
        self.mutate(Action::Put, id, put, |info| Some(info.version)).await
    }

    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()> {
        let delete = async { self.inner.delete_with(id, options).await };
        self.mutate(Action::Delete, id, delete, |()| None).await
    }

    async fn list_with(&self, application: &ApplicationName, options: ListOptions) -> Result<Page<SecretInfo>> {
        let result = self.inner.list_with(application, options).await;
        let answer = |page: &Page<_>| (page.items.len(), Secrets::new());
        self.recorder.record(Action::List, application, result, answer, Secrets::new()).await
    }

    async fn history_with(&self, id: &SecretId, options: ListOptions) -> Result<Page<SecretInfo>> {
        let result = self.inner.history_with(id, options).await;
        let answer = |page: &Page<_>| (page.items.len(), Secrets::from_iter([named(id, None)]));
        self.recorder
            .record(Action::History, id.application(), result, answer, Secrets::from_iter([named(id, None)]))
            .await
    }

    /// One entry, or several, for each application that `ids` name.
    async fn get_many_with(&self, ids: &[SecretId], options: GetOptions) -> Result<Vec<Secret>> {
        let asked_for = options.version;
        let result = self.inner.get_many_with(ids, options).await;
        let mut applications = BTreeMap::<&ApplicationName, Vec<AuditedSecret>>::new();
        match &result {
            Ok(secrets) => {
                for secret in secrets {
                    applications.entry(secret.id().application()).or_default().push(released(secret));
                }
            }
            Err(_) => {
                for id in ids {
                    applications.entry(id.application()).or_default().push(named(id, asked_for));
                }
            }
        }
        for (application, secrets) in applications {
            let count = if result.is_ok() { secrets.len() } else { 0 };
            self.recorder.append_read(Action::GetMany, application, outcome(&result), count, secrets).await?;
        }
        result
    }

    async fn get_all_with(&self, application: &ApplicationName, options: GetOptions) -> Result<Vec<Secret>> {
        let result = self.inner.get_all_with(application, options).await;
        let answer = |secrets: &Vec<Secret>| (secrets.len(), secrets.iter().map(released).collect());
        self.recorder.record(Action::GetAll, application, result, answer, Secrets::new()).await
    }
}
