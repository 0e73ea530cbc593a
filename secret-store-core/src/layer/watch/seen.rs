//! What was reported, and what is other now.

use std::collections::HashMap;
use std::time::SystemTime;

use super::Change;
use crate::envelope::Format;
use crate::id::{SecretId, SecretVersion};
use crate::persistence::Revision;
use crate::secret::SecretInfo;

/// The last reported state of each secret.
#[derive(Default)]
pub(super) struct Seen(HashMap<SecretId, State>);

#[derive(PartialEq, Eq)]
struct State {
    /// In format 1 it is bound to the value: a rotation that wraps the same value again changes the revision alone.
    version: SecretVersion,
    /// After a restore of the database numbers are given again, at another time.
    created_at: Option<SystemTime>,
    /// In format 0 the version does not tell one value from the next.
    revision: Option<Revision>,
}

impl From<&SecretInfo> for State {
    fn from(info: &SecretInfo) -> Self {
        let revision = (info.format == Format::Zero).then(|| info.revision.clone());
        Self { version: info.version, created_at: info.created_at, revision }
    }
}

impl Seen {
    pub(super) fn note(&mut self, info: &SecretInfo) {
        self.0.insert(info.id.clone(), info.into());
    }

    /// Takes over what is there, and answers how it differs: first what is gone, then what is new or other, in the order given.
    pub(super) fn compare(&mut self, there: Vec<SecretInfo>) -> Vec<Change> {
        let mut before = std::mem::take(&mut self.0);
        let mut set = Vec::new();
        for info in there {
            let state = State::from(&info);
            let is_known = before.remove(&info.id).is_some_and(|known| known == state);
            self.0.insert(info.id.clone(), state);
            if !is_known {
                set.push(Change::Set(info));
            }
        }
        let mut gone: Vec<SecretId> = before.into_keys().collect();
        gone.sort();
        gone.into_iter().map(Change::Deleted).chain(set).collect()
    }
}
