//! A persistence in a map, right in everything except one flaw.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use secret_store_core::{
    Consistency, Error, ErrorKind, ListQuery, Order, Page, Persistence, Precondition, Record, RecordKey, Result,
    Revision, Stored, Value, Write,
};

/// Mistakes that backends make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    IgnoresPreconditions,
    ChecksBeforeItLocks,
    CountsRevisionsForEachRecord,
    DigestsAsRevisions,
    WritesOneByOne,
    YieldsBetweenWrites,
    ListsFromTheCursorOn,
    ListsUpToTheBound,
    MatchesPartitionsByPrefix,
    SortsByUtf16,
    FoldsCase,
    CutsNamesAtNul,
    CutsLongNames,
    NeverSaysThatMoreFollows,
    IgnoresTheLimit,
    OverflowsTheLimit,
    LeavesOutWhatIsAbsent,
    ConflictsWithoutRevision,
    ConflictsAtWriteZero,
    MergesAttributes,
    DropsEmptyValues,
    StoresNumbersAsFloats,
    AcceptsTwoWritesOfOneRecord,
    AcceptsAnySize,
    FailsToDeleteNothing,
    CreatesByChecking,
    IgnoresChecks,
    AnswersNoRevisions,
    ForgetsOnReopen,
    RestartsRevisionsOnReopen,
    CommitsOnCall,
    PanicsOnLoad,
    HangsOnLoad,
}

#[derive(Debug)]
pub(crate) struct Flawed {
    flaw: Flaw,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    records: BTreeMap<RecordKey, Stored>,
    last_revision: u64,
}

impl Flawed {
    pub(crate) fn new(flaw: Flaw) -> Self {
        Self { flaw, state: Arc::default() }
    }

    /// Another handle on the same records.
    pub(crate) fn reopened(&self) -> Self {
        let mut state = self.state();
        match self.flaw {
            Flaw::ForgetsOnReopen => *state = State::default(),
            Flaw::RestartsRevisionsOnReopen => state.last_revision = state.records.len() as u64,
            _ => {}
        }
        Self { flaw: self.flaw, state: Arc::clone(&self.state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no case panics in here")
    }

    /// The key as the flaw sees it.
    fn key(&self, key: &RecordKey) -> RecordKey {
        let change = |text: &str| match self.flaw {
            Flaw::FoldsCase => text.to_lowercase(),
            Flaw::CutsNamesAtNul => text.split('\0').next().unwrap_or_default().to_owned(),
            Flaw::CutsLongNames => text.chars().take(255).collect(),
            _ => text.to_owned(),
        };
        RecordKey::new(change(key.partition()), change(key.sort()))
    }

    fn check(&self, state: &State, writes: &[Write]) -> Result<()> {
        for (index, write) in writes.iter().enumerate() {
            let current = state.records.get(&self.key(write.key())).map(|stored| &stored.revision);
            let ignored = match self.flaw {
                Flaw::IgnoresPreconditions => true,
                Flaw::IgnoresChecks => matches!(write, Write::Check { .. }),
                _ => false,
            };
            if ignored || write.precondition().holds(current) {
                continue;
            }
            return Err(match self.flaw {
                Flaw::ConflictsWithoutRevision => Error::conflict(index, None),
                Flaw::ConflictsAtWriteZero => Error::conflict(0, current.cloned()),
                _ => Error::conflict(index, current.cloned()),
            });
        }
        Ok(())
    }

    fn apply(&self, state: &mut State, write: &Write) -> Result<Option<Revision>> {
        let key = self.key(write.key());
        match write {
            Write::Put { record, .. } => {
                let revision = self.revision(state, &key, record);
                let record = Arc::new(self.record(state.records.get(&key), record));
                state.records.insert(key, Stored { record, revision: revision.clone() });
                Ok((self.flaw != Flaw::AnswersNoRevisions).then_some(revision))
            }
            Write::Delete { .. } => {
                let deleted = state.records.remove(&key);
                if deleted.is_none() && self.flaw == Flaw::FailsToDeleteNothing {
                    return Err(Error::not_found());
                }
                Ok(None)
            }
            Write::Check { .. } => {
                if self.flaw == Flaw::CreatesByChecking && !state.records.contains_key(&key) {
                    let stored = Stored { record: Arc::new(Record::new()), revision: Revision::from(0) };
                    state.records.insert(key, stored);
                }
                Ok(None)
            }
        }
    }

    fn revision(&self, state: &mut State, key: &RecordKey, record: &Record) -> Revision {
        match self.flaw {
            Flaw::CountsRevisionsForEachRecord => {
                let last = state.records.get(key).and_then(|stored| stored.revision.as_text().parse::<u64>().ok());
                Revision::from(last.unwrap_or(0) + 1)
            }
            Flaw::DigestsAsRevisions => {
                let mut hasher = DefaultHasher::new();
                record.to_bytes().hash(&mut hasher);
                Revision::from(hasher.finish())
            }
            _ => {
                state.last_revision += 1;
                Revision::from(state.last_revision)
            }
        }
    }

    fn record(&self, old: Option<&Stored>, new: &Record) -> Record {
        let mut record = Record::new();
        if let (Some(old), Flaw::MergesAttributes) = (old, self.flaw) {
            record = Record::clone(&old.record);
        }
        for (name, value) in new.iter() {
            let value = match value {
                Value::Text(text) if text.is_empty() && self.flaw == Flaw::DropsEmptyValues => continue,
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
                Value::Number(number) if self.flaw == Flaw::StoresNumbersAsFloats => Value::from(*number as f64 as u64),
                value => value.clone(),
            };
            record.set(name.to_owned(), value);
        }
        record
    }

    fn refuse(&self, writes: &[Write]) -> Result<()> {
        let refusal = Write::check_all(writes, &self.limits());
        match (self.flaw, refusal.as_ref().map_err(Error::kind)) {
            (Flaw::AcceptsTwoWritesOfOneRecord, Err(ErrorKind::InvalidInput)) => Ok(()),
            (Flaw::AcceptsAnySize, Err(ErrorKind::TooLarge { .. })) => Ok(()),
            _ => refusal,
        }
    }

    fn admits(&self, query: &ListQuery, key: &RecordKey) -> bool {
        let partition = match self.flaw {
            Flaw::MatchesPartitionsByPrefix => key.partition().starts_with(&**query.partition()),
            _ => key.partition() == query.partition(),
        };
        let on_bound = |bound: Option<&Arc<str>>| bound.is_some_and(|bound| bound == key.sort());
        let admitted = query.admits(key.sort())
            || self.flaw == Flaw::ListsFromTheCursorOn && on_bound(query.after())
            || self.flaw == Flaw::ListsUpToTheBound && on_bound(query.before());
        partition && admitted
    }

    fn commit_now(&self, writes: &[Write]) -> Result<Vec<Option<Revision>>> {
        let mut state = self.state();
        self.check(&state, writes)?;
        writes.iter().map(|write| self.apply(&mut state, write)).collect()
    }

    /// The commit of the flaws that release the lock in between.
    async fn commit_in_steps(&self, writes: &[Write]) -> Result<Vec<Option<Revision>>> {
        if self.flaw == Flaw::ChecksBeforeItLocks {
            self.check(&self.state(), writes)?;
            std::thread::sleep(Duration::from_millis(1));
            let mut state = self.state();
            return writes.iter().map(|write| self.apply(&mut state, write)).collect();
        }
        if self.flaw == Flaw::YieldsBetweenWrites {
            self.check(&self.state(), writes)?;
        }
        let mut answers = Vec::new();
        for write in writes {
            let write = match self.flaw {
                Flaw::YieldsBetweenWrites => without_precondition(write),
                _ => write.clone(),
            };
            answers.extend(self.commit_now(std::slice::from_ref(&write))?);
            if self.flaw == Flaw::YieldsBetweenWrites {
                yield_once().await;
            }
        }
        Ok(answers)
    }
}

fn without_precondition(write: &Write) -> Write {
    match write {
        Write::Put { key, record, .. } => Write::put(key.clone(), Arc::clone(record), Precondition::Any),
        Write::Delete { key, .. } => Write::delete(key.clone(), Precondition::Any),
        Write::Check { key, .. } => Write::check(key.clone(), Precondition::Any),
    }
}

async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return std::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

#[async_trait]
impl Persistence for Flawed {
    async fn load(&self, key: &RecordKey, _: Consistency) -> Result<Option<Stored>> {
        match self.flaw {
            Flaw::PanicsOnLoad => panic!("the flaw of this backend"),
            Flaw::HangsOnLoad => std::future::pending().await,
            _ => Ok(self.state().records.get(&self.key(key)).cloned()),
        }
    }

    async fn load_many(&self, keys: &[RecordKey], _: Consistency) -> Result<Vec<Option<Stored>>> {
        let state = self.state();
        let found = keys.iter().map(|key| state.records.get(&self.key(key)).cloned());
        Ok(found.filter(|stored| stored.is_some() || self.flaw != Flaw::LeavesOutWhatIsAbsent).collect())
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let state = self.state();
        let admitted = state.records.iter().filter(|(key, _)| self.admits(query, key));
        let mut items: Vec<_> = admitted.map(|(key, stored)| (Arc::clone(key.sort()), stored.clone())).collect();
        if self.flaw == Flaw::SortsByUtf16 {
            items.sort_by_cached_key(|(sort, _)| sort.encode_utf16().collect::<Vec<_>>());
        }
        if query.order() == Order::Descending {
            items.reverse();
        }
        match self.flaw {
            Flaw::IgnoresTheLimit => Ok(Page { items, next: None }),
            Flaw::OverflowsTheLimit => {
                items.truncate(query.limit().get().wrapping_add(1));
                Ok(Page::overfetched(items, query.limit()))
            }
            Flaw::NeverSaysThatMoreFollows => Ok(Page { next: None, ..Page::overfetched(items, query.limit()) }),
            _ => Ok(Page::overfetched(items, query.limit())),
        }
    }

    fn commit<'life0, 'async_trait>(
        &'life0 self,
        writes: Vec<Write>,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<Option<Revision>>>> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        if self.flaw == Flaw::CommitsOnCall {
            let answer = self.refuse(&writes).and_then(|()| self.commit_now(&writes));
            return Box::pin(std::future::ready(answer));
        }
        Box::pin(async move {
            self.refuse(&writes)?;
            match self.flaw {
                Flaw::ChecksBeforeItLocks | Flaw::WritesOneByOne | Flaw::YieldsBetweenWrites => {
                    self.commit_in_steps(&writes).await
                }
                _ => self.commit_now(&writes),
            }
        })
    }
}
