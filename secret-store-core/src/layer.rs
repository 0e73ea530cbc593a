//! Layers: what a service wants around a store, each with the same trait in and out, so that they compose.

pub(crate) mod blind_names;
mod cache_options;
mod cached_store;
pub(crate) mod traced;
mod watch;

pub use cache_options::CacheOptions;
pub use cached_store::{CachedStore, SecretCache};
pub use watch::{Change, Watch, WatchOptions};
