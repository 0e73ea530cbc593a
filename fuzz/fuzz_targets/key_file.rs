//! RSA key files: PEM, PKCS#8 and PKCS#1, encrypted and not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secret_store_rsa_file::fuzzing;

fuzz_target!(|bytes: &[u8]| secret_store_fuzz::check(bytes, fuzzing::key_file));
