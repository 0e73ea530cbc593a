//! Which calls fail, and how.

use std::sync::Mutex;

use secret_store_core::{Error, ErrorKind, Result};

use super::lock;

/// A call of one of the traits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// `Persistence::load`.
    Load,
    /// `Persistence::load_many`.
    LoadMany,
    /// `Persistence::list`.
    List,
    /// `Persistence::commit`.
    Commit,
    /// `KeyProvider::generate_key`.
    GenerateKey,
    /// `KeyProvider::wrap_key`.
    WrapKey,
    /// `KeyProvider::unwrap_key`.
    UnwrapKey,
    /// `KeyProvider::rewrap_key`.
    RewrapKey,
}

/// A failure to come: the next call of any kind, once, unless said otherwise.
#[derive(Clone, Debug)]
pub struct Fault {
    kind: ErrorKind,
    operation: Option<Operation>,
    spared: usize,
    times: usize,
}

impl Fault {
    /// A failure of this kind.
    #[must_use]
    pub fn new(kind: ErrorKind) -> Self {
        Self { kind, operation: None, spared: 0, times: 1 }
    }

    /// Only calls of this operation count and fail.
    #[must_use]
    pub fn on(mut self, operation: Operation) -> Self {
        self.operation = Some(operation);
        self
    }

    /// Spares this many calls first: `after(2)` fails the third.
    #[must_use]
    pub fn after(mut self, calls: usize) -> Self {
        self.spared = calls;
        self
    }

    /// Fails this many calls in a row.
    #[must_use]
    pub fn times(mut self, calls: usize) -> Self {
        self.times = calls;
        self
    }

    /// Fails every call from then on.
    #[must_use]
    pub fn forever(self) -> Self {
        self.times(usize::MAX)
    }

    /// Counts a call; answers whether it fails.
    fn strikes(&mut self, operation: Operation) -> bool {
        if self.operation.is_some_and(|only| only != operation) {
            return false;
        }
        if self.spared > 0 {
            self.spared -= 1;
            return false;
        }
        let strikes = self.times > 0;
        if self.times != usize::MAX {
            self.times = self.times.saturating_sub(1);
        }
        strikes
    }
}

/// The faults to come and how many calls there were.
#[derive(Debug, Default)]
pub(super) struct Schedule(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    faults: Vec<Fault>,
    calls: usize,
    struck: usize,
}

impl Schedule {
    pub(super) fn add(&self, fault: Fault) {
        lock(&self.0).faults.push(fault);
    }

    pub(super) fn clear(&self) {
        lock(&self.0).faults.clear();
    }

    pub(super) fn calls(&self) -> usize {
        lock(&self.0).calls
    }

    pub(super) fn struck(&self) -> usize {
        lock(&self.0).struck
    }

    /// Counts a call and refuses it if a fault strikes.
    pub(super) fn pass(&self, operation: Operation) -> Result<()> {
        let mut state = lock(&self.0);
        state.calls += 1;
        // Every fault counts every call, also one that another fault has struck.
        let struck: Vec<_> = state.faults.iter_mut().filter_map(|f| f.strikes(operation).then_some(f.kind)).collect();
        match struck.first() {
            None => Ok(()),
            Some(kind) => {
                state.struck += 1;
                Err(Error::new(*kind, "the test made this call fail"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_exactly_when_told() {
        let schedule = Schedule::default();
        schedule.add(Fault::new(ErrorKind::Throttled).on(Operation::Commit).after(1).times(2));
        let struck: Vec<_> = [
            Operation::Commit,
            Operation::Load,
            Operation::Commit,
            Operation::Load,
            Operation::Commit,
            Operation::Commit,
        ]
        .map(|operation| schedule.pass(operation).is_err())
        .into();
        assert_eq!(struck, [false, false, true, false, true, false]);
        assert_eq!((schedule.calls(), schedule.struck()), (6, 2));
        schedule.add(Fault::new(ErrorKind::Unavailable).forever());
        assert!((0..3).all(|_| schedule.pass(Operation::List).is_err()));
        schedule.clear();
        assert!(schedule.pass(Operation::List).is_ok());
    }
}
