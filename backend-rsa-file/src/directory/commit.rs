//! Commits: prepare, journal (the commit point), apply.
//!
//! 1. Under the write lock, preconditions are checked and every new record file is written to the folder of temporary
//!    files and synced; missing folders are created and made durable. Whatever fails here leaves nothing.
//! 2. The journal, which holds the whole commit, is written, synced, moved to its place, and its folder synced: the
//!    commit point. From here on the commit happens, be it by whoever comes next.
//! 3. The prepared files are moved to their places, deleted ones removed, the folders synced, the journal removed.
//!
//! Nothing is seen by a reader before the commit point, so no crash takes back what a reader saw. Only after all of it
//! is the commit acknowledged. The removal of the journal need not be durable: applying it again changes nothing, and
//! the next commit replaces it before it applies anything of its own.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secret_store_core::{Error, ErrorKind, MAX_ATTRIBUTES, Record, Result, Revision, Write};

use super::failure::{definite, may_have_landed};
use super::file_system::EntryKind;
use super::journal::{Change, Journal, MAX_JOURNAL_BYTES};
use super::layout::{create_folder, publish, write_new};
use super::paths::Location;
use super::record_file::RecordFile;
use super::store::{Held, Store, Writer};

/// How many folders a handle remembers as durable before it forgets them all.
const MAX_REMEMBERED_FOLDERS: usize = 10_000;

/// A change, where it belongs, and the temporary file that has the new content.
struct Prepared<'a> {
    change: &'a Change,
    location: Location,
    temporary: PathBuf,
}

impl Store {
    /// Applies all writes or none. `writes` have passed [`Write::check_all`].
    pub(crate) fn commit(&self, writer: &mut Writer, writes: &[Write]) -> Result<Vec<Option<Revision>>> {
        let locations = writes.iter().map(|write| self.paths.locate(write.key())).collect::<Result<Vec<_>>>()?;
        let (changes, revisions) = changes(writes)?;
        let mut held = self.hold(writer)?;
        self.finish_journal(&mut held)?;
        self.check(writes, &locations)?;
        let changes = self.without_idle_deletes(changes)?;
        if !changes.is_empty() {
            self.make(&mut held, &Journal { writes: changes })?;
        }
        Ok(revisions)
    }

    fn check(&self, writes: &[Write], locations: &[Location]) -> Result<()> {
        for (index, (write, location)) in writes.iter().zip(locations).enumerate() {
            if *write.precondition() == secret_store_core::Precondition::Any {
                continue;
            }
            let current = self.read(location, write.key())?.map(|stored| stored.revision);
            if !write.precondition().holds(current.as_ref()) {
                return Err(Error::conflict(index, current));
            }
        }
        Ok(())
    }

    /// A delete of what is not there changes nothing.
    fn without_idle_deletes(&self, changes: Vec<Change>) -> Result<Vec<Change>> {
        let mut kept = Vec::with_capacity(changes.len());
        for change in changes {
            let location = self.paths.locate(&change.key())?;
            let is_idle = matches!(change, Change::Delete { .. })
                && (!self.are_folders(&location.folders)? || self.fs.kind(&location.file).map_err(definite)?.is_none());
            if !is_idle {
                kept.push(change);
            }
        }
        Ok(kept)
    }

    fn make(&self, held: &mut Held<'_>, journal: &Journal) -> Result<()> {
        let bytes = journal.to_bytes();
        let temporary = self.paths.temporary.join("journal");
        let prepared = self.prepare(held, &journal.writes).and_then(|prepared| {
            write_new(&*self.fs, &temporary, &bytes)?;
            Ok(prepared)
        });
        let prepared = match prepared {
            Ok(prepared) => prepared,
            Err(error) => {
                held.0.durable.clear();
                self.discard(journal.writes.len());
                return Err(definite(error));
            }
        };
        if let Err(error) = self.fs.rename(&temporary, &self.paths.journal) {
            let landed = !matches!(self.fs.kind(&self.paths.journal), Ok(None));
            self.discard(journal.writes.len());
            return Err(if landed { may_have_landed(error) } else { definite(error) });
        }
        self.fs.sync_folder(&self.paths.journal_folder).map_err(may_have_landed)?;
        self.apply(held, &prepared).map_err(may_have_landed)
    }

    /// Removes temporary files of a commit that does not happen, as far as possible; opening sweeps the rest.
    fn discard(&self, writes: usize) {
        let _ = self.fs.remove(&self.paths.temporary.join("journal"));
        let _ = self.fs.remove(&self.paths.temporary.join("publish"));
        for index in 0..writes {
            let _ = self.fs.remove(&self.temporary(index));
        }
    }

    fn temporary(&self, index: usize) -> PathBuf {
        self.paths.temporary.join(format!("record-{index}"))
    }

    /// Finishes the commit that a dead or failed writer left in the journal.
    pub(super) fn finish_journal(&self, held: &mut Held<'_>) -> Result<()> {
        let Some(bytes) = self.fs.read(&self.paths.journal, MAX_JOURNAL_BYTES).map_err(definite)? else {
            return Ok(());
        };
        let journal = Journal::from_bytes(&bytes).map_err(|_| self.damaged(&self.paths.journal))?;
        // Its writer may have died before this: nothing is applied before the journal is durable.
        self.fs
            .sync_folder(&self.paths.journal_folder)
            .and_then(|()| self.prepare(held, &journal.writes))
            .and_then(|prepared| self.apply(held, &prepared))
            .map_err(|error| {
                held.0.durable.clear();
                definite(error)
            })
    }

    fn prepare<'a>(&self, held: &mut Held<'_>, changes: &'a [Change]) -> io::Result<Vec<Prepared<'a>>> {
        self.repair_generation()?;
        let mut prepared = Vec::with_capacity(changes.len());
        for (index, change) in changes.iter().enumerate() {
            let location = self.paths.locate(&change.key()).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            self.ensure_folders(held, &location.folders)?;
            let temporary = self.temporary(index);
            if let Change::Put(file) = change {
                write_new(&*self.fs, &temporary, &file.to_bytes())?;
            }
            prepared.push(Prepared { change, location, temporary });
        }
        Ok(prepared)
    }

    /// Creates missing folders and makes them durable. An existing one may have been created by a process that was
    /// killed before it synced, so each handle syncs the parent once.
    fn ensure_folders(&self, held: &mut Held<'_>, folders: &[PathBuf]) -> io::Result<()> {
        let durable = &mut held.0.durable;
        if durable.len() > MAX_REMEMBERED_FOLDERS {
            durable.clear();
        }
        for folder in folders {
            if durable.contains(folder) && self.fs.kind(folder)? == Some(EntryKind::Folder) {
                continue;
            }
            create_folder(&*self.fs, folder)?;
            self.fs.sync_folder(folder.parent().unwrap_or(&self.paths.records))?;
            durable.insert(folder.clone());
        }
        Ok(())
    }

    fn apply(&self, held: &mut Held<'_>, prepared: &[Prepared<'_>]) -> io::Result<()> {
        let applied = self.begin_generation().and_then(|generation| {
            let mut folders = BTreeSet::new();
            for Prepared { change, location, temporary } in prepared {
                folders.insert(location.folder());
                match change {
                    Change::Put(_) => self.fs.rename(temporary, &location.file)?,
                    Change::Delete { .. } => self.remove_if_there(&location.file)?,
                }
            }
            // Scans need not wait for the disk: what they see is in the journal.
            self.end_generation(generation)?;
            folders.into_iter().try_for_each(|folder| self.fs.sync_folder(folder))
        });
        if let Err(error) = applied {
            held.0.durable.clear();
            return Err(error);
        }
        // Applied and durable: a journal that stays is applied again, to no effect.
        if let Err(error) = self.fs.remove(&self.paths.journal) {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the journal of a finished write cannot be removed"
            );
        }
        Ok(())
    }

    fn remove_if_there(&self, path: &Path) -> io::Result<()> {
        match self.fs.remove(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }

    /// The generation: odd while a commit is applied, another even number afterwards. `None` where it cannot be read.
    pub(super) fn generation(&self) -> io::Result<Option<u64>> {
        let bytes = self.fs.read(&self.paths.generation, 64)?;
        Ok(bytes.as_deref().and_then(|bytes| std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?.parse().ok()))
    }

    /// Under the write lock nobody is applying anything: an odd generation is that of a dead writer. One that cannot be
    /// read was lost with the power, and with it every process that had seen it.
    pub(super) fn repair_generation(&self) -> io::Result<()> {
        match self.generation()? {
            Some(generation) if generation % 2 == 0 => Ok(()),
            Some(generation) => self.end_generation(generation),
            None => publish(&*self.fs, &self.paths, &self.paths.generation, super::layout::FIRST_GENERATION),
        }
    }

    fn begin_generation(&self) -> io::Result<u64> {
        let generation = (self.generation()?.unwrap_or(0) | 1).wrapping_add(2);
        self.set_generation(generation)?;
        Ok(generation)
    }

    fn end_generation(&self, begun: u64) -> io::Result<()> {
        self.set_generation(begun.wrapping_add(1))
    }

    fn set_generation(&self, generation: u64) -> io::Result<()> {
        self.fs.overwrite(&self.paths.generation, format!("{generation:020}\n").as_bytes())
    }
}

/// The changes among the writes, and the answer: a new revision for each put.
///
/// A revision is 128 random bits of the operating system: never repeated for one key in practice, whatever happens to
/// the directory. A counter would repeat itself when an older copy of the directory is restored.
fn changes(writes: &[Write]) -> Result<(Vec<Change>, Vec<Option<Revision>>)> {
    let mut random = vec![0; 16 * writes.len()];
    getrandom::fill(&mut random).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the operating system gives no random bytes: nothing was written")
            .with_source(io::Error::other(error.to_string()))
    })?;
    let mut changes = Vec::with_capacity(writes.len());
    let mut revisions = Vec::with_capacity(writes.len());
    for (write, random) in writes.iter().zip(random.chunks(16)) {
        let mut revision = None;
        match write {
            Write::Put { key, record, .. } => {
                check_attributes(record)?;
                let text: Arc<str> = hex::encode(random).into();
                changes.push(Change::Put(RecordFile::new(key, &text, Arc::clone(record))));
                revision = Some(Revision::new(text));
            }
            Write::Delete { key, .. } => {
                changes.push(Change::Delete { partition: Arc::clone(key.partition()), sort: Arc::clone(key.sort()) })
            }
            Write::Check { .. } => {}
        }
        revisions.push(revision);
    }
    Ok((changes, revisions))
}

fn check_attributes(record: &Record) -> Result<()> {
    if record.len() > MAX_ATTRIBUTES {
        return Err(Error::too_large("number of attributes of a record", MAX_ATTRIBUTES as u64, record.len() as u64));
    }
    Ok(())
}
