//! What is acknowledged is there, once, whatever happens to the process and its disk.

use std::time::Duration;

use secret_store_core::audit::AuditEntry;
use secret_store_core::{ErrorKind, Result};

use super::disk::Disk;
use super::{entries, fork, lines, verify};
use crate::audit_log::line::{MAX_LINE_BYTES, entry};
use crate::audit_log::writer::Writer;

fn open(disk: &Disk) -> Result<Writer> {
    Writer::open(Box::new(disk.clone()), Duration::ZERO)
}

fn read(bytes: &[u8]) -> Vec<AuditEntry> {
    lines(bytes).into_iter().map(|line| entry(line).expect("a line of an audit log")).collect()
}

/// Batches of two writers, by turns.
fn batches() -> Vec<Vec<AuditEntry>> {
    let (left, right) = (entries(6), entries(4));
    let cuts = [&left[..1], &right[..2], &left[1..4], &left[4..5], &right[2..], &left[5..]];
    cuts.into_iter().map(<[_]>::to_vec).collect()
}

#[test]
fn dying_at_each_operation_loses_nothing_that_was_acknowledged() {
    let batches = batches();
    let after = entries(2);
    let (mut states, mut torn) = (0, 0);
    for operations in 0.. {
        let disk = Disk::default();
        let mut writer = open(&disk).expect("opens");
        disk.state().dies_after = Some(operations);
        let mut acknowledged = Vec::new();
        let mut at_risk = 0;
        for batch in &batches {
            match writer.append(batch) {
                Ok(()) => acknowledged.extend_from_slice(batch),
                Err(_) => {
                    at_risk = batch.len();
                    break;
                }
            }
        }
        for found in disk.crashes() {
            states += 1;
            torn += usize::from(!found.is_empty() && !found.ends_with(b"\n"));
            assert_recovers(&found, &acknowledged, at_risk, &after);
        }
        if at_risk == 0 {
            assert_eq!(acknowledged.len(), 10);
            break;
        }
    }
    assert!(states > 1000 && torn > 1000, "{states} states, {torn} of them torn");
}

fn assert_recovers(found: &[u8], acknowledged: &[AuditEntry], at_risk: usize, after: &[AuditEntry]) {
    let disk = Disk::holding(found.to_vec());
    let mut writer = open(&disk).expect("opens");
    writer.append(after).expect("goes on");
    let log = disk.durable();
    assert_eq!(disk.shown(), log);
    let found = read(&log);
    assert_eq!(&found[..acknowledged.len()], acknowledged, "acknowledged, then lost");
    let extra = found.len() - acknowledged.len() - after.len();
    assert!(extra <= at_risk, "{extra} of {at_risk}");
    assert_eq!(&found[found.len() - after.len()..], after);
    assert!(verify(&log).is_intact());
}

/// The control for the test before: without the repair the log would be broken.
#[test]
fn a_torn_line_that_nobody_repairs_breaks_the_log() {
    let batches = batches();
    let disk = Disk::default();
    open(&disk).expect("opens").append(&batches[0]).expect("takes");
    let mut log = disk.durable();
    log.truncate(log.len() - 10);
    let other = Disk::default();
    open(&other).expect("opens").append(&batches[1]).expect("takes");
    log.extend(other.durable());
    assert!(!verify(&log).is_intact());
}

#[test]
fn a_line_that_lacks_its_line_feed_alone_is_kept() {
    let entries = entries(3);
    let disk = Disk::default();
    open(&disk).expect("opens").append(&entries[..2]).expect("takes");
    let mut found = disk.durable();
    assert_eq!(found.pop(), Some(b'\n'));
    let disk = Disk::holding(found);
    // It comes again, as of one whose answer was lost.
    open(&disk).expect("opens").append(&entries[1..]).expect("takes");
    assert_eq!(read(&disk.durable()), entries);
}

#[test]
fn a_full_disk_at_each_byte() {
    let batch = entries(3);
    let whole = Disk::default();
    open(&whole).expect("opens").append(&batch).expect("takes");
    for room in 0..whole.durable().len() {
        let disk = Disk::default();
        let mut writer = open(&disk).expect("opens");
        disk.state().room = Some(room);
        let kind = writer.append(&batch).expect_err("full").kind();
        assert_eq!(kind, if room == 0 { ErrorKind::Throttled } else { ErrorKind::Unavailable }, "{room}");
        // Still full; then there is room again, and the same entries come.
        writer.append(&batch).expect_err("full");
        disk.state().room = None;
        writer.append(&batch).expect("takes");
        assert_eq!(disk.durable(), whole.durable(), "{room}");
    }
}

/// The n-th sync fails, and the system forgets what it was to write and shows it all the same.
fn with_failing_sync(n: usize, loses_what_is_written_again: bool) -> (Vec<u8>, usize) {
    let disk = Disk::default();
    let mut writer = open(&disk).expect("opens");
    disk.state().sync_fails_after = Some(n);
    disk.state().loses_what_is_written_again = loses_what_is_written_again;
    let mut failures = 0;
    for batch in &batches() {
        while let Err(error) = writer.append(batch) {
            assert_eq!(error.kind(), ErrorKind::Unavailable);
            failures += 1;
        }
    }
    assert_eq!(disk.shown(), disk.shown());
    (disk.durable(), failures)
}

#[test]
fn a_failed_sync_is_not_made_good_by_the_next_one_alone() {
    for n in 0..6 {
        let (durable, failures) = with_failing_sync(n, false);
        assert_eq!((failures, read(&durable).len()), (1, 10), "sync {n}");
        assert!(verify(&durable).is_intact());
        // The control: a writer that only syncs again acknowledges what is not there.
        let (durable, failures) = with_failing_sync(n, true);
        assert_eq!(failures, 1);
        assert!(!verify(&durable).is_intact() || lines(&durable).len() < 10, "sync {n}");
    }
}

#[test]
fn entries_that_come_again_are_there_once() {
    let entries = entries(5);
    let disk = Disk::default();
    let mut writer = open(&disk).expect("opens");
    writer.append(&entries[..2]).expect("takes");
    writer.append(&entries[..2]).expect("there");
    writer.append(&entries[..4]).expect("takes the rest");
    // Another sink over the same file, as in a fan-out: it reads what the first one appends.
    let mut other = open(&disk).expect("opens");
    writer.append(&entries[4..]).expect("takes");
    other.append(&entries[4..]).expect("there");
    assert_eq!(read(&disk.durable()), entries);
}

#[test]
fn another_entry_in_the_place_of_one_is_noticed() {
    let (first, [left, right]) = fork();
    let disk = Disk::default();
    let (mut one, mut clone) = (open(&disk).expect("opens"), open(&disk).expect("opens"));
    one.append(std::slice::from_ref(&first)).expect("takes");
    clone.append(std::slice::from_ref(&first)).expect("there");
    one.append(std::slice::from_ref(&left)).expect("takes");
    assert_eq!(
        clone.append(std::slice::from_ref(&right)).expect_err("another stands there").kind(),
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        clone.append(&[first.clone(), right]).expect_err("another stands there").kind(),
        ErrorKind::AlreadyExists
    );
    assert_eq!(read(&disk.durable()), [first, left]);
}

#[test]
fn what_is_no_audit_log_is_left_alone() {
    let foreign = [&b"[settings]\nname = 1"[..], b"x", b"\n", b"{\"a\": 1}", b"{\"time\": \"2026\"}\n"];
    for content in foreign {
        let disk = Disk::holding(content.to_vec());
        assert_eq!(open(&disk).expect_err("refused").kind(), ErrorKind::InvalidInput, "{content:?}");
        assert_eq!(disk.shown(), content);
    }
    // It begins as one and ends as none.
    let disk = Disk::default();
    open(&disk).expect("opens").append(&entries(1)).expect("takes");
    for rest in [&b"something else"[..], &vec![b'x'; 2 * MAX_LINE_BYTES]] {
        let content = [&disk.durable()[..], rest].concat();
        let other = Disk::holding(content.clone());
        let refused = open(&other).and_then(|mut writer| writer.append(&entries(1)));
        assert_eq!(refused.expect_err("refused").kind(), ErrorKind::Integrity);
        assert_eq!(other.shown(), content, "nothing of it was removed");
    }
}

#[test]
fn a_log_that_was_cut_by_somebody_else_is_gone_on_with() {
    let entries = entries(4);
    let disk = Disk::default();
    let mut writer = open(&disk).expect("opens");
    writer.append(&entries[..3]).expect("takes");
    let second = lines(&disk.durable())[0].len() + 1;
    crate::audit_log::file::LogFile::truncate(&mut disk.clone(), second as u64).expect("an attacker may");
    writer.append(&entries[3..]).expect("takes");
    assert_eq!(read(&disk.durable()), [&entries[..1], &entries[3..]].concat());
    assert!(!verify(&disk.durable()).is_intact(), "and the chain shows it");
}
