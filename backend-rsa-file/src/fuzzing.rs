//! Entry points for fuzz targets: no part of the public interface.

mod directory;

pub use crate::key_provider::fuzzing::{parse_key_file, parse_legacy_segment, parse_wrap};
pub use directory::{file_name, journal, record_file};
