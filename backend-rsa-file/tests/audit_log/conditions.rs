//! What the file and its folder may be: torn, moved away, foreign, open to others, not writable.

use std::fs;
use std::future::Future as _;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::executor::block_on;
use futures::task::noop_waker;
use secret_store_core::audit::{AuditFilter, AuditedStore};
use secret_store_core::{ErrorKind, SecretStoreExt};
use secret_store_rsa_file::{JsonLinesOptions, JsonLinesSink};

use crate::{assert_intact, id, over, read, scratch, secrets};

#[test]
fn a_last_line_torn_at_any_byte_is_healed() {
    let (_folder, log) = scratch();
    block_on(over(secrets(), &log).put(&id("a"), "1".into())).expect("puts");
    let whole = fs::read(&log).expect("reads");
    let first = whole.iter().position(|byte| *byte == b'\n').expect("two lines") + 1;
    for length in first..whole.len() {
        fs::write(&log, &whole[..length]).expect("writes");
        assert_eq!(assert_intact(&[&log]).entries(), 1, "a reader sees whole lines alone");
        block_on(over(secrets(), &log).get(&id("b"))).expect_err("none there");
        let kept = assert_intact(&[&log]);
        // Complete but for its line feed it stays: it may have been acknowledged by whom one knows what removed that.
        let lacks_line_feed_alone = length + 1 == whole.len();
        assert_eq!(kept.entries(), if lacks_line_feed_alone { 3 } else { 2 }, "{length}");
        assert_eq!(kept.unknown_count(), u64::from(!lacks_line_feed_alone));
    }
}

#[test]
fn a_log_that_is_moved_away_goes_on_in_a_new_file() {
    let (folder, log) = scratch();
    let old = [1, 2].map(|n| folder.path().join(format!("audit.{n}.jsonl")));
    let store = over(secrets(), &log);
    block_on(store.put(&id("a"), "1".into())).expect("puts");
    for (n, old) in old.iter().enumerate() {
        fs::rename(&log, old).expect("moves");
        assert_eq!(block_on(store.get(&id("a"))).expect("reads").info().version.get(), 1, "{n}");
    }
    let all = [old[0].as_path(), &old[1], &log];
    assert_eq!(assert_intact(&all).entries(), 4);
    assert_eq!(read(&all, AuditFilter::new()).iter().map(|entry| entry.sequence()).collect::<Vec<_>>(), [1, 2, 3, 4]);
    // The control: without the first one its entries are missing.
    let without = crate::verify(&all[1..], secret_store_core::audit::Verifier::new());
    assert!(!without.is_intact());
}

#[test]
fn foreign_and_shared_files_are_refused_and_left_alone() {
    let (folder, log) = scratch();
    let open = |path: &std::path::Path| block_on(JsonLinesSink::open(path)).expect_err("refused");
    fs::write(&log, "[settings]").expect("writes");
    assert_eq!(open(&log).kind(), ErrorKind::InvalidInput);
    assert_eq!(fs::read(&log).expect("reads"), b"[settings]");
    assert_eq!(open(folder.path()).kind(), ErrorKind::InvalidInput);
    assert_eq!(open(&folder.path().join("missing/audit.jsonl")).kind(), ErrorKind::Unavailable);
    fs::remove_file(&log).expect("removes");
    block_on(JsonLinesSink::open(&log)).expect("makes one");
    assert_eq!(fs::metadata(&log).expect("is there").permissions().mode() & 0o777, 0o600);
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&log, fs::Permissions::from_mode(mode)).expect("sets the mode");
        let error = open(&log);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("chmod go-w"), "{error}");
    }
    fs::set_permissions(&log, fs::Permissions::from_mode(0o640)).expect("sets the mode");
    block_on(JsonLinesSink::open(&log)).expect("others may read");
}

/// The log cannot be made again where it was: nothing is read and nothing is written, until it can.
#[test]
fn a_log_that_cannot_be_written_refuses_every_operation() {
    let (folder, log) = scratch();
    let inner = secrets();
    let store = over(Arc::<secret_store_core::EnvelopeStore>::clone(&inner), &log);
    block_on(store.put(&id("a"), "1".into())).expect("puts");
    fs::remove_file(&log).expect("removes");
    fs::create_dir(&log).expect("something else in its place");
    block_on(async {
        assert!(store.get(&id("a")).await.is_err());
        assert!(store.list(id("a").application()).await.is_err());
        store.put(&id("a"), "2".into()).await.expect_err("refused");
        store.delete(&id("a")).await.expect_err("refused");
        assert_eq!(inner.get(&id("a")).await.expect("as it was").expose_secret(), b"1");
        fs::remove_dir(&log).expect("removes");
        store.get(&id("a")).await.expect("reads again");
    });
    drop(folder);
}

/// Somebody else holds the lock: contention after the time limit, and nothing is written.
#[test]
fn a_lock_that_is_not_let_go_is_contention() {
    let (_folder, log) = scratch();
    let options = JsonLinesOptions::default().with_lock_timeout(std::time::Duration::from_millis(20));
    let sink = block_on(JsonLinesSink::open_with(&log, options)).expect("opens");
    let store =
        AuditedStore::builder(secrets(), Arc::new(sink)).environment("tests").actor("a").key(crate::key()).build();
    let store = store.expect("configured");
    let other = fs::File::options().append(true).open(&log).expect("opens");
    other.lock().expect("nobody has it");
    assert_eq!(block_on(store.put(&id("a"), "1".into())).expect_err("refused").kind(), ErrorKind::Contention);
    assert_eq!(fs::metadata(&log).expect("is there").len(), 0);
    other.unlock().expect("has it");
    block_on(store.put(&id("a"), "1".into())).expect("puts");
    assert_eq!(assert_intact(&[&log]).entries(), 2);
}

#[test]
fn operations_given_up_anywhere_leave_a_log_that_holds() {
    let (_folder, log) = scratch();
    let store = over(secrets(), &log);
    let mut done = 0;
    for n in 0..200 {
        let id = id(&n.to_string());
        let mut put = Box::pin(store.put(&id, "value".into()));
        for _ in 0..n % 40 {
            if let Poll::Ready(result) = put.as_mut().poll(&mut Context::from_waker(&noop_waker())) {
                result.expect("puts");
                done += 1;
                break;
            }
            std::thread::sleep(std::time::Duration::from_micros(50));
        }
    }
    block_on(store.flush()).expect("takes");
    block_on(store.get(&id("last"))).expect_err("none there");
    let verification = assert_intact(&[&log]);
    let outcomes = read(&[&log], AuditFilter::new()).iter().filter(|entry| entry.outcome().is_some()).count();
    assert!(outcomes > done, "{outcomes} outcomes, {done} came to their end");
    assert!(verification.entries() >= 2 * done as u64);
}
