//! Names of the directory persistence's files and folders.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secret_store_rsa_file::fuzzing;

fuzz_target!(|bytes: &[u8]| secret_store_fuzz::check(bytes, fuzzing::file_name));
