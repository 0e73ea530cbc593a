//! Entry points for fuzz targets: no part of the public interface.

mod directory;

pub use directory::{file_name, journal, record_file};
