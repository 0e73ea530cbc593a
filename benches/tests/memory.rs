//! What the cache of clear secrets holds, counted.

use secret_store_benches::footprint::{ClearSecrets, ENTRIES, VALUE_BYTES};

/// What an allocation costs beyond its bytes, at least by glibc's reckoning: a header, and rounding up.
const OVERHEAD: i64 = 16;
const MIB: i64 = 1024 * 1024;

/// What stays allocated, with the allocator's own part.
fn held(fill: impl FnOnce()) -> i64 {
    let held = allocation_counter::measure(fill);
    held.bytes_current + OVERHEAD * held.count_current
}

#[test]
fn a_hundred_thousand_cached_secrets_fit_into_64_mib_and_leave_nothing_behind() {
    let secrets = ClearSecrets::new();
    let bytes = held(|| secrets.fill());
    let entries = i64::try_from(ENTRIES).expect("few");
    assert!(bytes > entries * i64::try_from(VALUE_BYTES).expect("small"), "{bytes} bytes: nothing was measured");
    assert!(bytes <= 64 * MIB, "{bytes} bytes, {} an entry", bytes / entries);
    // The tables remain, the entries do not.
    let released = -held(|| secrets.purge());
    assert!(released > entries * 300, "{released} of {bytes} bytes were released");
}
