//! Files as secrets: everything or a report of what, and nothing that is there is lost.

use std::io::{self, Read};
use std::sync::Arc;

use futures::executor::block_on;
use secret_store_config::import::{Entries, Existing, Import, ImportError};
use secret_store_config::{Loader, SecretField};
use secret_store_conformance::fault::{Failing, Fault, Operation, Racing, TimingOut};
use secret_store_core::{
    Application, EnvelopeStore, Error, ErrorKind, ListOptions, Metadata, Persistence, SecretName, SecretStoreExt,
    SecretValue,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use serde::Deserialize;

fn application() -> Application<EnvelopeStore> {
    over(Arc::new(MemoryPersistence::new()))
}

fn over(records: Arc<dyn Persistence>) -> Application<EnvelopeStore> {
    let main = "main".parse().expect("valid");
    // The same key for every process.
    let key = secret_store_core::KeyEncryptionKey::from_bytes(&[7; 32]);
    let keys = Arc::new(MemoryKeyProvider::new().with_key(main, key));
    let builder = EnvelopeStore::builder(keys, records).store_id("import").master_key("main");
    builder.build().expect("valid").application("YourApp").expect("valid")
}

fn entries(names: &[&str]) -> Entries {
    let lines: String = names.iter().map(|name| format!("{name}=of-{name}\n")).collect();
    Entries::from_dotenv(lines.as_bytes()).expect("valid")
}

fn text(app: &Application<EnvelopeStore>, name: &str) -> String {
    block_on(app.get(name)).expect("there").text().expect("text").to_owned()
}

fn all(app: &Application<EnvelopeStore>) -> Vec<(String, String)> {
    let secrets = block_on(app.get_all()).expect("opens");
    let pair = |secret: &secret_store_core::Secret| {
        (secret.id().name().as_str().to_owned(), secret.text().expect("text").to_owned())
    };
    secrets.iter().map(pair).collect()
}

fn strings(names: &[SecretName]) -> Vec<&str> {
    names.iter().map(SecretName::as_str).collect()
}

fn written(report: &secret_store_config::import::ImportReport) -> Vec<(&str, u64)> {
    report.written.iter().map(|written| (written.name.as_str(), written.version.get())).collect()
}

#[test]
fn what_is_not_there_is_created() {
    let app = application();
    let import = Import::new(app.store(), app.name()).with_metadata(Metadata::new().with("from", "the old server"));
    let plan = block_on(import.plan(&entries(&["A", "B"]))).expect("listed");
    assert_eq!((strings(&plan.create), strings(&plan.existing), plan.is_refused()), (vec!["A", "B"], vec![], false));
    assert!(all(&app).is_empty(), "a plan writes nothing");
    let report = block_on(import.run(entries(&["A", "B"]))).expect("imported");
    assert_eq!((written(&report), report.skipped.len()), (vec![("A", 1), ("B", 1)], 0));
    assert_eq!(text(&app, "B"), "of-B");
    assert_eq!(block_on(app.get("A")).expect("there").info().metadata.get("from"), Some("the old server"));
    let nothing = block_on(import.run(Entries::default())).expect("nothing to do");
    assert!(nothing.written.is_empty());
}

#[test]
fn what_is_there_is_refused_before_anything_is_written() {
    let app = application();
    block_on(app.put("C", "mine")).expect("stored");
    let import = Import::new(app.store(), app.name());
    let plan = block_on(import.plan(&entries(&["A", "C", "D"]))).expect("listed");
    assert_eq!((strings(&plan.create), strings(&plan.existing), plan.is_refused()), (vec!["A", "D"], vec!["C"], true));
    let refused = block_on(import.run(entries(&["A", "C", "D"]))).expect_err("one is there");
    assert_eq!(refused.error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(refused.error.secret().map(|id| id.name().as_str()), Some("C"));
    assert_eq!((refused.report.written.len(), strings(&refused.not_written)), (0, vec!["A", "C", "D"]));
    assert_eq!(all(&app), [("C".to_owned(), "mine".to_owned())]);
}

#[test]
fn what_is_there_is_skipped_or_replaced_as_asked() {
    for (existing, of_c, versions) in [
        (Existing::Skip, "mine", vec![("A", 1), ("D", 1)]),
        (Existing::Replace, "of-C", vec![("A", 1), ("C", 2), ("D", 1)]),
    ] {
        let app = application();
        block_on(app.put("C", "mine")).expect("stored");
        let import = Import::new(app.store(), app.name()).with_existing(existing);
        assert!(!block_on(import.plan(&entries(&["C"]))).expect("listed").is_refused());
        let report = block_on(import.run(entries(&["A", "C", "D"]))).expect("imported");
        assert_eq!(written(&report), versions);
        assert_eq!(strings(&report.skipped), if existing == Existing::Skip { vec!["C"] } else { vec![] });
        assert_eq!(text(&app, "C"), of_c);
        // The one before is in the history.
        assert_eq!(block_on(app.history("C", ListOptions::default())).expect("a page").items.len(), versions.len() - 2);
    }
}

/// Somebody stores a secret after it was looked for: nothing of theirs is replaced.
#[test]
fn a_race_is_lost_and_told() {
    for existing in [Existing::Refuse, Existing::Skip, Existing::Replace] {
        let memory = Arc::new(MemoryPersistence::new());
        let rival = over(memory.clone());
        if existing == Existing::Replace {
            block_on(rival.put("B", "first")).expect("stored");
        }
        let racing = Arc::new(Racing::new(memory));
        let app = over(racing.clone());
        racing.before_commit(async {});
        let theirs = rival.clone();
        racing.before_commit(async move {
            drop(theirs.put("B", "theirs").await.expect("stored"));
        });
        let import = Import::new(app.store(), app.name()).with_existing(existing);
        let outcome = block_on(import.run(entries(&["A", "B", "C"])));
        assert_eq!(racing.waiting(), 0);
        assert_eq!(text(&rival, "B"), "theirs");
        if existing == Existing::Skip {
            let report = outcome.expect("skipped");
            assert_eq!((written(&report), strings(&report.skipped)), (vec![("A", 1), ("C", 1)], vec!["B"]));
        } else {
            let stopped = outcome.expect_err("a lost race");
            assert_eq!(stopped.error.kind(), ErrorKind::Conflict);
            assert_eq!(stopped.error.secret().map(|id| id.name().as_str()), Some("B"));
            assert_eq!((written(&stopped.report), strings(&stopped.not_written)), (vec![("A", 1)], vec!["B", "C"]));
        }
    }
}

/// A run that stops anywhere says what was written, and goes on where it is told to leave that.
#[test]
fn a_run_that_stops_anywhere_is_told_and_goes_on() {
    let names = ["A", "B", "C"];
    for stop in 0..names.len() {
        for lost_answer in [false, true] {
            let memory = Arc::new(MemoryPersistence::new());
            let failing = Arc::new(Failing::new(memory.clone()));
            let timing_out = Arc::new(TimingOut::new(failing.clone()));
            let app = over(timing_out.clone());
            if lost_answer {
                timing_out.lose(Fault::new(ErrorKind::Unavailable).after(stop));
                // Nor can the store see what became of it.
                failing.fail(Fault::new(ErrorKind::Unavailable).on(Operation::LoadMany).after(stop + 1).forever());
                failing.fail(Fault::new(ErrorKind::Unavailable).on(Operation::Load).forever());
            } else {
                failing.fail(Fault::new(ErrorKind::Throttled).on(Operation::Commit).after(stop).forever());
            }
            let import = Import::new(app.store(), app.name());
            let stopped: ImportError = block_on(import.run(entries(&names))).expect_err("it stops");
            let kind = if lost_answer { ErrorKind::Unavailable } else { ErrorKind::Throttled };
            assert_eq!((stopped.error.kind(), stopped.report.written.len()), (kind, stop));
            assert_eq!(strings(&stopped.not_written), names[stop..]);
            let shown = stopped.to_string();
            let expected = format!("{stop} secrets were written and {} were not, from `{}` on", 3 - stop, names[stop]);
            assert!(shown.contains(&expected), "{shown}");
            assert!(std::error::Error::source(&stopped).is_some());

            failing.heal();
            timing_out.heal();
            assert_eq!(
                all(&app).len(),
                stop + usize::from(lost_answer),
                "the report is right, but for the one that is unknown"
            );
            let report = block_on(import.with_existing(Existing::Skip).run(entries(&names))).expect("goes on");
            assert_eq!(report.written.len() + report.skipped.len(), 3);
            assert_eq!(all(&app), names.map(|name| (name.to_owned(), format!("of-{name}"))));
        }
    }
}

#[test]
fn nothing_is_written_where_the_store_cannot_be_listed() {
    let failing = Arc::new(Failing::new(MemoryPersistence::new()));
    let app = over(failing.clone());
    failing.fail(Fault::new(ErrorKind::PermissionDenied).on(Operation::List).forever());
    let import = Import::new(app.store(), app.name());
    let denied = block_on(import.plan(&entries(&["A"]))).expect_err("denied");
    assert_eq!(denied.kind(), ErrorKind::PermissionDenied);
    let denied = block_on(import.run(entries(&["A"]))).expect_err("denied");
    assert_eq!((denied.error.kind(), denied.report.written.len()), (ErrorKind::PermissionDenied, 0));
    failing.heal();
    assert!(all(&app).is_empty());
}

#[test]
fn values_that_are_too_large_are_found_before_anything_is_written() {
    let app = application();
    let file = format!("A=1\nB={}\n", "x".repeat(64 * 1024 + 1));
    let import = Import::new(app.store(), app.name());
    let read = || Entries::from_dotenv(file.as_bytes()).expect("valid");
    let refused = block_on(import.run(read())).expect_err("too large");
    assert!(matches!(refused.error.kind(), ErrorKind::TooLarge { limit: 65_536, actual: 65_537 }));
    assert_eq!(refused.error.secret().map(|id| id.name().as_str()), Some("B"));
    assert!(block_on(import.plan(&read())).is_err() && all(&app).is_empty());
    // Where the limit is said to be higher than the store's, the store says so.
    let refused = block_on(import.with_largest_value(1 << 20).run(read())).expect_err("too large");
    assert_eq!((written(&refused.report), strings(&refused.not_written)), (vec![("A", 1)], vec!["B"]));
}

#[test]
fn only_names_of_the_file_count() {
    let app = application();
    for n in 0..2100 {
        block_on(app.put(format!("other-{n:04}"), "x")).expect("stored");
    }
    block_on(app.put("zz", "x")).expect("stored");
    let import = Import::new(app.store(), app.name()).with_existing(Existing::Skip);
    let plan = block_on(import.plan(&entries(&["A", "zz"]))).expect("all pages");
    assert_eq!((strings(&plan.create), strings(&plan.existing)), (vec!["A"], vec!["zz"]));
}

/// What was imported is what is loaded.
#[test]
fn a_file_becomes_configuration() {
    #[derive(Debug, Deserialize)]
    struct Settings {
        db: Database,
        hosts: Vec<String>,
    }
    #[derive(Debug, Deserialize)]
    struct Database {
        port: u16,
        password: SecretField,
    }
    let json = r#"{"db": {"port": 5432, "password": "a \"b\""}, "hosts": ["x", "y"]}"#;
    let dotenv = "db__port=5432\ndb__password='a \"b\"'\nhosts='[\"x\",\"y\"]'";
    for file in [Entries::from_json(json.as_bytes()), Entries::from_dotenv(dotenv.as_bytes())] {
        let app = application();
        let report = block_on(Import::new(app.store(), app.name()).run(file.expect("valid"))).expect("imported");
        assert_eq!(report.written.len(), 3);
        let settings: Settings = block_on(Loader::new(app.store(), app.name()).load()).expect("complete");
        assert_eq!((settings.db.port, settings.db.password.text().expect("text")), (5432, "a \"b\""));
        assert_eq!(settings.hosts, ["x", "y"]);
    }
}

#[test]
fn files_are_bounded_and_text() {
    let kind = |result: Result<Entries, Error>| result.expect_err("refused").kind();
    let large = vec![b'\n'; 1024 * 1024 + 1];
    assert!(matches!(kind(Entries::from_dotenv(&large[..])), ErrorKind::TooLarge { limit: 1_048_576, .. }));
    assert!(Entries::from_dotenv(&large[1..]).expect("as much as may be").is_empty());
    assert!(matches!(kind(Entries::from_json(io::repeat(b' '))), ErrorKind::TooLarge { .. }), "no end");
    let error = Entries::from_dotenv(&b"A=1\nB=\xff"[..]).expect_err("no text");
    assert!(error.to_string().contains("line 2: not text in UTF-8"), "{error}");
    let mark = "\u{feff}A=1";
    assert_eq!(Entries::from_dotenv(mark.as_bytes()).expect("with a mark").len(), 1);
    assert_eq!(Entries::from_json("\u{feff}{\"A\": 1}".as_bytes()).expect("with a mark").len(), 1);
    assert!(Entries::from_dotenv("A=1\n\u{feff}B=2".as_bytes()).is_err(), "a mark stands in front");
    let many: String = (0..=10_000).map(|n| format!("A{n}=\n")).collect();
    assert!(matches!(kind(Entries::from_dotenv(many.as_bytes())), ErrorKind::TooLarge { limit: 10_000, .. }));
}

/// A reader gives what it gives, and may fail.
#[test]
fn readers_may_be_slow_interrupted_or_broken() {
    struct Slow(Vec<u8>, bool);

    impl Read for Slow {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 {
                return Err(io::ErrorKind::Interrupted.into());
            }
            if self.0.is_empty() {
                return Ok(0);
            }
            buffer[0] = self.0.remove(0);
            Ok(1)
        }
    }

    struct Broken;

    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("the disk is gone"))
        }
    }

    let slow = Entries::from_dotenv(Slow(b"A=1\nB=2".to_vec(), false)).expect("read to its end");
    assert_eq!(slow.names().map(SecretName::as_str).collect::<Vec<_>>(), ["A", "B"]);
    let error = Entries::from_json(Broken).expect_err("broken");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(std::error::Error::source(&error).is_some());
}

#[test]
fn entries_show_names_alone() {
    let mut entries = entries(&["A", "B"]);
    let name = |name: &str| SecretName::new(name).expect("valid");
    entries.push(name("C"), SecretValue::from("canary")).expect("another");
    assert!(entries.push(name("A"), SecretValue::from("canary")).is_err());
    let shown = format!("{entries:?}");
    assert!(shown.contains("\"C\"") && !shown.contains("canary") && !shown.contains("of-"), "{shown}");
    assert_eq!((entries.len(), entries.is_empty(), entries.names().len()), (3, false, 3));
}
