//! What was reported, and what is other now.

use std::collections::HashMap;

use super::Change;
use crate::id::{SecretId, SecretVersion};
use crate::persistence::Revision;
use crate::secret::SecretInfo;

/// The last reported state of each secret.
#[derive(Default)]
pub(super) struct Seen(HashMap<SecretId, State>);

#[derive(PartialEq, Eq)]
struct State {
    version: SecretVersion,
    /// Tells a rewrapped record from one that was not touched, and one in format 0 from the one before.
    revision: Revision,
}

impl From<&SecretInfo> for State {
    fn from(info: &SecretInfo) -> Self {
        Self { version: info.version, revision: info.revision.clone() }
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
