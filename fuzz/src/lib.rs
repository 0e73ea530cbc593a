//! What the fuzz targets share: one check around every parser.

mod memory;
pub mod protected;

use std::env;
use std::sync::LazyLock;

/// Set to `accepted` to run samples that must be accepted, so that a corpus that has gone stale is noticed.
const EXPECT: &str = "SECRET_STORE_FUZZ_EXPECT";

static SAMPLES_ONLY: LazyLock<bool> = LazyLock::new(|| env::var(EXPECT).is_ok_and(|value| value == "accepted"));

/// Runs a parser, which answers whether it accepted the input.
///
/// # Panics
///
/// When the parser panics, when it holds far more memory than its input has bytes, or when it refuses a sample.
pub fn check(bytes: &[u8], accepts: impl FnOnce(&[u8]) -> bool) {
    let samples_only = *SAMPLES_ONLY;
    let (accepted, peak) = memory::peak_of(|| accepts(bytes));
    let limit = memory::limit(bytes.len());
    assert!(peak <= limit, "{peak} bytes were held for an input of {} bytes, {limit} are allowed", bytes.len());
    assert!(accepted || !samples_only, "a sample was refused");
}
