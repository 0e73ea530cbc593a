//! Entries are removed: one, several, a run, a whole writer, the end.

use super::{ENTRIES, Target, report, without};

#[test]
fn every_entry_every_pair_and_every_run_removed() {
    let target = Target::new();
    let mut attacks = 0;
    for first in 0..ENTRIES {
        for second in first..ENTRIES {
            target.rearranged(
                &without(|entry| entry == first || entry == second),
                &format!("{first} and {second} removed"),
            );
            target.rearranged(
                &without(|entry| (first..=second).contains(&entry)),
                &format!("{first} to {second} removed"),
            );
            attacks += 2;
        }
    }
    report("removals", attacks);
}

/// Of one writer alone: every run of its entries, from nothing but one to all.
#[test]
fn every_run_of_one_writer_removed_and_whole_writers() {
    let target = Target::new();
    let mut attacks = 0;
    for (writer, head) in target.head.writers() {
        for first in 1..=head.sequence {
            for last in first..=head.sequence {
                let is_removed = |entry: usize| {
                    let entry = &target.log[entry];
                    entry.writer() == writer && (first..=last).contains(&entry.sequence())
                };
                target.rearranged(&without(is_removed), &format!("{first} to {last} of a writer removed"));
                attacks += 1;
            }
        }
    }
    let all: Vec<_> = target.head.writers().map(|(writer, _)| writer).collect();
    for kept in all {
        target.rearranged(&without(|entry| target.log[entry].writer() != kept), "two writers removed");
        attacks += 1;
    }
    report("runs of one writer, whole writers", attacks);
}

#[test]
fn every_cut_and_every_return_to_an_earlier_log() {
    let target = Target::new();
    for length in 0..ENTRIES {
        target.rearranged(&(0..length).collect::<Vec<_>>(), &format!("cut to {length}"));
    }
    report("ends cut off", ENTRIES);
}
