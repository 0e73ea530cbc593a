//! What a trace is about: which keys are rotated, in which order.

use std::time::Duration;

use secret_store_core::rotation::{ReencryptionId, RotationTarget};
use secret_store_core::{ApplicationName, MasterKeyId, SecretId, TenantId, TenantKeyVersion};

use super::random::Chance;
use super::world::{ProcessId, master};

pub(crate) const STORE: &str = "prod";
pub(crate) const MASTER_KEYS: [&str; 3] = ["m1", "m2", "m3"];

/// Both run the same plan.
pub(crate) const ROTATORS: usize = 2;

/// One rotation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Master {
        from: MasterKeyId,
        to: MasterKeyId,
    },
    Documents(ReencryptionId),
    Tenant {
        from: TenantKeyVersion,
    },
    /// The master key over the tenant's keys.
    TenantTier {
        from: MasterKeyId,
        to: MasterKeyId,
    },
}

#[derive(Clone, Debug)]
pub(crate) struct Plan {
    pub(crate) steps: Vec<Step>,
    pub(crate) names: Vec<SecretId>,
    pub(crate) tenant: Option<TenantId>,
}

impl Plan {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let moves =
            |from: usize, to: usize| Step::Master { from: master(MASTER_KEYS[from]), to: master(MASTER_KEYS[to]) };
        let leaves = |number| Step::Tenant { from: TenantKeyVersion::new(number).expect("not zero") };
        let tier =
            |from: usize, to: usize| Step::TenantTier { from: master(MASTER_KEYS[from]), to: master(MASTER_KEYS[to]) };
        let anew = |digit: &str| Step::Documents(digit.repeat(32).parse().expect("hexadecimal digits"));
        let steps = match chance.below(21) {
            0..=6 => vec![moves(0, 1)],
            7..=9 => vec![moves(0, 1), moves(1, 2)],
            10..=12 => vec![anew("a")],
            13 => vec![moves(0, 1), anew("b")],
            14 => vec![anew("a"), moves(0, 1)],
            15 => vec![moves(0, 1), moves(1, 0)],
            16 => vec![leaves(1), anew("c")],
            17 => vec![leaves(1), leaves(2)],
            18 => vec![tier(0, 1), leaves(1)],
            _ => vec![leaves(1)],
        };
        let is_of_tenant = |step: &Step| matches!(step, Step::Tenant { .. } | Step::TenantTier { .. });
        let tenant = steps.iter().any(is_of_tenant).then(tenant);
        let all = ["a", "a#b", "b", "c"];
        let names = all[..2 + chance.below(3)].iter().map(|name| SecretId::parse(APPLICATION, name).expect("valid"));
        Self { names: names.collect(), steps, tenant }
    }

    /// The first processes of a trace are rotators.
    pub(crate) fn is_rotator(&self, process: ProcessId) -> bool {
        process < ROTATORS
    }

    pub(crate) fn application(&self) -> ApplicationName {
        ApplicationName::new(APPLICATION).expect("valid")
    }

    pub(crate) fn master_keys(&self) -> Vec<MasterKeyId> {
        MASTER_KEYS.map(master).to_vec()
    }

    /// Of the tenant tier's caches nobody can say to the second how long they keep: up to a tenth less than they may.
    pub(crate) fn tick(&self) -> Duration {
        Duration::from_secs(if self.tenant.is_some() { 10 } else { 1 })
    }

    /// Whether values get new document keys.
    pub(crate) fn re_encrypts(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::Documents(_)))
    }

    /// The master key that everything is under at the end.
    pub(crate) fn last_master_key(&self) -> MasterKeyId {
        let moved = self.steps.iter().rev().find_map(|step| match step {
            Step::Master { to, .. } | Step::TenantTier { to, .. } => Some(to.clone()),
            _ => None,
        });
        moved.unwrap_or_else(|| master(MASTER_KEYS[0]))
    }
}

const APPLICATION: &str = "App";

pub(crate) fn tenant() -> TenantId {
    TenantId::new("acme").expect("valid")
}

impl Step {
    pub(crate) fn is_of(&self, target: &RotationTarget) -> bool {
        match (self, target) {
            (Self::Master { from, to }, RotationTarget::MasterKey { from: of, to: at }) => from == of && to == at,
            (Self::Tenant { from }, RotationTarget::TenantKey { from: of, .. }) => from == of,
            (Self::Documents(id), RotationTarget::DocumentKeys { id: of, secret: None }) => id == of,
            _ => false,
        }
    }
}
