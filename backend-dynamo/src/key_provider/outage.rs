//! Keys that could not be used in a region a moment ago: while it is down, not every call waits for it in vain.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use secret_store_core::ErrorKind;

/// How long a key that could not be used in one region is asked after its replicas.
const ASKED_LAST_FOR: Duration = Duration::from_secs(30);

/// Until when one is asked last, in milliseconds of the monotonic clock; 0 when nothing was noted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outage(Arc<AtomicU64>);

impl Outage {
    pub(super) fn note(&self, now: Duration) {
        self.0.store(milliseconds(now + ASKED_LAST_FOR), Ordering::Relaxed);
    }

    pub(super) fn is_recent(&self, now: Duration) -> bool {
        self.0.load(Ordering::Relaxed) > milliseconds(now)
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Whether a replica may do what one could not: regions fail by themselves, and each replica has a state, a key policy and
/// quotas of its own ("Multi-Region keys in AWS KMS", KMS Developer Guide). The key material is the same, so that a
/// ciphertext that one refuses is refused by all.
pub(super) fn is_regional(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::KeyUnavailable | ErrorKind::PermissionDenied
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_after_a_while() {
        let outage = Outage::default();
        let at = Duration::from_secs;
        assert!(!outage.is_recent(at(0)) && !outage.is_recent(at(10)));
        outage.note(at(10));
        assert!(outage.is_recent(at(10)) && outage.is_recent(at(39)) && !outage.is_recent(at(40)));
        outage.note(at(30));
        assert!(outage.is_recent(at(59)));
    }
}
