//! A sealed secret.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secret_store_transport::fuzzing;

fuzz_target!(|bytes: &[u8]| secret_store_fuzz::check(bytes, fuzzing::sealed_secret));
