//! The parsers, for fuzz targets. No part of the public interface: may change in any release.
//!
//! Each answers whether it accepted its input, and panics where a parser accepts a second form of anything.

mod audit_log;
mod directory;

pub use crate::key_provider::fuzzing::{key_file, rsa_legacy_segment, rsa_wrap};
pub use audit_log::audit_line;
pub use directory::{file_name, journal, record_file};
