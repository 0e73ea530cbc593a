//! How a suite runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use futures::future::{BoxFuture, FutureExt, join_all};

use crate::case::{Stop, caught};

type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// How a suite runs. The defaults suit a backend that needs no particular async runtime.
#[derive(Clone)]
pub struct Options {
    spawn: Spawn,
    pub(crate) tasks: usize,
    pub(crate) rounds: usize,
    pub(crate) attempts: usize,
    pub(crate) timeout: Duration,
    pub(crate) settling: Duration,
    pub(crate) only: Option<String>,
    pub(crate) redundant: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            spawn: Arc::new(|task| {
                std::thread::spawn(move || futures::executor::block_on(task));
            }),
            tasks: 8,
            rounds: 25,
            attempts: 4096,
            timeout: Duration::from_secs(120),
            settling: Duration::from_secs(10),
            only: None,
            redundant: Vec::new(),
        }
    }
}

impl Options {
    /// How the concurrent cases start a task. Each gets a thread of its own by default; a backend that needs its runtime
    /// passes that one's `spawn`. It must return at once: tasks wait for each other.
    #[must_use]
    pub fn with_spawn(mut self, spawn: impl Fn(BoxFuture<'static, ()>) + Send + Sync + 'static) -> Self {
        self.spawn = Arc::new(spawn);
        self
    }

    /// How many tasks the concurrent cases start; 8 by default, at least 2.
    #[must_use]
    pub fn with_tasks(mut self, tasks: usize) -> Self {
        self.tasks = tasks.max(2);
        self
    }

    /// How many writes each task of a concurrent case makes; 25 by default, at least 1.
    #[must_use]
    pub fn with_rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds.max(1);
        self
    }

    /// How many altered, truncated or extended variants of one thing are tried at most; 4,096 by default. Where there are
    /// more they are spread evenly. Lower it where each attempt costs money.
    #[must_use]
    pub fn with_attempts(mut self, attempts: usize) -> Self {
        self.attempts = attempts.max(16);
        self
    }

    /// How long a case may take before it counts as failed; two minutes by default.
    #[must_use]
    pub fn with_timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long a commit whose future was dropped may go on before it has completed or vanished; ten seconds by default.
    #[must_use]
    pub fn with_settling(mut self, settling: Duration) -> Self {
        self.settling = settling;
        self
    }

    /// Runs only the cases whose name contains this text; the others are reported as skipped.
    #[must_use]
    pub fn with_only(mut self, text: impl Into<String>) -> Self {
        self.only = Some(text.into());
        self
    }

    /// Attributes for which another can stand in: an altered one need not be refused, as long as the right value is answered. For
    /// a store that wraps each document key under several master keys, all of which the reader has: `ProtectedDocumentKey` and
    /// `Wraps`. None by default.
    #[must_use]
    pub fn with_redundant_attributes<A: Into<String>>(mut self, attributes: impl IntoIterator<Item = A>) -> Self {
        self.redundant = attributes.into_iter().map(Into::into).collect();
        self
    }

    /// Runs the futures at once, each as a task, and answers in their order.
    pub(crate) async fn at_once<T: Send + 'static>(
        &self,
        tasks: impl IntoIterator<Item = BoxFuture<'static, Result<T, Stop>>>,
    ) -> Result<Vec<T>, Stop> {
        // All of them wait for the last to be started, so that they meet.
        let (go, gate) = oneshot::channel::<()>();
        let gate = gate.shared();
        let gated = |task: BoxFuture<'static, Result<T, Stop>>| {
            let gate = gate.clone();
            async move {
                // It is never sent, only dropped: the gate opens either way.
                let _ = gate.await;
                task.await
            }
            .boxed()
        };
        let answers: Vec<_> = tasks.into_iter().map(|task| self.start(gated(task))).collect();
        drop(go);
        let answers = join_all(answers).await.into_iter();
        answers
            .map(|answer| answer.unwrap_or_else(|_| Err(Stop::failed("a task was dropped by the spawner"))))
            .collect()
    }

    fn start<T: Send + 'static>(
        &self,
        task: BoxFuture<'static, Result<T, Stop>>,
    ) -> oneshot::Receiver<Result<T, Stop>> {
        let (answer, receiver) = oneshot::channel();
        // A receiver that is gone belongs to a case that has already failed.
        (self.spawn)(async move { drop(answer.send(caught(task).await)) }.boxed());
        receiver
    }

    /// The numbers below `count`, or as many of them, spread evenly, as may be tried.
    pub(crate) fn sample(&self, count: usize) -> impl Iterator<Item = usize> + use<> {
        let tried = count.min(self.attempts);
        (0..tried).map(move |n| n * count / tried)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("tasks", &self.tasks)
            .field("rounds", &self.rounds)
            .field("attempts", &self.attempts)
            .field("timeout", &self.timeout)
            .field("settling", &self.settling)
            .field("only", &self.only)
            .field("redundant", &self.redundant)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_everything_or_spread_evenly() {
        let options = Options::default().with_attempts(16);
        assert_eq!(options.sample(5).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
        assert_eq!(options.sample(0).count(), 0);
        let spread: Vec<_> = options.sample(160).collect();
        assert_eq!((spread.len(), spread[0], spread[15]), (16, 0, 150));
    }

    #[test]
    fn a_panicking_task_fails_its_case() {
        let tasks = [async { Ok(1) }.boxed(), async { panic!("on purpose") }.boxed()];
        let stopped = futures::executor::block_on(Options::default().at_once(tasks)).expect_err("one task panicked");
        assert!(matches!(stopped, Stop::Failed(reason) if reason.contains("on purpose")));
    }
}
