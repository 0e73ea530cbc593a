//! The file is another one than it was when the sink was opened.

use std::error::Error as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use futures::executor::block_on;
use secret_store_core::{Error, ErrorKind, SecretStoreExt};

use crate::{assert_intact, id, over, scratch, secrets};

fn sink_said(error: &Error) -> String {
    assert_eq!(error.operation(), Some("audit"), "{error}");
    error.source().expect("the sink's own words").to_string()
}

/// Whatever rotates logs may make the next file itself, and open it to others: it is refused as it would be at the beginning.
#[test]
fn a_file_that_others_may_write_to_is_refused_after_a_rotation_too() {
    let (folder, log) = scratch();
    let old = folder.path().join("audit.1.jsonl");
    let store = over(secrets(), &log);
    block_on(store.put(&id("a"), "1".into())).expect("puts");
    fs::rename(&log, &old).expect("moves");
    fs::write(&log, "").expect("makes the next one");
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&log, fs::Permissions::from_mode(mode)).expect("sets the mode");
        let error = block_on(store.get(&id("a"))).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(sink_said(&error).contains("chmod go-w"), "{mode:o}: {}", sink_said(&error));
        assert_eq!(fs::metadata(&log).expect("is there").len(), 0);
    }
    fs::set_permissions(&log, fs::Permissions::from_mode(0o640)).expect("sets the mode");
    block_on(store.get(&id("a"))).expect("reads");
    assert_eq!(assert_intact(&[&old, &log]).entries(), 3);
}

#[test]
fn a_foreign_file_in_its_place_is_left_alone() {
    let (folder, log) = scratch();
    let old = folder.path().join("audit.1.jsonl");
    let store = over(secrets(), &log);
    block_on(store.put(&id("a"), "1".into())).expect("puts");
    fs::rename(&log, &old).expect("moves");
    for content in ["[settings]\nname = 1\n", "\n", "{\"a\": 1}\n", "x"] {
        fs::write(&log, content).expect("writes");
        fs::set_permissions(&log, fs::Permissions::from_mode(0o600)).expect("sets the mode");
        let error = block_on(store.get(&id("a"))).expect_err("refused");
        assert!(sink_said(&error).contains("no audit log"), "{content:?}: {}", sink_said(&error));
        assert_eq!(fs::read_to_string(&log).expect("reads"), content);
    }
    fs::rename(&old, &log).expect("moves back");
    block_on(store.get(&id("a"))).expect("reads");
    assert_eq!(assert_intact(&[&log]).entries(), 3);
}
