//! A rotation from its beginning to its proven end, application by application.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::select;

use super::census::{self, Census};
use super::lease::{Lease, Left};
use super::options::{Mode, RotationOptions};
use super::pass::{Ended, Pass};
use super::place::{Position, Scope};
use super::report::{ApplicationReport, RotationReport, Tally};
use super::work::{PassKind, Work};
use crate::envelope_store::Inner;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, SecretId};

/// A rotation to be run; [`Rotator`](super::Rotator) makes it.
#[derive(Clone)]
#[must_use = "nothing is rotated until `run`"]
pub struct Rotation {
    inner: Arc<Inner>,
    operation: &'static str,
    /// In whole applications.
    whole: Arc<dyn Work>,
    work: Arc<dyn Work>,
    scopes: Vec<Scope>,
    options: RotationOptions,
}

impl fmt::Debug for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotation").field("target", &self.work.target()).finish_non_exhaustive()
    }
}

impl Rotation {
    pub(super) fn new(inner: Arc<Inner>, operation: &'static str, work: Arc<dyn Work>) -> Self {
        let applications = inner.config.configured_applications();
        let (whole, options) = (Arc::clone(&work), RotationOptions::default());
        let this = Self { inner, operation, whole, work, scopes: Vec::new(), options };
        this.applications(applications)
    }

    /// In this application alone, in the place of those that the store's configuration names.
    pub fn application(self, application: &ApplicationName) -> Self {
        self.applications([application.clone()])
    }

    /// In these applications, in the place of those that the store's configuration names.
    pub fn applications(mut self, applications: impl IntoIterator<Item = ApplicationName>) -> Self {
        let mut applications: Vec<_> = applications.into_iter().collect();
        applications.sort();
        applications.dedup();
        self.work = Arc::clone(&self.whole);
        self.scopes = applications.into_iter().map(|application| Scope { application, secret: None }).collect();
        self
    }

    /// How it is run.
    pub fn with_options(mut self, options: RotationOptions) -> Self {
        self.options = options;
        self
    }

    /// Reads all records and answers what a run would do. Writes nothing and asks for no key.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run) before it writes anything.
    pub async fn dry_run(self) -> Result<Census> {
        self.census().await.map_err(|error| error.with_operation(self.operation))
    }

    async fn census(&self) -> Result<Census> {
        let mut census = Census::default();
        for scope in &self.checked_scopes().await? {
            // The floor is known from then on.
            self.inner.current_settings(&scope.application).await?;
            census.applications.push(census::take(&self.inner, &*self.work, scope, &self.options).await?);
        }
        Ok(census)
    }

    async fn checked_scopes(&self) -> Result<Vec<Scope>> {
        let scopes = self.work.scopes(self.scopes.clone()).await?;
        if scopes.is_empty() {
            return Err(super::no_application());
        }
        scopes.iter().try_for_each(|scope| self.work.check(&self.inner, scope))?;
        Ok(scopes)
    }

    /// Runs until the proof is complete, or goes on with what was interrupted. Takes at least the grace period, a little over two
    /// minutes, for all applications together.
    ///
    /// Cancellation: may be dropped anywhere. Whoever runs it again then waits a minute for the lease;
    /// [`RotationControl::cancel`](super::RotationControl::cancel) spares that.
    ///
    /// # Errors
    ///
    /// Before anything is written: [`InvalidInput`](crate::ErrorKind::InvalidInput) without an application or for keys that are named
    /// otherwise than in records, [`KeyNotAllowed`](crate::ErrorKind::KeyNotAllowed) for a key outside the configuration's
    /// allow-lists, [`Unsupported`](crate::ErrorKind::Unsupported) for a migration that the configuration, the settings or remaining records
    /// in format 0 forbid, and as the new key's holder says.
    /// [`Conflict`](crate::ErrorKind::Conflict) for an unfinished job of another target, a lost lease, or settings that somebody else
    /// changed; [`Contention`](crate::ErrorKind::Contention) where another process is at it. Otherwise as the persistence and the
    /// key provider say, after patience with what may pass. After an error, run it again: it goes on.
    pub async fn run(self) -> Result<RotationReport> {
        self.run_all().await.map_err(|error| error.with_operation(self.operation))
    }

    async fn run_all(&self) -> Result<RotationReport> {
        let scopes = self.checked_scopes().await?;
        for scope in &scopes {
            self.work.probe(&self.inner, scope).await?;
        }
        // All of them first: they wait for the same grace period.
        let mut shut_out = Vec::with_capacity(scopes.len());
        for scope in &scopes {
            shut_out.push(self.shut_out(scope).await?);
        }
        let mut report = RotationReport::default();
        for (scope, (left, shut_out_at)) in scopes.iter().zip(shut_out) {
            report.applications.push(if self.options.mode() == Mode::Cancelled {
                ApplicationReport::not_begun(&scope.application)
            } else {
                self.finish(scope, &left, shut_out_at).await?
            });
        }
        Ok(report)
    }

    /// Shuts late writers out of one application. Answers from when on that holds, on the monotonic clock, as long as nobody else
    /// takes the lease.
    async fn shut_out(&self, scope: &Scope) -> Result<(Left, Duration)> {
        let mut lease = Lease::take(&self.inner, &scope.application, self.work.target(), None).await?;
        let pulse = lease.pulse();
        let outcome = lease.hold(self.work.shut_out(&self.inner, scope, &pulse)).await?;
        let shut_out_at = self.inner.clock.monotonic();
        match outcome {
            Ok(()) => Ok((lease.release().await?, shut_out_at)),
            Err(error) => {
                // Since it was tried somebody has seen to it that it cannot be done. Otherwise it is given back, so that whoever
                // runs it again need not wait.
                let given_back = if error.kind() == ErrorKind::InvalidInput {
                    lease.withdraw().await
                } else {
                    lease.release().await.map(drop)
                };
                drop(given_back);
                Err(error)
            }
        }
    }

    async fn finish(&self, scope: &Scope, left: &Left, shut_out_at: Duration) -> Result<ApplicationReport> {
        let target = self.work.target();
        let mut lease = Lease::take(&self.inner, &scope.application, target, Some(left)).await?;
        let mut tally = Tally::default();
        let ended = self.passes(&mut lease, scope, shut_out_at, &mut tally).await;
        match ended {
            Ok(Ended::Whole) => lease.finish().await?,
            Ok(Ended::Cancelled) => lease.release().await.map(drop)?,
            Err(error) => {
                // A lease that was lost cannot be given back, and need not be.
                drop(lease.release().await);
                return Err(error);
            }
        }
        tracing::info!(changed = tally.changed, ?ended, "{}", self.operation);
        Ok(ApplicationReport {
            application: scope.application.clone(),
            is_finished: ended? == Ended::Whole,
            changed: tally.changed,
            seen: tally.seen,
            neither: tally.neither,
        })
    }

    async fn passes(
        &self,
        lease: &mut Lease<'_>,
        scope: &Scope,
        shut_out_at: Duration,
        tally: &mut Tally,
    ) -> Result<Ended> {
        if self.options.counts_first {
            tally.expected = Some(lease.hold(census::count(&self.inner, scope, &self.options)).await??);
        }
        if !self.grace_left(shut_out_at).is_zero()
            && self.early_pass(lease, scope, shut_out_at, tally).await? == Ended::Cancelled
        {
            return Ok(Ended::Cancelled);
        }
        // The proof: from the beginning, in this run.
        lease.write(|job| (job.pass, job.position) = (job.pass.saturating_add(1), Position::beginning())).await?;
        let ended = self.pass(lease, scope, Position::beginning(), PassKind::Closing, tally).await?;
        if ended == Ended::Whole {
            lease.hold(self.work.confirm(&self.inner, scope)).await??;
        }
        Ok(ended)
    }

    /// Works while late writers have their time, from where an interrupted run was, and waits until that is over.
    async fn early_pass(
        &self,
        lease: &mut Lease<'_>,
        scope: &Scope,
        shut_out_at: Duration,
        tally: &mut Tally,
    ) -> Result<Ended> {
        let from = lease.job().position.clone();
        let is_whole = from == Position::beginning();
        if self.pass(lease, scope, from, PassKind::Early, tally).await? == Ended::Cancelled {
            return Ok(Ended::Cancelled);
        }
        if is_whole {
            tally.expected = Some(tally.seen);
        }
        let clock = Arc::clone(&self.inner.clock);
        let cancelled = Box::pin(self.options.control().until(|mode| mode == Mode::Cancelled));
        lease.hold(select(clock.sleep(self.grace_left(shut_out_at)), cancelled)).await?;
        Ok(if self.options.mode() == Mode::Cancelled { Ended::Cancelled } else { Ended::Whole })
    }

    async fn pass(
        &self,
        lease: &mut Lease<'_>,
        scope: &Scope,
        from: Position,
        kind: PassKind,
        tally: &mut Tally,
    ) -> Result<Ended> {
        tally.begin_pass(self.inner.clock.monotonic());
        let pass = Pass { inner: &self.inner, work: &*self.work, scope, options: &self.options, kind };
        pass.run(lease, from, tally).await
    }

    fn grace_left(&self, shut_out_at: Duration) -> Duration {
        (shut_out_at + self.work.grace()).saturating_sub(self.inner.clock.monotonic())
    }
}

impl Rotation {
    /// Of this secret alone, history included. Only document keys are rotated one secret at a time.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for other rotations: a replaced master key is replaced for an application.
    pub fn secret(mut self, id: &SecretId) -> Result<Self> {
        self.work = self.whole.of_secret(id).ok_or_else(|| {
            Error::invalid_input("this rotation is of a whole application: only document keys are rotated by secret")
        })?;
        self.scopes = vec![Scope { application: id.application().clone(), secret: Some(id.clone()) }];
        Ok(self)
    }
}

#[expect(dead_code, reason = "checked when compiled: a run may be spawned on any executor")]
fn runs_on_any_executor(rotation: Rotation) -> impl Future<Output = Result<RotationReport, Error>> + Send {
    rotation.run()
}
