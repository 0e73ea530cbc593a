//! What is in a sealed record, as somebody with the blinding key could have sealed it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secret_store_core::fuzzing;

fuzz_target!(|bytes: &[u8]| secret_store_fuzz::check(bytes, fuzzing::blind_content));
