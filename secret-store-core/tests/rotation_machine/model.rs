//! What the processes were told, and what follows from it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{ErrorKind, MasterKeyId, RecordKey, Revision, SecretId};

use super::plan::Plan;
use super::world::ProcessId;

/// What a client asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A version with a value; a copy of an earlier one shares its value.
    Put {
        value: String,
        is_copy: bool,
    },
    Delete,
    Get,
}

/// What a client knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Pending,
    Acknowledged,
    /// It may have happened, or happen still.
    Unknown,
    /// It has not happened and never will.
    Refused(ErrorKind),
}

#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) process: ProcessId,
    pub(crate) id: SecretId,
    pub(crate) wish: Wish,
    /// The number of commits that had landed.
    pub(crate) began: u64,
    pub(crate) outcome: Outcome,
}

/// A version as it was first seen.
#[derive(Clone, Debug)]
pub(crate) struct Known {
    pub(crate) value: String,
    pub(crate) ciphertext: Arc<[u8]>,
}

/// One secret.
#[derive(Debug, Default)]
pub(crate) struct History {
    /// Every version that ever was.
    pub(crate) versions: BTreeMap<u64, Known>,
    /// From the landing of which commit on which version was current.
    pub(crate) current: Vec<(u64, Option<u64>)>,
    /// How many versions there were before anything was rotated.
    pub(crate) at_beginning: u64,
}

/// The job, as it was last written.
#[derive(Debug, Default)]
pub(crate) struct Job {
    pub(crate) fence: u64,
    pub(crate) holder: Option<ProcessId>,
    /// Who held it before, and until when.
    pub(crate) former: Vec<(ProcessId, Duration)>,
}

#[derive(Debug)]
pub(crate) struct Model {
    /// Commits that have landed.
    pub(crate) landed: u64,
    pub(crate) operations: Vec<Operation>,
    pub(crate) secrets: BTreeMap<SecretId, History>,
    /// Records that opened as they are, and what version they are.
    pub(crate) verified: BTreeMap<RecordKey, (Revision, u64)>,
    pub(crate) job: Job,
    pub(crate) settings: u64,
    /// Master keys that no record may name any more.
    pub(crate) retired: BTreeSet<MasterKeyId>,
    /// The newest version of the tenant's key that no record may be under any more.
    pub(crate) retired_version: u32,
}

impl Model {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            landed: 0,
            operations: Vec::new(),
            secrets: plan.names.iter().map(|id| (id.clone(), History::default())).collect(),
            verified: BTreeMap::new(),
            job: Job::default(),
            settings: 0,
            retired: BTreeSet::new(),
            retired_version: 0,
        }
    }

    pub(crate) fn begin(&mut self, process: ProcessId, id: &SecretId, wish: Wish) -> usize {
        let (id, began) = (id.clone(), self.landed);
        self.operations.push(Operation { process, id, wish, began, outcome: Outcome::Pending });
        self.operations.len() - 1
    }

    /// Whether an operation that could do this may be under way.
    fn is_wanted(&self, id: &SecretId, wish: impl Fn(&Wish) -> bool) -> bool {
        self.operations.iter().any(|operation| {
            let is_open = matches!(operation.outcome, Outcome::Pending | Outcome::Unknown);
            is_open && operation.id == *id && wish(&operation.wish)
        })
    }

    /// What is current of a secret has changed. A version must be above all there were, somebody must have asked for it, and a
    /// delete must have been asked for.
    pub(crate) fn see_current(&mut self, id: &SecretId, found: Option<(u64, Known)>) -> Result<(), String> {
        let history = &self.secrets[id];
        let before = history.current.last().and_then(|(_, version)| *version);
        let version = found.as_ref().map(|(version, _)| *version);
        if before == version {
            return Ok(());
        }
        match &found {
            None if !self.is_wanted(id, |wish| *wish == Wish::Delete) => {
                return Err(format!("{id} is gone, deleted by nobody"));
            }
            None => {}
            Some((version, known)) => {
                if let Some((highest, _)) = history.versions.last_key_value()
                    && version <= highest
                {
                    return Err(format!("{id} is at version {version}, and {highest} was before"));
                }
                if !self.is_wanted(id, |wish| matches!(wish, Wish::Put { value, .. } if *value == known.value)) {
                    return Err(format!("{id} has the value {:?} in version {version}, put by nobody", known.value));
                }
            }
        }
        let landed = self.landed;
        let history = self.secrets.get_mut(id).expect("it is one of the trace");
        history.current.push((landed, version));
        history.versions.extend(found);
        Ok(())
    }

    /// Whether such a state was current at some moment since a number of commits had landed.
    pub(crate) fn was_current_since(&self, id: &SecretId, began: u64, is_such: impl Fn(Option<u64>) -> bool) -> bool {
        let states = &self.secrets[id].current;
        let first = states.partition_point(|(from, _)| *from <= began).checked_sub(1);
        // Before its first version a secret is absent.
        first.is_none() && is_such(None) || states[first.unwrap_or(0)..].iter().any(|(_, version)| is_such(*version))
    }

    /// Whether a process holds the lease, or did a moment ago, when what it had sent may have been on its way.
    pub(crate) fn may_change_records(&self, process: ProcessId, now: Duration) -> bool {
        let recently =
            |(former, until): &(ProcessId, Duration)| *former == process && now <= *until + Duration::from_secs(5);
        self.job.holder == Some(process) || self.job.former.iter().any(recently)
    }
}
