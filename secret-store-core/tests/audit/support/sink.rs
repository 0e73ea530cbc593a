//! A sink in memory that keeps its obligations, counts, and fails or waits when told.

use std::collections::{BTreeMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard};
use std::task::Poll;

use async_trait::async_trait;
use secret_store_core::audit::{AuditEntry, AuditSink, WriterId};
use secret_store_core::{Error, ErrorKind, Result};

/// What a call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Takes the entries.
    Takes,
    /// Takes nothing and says so by this kind.
    Refuses(ErrorKind),
    /// Takes all but this many of the last, and does not know.
    TakesAllBut(usize),
    /// Takes the entries after so many polls.
    TakesAfter(usize),
    /// Never answers; takes nothing.
    Hangs,
    Panics,
}

#[derive(Debug, Default)]
pub(crate) struct Sink(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    entries: Vec<AuditEntry>,
    last: BTreeMap<WriterId, (u64, [u8; 32])>,
    answers: VecDeque<Answer>,
    ever_after: Option<Answer>,
    /// The sizes of the calls.
    calls: Vec<usize>,
    at_once: BTreeMap<WriterId, usize>,
}

impl Sink {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The calls to come are answered like this, one after the other; then as before.
    pub(crate) fn answer(&self, answers: impl IntoIterator<Item = Answer>) {
        self.state().answers.extend(answers);
    }

    /// Every call that has no answer of its own is answered like this.
    pub(crate) fn answer_ever_after(&self, answer: Answer) {
        self.state().ever_after = Some(answer);
    }

    pub(crate) fn entries(&self) -> Vec<AuditEntry> {
        self.state().entries.clone()
    }

    /// Entries that were written since the last call of this.
    pub(crate) fn take(&self) -> Vec<AuditEntry> {
        std::mem::take(&mut self.state().entries)
    }

    pub(crate) fn calls(&self) -> Vec<usize> {
        self.state().calls.clone()
    }
}

impl State {
    fn keep(&mut self, entries: &[AuditEntry]) -> Result<()> {
        for entry in entries {
            let (last, hash) = self.last.get(&entry.writer()).copied().unwrap_or_default();
            if entry.sequence() > last {
                assert_eq!((entry.sequence(), *entry.previous()), (last + 1, hash), "the chain has a gap");
                self.last.insert(entry.writer(), (entry.sequence(), *entry.hash()));
                self.entries.push(entry.clone());
            } else if !self.entries.contains(entry) && entry.sequence() == last {
                return Err(Error::new(ErrorKind::AlreadyExists, "another entry stands there"));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl AuditSink for Sink {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        let writer = entries.first().expect("at least one entry").writer();
        assert!(entries.iter().all(|entry| entry.writer() == writer), "one writer's");
        let answer = {
            let mut state = self.state();
            state.calls.push(entries.len());
            *state.at_once.entry(writer).or_default() += 1;
            let ever_after = state.ever_after;
            state.answers.pop_front().or(ever_after).unwrap_or(Answer::Takes)
        };
        let _under_way = UnderWay(self, writer);
        assert_eq!(self.state().at_once[&writer], 1, "one call of one writer at a time");
        match answer {
            Answer::Takes => self.state().keep(entries),
            Answer::Refuses(kind) => Err(Error::new(kind, "the test makes the sink refuse")),
            Answer::TakesAllBut(count) => {
                self.state().keep(&entries[..entries.len().saturating_sub(count)])?;
                Err(Error::new(ErrorKind::Unavailable, "the test makes the sink forget to answer"))
            }
            Answer::TakesAfter(polls) => {
                later(polls).await;
                self.state().keep(entries)
            }
            Answer::Hangs => std::future::pending().await,
            Answer::Panics => panic!("the test makes the sink panic"),
        }
    }
}

struct UnderWay<'a>(&'a Sink, WriterId);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        *self.0.state().at_once.entry(self.1).or_default() -= 1;
    }
}

/// Is ready after so many polls that were not.
pub(crate) async fn later(mut polls: usize) {
    poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(());
        }
        polls -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
