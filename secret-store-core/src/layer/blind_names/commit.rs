//! Writes, as the database gets them.

use std::sync::Arc;

use super::blinding::{Generation, Scheme};
use super::{BlindNames, check_format, sealed};
use crate::error::{Error, Result};
use crate::persistence::{Persistence, Precondition, RecordKey, Revision, Write};
use crate::record::Record;

/// What becomes of one write: in one generation, or in several where the record may stand in any of them.
struct Exchanged {
    writes: Vec<Write>,
    /// For each of them: which write of the caller's it is a part of, and in which generation it takes place.
    origins: Vec<(usize, Generation)>,
}

impl Exchanged {
    fn push(&mut self, origin: usize, generation: Generation, write: Write) {
        self.writes.push(write);
        self.origins.push((origin, generation));
    }
}

impl BlindNames {
    pub(super) async fn commit_blind(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        Write::check_all(&writes, &self.limits())?;
        let count = writes.len();
        let mut exchanged = Exchanged { writes: Vec::with_capacity(count), origins: Vec::with_capacity(count) };
        for (origin, write) in writes.iter().enumerate() {
            self.exchange(origin, write, &mut exchanged)?;
        }
        let Exchanged { writes, origins } = exchanged;
        let revisions = self.inner.commit(writes).await.map_err(|error| self.shown(error, &origins))?;
        let mut answers = vec![None; count];
        for (revision, (origin, generation)) in revisions.into_iter().zip(origins) {
            if let (Some(revision), Some(answer)) = (revision, answers.get_mut(origin)) {
                *answer = Some(self.blinding.tagged(generation, &revision));
            }
        }
        Ok(answers)
    }

    /// The same conflict about the caller's own writes.
    fn shown(&self, error: Error, origins: &[(usize, Generation)]) -> Error {
        let Some((origin, generation)) = error.failed_write().and_then(|at| origins.get(at)).copied() else {
            return error.with_conflict(None, None);
        };
        let revision = error.revision().map(|revision| self.blinding.tagged(generation, revision));
        error.with_conflict(Some(origin), revision)
    }

    fn exchange(&self, origin: usize, write: &Write, exchanged: &mut Exchanged) -> Result<()> {
        let writing = self.blinding.writing();
        match write {
            Write::Put { key, record, precondition } => self.exchange_put(origin, key, record, precondition, exchanged),
            Write::Delete { key, precondition } => {
                self.exchange_other(key, precondition, |generation, key, condition| {
                    let delete = Write::delete(key, condition);
                    exchanged.push(origin, generation, delete);
                })
            }
            // Nothing to check: one write stands for it, so that every write has its answer.
            Write::Check { key, precondition: Precondition::Any } => {
                let check = Write::check(self.blind(writing, key)?, Precondition::Any);
                exchanged.push(origin, writing, check);
                Ok(())
            }
            Write::Check { key, precondition } => {
                self.exchange_other(key, precondition, |generation, key, condition| {
                    let check = Write::check(key, condition);
                    exchanged.push(origin, generation, check);
                })
            }
        }
    }

    /// A record is created under the key that is written under, is changed where it stands if that is newer, and moves if it is older.
    /// It is never in two generations.
    fn exchange_put(
        &self,
        origin: usize,
        key: &RecordKey,
        record: &Arc<Record>,
        precondition: &Precondition,
        exchanged: &mut Exchanged,
    ) -> Result<()> {
        let writing = self.blinding.writing();
        let (place, condition, old) = match precondition {
            Precondition::Revision(revision) => match self.blinding.untagged(revision) {
                (generation, unchanged) if generation < writing => {
                    (writing, Precondition::Absent, Some((generation, unchanged)))
                }
                (generation, unchanged) => (generation, unchanged, None),
            },
            condition => (writing, condition.clone(), None),
        };
        exchanged.push(origin, place, self.put(place, key, record, condition)?);
        if let Some((generation, condition)) = old {
            exchanged.push(origin, generation, Write::delete(self.blind(generation, key)?, condition));
        }
        for other in self.blinding.generations().filter(|other| *other != writing) {
            match precondition {
                Precondition::Any => {
                    exchanged.push(origin, other, Write::delete(self.blind(other, key)?, Precondition::Any));
                }
                Precondition::Absent => {
                    exchanged.push(origin, other, Write::check(self.blind(other, key)?, Precondition::Absent));
                }
                Precondition::Revision(_) => {}
            }
        }
        Ok(())
    }

    /// A delete or a check takes place where the revision says, or everywhere.
    fn exchange_other(
        &self,
        key: &RecordKey,
        precondition: &Precondition,
        mut push: impl FnMut(Generation, RecordKey, Precondition),
    ) -> Result<()> {
        if let Precondition::Revision(revision) = precondition {
            let (generation, unchanged) = self.blinding.untagged(revision);
            push(generation, self.blind(generation, key)?, unchanged);
            return Ok(());
        }
        for generation in self.blinding.generations() {
            push(generation, self.blind(generation, key)?, precondition.clone());
        }
        Ok(())
    }

    pub(super) fn put(
        &self,
        generation: Generation,
        address: &RecordKey,
        record: &Arc<Record>,
        condition: Precondition,
    ) -> Result<Write> {
        check_format(address, record)?;
        let blind = self.blind(generation, address)?;
        match self.blinding.scheme(generation) {
            Scheme::Clear => Ok(Write::put(blind, Arc::clone(record), condition)),
            Scheme::Keyed(key) => {
                let sealed = sealed::seal(key, address, &blind, record)?;
                Ok(Write::put(blind, sealed, condition))
            }
        }
    }
}
