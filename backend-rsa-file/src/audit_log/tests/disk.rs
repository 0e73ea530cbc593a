//! One file on a disk that forgets, when the power fails, what was not synced; that fills up; whose syncs fail and forget.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::audit_log::file::{LogFile, Place};

#[derive(Clone, Debug)]
enum Change {
    Write(usize, Vec<u8>),
    Truncate(usize),
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// What the system shows.
    shown: Vec<u8>,
    /// What is there whatever happens.
    durable: Vec<u8>,
    dirty: Vec<Change>,
    /// Operations until the process dies.
    pub(super) dies_after: Option<usize>,
    /// Bytes until the disk is full.
    pub(super) room: Option<usize>,
    /// Syncs until one fails.
    pub(super) sync_fails_after: Option<usize>,
    pub(super) loses_what_is_written_again: bool,
    pub(super) operations: usize,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Disk(Arc<Mutex<State>>);

fn apply(content: &mut Vec<u8>, change: &Change) {
    match change {
        Change::Write(at, bytes) => {
            content.resize(content.len().max(at + bytes.len()), 0);
            content[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        Change::Truncate(length) => content.truncate(*length),
    }
}

impl Disk {
    pub(super) fn holding(content: Vec<u8>) -> Self {
        Self(Arc::new(Mutex::new(State { shown: content.clone(), durable: content, ..State::default() })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic")
    }

    pub(super) fn shown(&self) -> Vec<u8> {
        self.state().shown.clone()
    }

    pub(super) fn durable(&self) -> Vec<u8> {
        self.state().durable.clone()
    }

    /// Everything that may be found after a crash now: the changes up to any of them, that one up to any byte.
    pub(super) fn crashes(&self) -> Vec<Vec<u8>> {
        let state = self.state();
        let mut found = vec![state.durable.clone()];
        let mut content = state.durable.clone();
        for change in &state.dirty {
            if let Change::Write(at, bytes) = change {
                for length in 1..bytes.len() {
                    let mut torn = content.clone();
                    apply(&mut torn, &Change::Write(*at, bytes[..length].to_vec()));
                    found.push(torn);
                }
            }
            apply(&mut content, change);
            found.push(content.clone());
        }
        found
    }
}

impl State {
    fn operation(&mut self) -> io::Result<()> {
        self.operations += 1;
        match &mut self.dies_after {
            Some(0) => Err(io::ErrorKind::BrokenPipe.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn change(&mut self, change: Change) {
        apply(&mut self.shown, &change);
        self.dirty.push(change);
    }
}

impl Place for Disk {
    fn open(&self) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(self.clone()))
    }
}

impl LogFile for Disk {
    fn exposed(&self) -> io::Result<Option<String>> {
        Ok(None)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.state().shown.len() as u64)
    }

    fn read(&self, offset: u64, limit: usize) -> io::Result<Vec<u8>> {
        let state = self.state();
        let from = usize::try_from(offset).expect("short").min(state.shown.len());
        Ok(state.shown[from..].iter().take(limit).copied().collect())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        let end = state.shown.len();
        if let Err(dead) = state.operation() {
            // It dies in the middle of it.
            state.change(Change::Write(end, bytes[..bytes.len() / 2].to_vec()));
            return Err(dead);
        }
        let room = state.room.unwrap_or(bytes.len()).min(bytes.len());
        if room > 0 {
            state.change(Change::Write(end, bytes[..room].to_vec()));
        }
        if let Some(left) = &mut state.room {
            *left -= room;
        }
        if room < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn write_again(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.operation()?;
        let at = usize::try_from(offset).expect("short");
        assert_eq!(&state.shown[at..at + bytes.len()], bytes, "nothing but what stands there");
        if !state.loses_what_is_written_again {
            state.change(Change::Write(at, bytes.to_vec()));
        }
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        let mut state = self.state();
        state.operation()?;
        state.change(Change::Truncate(usize::try_from(length).expect("short")));
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut state = self.state();
        state.operation()?;
        let dirty = std::mem::take(&mut state.dirty);
        match &mut state.sync_fails_after {
            Some(0) => {
                // What could not be written is forgotten, and still shown.
                state.sync_fails_after = None;
                return Err(io::Error::other("the device is broken"));
            }
            Some(left) => *left -= 1,
            None => {}
        }
        dirty.iter().for_each(|change| apply(&mut state.durable, change));
        Ok(())
    }

    fn try_lock(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn unlock(&mut self) {}

    fn is_in_place(&self) -> io::Result<bool> {
        Ok(true)
    }
}
