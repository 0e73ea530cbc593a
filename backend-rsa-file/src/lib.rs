//! .

mod directory;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "testing")]
#[doc(hidden)]
pub mod testing;

pub use directory::{Creation, DirectoryOptions, DirectoryPersistence};
