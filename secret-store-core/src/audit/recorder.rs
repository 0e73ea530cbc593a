//! Who leaves entries: of a store's operations, and of those of other parts of a program.

use std::future::Future;
use std::sync::Arc;

use super::chain::{Chain, Destination, Events};
use super::codec;
use super::codes::{Action, Outcome, Phase};
use super::entry::{AuditedSecret, Event, Secrets};
use super::head::AuditHead;
use super::key::AuditKey;
use super::label::Label;
use super::naming::Naming;
use super::sink::AuditSink;
use super::timestamp::Timestamp;
use super::writers::Writers;
use crate::clock::{Clock, SystemClock};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, SecretName, SecretVersion};
use crate::layer::blind_names::Blinding;

/// Leaves entries in an [`AuditSink`] of operations that are no store's: what a service does with secrets before they reach a
/// store, or after.
///
/// An [`AuditedStore`](super::AuditedStore) has one of its own. The rules are the same: a read is recorded before anything of it is
/// released, a mutation is not begun before its intent is durable, and what cannot be recorded is refused. Cheap to clone; clones,
/// and the handles of [`for_request`](AuditRecorder::for_request), write the same chains.
#[derive(Clone, Debug)]
pub struct AuditRecorder {
    shared: Arc<Shared>,
    actor: Label,
    request: Option<Label>,
}

#[derive(Debug)]
struct Shared {
    writers: Writers,
    clock: Arc<dyn Clock>,
    environment: Label,
    naming: Naming,
}

/// Configures an [`AuditRecorder`].
#[derive(Debug)]
#[must_use = "nothing is audited until it is built and used"]
pub struct AuditRecorderBuilder {
    sink: Arc<dyn AuditSink>,
    key: Option<Arc<AuditKey>>,
    clock: Arc<dyn Clock>,
    environment: Option<String>,
    actor: Option<String>,
    naming: Naming,
}

impl AuditRecorderBuilder {
    /// Where this is: `production`. Required, so that entries of one deployment do not pass for those of another, where
    /// [`Verifier::with_environment`](super::Verifier::with_environment) demands the one.
    pub fn environment(mut self, environment: impl Into<String>) -> Self {
        self.environment = Some(environment.into());
        self
    }

    /// On whose behalf operations are made that no [request](AuditRecorder::for_request) names: the service itself. Required.
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
        self.naming = Naming(Some(blinding));
        self
    }

    /// Another clock than the operating system's, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The recorder.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when environment or actor are missing, empty or longer than 255 bytes.
    pub fn build(self) -> Result<AuditRecorder> {
        let environment = Label::new("audit environment", self.environment.as_deref().unwrap_or_default())?;
        let actor = Label::new("audit actor", self.actor.as_deref().unwrap_or_default())?;
        let writers = Writers::new(Destination { sink: self.sink, key: self.key });
        let shared = Shared { writers, clock: self.clock, environment, naming: self.naming };
        Ok(AuditRecorder { shared: Arc::new(shared), actor, request: None })
    }
}

impl AuditRecorder {
    /// Begins to configure a recorder whose entries go to `sink`.
    pub fn builder(sink: Arc<dyn AuditSink>) -> AuditRecorderBuilder {
        let (clock, naming) = (Arc::new(SystemClock), Naming::default());
        AuditRecorderBuilder { sink, key: None, clock, environment: None, actor: None, naming }
    }

    /// The same recorder for one request: its entries name this actor and this request id.
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

    /// The ends of the chains that this recorder goes on with, as the sink has taken them: what an exported head of the log must come to
    /// at least. Chains that ended, of applications that were idle among thousands or where another entry stood in the place, are in
    /// none of it. A head of the *whole* log comes from [verifying](super::Verification::head) it.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge) for more than a million writers.
    pub fn head(&self) -> Result<AuditHead> {
        AuditHead::new(self.now(), self.shared.writers.heads())
    }

    /// Sends what the sink has not taken yet: an outcome whose caller was told that it could not be recorded, an entry whose caller
    /// went away. Call it before a process ends; without it these are lost, and a lost outcome leaves its intent alone.
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

    /// Records a read that was made, and answers its result, which is dropped unless it could be recorded. The entry names what
    /// was `released`; of what failed, `asked_for`.
    ///
    /// # Errors
    ///
    /// That of the result, where it is one and was recorded; otherwise as the sink;
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an action that is a mutation.
    pub async fn record_read<T>(
        &self,
        action: Action,
        application: &ApplicationName,
        asked_for: &[AuditedSecret],
        result: Result<T>,
        released: impl FnOnce(&T) -> Vec<AuditedSecret>,
    ) -> Result<T> {
        if action.is_mutation() {
            return Err(Error::invalid_input("this action is a mutation: record it with its intent and its outcome"));
        }
        let answer = |value: &T| {
            let released = released(value);
            (released.len(), released.into())
        };
        self.record(action, application, result, answer, asked_for.iter().cloned().collect()).await
    }

    /// Records the intent of a mutation, makes it, and records its outcome, with the version that it made if it made one. Names
    /// whose mutation it is; none where that cannot be told.
    ///
    /// # Errors
    ///
    /// Those of the mutation. As the sink, where the intent could not be recorded: nothing was begun then.
    /// [`Unavailable`](ErrorKind::Unavailable) where the outcome could not: it may have landed.
    /// [`InvalidInput`](ErrorKind::InvalidInput) for an action that is no mutation. [`TooLarge`](ErrorKind::TooLarge) for more names than
    /// fit into one entry of [`MAX_ENTRY_BYTES`](super::MAX_ENTRY_BYTES): nothing was begun.
    pub async fn record_mutation<T>(
        &self,
        action: Action,
        application: &ApplicationName,
        names: &[SecretName],
        mutation: impl Future<Output = Result<T>>,
        version: impl FnOnce(&T) -> Option<SecretVersion>,
    ) -> Result<T> {
        if !action.is_mutation() {
            return Err(Error::invalid_input("this action is a read: record it once"));
        }
        let naming = &self.shared.naming;
        let secret =
            |name: &SecretName, version| naming.secret(application, AuditedSecret { name: name.clone(), version });
        let named = |version| names.iter().map(|name| secret(name, version)).collect::<Secrets>();
        let intent = Event { secrets: named(None), ..self.event(action, Phase::Intent, application) };
        codec::check_fits(&intent)?;
        let chain = self.shared.writers.of(&intent.application).map_err(|error| refused(Arc::new(error)))?;
        let operation = append_one(&chain, intent).await.map_err(refused)?;
        let result = mutation.await;
        let version = result.as_ref().ok().and_then(version);
        let ended = Event {
            operation: Some(operation),
            outcome: Some(outcome(&result)),
            count: u32::from(result.is_ok()),
            secrets: named(version),
            ..self.event(action, Phase::Outcome, application)
        };
        append_one(&chain, ended).await.map_err(unrecorded)?;
        result
    }

    /// Records a read of one application: what it released, or what was asked for and why it was not released.
    pub(super) async fn record<T>(
        &self,
        action: Action,
        application: &ApplicationName,
        result: Result<T>,
        released: impl FnOnce(&T) -> (usize, Secrets),
        asked_for: Secrets,
    ) -> Result<T> {
        let (count, secrets) = match &result {
            Ok(answer) => released(answer),
            Err(_) => (0, asked_for),
        };
        self.append_read(action, application, outcome(&result), count, secrets).await?;
        result
    }

    /// Appends the entries of a read. Nothing of it is released unless this succeeds.
    pub(super) async fn append_read(
        &self,
        action: Action,
        application: &ApplicationName,
        outcome: Outcome,
        count: usize,
        secrets: impl IntoIterator<Item = AuditedSecret>,
    ) -> Result<()> {
        let mut event = self.event(action, Phase::Read, application);
        event.outcome = Some(outcome);
        event.count = u32::try_from(count).unwrap_or(u32::MAX);
        let chain = self.shared.writers.of(&event.application).map_err(|error| refused(Arc::new(error)))?;
        let secrets = secrets.into_iter().map(|secret| self.shared.naming.secret(application, secret));
        let parts = codec::split(&event, secrets);
        let events: Events = parts.into_iter().map(|secrets| Event { secrets, ..event.clone() }).collect();
        chain.append(events).await.map(drop).map_err(refused)
    }

    fn now(&self) -> Timestamp {
        self.shared.clock.now().into()
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
            application: self.shared.naming.application(application).into_owned(),
            count: 0,
            secrets: Secrets::new(),
        }
    }
}

async fn append_one(chain: &Chain, event: Event) -> Result<u64, Arc<Error>> {
    chain.append(Events::from_iter([event])).await
}

pub(super) fn outcome<T>(result: &Result<T>) -> Outcome {
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
