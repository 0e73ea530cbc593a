//! A line of the audit log of JSON lines.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secret_store_rsa_file::fuzzing;

fuzz_target!(|bytes: &[u8]| secret_store_fuzz::check(bytes, fuzzing::audit_line));
