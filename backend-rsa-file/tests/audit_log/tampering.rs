//! Whoever can write to the file, without the key: every line changed, removed, repeated, moved, the end cut off, each found in
//! its place. All on the entries themselves are in the tests of `secret-store-core`.

use std::fs;
use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::SecretStoreExt;
use secret_store_core::audit::{Fault, FaultKind, Verifier};

use crate::{assert_intact, id, key, over, scratch, secrets, verify};

#[test]
fn every_change_of_the_file_is_found_in_its_place() {
    let (_folder, log) = scratch();
    let stores = [(); 3].map(|()| over(secrets(), &log));
    for n in 0..30 {
        block_on(stores[n * n % 7 % 3].put(&id("a"), "1".into())).expect("puts");
    }
    let head = Arc::new(assert_intact(&[&log]).head(std::time::UNIX_EPOCH).expect("intact"));
    let text = fs::read_to_string(&log).expect("reads");
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 60);
    let writer = |line: &str| serde_json::from_str::<serde_json::Value>(line).expect("JSON")["writer"].clone();
    let first = |lines: &[&str]| -> Fault {
        fs::write(&log, lines.join("\n") + if lines.is_empty() { "" } else { "\n" }).expect("an attacker may");
        let verification = verify(&[&log], Verifier::new().with_key(key()).with_head(Arc::clone(&head)));
        verification.faults().first().expect("found").clone()
    };
    let mut attacks = 0;
    for at in 0..lines.len() {
        // The position that shows a missing entry: its writer's next one, else the end.
        let shows = |lines: &[&str]| {
            let next =
                lines[at..].iter().position(|line| writer(line) == writer(text.lines().nth(at).expect("a line")));
            next.map_or(lines.len(), |next| at + next) as u64
        };
        for (from, to) in
            [("service", "mallory"), ("\"put\"", "\"delete\""), ("\"a\"", "\"b\""), ("20", "21"), ("{", " {")]
        {
            let changed = lines[at].replacen(from, to, 1);
            let mut all = lines.clone();
            all[at] = &changed;
            let fault = first(&all);
            assert_eq!((fault.index, fault.kind), (at as u64, FaultKind::Malformed), "{changed}");
        }
        let mut without = lines.clone();
        without.remove(at);
        assert_eq!(first(&without).index, shows(&without));
        let mut repeated = lines.clone();
        repeated.insert(at, lines[at]);
        let fault = first(&repeated);
        assert_eq!((fault.index, fault.kind), (at as u64 + 1, FaultKind::Repeated));
        assert!(matches!(first(&lines[..at]).kind, FaultKind::Cut { .. }));
        let mut emptied = lines.clone();
        emptied[at] = "";
        assert_eq!((first(&emptied).index, first(&emptied).kind), (at as u64, FaultKind::Malformed));
        attacks += 9;
        if let Some(next) = (at + 1..lines.len()).find(|next| writer(lines[*next]) == writer(lines[at])) {
            let mut exchanged = lines.clone();
            exchanged.swap(at, next);
            assert_eq!(first(&exchanged).index, at as u64);
            attacks += 1;
        }
    }
    // Without its last line feed the last line is not there.
    fs::write(&log, text.trim_end()).expect("an attacker may");
    let verification = verify(&[&log], Verifier::new().with_key(key()).with_head(Arc::clone(&head)));
    assert!(matches!(verification.faults()[0].kind, FaultKind::Cut { .. }));
    assert!(attacks > 500);
    fs::write(&log, &text).expect("as it was");
    assert!(verify(&[&log], Verifier::new().with_key(key()).with_head(head)).is_intact());
}
