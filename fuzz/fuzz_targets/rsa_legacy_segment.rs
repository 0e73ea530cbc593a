//! The wrapped document key of a format-0 record under RSA.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secret_store_rsa_file::fuzzing;

fuzz_target!(|bytes: &[u8]| secret_store_fuzz::check(bytes, fuzzing::rsa_legacy_segment));
