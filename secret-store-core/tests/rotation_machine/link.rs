//! How a process reaches the records and the master keys: each call is a place where others go first, time passes, the call or
//! its answer is lost, or the process dies.

use std::fmt;
use std::future::{pending, poll_fn};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use futures::FutureExt;
use secret_store_core::{
    Clock, Consistency, DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, KeyProvider, ListQuery,
    MasterKeyId, Page, Persistence, RecordKey, Result, Revision, Stored, WrappedKey, Write,
};

use super::clock::yields;
use super::world::{Call, Fate, ProcessId, World};

/// What was sent before the sender gave up arrives within so long, if at all.
const LAST_MILE: Duration = Duration::from_secs(4);

#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) world: Arc<World>,
    pub(crate) process: ProcessId,
    /// How long the process lets a commit take.
    pub(crate) limit: Duration,
    /// Whether nothing happens to its calls: before and after a trace.
    pub(crate) is_quiet: bool,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("process", &self.process).finish_non_exhaustive()
    }
}

/// Tells the world when the sender of a commit waits no more.
struct Waiting<'a> {
    link: &'a Link,
    number: u64,
    sent_at: Duration,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let Link { world, limit, .. } = self.link;
        let given_up_at = world.clock.monotonic().min(self.sent_at + *limit);
        let late = world.draw(|chance| chance.seconds(LAST_MILE.as_secs()));
        world.abandon(self.number, given_up_at + late);
    }
}

impl Link {
    /// The process dies here.
    async fn crash<T>(&self) -> T {
        self.world.state().crashed = Some(self.process);
        pending().await
    }

    /// Goes on when the process does.
    async fn thaw(&self) {
        poll_fn(|context| {
            context.waker().wake_by_ref();
            let is_frozen = self.world.state().frozen_until.contains_key(&self.process);
            if is_frozen { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }

    async fn before(&self, fate: Fate) -> Result<()> {
        let world = &self.world;
        if self.is_quiet {
            return Ok(());
        }
        yields(world.draw(|chance| [0, 0, 1, 2][chance.below(4)])).await;
        match fate {
            Fate::Fails(kind) => return Err(failure(kind)),
            Fate::CrashesBefore => return self.crash().await,
            Fate::Queues(time) => world.clock.sleep(time).await,
            Fate::Freezes(time) => {
                let until = world.clock.after(time);
                world.state().frozen_until.insert(self.process, until);
                self.thaw().await;
                // Also what this process has begun since.
                world.disturb(self.process);
            }
            _ => {}
        }
        Ok(())
    }

    async fn after(&self, fate: Fate) -> Result<()> {
        match fate {
            Fate::CrashesAfter => return self.crash().await,
            Fate::LosesAnswer => return Err(failure(ErrorKind::Unavailable)),
            _ if self.is_quiet => return Ok(()),
            _ => {}
        }
        yields(self.world.draw(|chance| [0, 0, 0, 1][chance.below(4)])).await;
        Ok(())
    }

    fn fate(&self, call: Call, what: impl FnOnce() -> String) -> Fate {
        if self.is_quiet {
            return Fate::Passes;
        }
        let fate = self.world.fate(self.process, call);
        if fate != Fate::Passes {
            self.world.tell(|| format!("process {} {}: {fate:?}", self.process, what()));
        }
        fate
    }

    async fn meet<T>(
        &self,
        call: Call,
        what: impl FnOnce() -> String,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let fate = self.fate(call, what);
        self.before(fate).await?;
        if let Fate::Takes(time) = fate {
            self.world.clock.sleep(time).await;
        }
        let answer = work.now_or_never().expect("memory waits for nothing")?;
        self.after(fate).await.map(|()| answer)
    }

    async fn wire(&self, writes: Vec<Write>, takes: Option<Duration>) -> Result<Vec<Option<Revision>>> {
        let (number, reply) = self.world.send(self.process, writes, takes);
        let _waiting = Waiting { link: self, number, sent_at: self.world.clock.monotonic() };
        poll_fn(|context| match reply.lock().expect("no panic under this lock").take() {
            Some(answer) => Poll::Ready(answer),
            None => {
                self.world.wake_for(number, context.waker());
                Poll::Pending
            }
        })
        .await
    }
}

fn failure(kind: ErrorKind) -> Error {
    Error::new(kind, "the trace made this call fail")
}

#[async_trait]
impl Persistence for Link {
    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.meet(Call::Read, || format!("reads {key:?}"), self.world.memory.load(key, consistency)).await
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        self.meet(Call::Read, || format!("reads {keys:?}"), self.world.memory.load_many(keys, consistency)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.meet(Call::Read, || format!("lists {:?}", query.partition()), self.world.memory.list(query)).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        let keys = || writes.iter().map(Write::key).collect::<Vec<_>>();
        let fate = self.fate(Call::Commit, || format!("commits {:?}", keys()));
        self.before(fate).await?;
        let answer = match fate {
            Fate::Takes(time) => self.wire(writes, Some(time.min(self.limit))).await,
            Fate::Hangs => self.wire(writes, None).await,
            _ => self.world.land(self.process, writes),
        };
        self.after(fate).await?;
        answer
    }
}

#[async_trait]
impl KeyProvider for Link {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.world.keys.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.meet(Call::Key, || format!("asks {id} for a key"), self.world.keys.generate_key(id, context)).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        self.meet(Call::Key, || format!("wraps under {id}"), self.world.keys.wrap_key(id, key, context)).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        let what = || format!("unwraps with {}", key.master_key_id());
        self.meet(Call::Key, what, self.world.keys.unwrap_key(key, context)).await
    }
}
