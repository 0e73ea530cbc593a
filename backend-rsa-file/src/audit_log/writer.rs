//! Appending, blocking: under a lock, after what a dead writer left was put right, and durable before it is acknowledged.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use secret_store_core::audit::AuditEntry;
use secret_store_core::{Error, ErrorKind, Result};

use super::ends::Ends;
use super::file::{LogFile, Place};
use super::line::{self, BEGINNING, MAX_LINE_BYTES};
use crate::directory::failure::kind_of;

/// More than a line, so that there is a line feed in it.
const CHUNK_BYTES: usize = 2 * MAX_LINE_BYTES;

#[derive(Debug)]
pub(super) struct Writer {
    place: Box<dyn Place>,
    file: Box<dyn LogFile>,
    /// Up to here the file was read or written: the end of a line.
    end: u64,
    ends: Ends,
    /// What was written and is not known to be durable.
    unsynced: Vec<(u64, Vec<u8>)>,
    /// A sync failed. The system may have dropped what it could not write and call it clean, so that another sync would succeed
    /// without it: it has to be written again.
    has_failed: bool,
    /// An append failed halfway, and what it left, which is read again, is not known to be durable.
    has_left: bool,
    lock_timeout: Duration,
}

impl Writer {
    /// Opens a log, or makes one.
    pub(super) fn open(place: Box<dyn Place>, lock_timeout: Duration) -> Result<Self> {
        let file = opened(&*place)?;
        let length = file.length().map_err(failed)?;
        // Whatever stands in whole lines was written before this process had any entry.
        let from = length.saturating_sub(MAX_LINE_BYTES as u64 + 1);
        let rest = file.read(from, MAX_LINE_BYTES + 1).map_err(failed)?;
        let end = match rest.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => from + last as u64 + 1,
            None if from == 0 => 0,
            None => return Err(no_line()),
        };
        let ends = Ends::default();
        Ok(Self { place, file, end, ends, unsynced: Vec::new(), has_failed: false, has_left: false, lock_timeout })
    }

    /// Appends what is not there yet; all of it is durable then.
    pub(super) fn append(&mut self, entries: &[AuditEntry]) -> Result<()> {
        self.lock()?;
        let appended = self.append_locked(entries);
        self.file.unlock();
        appended
    }

    fn append_locked(&mut self, entries: &[AuditEntry]) -> Result<()> {
        self.catch_up()?;
        let missing = self.ends.missing(entries)?;
        let may_be_there = missing.len() < entries.len();
        self.write(missing).map_err(|error| if may_be_there { may_have_landed(error) } else { error })?;
        self.settle().map_err(may_have_landed)
    }

    /// Takes the lock, on the file that stands in its place.
    fn lock(&mut self) -> Result<()> {
        let begun = Instant::now();
        loop {
            self.lock_file(begun)?;
            match self.file.is_in_place() {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => {
                    self.file.unlock();
                    return Err(failed(error));
                }
            }
            let left = self.leave();
            self.file.unlock();
            left?;
            self.file = opened(&*self.place)?;
            self.end = 0;
        }
    }

    fn lock_file(&mut self, begun: Instant) -> Result<()> {
        let mut pause = Duration::from_micros(50);
        while !self.file.try_lock().map_err(failed)? {
            if begun.elapsed() >= self.lock_timeout {
                return Err(Error::new(
                    ErrorKind::Contention,
                    "another writer keeps the audit log locked: nothing was written, try again",
                ));
            }
            thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(2));
        }
        Ok(())
    }

    /// The file was moved away, to go on with a new one: what is known of the old one has to be true.
    fn leave(&mut self) -> Result<()> {
        self.catch_up()?;
        self.settle().map_err(may_have_landed)
    }

    /// Reads what others appended, and puts right what one left that died.
    fn catch_up(&mut self) -> Result<()> {
        let length = self.file.length().map_err(failed)?;
        if length < self.end {
            tracing::error!("the audit log was cut off: entries are missing");
            self.end = 0;
            self.unsynced.clear();
            self.has_left = false;
        }
        while self.end < length {
            let chunk = self.file.read(self.end, CHUNK_BYTES).map_err(failed)?;
            let Some(last) = chunk.iter().rposition(|byte| *byte == b'\n') else { return self.heal(&chunk) };
            chunk[..last].split(|byte| *byte == b'\n').filter_map(line::entry).for_each(|entry| self.ends.note(&entry));
            self.go_on(&chunk[..=last]);
        }
        Ok(())
    }

    /// Goes past lines that were read.
    fn go_on(&mut self, lines: &[u8]) {
        if self.has_left {
            self.unsynced.push((self.end, lines.to_vec()));
        }
        self.end += lines.len() as u64;
    }

    /// The last line has no end. Nobody was told that it is there. If it lacks nothing else it is one all the same.
    fn heal(&mut self, rest: &[u8]) -> Result<()> {
        if let Some(entry) = line::entry(rest) {
            self.file.append(b"\n").map_err(failed)?;
            self.ends.note(&entry);
            self.go_on(&[rest, b"\n"].concat());
            tracing::warn!("the audit log ended within a line, which was completed");
            return Ok(());
        }
        if !line::is_torn(rest) {
            return Err(no_line());
        }
        self.file.truncate(self.end).map_err(failed)?;
        tracing::warn!(
            bytes = rest.len(),
            "the audit log ended with a part of an entry that nobody relied on, which was removed"
        );
        Ok(())
    }

    fn write(&mut self, entries: &[AuditEntry]) -> Result<()> {
        let Some(last) = entries.last() else { return Ok(()) };
        let mut lines = String::new();
        entries.iter().for_each(|entry| line::put(&mut lines, entry));
        let lines = lines.into_bytes();
        if let Err(error) = self.file.append(&lines) {
            let is_untouched = self.file.length().is_ok_and(|length| length == self.end);
            self.has_left |= !is_untouched;
            return Err(if is_untouched { failed(error) } else { may_have_landed(failed(error)) });
        }
        self.ends.note(last);
        let from = self.end;
        self.end += lines.len() as u64;
        self.unsynced.push((from, lines));
        Ok(())
    }

    /// Makes durable what was written.
    fn settle(&mut self) -> Result<()> {
        if self.has_failed {
            for (offset, bytes) in &self.unsynced {
                self.file.write_again(*offset, bytes).map_err(failed)?;
            }
        }
        self.has_failed = true;
        self.file.sync().map_err(failed)?;
        self.has_failed = false;
        self.has_left = false;
        self.unsynced.clear();
        Ok(())
    }
}

/// Opens a log, or makes one, at the beginning and after each rotation.
fn opened(place: &dyn Place) -> Result<Box<dyn LogFile>> {
    let file = place.open().map_err(unusable)?;
    if let Some(exposed) = file.exposed().map_err(failed)? {
        return Err(Error::invalid_input(format!("{exposed}: run chmod go-w on it")));
    }
    let beginning = file.read(0, BEGINNING.len()).map_err(failed)?;
    if !line::is_torn(&beginning) {
        return Err(Error::invalid_input("the file is no audit log: name another one, or a new one"));
    }
    Ok(file)
}

fn unusable(error: io::Error) -> Error {
    match kind_of(&error) {
        ErrorKind::Integrity => Error::invalid_input("the audit log is no regular file: name another path"),
        _ => failed(error),
    }
}

/// Nothing was written.
pub(super) fn failed(error: io::Error) -> Error {
    Error::new(kind_of(&error), "the audit log cannot be read or written: see the cause").with_source(error)
}

fn may_have_landed(error: Error) -> Error {
    Error::new(ErrorKind::Unavailable, "entries were written to the audit log and may not be durable: see the cause")
        .with_source(error)
}

fn no_line() -> Error {
    Error::new(
        ErrorKind::Integrity,
        "the audit log ends in something that is no entry: move it away, or name another file",
    )
}
