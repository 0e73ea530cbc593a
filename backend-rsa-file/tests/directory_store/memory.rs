//! A disk in memory that forgets, when the power fails, whatever was not synced: any part of it, in any order.
//!
//! Each name in a folder keeps every state it had since the folder was synced, each file every content it had since it
//! was synced, written halves included. A crash picks one of each, independently: names of one folder are not ordered
//! among each other, and neither are the two sides of a move.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Mutex, MutexGuard};

use secret_store_rsa_file::testing::{EntryKind, FileSystem, LockFile, NewFile};

type NodeId = usize;

#[derive(Clone, Debug)]
enum Node {
    Folder {
        names: BTreeMap<OsString, NodeId>,
        /// What each name changed since the last sync may be after a crash.
        unsynced: BTreeMap<OsString, Vec<Option<NodeId>>>,
    },
    File {
        bytes: Vec<u8>,
        /// What the content may be after a crash; empty when it is synced.
        unsynced: Vec<Vec<u8>>,
    },
}

/// A disk with a root folder.
#[derive(Clone, Debug)]
pub(crate) struct Disk {
    nodes: Vec<Node>,
}

#[derive(Clone, Copy)]
enum Choice<'a> {
    Name(NodeId, &'a OsStr, Option<NodeId>),
    Content(NodeId, &'a [u8]),
}

impl Disk {
    pub(crate) fn new() -> Self {
        Self { nodes: vec![Node::Folder { names: BTreeMap::new(), unsynced: BTreeMap::new() }] }
    }

    /// The disk as it is, all of it synced: what a process leaves whose machine goes on and is shut down in order.
    pub(crate) fn synced(mut self) -> Self {
        for node in &mut self.nodes {
            match node {
                Node::Folder { unsynced, .. } => unsynced.clear(),
                Node::File { unsynced, .. } => unsynced.clear(),
            }
        }
        self
    }

    /// Visits every disk that may be found after the power failed now; answers their number.
    pub(crate) fn crashes(&self, mut visit: impl FnMut(Self)) -> usize {
        let points = self.points();
        let mut picked = vec![0; points.len()];
        let mut count = 0;
        loop {
            let mut disk = self.clone().synced();
            for (point, pick) in points.iter().zip(&picked) {
                disk.apply(point[*pick]);
            }
            visit(disk);
            count += 1;
            let Some(next) = (0..points.len()).find(|at| picked[*at] + 1 < points[*at].len()) else { return count };
            picked[next] += 1;
            picked[..next].fill(0);
        }
    }

    /// The independent choices of a crash, each with at least two outcomes.
    fn points(&self) -> Vec<Vec<Choice<'_>>> {
        let mut points = Vec::new();
        let mut reachable = BTreeSet::new();
        for (id, node) in self.nodes.iter().enumerate() {
            let Node::Folder { names, unsynced } = node else { continue };
            reachable.extend(names.values());
            for (name, states) in unsynced {
                let states: BTreeSet<_> = states.iter().copied().collect();
                reachable.extend(states.iter().flatten());
                points.push(states.into_iter().map(|state| Choice::Name(id, name, state)).collect::<Vec<_>>());
            }
        }
        for id in reachable {
            let Node::File { unsynced, .. } = &self.nodes[id] else { continue };
            let contents: BTreeSet<&[u8]> = unsynced.iter().map(Vec::as_slice).collect();
            points.push(contents.into_iter().map(|bytes| Choice::Content(id, bytes)).collect());
        }
        points.retain(|choices| choices.len() > 1);
        points
    }

    fn apply(&mut self, choice: Choice<'_>) {
        match choice {
            Choice::Name(folder, name, state) => {
                let Node::Folder { names, .. } = &mut self.nodes[folder] else { unreachable!("a folder stays one") };
                match state {
                    Some(id) => drop(names.insert(name.to_owned(), id)),
                    None => drop(names.remove(name)),
                }
            }
            Choice::Content(file, content) => {
                let Node::File { bytes, .. } = &mut self.nodes[file] else { unreachable!("a file stays one") };
                *bytes = content.to_vec();
            }
        }
    }

    fn find(&self, path: &Path) -> io::Result<NodeId> {
        let mut id = 0;
        for component in path.components() {
            let Component::Normal(name) = component else { continue };
            let Node::Folder { names, .. } = &self.nodes[id] else { return Err(io::ErrorKind::NotADirectory.into()) };
            id = *names.get(name).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(id)
    }

    fn split(path: &Path) -> (&Path, &OsStr) {
        (path.parent().expect("not the root"), path.file_name().expect("a name"))
    }

    fn set_name(&mut self, path: &Path, state: Option<NodeId>) -> io::Result<()> {
        let (folder, name) = Self::split(path);
        let folder = self.find(folder)?;
        let Node::Folder { names, unsynced } = &mut self.nodes[folder] else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        let old = match state {
            Some(id) => names.insert(name.to_owned(), id),
            None => names.remove(name),
        };
        unsynced.entry(name.to_owned()).or_insert_with(|| vec![old]).push(state);
        Ok(())
    }

    fn add(&mut self, path: &Path, node: Node) -> io::Result<NodeId> {
        if self.find(path).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        self.nodes.push(node);
        let id = self.nodes.len() - 1;
        self.set_name(path, Some(id))?;
        Ok(id)
    }

    fn write(&mut self, id: NodeId, content: Vec<u8>, torn: Vec<u8>) {
        let Node::File { bytes, unsynced } = &mut self.nodes[id] else { unreachable!("a file stays one") };
        if unsynced.is_empty() {
            unsynced.push(bytes.clone());
        }
        unsynced.extend([torn, content.clone()]);
        *bytes = content;
    }

    fn bytes(&self, id: NodeId) -> io::Result<&Vec<u8>> {
        match &self.nodes[id] {
            Node::File { bytes, .. } => Ok(bytes),
            Node::Folder { .. } => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// A file layer over a disk.
#[derive(Clone, Debug)]
pub(crate) struct MemoryFiles(Arc<Mutex<Disk>>);

impl MemoryFiles {
    pub(crate) fn new(disk: Disk) -> Self {
        Self(Arc::new(Mutex::new(disk)))
    }

    pub(crate) fn disk(&self) -> MutexGuard<'_, Disk> {
        self.0.lock().expect("no panic")
    }
}

fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

impl FileSystem for MemoryFiles {
    fn kind(&self, path: &Path) -> io::Result<Option<EntryKind>> {
        let disk = self.disk();
        Ok(found(disk.find(path))?.map(|id| match disk.nodes[id] {
            Node::Folder { .. } => EntryKind::Folder,
            Node::File { .. } => EntryKind::File,
        }))
    }

    fn read(&self, path: &Path, limit: usize) -> io::Result<Option<Vec<u8>>> {
        let disk = self.disk();
        let Some(id) = found(disk.find(path))? else { return Ok(None) };
        let bytes = disk.bytes(id)?;
        if bytes.len() > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(Some(bytes.clone()))
    }

    fn names(&self, folder: &Path, visit: &mut dyn FnMut(&OsStr)) -> io::Result<bool> {
        let disk = self.disk();
        let Some(id) = found(disk.find(folder))? else { return Ok(false) };
        let Node::Folder { names, .. } = &disk.nodes[id] else { return Err(io::ErrorKind::NotADirectory.into()) };
        names.keys().for_each(|name| visit(name));
        Ok(true)
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.disk().add(path, Node::Folder { names: BTreeMap::new(), unsynced: BTreeMap::new() }).map(drop)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn NewFile>> {
        let id = self.disk().add(path, Node::File { bytes: Vec::new(), unsynced: Vec::new() })?;
        Ok(Box::new(MemoryFile { files: self.clone(), id }))
    }

    fn overwrite(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.disk();
        let id = disk.find(path)?;
        let mut torn = disk.bytes(id)?.clone();
        torn.truncate(bytes.len());
        let half = torn.len() / 2;
        torn[..half].copy_from_slice(&bytes[..half]);
        disk.write(id, bytes.to_vec(), torn);
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let id = disk.find(from)?;
        disk.set_name(to, Some(id))?;
        disk.set_name(from, None)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        disk.find(path)?;
        disk.set_name(path, None)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut disk = self.disk();
        let id = disk.find(path)?;
        let Node::Folder { unsynced, .. } = &mut disk.nodes[id] else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        unsynced.clear();
        Ok(())
    }

    fn open_lock(&self, path: &Path) -> io::Result<Box<dyn LockFile>> {
        let mut disk = self.disk();
        if found(disk.find(path))?.is_none() {
            disk.add(path, Node::File { bytes: Vec::new(), unsynced: Vec::new() })?;
        }
        // One process at a time uses this disk.
        Ok(Box::new(NoLock))
    }
}

#[derive(Debug)]
struct MemoryFile {
    files: MemoryFiles,
    id: NodeId,
}

impl NewFile for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut disk = self.files.disk();
        let mut content = disk.bytes(self.id)?.clone();
        let before = content.len();
        content.extend_from_slice(bytes);
        let torn = content[..before + bytes.len() / 2].to_vec();
        disk.write(self.id, content, torn);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut disk = self.files.disk();
        let Node::File { unsynced, .. } = &mut disk.nodes[self.id] else { unreachable!("a file stays one") };
        unsynced.clear();
        Ok(())
    }
}

#[derive(Debug)]
struct NoLock;

impl LockFile for NoLock {
    fn try_lock(&mut self) -> io::Result<bool> {
        Ok(true)
    }

    fn unlock(&mut self) {}
}
