//! Records of protected secrets: edits of one that opens.
#![no_main]

use libfuzzer_sys::fuzz_target;
use secret_store_fuzz::{check, protected};

fuzz_target!(|bytes: &[u8]| check(bytes, protected::opens));
