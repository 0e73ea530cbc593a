//! Pages of a partition: names are scanned, and only the records of the page are read.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use secret_store_core::{ListQuery, Order, Page, Result, Stored};

use super::failure::definite;
use super::name::{Part, escape, parse_component, record_components, unescape};
use super::store::Store;

/// How often a scan that met a commit is repeated before it keeps writers out.
const QUIET_SCANS: usize = 4;

/// What a scan looks for, in escaped sort keys, which compare as the sort keys do.
struct Range {
    after: Option<String>,
    before: Option<String>,
    order: Order,
}

/// A component in the order of the sort keys it stands for: a key before the longer keys that begin with it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Component {
    text: String,
    is_folder: bool,
}

impl Range {
    fn admits_record(&self, escaped: &str) -> bool {
        self.after.as_deref().is_none_or(|after| escaped > after)
            && self.before.as_deref().is_none_or(|before| escaped < before)
    }

    /// Whether any key that begins with `prefix` and goes on may be in the range.
    fn admits_folder(&self, prefix: &str) -> bool {
        self.after.as_deref().is_none_or(|after| prefix > after || after.starts_with(prefix))
            && self.before.as_deref().is_none_or(|before| prefix < before)
    }

    fn compare(&self, a: &Component, b: &Component) -> Ordering {
        match self.order {
            Order::Ascending => a.cmp(b),
            Order::Descending => b.cmp(a),
        }
    }
}

impl Store {
    /// One page.
    pub(crate) fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.settle()?;
        let folders = self.paths.partition(query.partition())?;
        if query.is_empty_range() || !self.are_folders(&folders)? {
            return Ok(Page::default());
        }
        let folder = &folders[folders.len() - 1];
        let range = Range {
            after: query.after().map(|after| escape(after)),
            before: query.before().map(|before| escape(before)),
            order: query.order(),
        };
        let names = self.scan_quietly(folder, &range, query.limit().get().saturating_add(1))?;
        self.read_page(folder, query, names)
    }

    /// A rename during a scan may hide a record from it on some file systems (POSIX leaves it open), so a scan counts
    /// only if no commit was applied meanwhile. Where commits follow each other too closely, one scan keeps them out.
    fn scan_quietly(&self, folder: &Path, range: &Range, want: usize) -> Result<Vec<String>> {
        for attempt in 0..QUIET_SCANS {
            let before = self.generation().map_err(definite)?;
            if before.is_some_and(|generation| generation % 2 == 0) {
                let names = self.scan(folder, "", range, want)?;
                if self.generation().map_err(definite)? == before {
                    return Ok(names);
                }
            }
            thread::sleep(Duration::from_micros(100 << attempt));
        }
        let mut writer = self.writer().lock_blocking();
        let _held = self.hold(&mut writer)?;
        self.scan(folder, "", range, want)
    }

    /// Up to `want` escaped sort keys in the range, in its order.
    fn scan(&self, folder: &Path, prefix: &str, range: &Range, want: usize) -> Result<Vec<String>> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let wanted = want - found.len();
            let first = self.first_components(folder, prefix, range, after.as_ref(), wanted)?;
            let more = first.len() == wanted;
            for component in &first {
                if found.len() == want {
                    break;
                }
                let text = format!("{prefix}{}", component.text);
                if component.is_folder {
                    let nested = folder.join(format!("+{}+", component.text));
                    if self.are_folders(std::slice::from_ref(&nested))? {
                        found.extend(self.scan(&nested, &text, range, want - found.len())?);
                    }
                } else {
                    found.push(text);
                }
            }
            // Folders may hold less than one record each: then the next components are due.
            if found.len() == want || !more {
                return Ok(found);
            }
            after = first.into_iter().next_back();
        }
    }

    /// The first `wanted` components of a folder after `after` that the range admits, holding no more than those.
    fn first_components(
        &self,
        folder: &Path,
        prefix: &str,
        range: &Range,
        after: Option<&Component>,
        wanted: usize,
    ) -> Result<Vec<Component>> {
        let mut first = BTreeSet::new();
        let mut damaged = None;
        // One buffer for all the names: there may be very many.
        let mut text = prefix.to_owned();
        self.fs
            .names(folder, &mut |name| {
                let parsed = name.to_str().and_then(|name| parse_component(name, !prefix.is_empty()));
                let Some(part) = parsed else {
                    note_foreign(folder, name, &mut damaged);
                    return;
                };
                let (chunk, is_folder) = match part {
                    Part::Last(chunk) => (chunk, false),
                    Part::Chunk(chunk) => (chunk, true),
                };
                text.truncate(prefix.len());
                text.push_str(chunk);
                let admitted = if is_folder { range.admits_folder(&text) } else { range.admits_record(&text) };
                let component = Component { text: chunk.to_owned(), is_folder };
                if admitted && after.is_none_or(|after| range.compare(&component, after).is_gt()) {
                    keep_first(&mut first, component, range, wanted);
                }
            })
            .map_err(definite)?;
        if let Some(path) = damaged {
            return Err(self.damaged(&path));
        }
        Ok(match range.order {
            Order::Ascending => first.into_iter().collect(),
            Order::Descending => first.into_iter().rev().collect(),
        })
    }

    fn read_page(&self, folder: &Path, query: &ListQuery, names: Vec<String>) -> Result<Page<(Arc<str>, Stored)>> {
        let mut sorts = Vec::with_capacity(names.len());
        for name in names {
            let sort: Arc<str> = unescape(&name).ok_or_else(|| self.damaged(&record_path(folder, &name)))?.into();
            sorts.push((sort, name));
        }
        let page = Page::overfetched(sorts, query.limit());
        let mut items = Vec::with_capacity(page.items.len());
        for (sort, name) in page.items {
            // One that was deleted since the scan makes the page shorter, no more.
            if let Some(stored) = self.read_file(&record_path(folder, &name), query.partition(), &sort)? {
                items.push((sort, stored));
            }
        }
        Ok(Page { items, next: page.next })
    }
}

fn record_path(folder: &Path, escaped: &str) -> PathBuf {
    let mut path = folder.to_owned();
    path.extend(record_components(escaped));
    path
}

/// Adds a component unless it comes after the `wanted` first ones.
fn keep_first(first: &mut BTreeSet<Component>, component: Component, range: &Range, wanted: usize) {
    if first.len() == wanted {
        let last = if range.order == Order::Ascending { first.last() } else { first.first() };
        if last.is_some_and(|last| range.compare(&component, last).is_gt()) {
            return;
        }
    }
    first.insert(component);
    if first.len() > wanted {
        match range.order {
            Order::Ascending => first.pop_last(),
            Order::Descending => first.pop_first(),
        };
    }
}

/// A file that looks like a record under a name that no record has is damage; what an operating system leaves about
/// (`.DS_Store`, `.nfs…`) is not.
fn note_foreign(folder: &Path, name: &std::ffi::OsStr, damaged: &mut Option<PathBuf>) {
    if name.as_encoded_bytes().starts_with(b"+") {
        *damaged = Some(folder.join(name));
    } else {
        tracing::warn!(?name, ?folder, "a file that is no record is ignored");
    }
}
