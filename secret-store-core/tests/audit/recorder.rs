//! Operations of other parts of a program, with as many names as they like.

use std::sync::Arc;

use secret_store_core::audit::{Action, AuditRecorder, AuditedSecret, MAX_ENTRY_BYTES, Phase, Verifier};
use secret_store_core::{ErrorKind, SecretName};

use crate::support::{APP, ENVIRONMENT, SERVICE, Sink, app, bytes, key, name, pushed, version, wait};

fn recorder(sink: &Arc<Sink>) -> AuditRecorder {
    let builder = AuditRecorder::builder(Arc::<Sink>::clone(sink)).environment(ENVIRONMENT).actor(SERVICE);
    builder.key(key()).build().expect("configured")
}

fn names(count: usize) -> Vec<SecretName> {
    (0..count).map(|n| name(&format!("{n:0900}"))).collect()
}

/// A mutation has one intent and one outcome. Where they cannot name all of it, it is not begun.
#[test]
fn a_mutation_that_names_more_than_fits_is_refused_before_it_begins() {
    let mut largest = 0;
    for count in 0..40 {
        let sink = Arc::new(Sink::default());
        let (names, begun) = (names(count), std::cell::Cell::new(false));
        let mutation = async {
            begun.set(true);
            Ok(())
        };
        let (recorder, app) = (recorder(&sink), app(APP));
        let done = recorder.record_mutation(Action::Ingest, &app, &names, mutation, |()| Some(version(u64::MAX)));
        match wait(done) {
            Ok(()) => {
                largest = count;
                assert!(sink.entries().iter().all(|entry| entry.secrets().len() == count), "every name is told");
            }
            Err(error) => {
                assert!(matches!(error.kind(), ErrorKind::TooLarge { .. }), "{error:?}");
                assert!(!begun.get() && sink.entries().is_empty(), "{count} names");
            }
        }
        let verification = pushed(Verifier::new().with_key(key()), bytes(&sink.entries())).finish();
        assert!(verification.is_intact(), "{count} names: {:?}", verification.faults());
    }
    assert!((largest + 1) * 911 > MAX_ENTRY_BYTES - 1024 && largest < 39, "{largest} names are all that fit");
}

/// A read has as many entries as it takes.
#[test]
fn a_read_that_names_more_than_fits_becomes_several_entries() {
    let sink = Arc::new(Sink::default());
    let asked_for: Vec<_> = names(40).into_iter().map(|name| AuditedSecret { name, version: None }).collect();
    let released = asked_for.clone();
    let recorder = recorder(&sink);
    wait(recorder.record_read(Action::Retrieve, &app(APP), &asked_for, Ok(()), |()| released)).expect("recorded");
    let entries = sink.entries();
    assert_eq!((entries.len(), entries.iter().map(|entry| entry.secrets().len()).sum::<usize>()), (3, 40));
    assert!(entries.iter().all(|entry| (entry.phase(), entry.operation(), entry.count()) == (Phase::Read, 1, 40)));
    assert!(pushed(Verifier::new().with_key(key()), bytes(&entries)).finish().is_intact());
}
