//! A process that dies before, after and in the middle of each of its file operations.

use std::path::Path;

use secret_store_rsa_file::testing::commit;

use crate::child::{Outcome, run};
use crate::hooked::Moment;
use crate::scenario::{Action, Contents, SHAPES, Scenario, Shape};
use crate::scratch::{assert_holds_only, open, scratch};

fn text(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

/// Copies a data directory, modes included.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    std::fs::set_permissions(to, from.metadata().expect("metadata").permissions()).expect("its mode");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() { copy(&path, &target) } else { std::fs::copy(&path, &target).map(drop).expect("copies") }
    }
}

/// Kills a task at each moment of each of its operations, each time on a fresh copy of `template`; `check` looks at what
/// is left. Answers the number of kills.
fn kill_everywhere(
    template: &Path,
    task: impl Fn(&Path) -> Vec<String>,
    check: impl Fn(&Path, &Outcome, &str),
) -> usize {
    let place = scratch();
    let attempt = |name: &str, kill| {
        let root = place.path().join(name);
        copy(template, &root);
        let task = task(&root);
        let outcome = run(&task.iter().map(String::as_str).collect::<Vec<_>>(), kill);
        (root, outcome)
    };
    let (_, unharmed) = attempt("unharmed", None);
    assert!(unharmed.has_acknowledged && !unharmed.was_killed);
    let operations = unharmed.operations;
    assert!(operations.len() > 3, "{operations:?}");
    let mut kills = 0;
    for (index, operation) in operations.iter().enumerate() {
        for moment in [Moment::Before, Moment::Midway, Moment::After] {
            if moment == Moment::Midway && operation != "Write" {
                continue;
            }
            let what = format!("killed {moment:?} operation {} of {} ({operation})", index + 1, operations.len());
            let (root, outcome) = attempt(&format!("{index}-{moment:?}"), Some((index + 1, moment)));
            assert!(outcome.was_killed && outcome.has_started, "{what}: the kill did not fire");
            check(&root, &outcome, &what);
            std::fs::remove_dir_all(root).expect("removes");
            kills += 1;
        }
    }
    let (_, beyond) = attempt("beyond", Some((operations.len() + 1, Moment::Before)));
    assert!(!beyond.was_killed, "there was an operation after the last");
    assert_eq!(beyond.operations, operations, "the operations are the same each time");
    kills
}

/// What is there is wholly the old or the new, and nothing is left over.
pub(crate) fn assert_old_or_new(root: &Path, scenario: &Scenario, must_be_new: bool, what: &str) {
    let found = scenario.contents(&open(root));
    let is_new = found == scenario.after();
    assert!(is_new || found == scenario.before(), "{what}: torn");
    assert!(is_new || !must_be_new, "{what}: acknowledged, then lost");
    assert_holds_only(root, &found, what);
}

fn prepared(scenario: &Scenario, root: &Path) {
    let directory = open(root);
    scenario.prepare(&directory);
    drop(directory);
    assert_holds_only(root, &scenario.before(), "prepared");
}

fn kill_commits(action: Action, at_least: usize) {
    let mut total = 0;
    for shape in SHAPES {
        let scenario = Scenario { action, shape };
        let place = scratch();
        let template = place.path().join("template");
        prepared(&scenario, &template);
        let task = |root: &Path| vec!["commit".to_owned(), text(root).to_owned(), scenario.name()];
        let kills = kill_everywhere(&template, task, |root, outcome, what| {
            assert_old_or_new(root, &scenario, outcome.has_acknowledged, &format!("{} {what}", scenario.name()));
        });
        crate::scratch::report(&format!("{}: {kills} kills, 0 torn, 0 lost, 0 left over", scenario.name()));
        total += kills;
    }
    assert!(total >= at_least, "{action:?}: {total} kills");
}

#[test]
fn creating_survives_a_kill_anywhere() {
    kill_commits(Action::Create, 250);
}

#[test]
fn updating_survives_a_kill_anywhere() {
    kill_commits(Action::Update, 250);
}

#[test]
fn deleting_survives_a_kill_anywhere() {
    kill_commits(Action::Delete, 200);
}

#[test]
fn committing_several_records_survives_a_kill_anywhere() {
    kill_commits(Action::Several, 400);
}

#[test]
fn making_a_data_directory_survives_a_kill_anywhere() {
    let place = scratch();
    let template = place.path().join("empty");
    std::fs::create_dir(&template).expect("a folder");
    // The data directory itself is made too, two levels deep.
    let task = |root: &Path| vec!["open".to_owned(), text(&root.join("above/data")).to_owned()];
    let kills = kill_everywhere(&template, task, |root, _, what| {
        assert_holds_only(&root.join("above/data"), &Contents::new(), what);
    });
    crate::scratch::report(&format!("making a data directory: {kills} kills"));
    assert!(kills >= 50, "{kills}");
}

/// Recovery is killed in its turn, in each state that a killed commit may leave with a journal.
#[test]
fn recovering_survives_a_kill_anywhere() {
    let scenario = Scenario { action: Action::Several, shape: Shape::Plain };
    let place = scratch();
    let template = place.path().join("template");
    prepared(&scenario, &template);
    let left = journals_left(&scenario, &template, place.path());
    assert!(left.len() >= 10, "{}", left.len());
    let mut total = 0;
    for name in &left {
        let task = |root: &Path| vec!["open".to_owned(), text(root).to_owned()];
        total += kill_everywhere(&place.path().join(name), task, |root, _, what| {
            let found = scenario.contents(&open(root));
            assert_eq!(found, scenario.after(), "{name}, recovery {what}: a journal in its place is a commit");
            assert_holds_only(root, &found, what);
        });
    }
    crate::scratch::report(&format!("recovering: {total} kills in {} states, 0 torn, 0 left over", left.len()));
    assert!(total >= 500, "{total}");
}

/// A handle that was open all the time needs no other opening: its next read or commit finishes what the dead began.
#[test]
fn the_next_reader_or_writer_finishes_what_a_dead_writer_began() {
    let scenario = Scenario { action: Action::Several, shape: Shape::Plain };
    let mut finished = 0;
    for n in 1.. {
        let place = scratch();
        let root = place.path().join("data");
        prepared(&scenario, &root);
        let (reader, writer) = (open(&root), open(&root));
        if !run(&["commit", text(&root), &scenario.name()], Some((n, Moment::After))).was_killed {
            break;
        }
        if !root.join("journal/commit.json").exists() {
            continue;
        }
        if n % 2 == 0 {
            let key = secret_store_core::RecordKey::new("other", "x");
            let put = secret_store_core::Write::put(key.clone(), crate::scratch::record(1), Default::default());
            commit(&writer, &[put]).expect("commits");
            commit(&writer, &[secret_store_core::Write::delete(key, Default::default())]).expect("commits");
        }
        assert_eq!(scenario.contents(&reader), scenario.after(), "killed after operation {n}");
        assert!(!root.join("journal/commit.json").exists());
        finished += 1;
    }
    assert!(finished >= 10, "{finished}");
}

/// Kills a commit at each operation and keeps the directories in which a journal was left.
fn journals_left(scenario: &Scenario, template: &Path, place: &Path) -> Vec<String> {
    let mut left = Vec::new();
    for n in 1.. {
        let name = format!("left-{n:03}");
        let root = place.join(&name);
        copy(template, &root);
        let outcome = run(&["commit", text(&root), &scenario.name()], Some((n, Moment::After)));
        if !outcome.was_killed {
            break;
        }
        if root.join("journal/commit.json").exists() {
            left.push(name);
        }
    }
    left
}
