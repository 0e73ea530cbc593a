//! Reading the lines of one file after the other.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::PathBuf;

use super::line::MAX_LINE_BYTES;

/// The lines of some files, one file after the other.
#[derive(Debug)]
pub(super) struct Lines {
    files: std::vec::IntoIter<PathBuf>,
    current: Option<BufReader<File>>,
}

impl Lines {
    pub(super) fn new(files: Vec<PathBuf>) -> Self {
        Self { files: files.into_iter(), current: None }
    }

    /// The next line without its line feed. Of one that is too long, its beginning. What has no line feed at the end of a file is
    /// not there: a writer is at work, or died, and nobody was told that it is there.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let Some(current) = &mut self.current else {
                let Some(next) = self.files.as_slice().first() else { return Ok(None) };
                self.current = Some(open(next)?);
                self.files.next();
                continue;
            };
            let mut line = Vec::new();
            current.take(MAX_LINE_BYTES as u64 + 2).read_until(b'\n', &mut line)?;
            if line.pop_if(|last| *last == b'\n').is_some() {
                return Ok(Some(line));
            }
            if line.len() > MAX_LINE_BYTES && skip_line(current)? {
                return Ok(Some(line));
            }
            self.current = None;
        }
    }
}

fn open(path: &PathBuf) -> io::Result<BufReader<File>> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    Ok(BufReader::new(File::open(path)?))
}

/// Skips the rest of a line; whether it has an end.
fn skip_line(file: &mut BufReader<File>) -> io::Result<bool> {
    loop {
        let rest = file.fill_buf()?;
        if rest.is_empty() {
            return Ok(false);
        }
        let end = rest.iter().position(|byte| *byte == b'\n');
        let skipped = end.map_or(rest.len(), |end| end + 1);
        file.consume(skipped);
        if end.is_some() {
            return Ok(true);
        }
    }
}
