//! What a persistence takes at once.

/// What a persistence takes in one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// The size of one record as [`Record::size`](crate::Record::size) counts it, in bytes.
    pub record_bytes: usize,
    /// Writes in one commit.
    pub writes_per_commit: usize,
    /// Keys in one `load_many` that still cost one round trip.
    pub batch: usize,
}

impl Limits {
    /// The limits of a backend without any of its own: records of 1 MiB, 100 writes a commit, 100 keys a batch.
    pub const DEFAULT: Self = Self { record_bytes: 1024 * 1024, writes_per_commit: 100, batch: 100 };

    /// Another record size, in bytes.
    #[must_use]
    pub const fn with_record_bytes(mut self, bytes: usize) -> Self {
        self.record_bytes = bytes;
        self
    }

    /// Another number of writes in one commit; at least 4, which a put with its history needs.
    #[must_use]
    pub const fn with_writes_per_commit(mut self, writes: usize) -> Self {
        self.writes_per_commit = writes;
        self
    }

    /// Another number of keys in one batch.
    #[must_use]
    pub const fn with_batch(mut self, keys: usize) -> Self {
        self.batch = keys;
        self
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
