//! The memory of another process, by `/proc` (proc(5)).

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

use super::canary::{Class, Needles, WINDOW};

/// A piece of a canary in a writable mapping.
pub(super) struct Found {
    pub(super) class: Class,
    pub(super) canary: u64,
    /// Where in the canary it begins.
    pub(super) offset: usize,
    pub(super) bytes: usize,
    pub(super) address: u64,
    pub(super) mapping: String,
}

/// Looks for the needles in every writable mapping.
pub(super) fn scan(pid: u32, needles: &Needles) -> Vec<Found> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("the child's mappings can be read");
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("the child's memory can be read");
    let mut found = Vec::new();
    let mut scanned = 0;
    for line in maps.lines() {
        let mut fields = line.split_ascii_whitespace();
        let (range, rights) = (fields.next().expect("a range"), fields.next().expect("rights"));
        if !rights.starts_with("rw") {
            assert!(!rights.contains('w'), "a mapping that can be written but not read is not scanned: {line}");
            continue;
        }
        let (start, end) = range.split_once('-').expect("two addresses");
        let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).expect("hex"));
        // A thread's stack is anonymous, of 2 MiB unless set otherwise; so is its heap, of another size.
        let anonymous = || format!("anonymous memory of {} KiB from {start:#x}", (end - start) / 1024);
        let name = fields.nth(3).map_or_else(anonymous, str::to_owned);
        scanned += scan_mapping(&mut memory, start, end, &name, needles, &mut found);
    }
    assert!(scanned > 64 * 1024, "{scanned} bytes are too few to be a process");
    found
}

fn scan_mapping(
    memory: &mut File,
    start: u64,
    end: u64,
    mapping: &str,
    needles: &Needles,
    found: &mut Vec<Found>,
) -> usize {
    let mut bytes = vec![0; usize::try_from(end - start).expect("a mapping fits into memory")];
    memory.seek(SeekFrom::Start(start)).expect("a mapping has an address");
    memory.read_exact(&mut bytes).unwrap_or_else(|error| panic!("the mapping {mapping} cannot be read: {error}"));
    let mut at = 0;
    while at + WINDOW <= bytes.len() {
        // Most of memory was never touched.
        if at % 4096 == 0 && bytes.len() - at >= 4096 + WINDOW && bytes[at..at + 4096 + WINDOW] == [0; 4096 + WINDOW] {
            at += 4096;
            continue;
        }
        if let Some(window) = needles.at(&bytes[at..at + WINDOW]) {
            let (class, canary, address) = (window.class, window.canary, start + at as u64);
            match found.last_mut() {
                Some(last)
                    if last.canary == canary
                        && last.offset + last.bytes == window.offset + WINDOW - 1
                        && last.address + last.bytes as u64 == address + WINDOW as u64 - 1 =>
                {
                    last.bytes += 1;
                }
                _ => {
                    let mapping = mapping.to_owned();
                    found.push(Found { class, canary, offset: window.offset, bytes: WINDOW, address, mapping });
                }
            }
        }
        at += 1;
    }
    bytes.len()
}
