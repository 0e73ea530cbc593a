//! One allocation from plaintext to what is stored.

use std::sync::Arc;

/// Bytes that are plaintext until they were encrypted where they stand: wiped on every way out but [`done`](Self::done).
pub(crate) struct Sealing(Option<Arc<[u8]>>);

impl Sealing {
    /// So many zeros.
    pub(crate) fn new(bytes: usize) -> Self {
        // An iterator of known length: collected into the shared allocation itself.
        Self(Some(std::iter::repeat_n(0, bytes).collect()))
    }

    /// The bytes, all of them.
    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        self.0.as_mut().and_then(Arc::get_mut).expect("it is handed out when it is done, and not before")
    }

    /// What is sealed by now.
    pub(crate) fn done(mut self) -> Arc<[u8]> {
        self.0.take().expect("it is handed out once")
    }
}

impl Drop for Sealing {
    fn drop(&mut self) {
        if let Some(bytes) = self.0.as_mut().and_then(Arc::get_mut) {
            crate::secret::wipe_bytes(bytes);
        }
    }
}
