//! The layer: a secret store whose every operation leaves entries.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;

use super::chain::{Chain, Destination, Events};
use super::codec;
use super::entry::{Action, AuditedSecret, Event, Label, Outcome, Phase, Secrets};
use super::head::AuditHead;
use super::key::AuditKey;
use super::sink::AuditSink;
use super::timestamp::Timestamp;
use super::writers::Writers;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
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
    shared: Arc<Shared>,
    actor: Label,
    request: Option<Label>,
}

#[derive(Debug)]
struct Shared {
    inner: Arc<dyn SecretStore>,
    writers: Writers,
    clock: Arc<dyn Clock>,
    environment: Label,
    /// Shows names blind.
    blinding: Option<Blinding>,
}

/// Configures an [`AuditedStore`].
#[derive(Debug)]
#[must_use = "nothing is audited until it is built and used"]
pub struct AuditedStoreBuilder {
    inner: Arc<dyn SecretStore>,
    sink: Arc<dyn AuditSink>,
    key: Option<Arc<AuditKey>>,
    clock: Arc<dyn Clock>,
    environment: Option<String>,
    actor: Option<String>,
    blinding: Option<Blinding>,
}

impl AuditedStoreBuilder {
    /// Where this is: `production`. Required, so that entries of one deployment never pass for those of another.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// On whose behalf operations are made that no [request](AuditedStore::for_request) names: the service itself. Required.
    pub fn actor(mut self, actor: impl Into<String>) -> Self {
        self.actor = Some(actor.into());
        self
    }

    /// Authenticates every entry. Without a key whoever can write to the log can write a history of their own.
    pub fn key(mut self, key: impl Into<Arc<AuditKey>>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Entries have names of applications and secrets as [`Blinding::display`] shows them, for a log in lines or traces, whose readers may not
    /// know them: filter and read by [`Blinding::application`] and [`Blinding::secret`]. While a blinding key is replaced, entries have the
    /// names under the key that is written under.
    ///
    /// Entries that are kept beneath [`BlindNames`](crate::BlindNames) need it not: they are sealed there.
    pub fn blind_names(mut self, blinding: Blinding) -> Self {
        self.blinding = Some(blinding);
        self
    }

    /// Another clock than the operating system's, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The layer.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when environment or actor are missing, empty or longer than 255 bytes.
    pub fn build(self) -> Result<AuditedStore> {
        let environment = Label::new("audit environment", self.environment.as_deref().unwrap_or_default())?;
        let actor = Label::new("audit actor", self.actor.as_deref().unwrap_or_default())?;
        let writers = Writers::new(Destination { sink: self.sink, key: self.key });
        let blinding = self.blinding;
        let shared = Shared { inner: self.inner, writers, clock: self.clock, environment, blinding };
        Ok(AuditedStore { shared: Arc::new(shared), actor, request: None })
    }
}

impl AuditedStore {
    /// Begins to configure a layer over a store: its entries go to `sink`.
    pub fn builder(inner: Arc<dyn SecretStore>, sink: Arc<dyn AuditSink>) -> AuditedStoreBuilder {
        let clock = Arc::new(SystemClock);
        AuditedStoreBuilder { inner, sink, key: None, clock, environment: None, actor: None, blinding: None }
    }

    /// The same store for one request: its entries name this actor and this request id.
    ///
    /// Both are recorded as they are given; whether they are true is for the caller to check.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when one is empty or longer than 255 bytes.
    pub fn for_request(&self, actor: impl AsRef<str>, request_id: impl AsRef<str>) -> Result<Self> {
        let actor = Label::new("audit actor", actor.as_ref())?;
        let request = Some(Label::new("audit request id", request_id.as_ref())?);
        Ok(Self { shared: Arc::clone(&self.shared), actor, request })
    }

    /// The ends of the chains that this store has written, as the sink has taken them: what an exported head of the log must come
    /// to at least. A head of the *whole* log comes from [verifying](super::Verification::head) it.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge) for more than a million writers.
    pub fn head(&self) -> Result<AuditHead> {
        AuditHead::new(self.now(), self.shared.writers.heads())
    }

    /// Sends what the sink has not answered for yet: an outcome whose caller was told that it could not be recorded, an entry whose
    /// caller went away. Call it before a process ends; without it these are lost, and a lost outcome leaves its intent alone.
    ///
    /// # Errors
    ///
    /// As the sink; what is left stays to be sent.
    pub async fn flush(&self) -> Result<()> {
        for chain in self.shared.writers.all() {
            chain.flush().await.map_err(refused)?;
        }
        Ok(())
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now().into()
    }

    /// An application's name as entries have it.
    fn shown(&self, application: &ApplicationName) -> ApplicationName {
        match &self.shared.blinding {
            Some(blinding) => blinding.application(application),
            None => application.clone(),
        }
    }

    /// A secret as entries name it.
    fn named(&self, id: &SecretId, version: Option<SecretVersion>) -> AuditedSecret {
        let name = match &self.shared.blinding {
            Some(blinding) => blinding.secret(id).name().clone(),
            None => id.name().clone(),
        };
        AuditedSecret { name, version }
    }

    fn released(&self, secret: &Secret) -> AuditedSecret {
        self.named(secret.id(), Some(secret.info().version))
    }

    /// What happened now, before anything is known of it.
    fn event(&self, action: Action, phase: Phase, application: &ApplicationName) -> Event {
        Event {
            time: self.now(),
            operation: None,
            action,
            phase,
            outcome: None,
            environment: self.shared.environment.clone(),
            actor: self.actor.clone(),
            request: self.request.clone(),
            application: self.shown(application),
            count: 0,
            secrets: Secrets::new(),
        }
    }

    /// Records a read that was made. Nothing of it is released unless this succeeds.
    async fn record(&self, event: Event, secrets: impl IntoIterator<Item = AuditedSecret>) -> Result<()> {
        let chain = self.shared.writers.of(&event.application).map_err(|error| refused(Arc::new(error)))?;
        let parts = codec::split(&event, secrets);
        let events: Events = parts.into_iter().map(|secrets| Event { secrets, ..event.clone() }).collect();
        chain.append(events).await.map(drop).map_err(refused)
    }

    /// Records a read of one application: what it released, or what was asked for and why it was not released.
    async fn record_read<T>(
        &self,
        action: Action,
        application: &ApplicationName,
        result: Result<T>,
        released: impl FnOnce(&T) -> (usize, Secrets),
        asked_for: Option<AuditedSecret>,
    ) -> Result<T> {
        let mut event = self.event(action, Phase::Read, application);
        event.outcome = Some(outcome(&result));
        let secrets = match &result {
            Ok(answer) => {
                let (count, secrets) = released(answer);
                event.count = u32::try_from(count).unwrap_or(u32::MAX);
                secrets
            }
            Err(_) => asked_for.into_iter().collect(),
        };
        self.record(event, secrets).await?;
        result
    }

    /// Records the intent of a mutation, makes it, and records its outcome.
    async fn mutate<T>(
        &self,
        action: Action,
        id: &SecretId,
        mutation: impl Future<Output = Result<T>>,
        version: impl FnOnce(&T) -> Option<SecretVersion>,
    ) -> Result<T> {
        let named = |version| Secrets::from_iter([self.named(id, version)]);
        let intent = Event { secrets: named(None), ..self.event(action, Phase::Intent, id.application()) };
        let chain = self.shared.writers.of(&intent.application).map_err(|error| refused(Arc::new(error)))?;
        let operation = append_one(&chain, intent).await.map_err(refused)?;
        let result = mutation.await;
        let version = result.as_ref().ok().and_then(version);
        let ended = Event {
            operation: Some(operation),
            outcome: Some(outcome(&result)),
            count: u32::from(result.is_ok()),
            secrets: named(version),
            ..self.event(action, Phase::Outcome, id.application())
        };
        append_one(&chain, ended).await.map_err(unrecorded)?;
        result
    }
}

async fn append_one(chain: &Chain, event: Event) -> Result<u64, Arc<Error>> {
    chain.append(Events::from_iter([event])).await
}

fn outcome<T>(result: &Result<T>) -> Outcome {
    result.as_ref().map_or_else(|error| error.kind().into(), |_| Outcome::Success)
}

/// The sink's error as that of the operation, which was not made or is not answered. Only kinds that say the same of both stay:
/// a record that the sink did not find is no secret that is not there.
fn refused(failure: Arc<Error>) -> Error {
    let kind = match failure.kind() {
        kind @ (ErrorKind::Throttled | ErrorKind::Contention | ErrorKind::PermissionDenied) => kind,
        _ => ErrorKind::Unavailable,
    };
    Error::new(kind, "the operation could not be recorded and is refused: see what the audit sink says")
        .with_operation("audit")
        .with_source(failure)
}

fn unrecorded(failure: Arc<Error>) -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the outcome could not be recorded, and the operation may have landed: reload, and see what the audit sink says",
    )
    .with_operation("audit")
    .with_source(failure)
}

#[async_trait]
impl SecretStore for AuditedStore {
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret> {
        let asked_for = self.named(id, options.version);
        let result = self.shared.inner.get_with(id, options).await;
        let answer = |secret: &Secret| (1, Secrets::from_iter([self.released(secret)]));
        self.record_read(Action::Get, id.application(), result, answer, Some(asked_for)).await
    }

    async fn put_with(&self, id: &SecretId, value: SecretValue, options: PutOptions) -> Result<SecretInfo> {
        // Not before it is polled, whatever the inner store does when it is called.
        let put = async { self.shared.inner.put_with(id, value, options).await };
        self.mutate(Action::Put, id, put, |info| Some(info.version)).await
    }

    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()> {
        let delete = async { self.shared.inner.delete_with(id, options).await };
        self.mutate(Action::Delete, id, delete, |()| None).await
    }

    async fn list_with(&self, application: &ApplicationName, options: ListOptions) -> Result<Page<SecretInfo>> {
        let result = self.shared.inner.list_with(application, options).await;
        let answer = |page: &Page<_>| (page.items.len(), Secrets::new());
        self.record_read(Action::List, application, result, answer, None).await
    }

    async fn history_with(&self, id: &SecretId, options: ListOptions) -> Result<Page<SecretInfo>> {
        let result = self.shared.inner.history_with(id, options).await;
        let answer = |page: &Page<_>| (page.items.len(), Secrets::from_iter([self.named(id, None)]));
        self.record_read(Action::History, id.application(), result, answer, Some(self.named(id, None))).await
    }

    /// One entry, or several, for each application that `ids` name.
    async fn get_many_with(&self, ids: &[SecretId], options: GetOptions) -> Result<Vec<Secret>> {
        let asked_for = options.version;
        let result = self.shared.inner.get_many_with(ids, options).await;
        let mut applications = BTreeMap::<&ApplicationName, Vec<AuditedSecret>>::new();
        match &result {
            Ok(secrets) => {
                for secret in secrets {
                    applications.entry(secret.id().application()).or_default().push(self.released(secret));
                }
            }
            Err(_) => {
                for id in ids {
                    applications.entry(id.application()).or_default().push(self.named(id, asked_for));
                }
            }
        }
        for (application, secrets) in applications {
            let mut event = self.event(Action::GetMany, Phase::Read, application);
            event.outcome = Some(outcome(&result));
            event.count = if result.is_ok() { u32::try_from(secrets.len()).unwrap_or(u32::MAX) } else { 0 };
            self.record(event, secrets).await?;
        }
        result
    }

    async fn get_all_with(&self, application: &ApplicationName, options: GetOptions) -> Result<Vec<Secret>> {
        let result = self.shared.inner.get_all_with(application, options).await;
        let answer =
            |secrets: &Vec<Secret>| (secrets.len(), secrets.iter().map(|secret| self.released(secret)).collect());
        self.record_read(Action::GetAll, application, result, answer, None).await
    }
}
