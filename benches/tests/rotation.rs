//! A rotation needs no more memory for many secrets than for few.

use secret_store_benches::rotation::{Rotating, SECRETS};

/// The most that a rotation holds at a time beyond what it began with, in bytes.
fn peak(secrets: usize) -> u64 {
    let mut rotating = Rotating::new(secrets);
    // The first one fills caches and grows maps.
    rotating.rotate();
    allocation_counter::measure(|| rotating.rotate()).bytes_max
}

#[test]
fn memory_is_flat_in_the_number_of_secrets() {
    let [few, many] = SECRETS.map(peak);
    // Some pages of a hundred records, and far below the records of either number.
    assert!(few > 10_000, "{few} bytes: nothing was measured");
    assert!(many * 10 <= few * 12, "{few} bytes for {} secrets, {many} for {}", SECRETS[0], SECRETS[1]);
}
