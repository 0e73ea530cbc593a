//! Spans and metrics of every operation: what was done, how it ended, how long it took. Never a value.

mod keys;
#[cfg(feature = "metrics")]
mod metrics;
mod operation;
mod records;
mod store;

#[cfg(feature = "metrics")]
pub use metrics::describe_metrics;

pub use keys::TracedKeys;
pub use records::TracedRecords;
pub use store::TracedStore;
