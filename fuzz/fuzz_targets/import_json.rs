//! Files in JSON to be imported.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secret_store_config::fuzzing;

fuzz_target!(|bytes: &[u8]| secret_store_fuzz::check(bytes, fuzzing::json));
