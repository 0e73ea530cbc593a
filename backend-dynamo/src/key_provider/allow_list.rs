//! Which keys may be called, by which names, and where.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use aws_sdk_kms::Client;
use secret_store_core::MasterKeyId;

use super::outage::Outage;

/// One key in one region, and the client for it.
#[derive(Clone)]
pub(crate) struct Replica {
    pub(crate) arn: MasterKeyId,
    pub(crate) region: Arc<str>,
    pub(crate) client: Client,
    pub(super) outage: Outage,
}

impl Replica {
    pub(super) fn new(arn: MasterKeyId, region: Arc<str>, client: Client) -> Self {
        Self { arn, region, client, outage: Outage::default() }
    }
}

/// One key, in every region where it can be called, in the order of preference: never empty.
#[derive(Debug)]
pub(super) struct MasterKey(Vec<Replica>);

impl MasterKey {
    pub(super) fn new(replicas: Vec<Replica>) -> Self {
        Self(replicas)
    }

    pub(super) fn replicas(&self) -> &[Replica] {
        &self.0
    }

    /// The pairs of this key and another in the same region, as this key prefers.
    pub(super) fn in_one_region<'a>(&'a self, other: &'a Self) -> Vec<(&'a Replica, &'a Replica)> {
        let beside = |here: &'a Replica| other.0.iter().find(|there| there.region == here.region);
        self.0.iter().filter_map(|here| Some((here, beside(here)?))).collect()
    }
}

/// Every name that is accepted: ARNs, and what the configuration calls them.
#[derive(Clone, Debug, Default)]
pub(super) struct AllowList(Arc<BTreeMap<MasterKeyId, Arc<MasterKey>>>);

impl AllowList {
    pub(super) fn new(keys: BTreeMap<MasterKeyId, Arc<MasterKey>>) -> Self {
        Self(Arc::new(keys))
    }

    pub(super) fn get(&self, id: &MasterKeyId) -> Option<&MasterKey> {
        self.0.get(id).map(|key| &**key)
    }
}

impl fmt::Debug for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.arn, f)
    }
}
