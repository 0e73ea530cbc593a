//! The suites find each mistake of a store at the case that is there for it, and nothing in the right one.

mod flawed;

use std::sync::Arc;

use flawed::{Flaw, Flawed, Naive, Protection};
use futures::executor::block_on;
use secret_store_conformance::fault::{Reordering, Stale, Tearing, TornAnswer};
use secret_store_conformance::{Options, Outcome, Report, store};
use secret_store_core::{EnvelopeStore, KeyProvider, MasterKeyId, Persistence, Result};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};

fn keys() -> Arc<dyn KeyProvider> {
    let id = MasterKeyId::new("master").expect("a valid id");
    Arc::new(MemoryKeyProvider::new().with_generated(&id).expect("random bytes"))
}

fn envelope(keys: &Arc<dyn KeyProvider>, records: Arc<dyn Persistence>) -> Result<EnvelopeStore> {
    EnvelopeStore::builder(Arc::clone(keys), records).store_id("conformance").master_key("master").build()
}

/// The suite over a layer with a flaw; the flaws of the persistence beneath come from `layer`.
fn report_over<P: Persistence>(flaw: Flaw, layer: impl Fn(MemoryPersistence) -> P, options: Options) -> Report {
    let keys = keys();
    block_on(store::run_with(
        || async { Ok(Flawed::new(flaw, envelope(&keys, Arc::new(layer(MemoryPersistence::new())))?)) },
        options,
    ))
}

fn hostile_report(flaw: Flaw, case: &str) -> Report {
    let keys = keys();
    block_on(store::run_hostile_with(
        || async { Ok(MemoryPersistence::new()) },
        move |records| std::future::ready(envelope(&keys, records).map(|inner| Flawed::new(flaw, inner))),
        Options::default().with_attempts(200).with_only(case),
    ))
}

fn naive_report(protection: Protection, case: &str) -> Report {
    let keys = keys();
    block_on(store::run_hostile_with(
        || async { Ok(MemoryPersistence::new()) },
        move |records| {
            let cipher = envelope(&keys, Arc::new(MemoryPersistence::new()));
            std::future::ready(cipher.map(|cipher| Naive::new(protection, records, cipher)))
        },
        Options::default().with_attempts(200).with_only(case),
    ))
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
    report_over(Flaw::None, |memory| memory, Options::default()).assert_passed();
    hostile_report(Flaw::None, "").assert_complete();
}

#[test]
fn every_flaw_is_found_where_it_is_looked_for() {
    for (flaw, case) in [
        (Flaw::IgnoresPreconditions, "preconditions::absent_creates_and_never_replaces"),
        (Flaw::IgnoresPreconditions, "concurrency::one_put_wins_each_revision"),
        (Flaw::IgnoresTokens, "idempotency::the_same_token_answers_the_same_version"),
        (Flaw::AcceptsAnyToken, "input::a_token_of_no_or_too_many_bytes"),
        (Flaw::DropsMetadata, "metadata::round_trips_everywhere"),
        (Flaw::TrustsPositions, "many::get_many_answers_in_the_order_asked"),
        (Flaw::ListsOnePage, "listing::pages_join_to_the_whole"),
        (Flaw::LeavesOutWhatIsBroken, "many::get_all_is_complete_and_sorted"),
        (Flaw::AbsentIsEmpty, "basics::what_was_never_put_is_not_found"),
        (Flaw::IgnoresPins, "versions::a_pin_refuses_what_is_older"),
        (Flaw::IgnoresTheVersionAskedFor, "versions::each_version_stays_readable"),
        (Flaw::PrintsValues, "secrecy::nothing_that_is_printed_shows_a_value"),
        (Flaw::DeletesTwice, "basics::deleting_what_is_absent_is_not_found"),
        (Flaw::ListsHistoryOldestFirst, "history::lists_earlier_versions_newest_first"),
        (Flaw::KeepsHistory, "history::a_delete_with_history_leaves_none"),
        (Flaw::CutsLongValues, "basics::the_largest_value_round_trips"),
    ] {
        let report = report_over(flaw, |memory| memory, Options::default().with_only(case));
        assert_fails_at(&report, case);
    }
}

#[test]
fn every_flaw_under_attack_is_found_where_it_is_looked_for() {
    for (flaw, case) in [
        (Flaw::DoesNotRetry, "races::a_lost_put_becomes_a_version_of_its_own"),
        (Flaw::IgnoresPreconditions, "races::a_lost_conditional_put_is_a_conflict"),
        (Flaw::IgnoresTokens, "failures::a_retry_with_its_token_after_a_lost_answer_writes_once"),
        (Flaw::LeavesOutWhatIsBroken, "forgeries::several_secrets_with_one_altered_are_an_error"),
        (Flaw::IgnoresPins, "rollbacks::a_pin_refuses_in_a_new_process"),
        (Flaw::TakesDamageForAbsence, "forgeries::a_record_of_nothing_is_refused"),
        (Flaw::TakesFailureForAbsence, "failures::a_read_reports_each_failing_call"),
        (Flaw::AcknowledgesWhatFailed, "failures::a_put_survives_each_failing_call"),
        (Flaw::DropsMetadata, "forgeries::every_altered_attribute_answers_right_or_nothing"),
    ] {
        assert_fails_at(&hostile_report(flaw, case), case);
    }
}

#[test]
fn a_store_without_protection_or_without_binding_is_found() {
    for (protection, case) in [
        (Protection::None, "swaps::nothing_in_clear_reaches_the_persistence"),
        (Protection::None, "forgeries::every_altered_attribute_answers_right_or_nothing"),
        (Protection::None, "swaps::swapped_names_are_refused"),
        (Protection::Unbound, "swaps::swapped_names_are_refused"),
        (Protection::Unbound, "swaps::swapped_applications_are_refused"),
        (Protection::Unbound, "rollbacks::a_reader_that_saw_the_newer_version_refuses"),
        (Protection::Unbound, "staleness::a_stale_answer_is_read_again"),
        (Protection::Unbound, "races::contention_is_repeated"),
    ] {
        assert_fails_at(&naive_report(protection, case), case);
    }
    let clear = naive_report(Protection::Unbound, "swaps::nothing_in_clear_reaches_the_persistence");
    assert_eq!(clear.outcome("swaps::nothing_in_clear_reaches_the_persistence"), Some(&Outcome::Passed));
}

#[test]
fn a_store_over_a_persistence_that_breaks_its_promises_is_found() {
    let torn = report_over(
        Flaw::None,
        |memory| Tearing::new(memory, 1, TornAnswer::Success),
        Options::default().with_only("versions::each_version_stays_readable"),
    );
    assert_fails_at(&torn, "versions::each_version_stays_readable");
    let reversed = report_over(Flaw::None, Reordering::listings, Options::default().with_only("listing::"));
    assert_fails_at(&reversed, "listing::sorts_by_the_bytes_of_the_name");
    let behind = report_over(
        Flaw::None,
        |memory| Stale::lying(memory).one_commit_behind(),
        Options::default().with_only("basics::a_value_round_trips"),
    );
    assert_fails_at(&behind, "basics::a_value_round_trips");
}
