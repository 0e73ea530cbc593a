//! Layers: what a service wants around a store, each with the same trait in and out, so that they compose.

mod cache_options;
mod cached_store;
mod watch;

pub use cache_options::CacheOptions;
pub use cached_store::{CachedStore, SecretCache};
pub use watch::{Change, Watch, WatchOptions};
