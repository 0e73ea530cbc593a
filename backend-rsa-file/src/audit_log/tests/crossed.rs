//! Failures that meet: an append that ended halfway, and then a sync.

use std::time::Duration;

use secret_store_core::ErrorKind;

use super::disk::Disk;
use super::{entries, verify};
use crate::audit_log::writer::Writer;

fn open(disk: &Disk) -> Writer {
    Writer::open(Box::new(disk.clone()), Duration::ZERO).expect("opens")
}

/// What an append left that failed halfway is taken for what it is when the entries come again. It is not durable by that: where the
/// sync fails then, the system may have dropped it, and it has to be written again with the rest.
#[test]
fn what_a_failed_append_left_is_written_again_after_a_failed_sync() {
    let batch = entries(3);
    let whole = Disk::default();
    open(&whole).append(&batch).expect("takes");
    for room in 1..whole.durable().len() {
        let disk = Disk::default();
        let mut writer = open(&disk);
        disk.state().room = Some(room);
        assert_eq!(writer.append(&batch).expect_err("full").kind(), ErrorKind::Unavailable);
        disk.state().room = None;
        disk.state().sync_fails_after = Some(0);
        assert_eq!(writer.append(&batch).expect_err("not durable").kind(), ErrorKind::Unavailable);
        writer.append(&batch).expect("takes");
        let durable = disk.durable();
        assert!(durable == whole.durable(), "{room} bytes were left, and acknowledged lines are missing");
        assert!(verify(&durable).is_intact());
    }
}
