//! Entries are repeated, exchanged and moved.

use super::{ENTRIES, Target, report};

#[test]
fn every_entry_repeated_everywhere() {
    let target = Target::new();
    let mut attacks = 0;
    for entry in 0..ENTRIES {
        for at in 0..=ENTRIES {
            let mut order: Vec<_> = (0..ENTRIES).collect();
            order.insert(at, entry);
            target.rearranged(&order, &format!("{entry} repeated at {at}"));
            attacks += 1;
        }
    }
    for length in 1..=ENTRIES {
        let twice: Vec<_> = (0..length).chain(0..ENTRIES).collect();
        target.rearranged(&twice, &format!("the first {length} repeated"));
        attacks += 1;
    }
    report("repetitions", attacks);
}

#[test]
fn every_pair_exchanged_every_entry_moved_every_run_reversed() {
    let target = Target::new();
    let mut attacks = 0;
    for first in 0..ENTRIES {
        for second in first + 1..ENTRIES {
            let mut exchanged: Vec<_> = (0..ENTRIES).collect();
            exchanged.swap(first, second);
            target.rearranged(&exchanged, &format!("{first} and {second} exchanged"));
            let mut moved: Vec<_> = (0..ENTRIES).collect();
            moved[first..=second].rotate_left(1);
            target.rearranged(&moved, &format!("{first} moved to {second}"));
            moved[first..=second].rotate_right(2.min(second - first + 1) % (second - first + 1));
            let mut reversed: Vec<_> = (0..ENTRIES).collect();
            reversed[first..=second].reverse();
            target.rearranged(&reversed, &format!("{first} to {second} reversed"));
            attacks += 3;
        }
    }
    report("orders", attacks);
}
