//! The suite finds each mistake at the case that is there for it, and nothing in a persistence without one.

mod flawed;

use std::sync::Arc;
use std::time::Duration;

use flawed::{Flaw, Flawed};
use futures::executor::block_on;
use secret_store_conformance::fault::{
    Failing, Fault, Forgery, Forging, Reordering, Stale, Tearing, TimingOut, TornAnswer,
};
use secret_store_conformance::persistence::{self, Instance};
use secret_store_conformance::{Options, Outcome, Report};
use secret_store_core::{ErrorKind, Persistence, RecordKey, Result};
use secret_store_memory::MemoryPersistence;

fn report_on(flaw: Flaw, options: Options) -> Report {
    block_on(persistence::run_with(
        || async {
            let first = Arc::new(Flawed::new(flaw));
            let again = Arc::clone(&first);
            Ok(Instance::from(first).with_reopen(move || std::future::ready(Ok(again.reopened()))))
        },
        options,
    ))
}

fn report_on_layer<P: Persistence>(layer: impl Fn(MemoryPersistence) -> P) -> Report {
    // What is torn stays torn: nothing is gained by waiting for it.
    let options = Options::default().with_settling(Duration::from_millis(50));
    block_on(persistence::run_with(|| async { Ok(layer(MemoryPersistence::new())) }, options))
}

#[track_caller]
fn assert_fails_at(report: &Report, case: &str) {
    match report.outcome(case) {
        Some(Outcome::Failed(_)) => {}
        other => panic!("{case} is {other:?}, expected a failure\n{report}"),
    }
}

#[test]
fn without_a_flaw_everything_passes() {
    report_on(Flaw::None, Options::default()).assert_complete();
}

#[test]
fn every_flaw_is_found_where_it_is_looked_for() {
    for (flaw, case) in [
        (Flaw::IgnoresPreconditions, "preconditions::absent_holds_of_nothing_only"),
        (Flaw::ChecksBeforeItLocks, "concurrency::one_winner_for_each_revision"),
        (Flaw::ChecksBeforeItLocks, "concurrency::no_increment_is_lost"),
        (Flaw::CountsRevisionsForEachRecord, "revisions::never_repeats_after_delete_and_create"),
        (Flaw::DigestsAsRevisions, "revisions::an_identical_put_has_a_new_one"),
        (Flaw::WritesOneByOne, "atomicity::a_failing_last_write_undoes_the_rest"),
        (Flaw::WritesOneByOne, "atomicity::a_failing_check_stops_deletes"),
        (Flaw::YieldsBetweenWrites, "cancellation::a_dropped_commit_is_all_or_nothing"),
        (Flaw::ListsFromTheCursorOn, "listing::after_is_exclusive"),
        (Flaw::ListsUpToTheBound, "listing::before_is_exclusive"),
        (Flaw::MatchesPartitionsByPrefix, "listing::only_its_own_partition"),
        (Flaw::SortsByUtf16, "ordering::sorts_by_utf8_and_not_by_utf16"),
        (Flaw::FoldsCase, "names::case_pairs_are_different_keys"),
        (Flaw::CutsNamesAtNul, "names::nul_is_a_character"),
        (Flaw::CutsLongNames, "names::very_long_keys_are_kept_apart"),
        (Flaw::NeverSaysThatMoreFollows, "paging::pages_join_to_the_whole"),
        (Flaw::IgnoresTheLimit, "paging::a_page_is_never_longer_than_its_limit"),
        (Flaw::OverflowsTheLimit, "paging::the_largest_limit_is_a_limit"),
        (Flaw::LeavesOutWhatIsAbsent, "batches::what_is_absent_is_none_in_its_place"),
        (Flaw::ConflictsWithoutRevision, "preconditions::a_conflict_carries_the_current_revision"),
        (Flaw::ConflictsAtWriteZero, "preconditions::a_conflict_names_the_write_that_failed"),
        (Flaw::MergesAttributes, "records::a_put_replaces_all_attributes"),
        (Flaw::DropsEmptyValues, "records::empty_values_round_trip"),
        (Flaw::StoresNumbersAsFloats, "records::every_kind_of_value_round_trips"),
        (Flaw::AcceptsTwoWritesOfOneRecord, "atomicity::two_writes_of_one_record_are_refused"),
        (Flaw::AcceptsAnySize, "records::a_record_above_the_limit_is_refused"),
        (Flaw::AcceptsAnySize, "atomicity::more_writes_than_allowed_are_refused"),
        (Flaw::FailsToDeleteNothing, "preconditions::deleting_what_is_absent_succeeds"),
        (Flaw::CreatesByChecking, "preconditions::a_commit_of_checks_changes_nothing"),
        (Flaw::IgnoresChecks, "preconditions::a_check_needs_its_precondition"),
        (Flaw::AnswersNoRevisions, "atomicity::answers_stand_in_the_order_of_the_writes"),
        (Flaw::ForgetsOnReopen, "durability::records_survive"),
        (Flaw::RestartsRevisionsOnReopen, "durability::revisions_do_not_repeat_after_reopening"),
        (Flaw::CommitsOnCall, "cancellation::a_commit_that_was_never_polled_does_nothing"),
    ] {
        // Only the case itself: some flaws make others take long.
        let options = Options::default().with_settling(Duration::from_millis(50));
        let report = report_on(flaw, options.with_only(case));
        assert_fails_at(&report, case);
    }
}

#[test]
fn a_panic_and_a_hang_fail_their_case_and_no_other() {
    let report = report_on(Flaw::PanicsOnLoad, Options::default());
    let case = "records::an_absent_record_is_none";
    assert!(
        matches!(report.outcome(case), Some(Outcome::Failed(reason)) if reason.contains("the flaw of this backend"))
    );
    assert_eq!(report.outcome("batches::no_keys_no_answers"), Some(&Outcome::Passed));

    let options = Options::default().with_only(case).with_timeout(Duration::from_millis(50));
    let report = report_on(Flaw::HangsOnLoad, options);
    assert!(matches!(report.outcome(case), Some(Outcome::Failed(reason)) if reason.contains("did not finish")));
}

#[test]
fn the_faulty_layers_are_found() {
    let torn = |answer| report_on_layer(move |memory| Tearing::new(memory, 1, answer));
    assert_fails_at(&torn(TornAnswer::Success), "atomicity::all_writes_happen");
    assert_fails_at(&torn(TornAnswer::Unavailable), "atomicity::all_writes_happen");
    assert_fails_at(&torn(TornAnswer::Success), "atomicity::a_failing_last_write_undoes_the_rest");
    assert_fails_at(&report_on_layer(Reordering::listings), "ordering::sorts_by_bytes");
    assert_fails_at(&report_on_layer(Reordering::batches), "batches::answers_stand_in_the_order_of_the_keys");
    let behind = report_on_layer(|memory| Stale::lying(memory).one_commit_behind());
    assert_fails_at(&behind, "consistency::a_strong_load_sees_the_last_commit");
    assert_fails_at(&behind, "consistency::a_strong_batch_sees_the_last_commit");
    assert_fails_at(&behind, "consistency::a_strong_listing_sees_the_last_commit");
    let failing = report_on_layer(|memory| {
        let failing = Failing::new(memory);
        failing.fail(Fault::new(ErrorKind::Unavailable).after(1));
        failing
    });
    assert_fails_at(&failing, "records::every_kind_of_value_round_trips");
    let losing = report_on_layer(|memory| {
        let losing = TimingOut::new(memory);
        losing.lose(Fault::new(ErrorKind::Unavailable));
        losing
    });
    assert_fails_at(&losing, "records::every_kind_of_value_round_trips");
}

#[test]
fn a_forging_persistence_is_found() {
    let record = RecordKey::new("Conformance.Test", "record");
    let flips = report_on_layer(|memory| {
        let forging = Forging::new(memory);
        forging.forge(&record, Forgery::Flip { attribute: "Bytes".into(), bit: 9 });
        forging
    });
    assert_fails_at(&flips, "records::every_kind_of_value_round_trips");
    let truncates = report_on_layer(|memory| {
        let forging = Forging::new(memory);
        forging.forge(&record, Forgery::Truncate { attribute: "Text".into(), length: 3 });
        forging
    });
    assert_fails_at(&truncates, "records::every_kind_of_value_round_trips");
    let swaps = report_on_layer(|memory| {
        let forging = Forging::new(memory);
        let key = |sort| RecordKey::new("Conformance.Test", sort);
        forging.swap(&key("a"), &key("b"));
        forging
    });
    assert_fails_at(&swaps, "batches::answers_stand_in_the_order_of_the_keys");
}

#[test]
fn what_the_trait_allows_passes() {
    report_on_layer(|memory| Stale::eventual(memory).one_commit_behind()).assert_passed();
    report_on_layer(Failing::new).assert_passed();
    report_on_layer(TimingOut::new).assert_passed();
    report_on_layer(Forging::new).assert_passed();
    report_on_layer(secret_store_conformance::fault::Recording::new).assert_passed();
    let healed = report_on_layer(|memory| {
        let tearing = Tearing::new(memory, 1, TornAnswer::Success);
        tearing.tear(0);
        tearing
    });
    healed.assert_passed();
}

#[test]
fn contention_is_repeated_and_not_reported() {
    let report = report_on_layer(|memory| {
        let contended = Failing::new(memory);
        for call in [0, 2, 3, 7] {
            contended.fail(
                Fault::new(ErrorKind::Contention).on(secret_store_conformance::fault::Operation::Commit).after(call),
            );
        }
        contended
    });
    // The dropped commit is made once, without the repetition that every other commit of the suite gets.
    let only = |name: &str| name.starts_with("cancellation::");
    assert!(report.failed().all(only), "{report}");
}

#[test]
fn what_cannot_run_is_said_loudly() {
    let report = report_on_layer(|memory| memory);
    report.assert_passed();
    assert_eq!(report.skipped().count(), 4, "{report}");
    assert!(std::panic::catch_unwind(|| report.assert_complete()).is_err(), "skips are not complete");
    let broken = block_on(persistence::run(|| async {
        Result::<MemoryPersistence>::Err(secret_store_core::Error::not_found())
    }));
    assert_eq!(broken.passed().count() + broken.skipped().count(), 0, "{broken}");
}
