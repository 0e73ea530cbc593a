//! Master keys that could not be used a moment ago: while one is down, not every read waits for it in vain.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::error::ErrorKind;
use crate::id::MasterKeyId;

/// How long a key that could not be used is asked after the others.
const ASKED_LAST_FOR: Duration = Duration::from_secs(30);
/// Further keys are forgotten: this only saves time, and no configuration has so many.
const MAX_KEYS: usize = 64;

/// Which keys could not be used, and until when they are asked last.
#[derive(Default)]
pub(super) struct Outages(Mutex<Vec<(MasterKeyId, Duration)>>);

impl Outages {
    /// A call for this key failed. A wrap that it refused says nothing about the key.
    pub(super) fn note(&self, id: &MasterKeyId, kind: ErrorKind, now: Duration) {
        let is_outage = matches!(
            kind,
            ErrorKind::KeyUnavailable | ErrorKind::Unavailable | ErrorKind::Throttled | ErrorKind::PermissionDenied
        );
        if is_outage {
            let mut keys = self.lock();
            keys.retain(|(key, until)| key != id && *until > now);
            if keys.len() < MAX_KEYS {
                keys.push((id.clone(), now + ASKED_LAST_FOR));
            }
        }
    }

    /// Whether it could not be used a moment ago.
    pub(super) fn has(&self, id: &MasterKeyId, now: Duration) -> bool {
        self.lock().iter().any(|(key, until)| key == id && *until > now)
    }

    /// Nothing panics under this lock.
    fn lock(&self) -> MutexGuard<'_, Vec<(MasterKeyId, Duration)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: usize) -> MasterKeyId {
        MasterKeyId::new(number.to_string()).expect("valid")
    }

    #[test]
    fn a_key_is_out_for_a_while_and_what_is_noted_is_bounded() {
        let outages = Outages::default();
        let at = Duration::from_secs;
        outages.note(&id(1), ErrorKind::Unavailable, at(10));
        outages.note(&id(2), ErrorKind::Integrity, at(10));
        assert!(outages.has(&id(1), at(39)) && !outages.has(&id(1), at(40)) && !outages.has(&id(2), at(10)));
        outages.note(&id(1), ErrorKind::Throttled, at(30));
        assert!(outages.has(&id(1), at(59)));
        (0..1000).for_each(|n| outages.note(&id(n), ErrorKind::PermissionDenied, at(31)));
        assert_eq!(outages.lock().len(), MAX_KEYS);
        outages.note(&id(7), ErrorKind::KeyUnavailable, at(100));
        assert_eq!(outages.lock().len(), 1, "what is over is forgotten");
    }
}
