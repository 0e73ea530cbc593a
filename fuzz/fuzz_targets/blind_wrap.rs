//! Wraps that say under which blinding key their context is.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secret_store_core::fuzzing;

fuzz_target!(|bytes: &[u8]| secret_store_fuzz::check(bytes, fuzzing::blind_wrap));
