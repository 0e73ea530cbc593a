//! What a client is answered must be what was so at some moment of its call.

use secret_store_core::{Error, ErrorKind, Page, Result, Secret, SecretId, SecretInfo};

use super::model::{Outcome, Wish};
use super::world::{ProcessId, World};

/// An operation under way. Dropped with its process, it may have happened.
pub(crate) struct Asked<'a> {
    world: &'a World,
    process: ProcessId,
    id: SecretId,
    index: usize,
    disturbances: u64,
    /// Whether the process may lack the key that writes go by now.
    pub(crate) is_left_behind: bool,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        let mut model = self.world.model();
        let outcome = &mut model.operations[self.index].outcome;
        if *outcome == Outcome::Pending {
            *outcome = Outcome::Unknown;
        }
    }
}

impl<'a> Asked<'a> {
    pub(crate) fn new(world: &'a World, process: ProcessId, id: &SecretId, wish: Wish) -> Self {
        world.tell(|| format!("process {process} asks for {id}: {wish:?}"));
        let index = world.model().begin(process, id, wish);
        let disturbances = world.disturbances(process);
        Self { world, process, id: id.clone(), index, disturbances, is_left_behind: false }
    }

    fn answered(&self, answer: &dyn std::fmt::Debug) {
        self.world.tell(|| format!("process {} is answered of {}: {answer:?}", self.process, self.id));
    }

    fn violate(&self, what: &str) {
        let operation = self.world.model().operations[self.index].clone();
        self.world.violate(|| format!("process {}: {what}: {operation:?}", operation.process));
    }

    fn end(&self, outcome: Outcome) {
        self.world.model().operations[self.index].outcome = outcome;
    }

    /// Whether such a state was current at some moment since the call began.
    fn was(&self, is_such: impl Fn(Option<u64>) -> bool) -> bool {
        let model = self.world.model();
        model.was_current_since(&self.id, model.operations[self.index].began, is_such)
    }

    fn is_disturbed(&self) -> bool {
        self.world.disturbances(self.process) != self.disturbances
    }

    /// What may fail in a call although nothing is wrong with it.
    fn check_kind(&self, error: &Error, more: &[ErrorKind]) {
        let passing = matches!(error.kind(), ErrorKind::Unavailable | ErrorKind::Throttled);
        let left_behind = self.is_left_behind && error.kind() == ErrorKind::KeyNotAllowed;
        if !(passing && self.is_disturbed() || left_behind || more.contains(&error.kind())) {
            self.violate(&format!("an error that nobody caused, {:?} {error}", error.kind()));
        }
    }

    pub(crate) fn put(&self, answer: &Result<SecretInfo>, more: &[ErrorKind]) {
        let version = answer.as_ref().map(|info| info.version.get());
        self.answered(&version);
        let (value, is_copy) = match self.world.model().operations[self.index].wish.clone() {
            Wish::Put { value, is_copy } => (value, is_copy),
            wish => unreachable!("{wish:?} is no put"),
        };
        match version {
            Ok(version) => {
                let known = self.world.model().secrets[&self.id].versions.get(&version).cloned();
                if known.is_none_or(|known| known.value != value) || !self.was(|current| current == Some(version)) {
                    self.violate(&format!("version {version} was acknowledged and never was there"));
                }
                self.end(Outcome::Acknowledged);
            }
            Err(error) if error.kind() == ErrorKind::Unavailable || self.is_disturbed() => {
                self.check_kind(error, more);
                self.end(Outcome::Unknown);
            }
            Err(error) => {
                self.check_kind(error, more);
                let is_there = self.world.model().secrets[&self.id].versions.values().any(|known| known.value == value);
                if is_there && !is_copy {
                    self.violate("what was refused is there");
                }
                self.end(Outcome::Refused(error.kind()));
            }
        }
    }

    pub(crate) fn delete(&self, answer: &Result<()>) {
        self.answered(answer);
        match answer {
            Ok(()) => {
                if !self.was(|current| current.is_none()) {
                    self.violate("a delete was acknowledged and never was");
                }
                self.end(Outcome::Acknowledged);
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !self.was(|current| current.is_none()) {
                    self.violate("it was there all the time");
                }
                self.end(Outcome::Refused(ErrorKind::NotFound));
            }
            Err(error) => {
                self.check_kind(error, &[]);
                self.end(Outcome::Unknown);
            }
        }
    }

    /// Every version that was in the history when the call began is listed.
    pub(crate) fn history(&self, page: &Page<SecretInfo>, before: &[u64]) {
        self.answered(&page.items.len());
        let listed: Vec<u64> = page.items.iter().map(|info| info.version.get()).collect();
        if page.next.is_none() && before.iter().any(|version| !listed.contains(version)) {
            self.violate(&format!("the history lists {listed:?} and not all of {before:?}"));
        }
        self.end(Outcome::Acknowledged);
    }

    /// A read of what is current, or of one version.
    pub(crate) fn get(&self, answer: &Result<Secret>, asked: Option<u64>) {
        self.answered(&answer.as_ref().map(|secret| secret.info().version));
        match answer {
            Ok(secret) => {
                let version = secret.info().version.get();
                let known = self.world.model().secrets[&self.id].versions.get(&version).cloned();
                let is_so = known.is_some_and(|known| known.value.as_bytes() == secret.expose_secret());
                let is_due =
                    asked.map_or_else(|| self.was(|current| current == Some(version)), |asked| asked == version);
                if !is_so || !is_due {
                    self.violate(&format!("a read answers version {version}, which it was not"));
                }
            }
            Err(error) if error.kind() == ErrorKind::NotFound && asked.is_none() => {
                if !self.was(|current| current.is_none()) {
                    self.violate("it was there all the time");
                }
            }
            Err(error) => self.check_kind(error, &[]),
        }
        self.end(Outcome::Acknowledged);
    }
}
