//! Who may work on an application: one rotator at a time, and none that has lost its lease.
//!
//! The holder writes the job's fence every 15 seconds. It begins no commit when its last fence is 40 seconds old, and no commit
//! takes it longer than 15; so 60 seconds after its last fence nothing of it lands any more, and that is when others, who have
//! watched the fence stand still by their own clocks, take over.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{Either, select};

use super::job::{JobState, Owner, RotationJob, RotationTarget};
use super::retry::Backoff;
use crate::clock::{Clock, Moment};
use crate::envelope_store::Inner;
use crate::error::{Error, ErrorKind, Result};
use crate::id::ApplicationName;
use crate::key::random_bytes;
use crate::persistence::{Consistency, Precondition, RecordKey, Revision, Stored, Write};

/// How often the holder renews its fence.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// From this age of the last fence on the holder begins no commit.
const LAST_BEGIN: Duration = Duration::from_secs(40);
/// The longest that a commit of the holder takes.
const COMMIT: Duration = Duration::from_secs(15);
/// How long others watch an unchanged fence before they take over.
const TAKEOVER: Duration = Duration::from_secs(60);
/// How often they look.
const WATCH: Duration = Duration::from_secs(15);

const _: () = assert!(LAST_BEGIN.as_secs() + COMMIT.as_secs() < TAKEOVER.as_secs());

/// When the holder last proved that it is the holder. Shared with the work that goes on under the lease.
#[derive(Debug)]
pub(super) struct Pulse(Mutex<Moment>);

impl Pulse {
    fn new(moment: Moment) -> Arc<Self> {
        Arc::new(Self(Mutex::new(moment)))
    }

    fn set(&self, moment: Moment) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = moment;
    }

    fn age(&self, clock: &dyn Clock) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).age(clock)
    }

    /// Refuses to begin a commit when the last fence is too old: right before each one.
    pub(super) fn check(&self, clock: &dyn Clock) -> Result<()> {
        if self.age(clock) < LAST_BEGIN {
            return Ok(());
        }
        Err(lost("the rotation was held up so long that its lease may be lost: run it again, it goes on"))
    }
}

/// Commits as the holder of a lease does: not for long.
pub(super) async fn commit(inner: &Inner, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
    inner.commit_within(COMMIT.min(inner.config.commit_timeout), writes).await
}

fn lost(message: &'static str) -> Error {
    Error::new(ErrorKind::Conflict, message)
}

/// The right to change an application's records, held until it is given back or lost.
pub(super) struct Lease<'a> {
    inner: &'a Inner,
    key: RecordKey,
    job: RotationJob,
    revision: Revision,
    pulse: Arc<Pulse>,
    found: Found,
}

/// What stood there when a lease was taken.
enum Found {
    Nothing,
    /// A job that was finished: another was begun in its place.
    Finished(RotationJob),
    /// A job of the same target, which goes on.
    Unfinished,
}

/// A job as its holder gave it back.
pub(super) struct Left {
    fence: u64,
}

impl<'a> Lease<'a> {
    /// Takes the lease: begins a job, or goes on with an unfinished one of the same target. Waits up to a minute where somebody
    /// holds it who may be gone. With what was left, it is taken again as it was given back: what was found out under it holds.
    ///
    /// # Errors
    ///
    /// [`Conflict`](ErrorKind::Conflict) where an unfinished job has another target, or somebody has had it since it was left;
    /// [`Contention`](ErrorKind::Contention) where somebody else is at it.
    pub(super) async fn take(
        inner: &'a Inner,
        application: &ApplicationName,
        target: RotationTarget,
        left: Option<&Left>,
    ) -> Result<Self> {
        let key = RotationJob::key(application);
        let found = inner.records.load(&key, Consistency::Strong).await?;
        let mut owner = Owner::default();
        random_bytes(&mut owner)?;
        let mut job = RotationJob::new(target, owner);
        let (precondition, found) = match &found {
            None if left.is_some() => return Err(came_between()),
            None => (Precondition::Absent, Found::Nothing),
            Some(stored) => {
                let before = RotationJob::from_record(&stored.record)?;
                if left.is_some_and(|left| left.fence != before.fence) {
                    return Err(came_between());
                }
                job.fence = before.next_fence()?;
                let unchanged = Precondition::Revision(stored.revision.clone());
                if before.state == JobState::Finished {
                    (unchanged, Found::Finished(before))
                } else {
                    check_same(&before, &job)?;
                    if before.state == JobState::Running {
                        watch(inner, &key, stored).await?;
                    }
                    (job.pass, job.changed, job.position) = (before.pass, before.changed, before.position);
                    (unchanged, Found::Unfinished)
                }
            }
        };
        let began = Moment::now(&*inner.clock);
        let revision = write(inner, &key, &job, precondition, began).await?;
        Ok(Self { inner, key, job, revision, pulse: Pulse::new(began), found })
    }

    pub(super) fn job(&self) -> &RotationJob {
        &self.job
    }

    pub(super) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Writes what has changed of the job, with the next fence.
    pub(super) async fn write(&mut self, change: impl FnOnce(&mut RotationJob)) -> Result<()> {
        let mut job = self.job.clone();
        change(&mut job);
        job.fence = job.next_fence()?;
        let began = Moment::now(&*self.inner.clock);
        let precondition = Precondition::Revision(self.revision.clone());
        self.revision = write(self.inner, &self.key, &job, precondition, began).await?;
        self.pulse.set(began);
        self.job = job;
        Ok(())
    }

    /// Works and keeps the lease meanwhile. The work ends where the lease is lost.
    pub(super) async fn hold<F: Future>(&mut self, work: F) -> Result<F::Output> {
        let clock = Arc::clone(&self.inner.clock);
        let mut work = pin!(work);
        loop {
            let due = HEARTBEAT.saturating_sub(self.pulse.age(&*clock));
            match select(work.as_mut(), clock.sleep(due)).await {
                Either::Left((answer, _)) => return Ok(answer),
                Either::Right(_) => self.write(|_| {}).await?,
            }
        }
    }

    /// Gives the lease back: whoever goes on with the job need not wait.
    pub(super) async fn release(mut self) -> Result<Left> {
        self.write(|job| job.state = JobState::Released).await?;
        Ok(Left { fence: self.job.fence })
    }

    /// Gives the lease back, and up a job that was begun under it and cannot go on: it would be in everyone's way.
    pub(super) async fn withdraw(mut self) -> Result<()> {
        match std::mem::replace(&mut self.found, Found::Nothing) {
            Found::Nothing => {
                let delete = Write::delete(self.key, Precondition::Revision(self.revision));
                commit(self.inner, vec![delete]).await.map(drop)
            }
            Found::Finished(before) => {
                self.write(|job| *job = RotationJob { fence: job.fence, owner: job.owner, ..before }).await
            }
            Found::Unfinished => self.release().await.map(drop),
        }
    }

    pub(super) async fn finish(mut self) -> Result<()> {
        self.write(|job| job.state = JobState::Finished).await
    }
}

fn came_between() -> Error {
    lost("another rotation came between: run it again if it is still wanted")
}

fn check_same(before: &RotationJob, job: &RotationJob) -> Result<()> {
    if before.target == job.target {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "the application has an unfinished job, {}: run that to its end, or give it up with `abandon_job`",
            before.target
        ),
    ))
}

/// Watches a job until its holder must have given up.
pub(super) async fn watch(inner: &Inner, key: &RecordKey, then: &Stored) -> Result<()> {
    let clock = &*inner.clock;
    // By the monotonic clock alone: the time of day may jump.
    let began = clock.monotonic();
    loop {
        let left = (began + TAKEOVER).saturating_sub(clock.monotonic());
        if left.is_zero() {
            return Ok(());
        }
        clock.sleep(left.min(WATCH)).await;
        let now = inner.records.load(key, Consistency::Strong).await?;
        if now.is_none_or(|now| now.revision != then.revision) {
            return Err(Error::new(
                ErrorKind::Contention,
                "another process is rotating this application's keys: wait for it, or cancel it there",
            ));
        }
    }
}

/// Writes a job, and recognises its own write after a lost answer.
async fn write(
    inner: &Inner,
    key: &RecordKey,
    job: &RotationJob,
    precondition: Precondition,
    began: Moment,
) -> Result<Revision> {
    let record = job.to_record();
    let put = Write::put(key.clone(), record.clone(), precondition);
    let mut backoff = Backoff::new();
    loop {
        let error = match commit(inner, vec![put.clone()]).await {
            Ok(revisions) => return revisions.into_iter().next().flatten().ok_or_else(no_revision),
            Err(error) => error,
        };
        let may_have_landed = matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Unavailable);
        if may_have_landed
            && let Ok(Some(found)) = inner.records.load(key, Consistency::Strong).await
            && *found.record == record
        {
            return Ok(found.revision);
        }
        if error.kind() == ErrorKind::Conflict {
            return Err(lost("another process took the rotation over: this one has stopped"));
        }
        // What is tried again is the same write on the same revision.
        backoff.wait(&*inner.clock, error).await?;
        if began.age(&*inner.clock) >= LAST_BEGIN {
            return Err(lost("the rotation's lease could not be renewed in time: run it again, it goes on"));
        }
    }
}

fn no_revision() -> Error {
    Error::new(ErrorKind::Unavailable, "the persistence answered no revision: the write may have landed")
}
