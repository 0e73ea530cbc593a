//! What each role does, flow by flow, over the real backend.
//!
//! A flow fails when it errs or when any of its requests is denied. Flows marked as documented send the requests that the design
//! gives a role, where the layer that will send them does not exist yet.

use std::collections::BTreeSet;

use futures_util::future::BoxFuture;
use secret_store_core::Result;
use secret_store_dynamo_emulator::Decision;

use crate::roles::Kind;
use crate::site::Site;

mod audit;
mod auditor;
mod credentials;
mod documented;
mod messages;
mod mover;
mod reader;
mod rotator;
mod writer;

pub(crate) struct Flow {
    pub(crate) name: &'static str,
    run: fn(&Site) -> BoxFuture<'_, Result<()>>,
}

macro_rules! flows {
    ($($name:literal => $run:path),+ $(,)?) => {
        vec![$(crate::flows::Flow { name: $name, run: |site| Box::pin($run(site)) }),+]
    };
}
use flows;

/// How a flow ended.
pub(crate) struct Ended {
    pub(crate) outcome: Result<()>,
    pub(crate) decisions: Vec<Decision>,
}

impl Ended {
    pub(crate) fn is_success(&self) -> bool {
        self.outcome.is_ok() && self.decisions.iter().all(Decision::is_allowed)
    }
}

impl Flow {
    /// Runs it with the rights that the site's caller has now.
    pub(crate) async fn run(&self, site: &Site) -> Ended {
        drop(site.decisions());
        let outcome = (self.run)(site).await;
        Ended { outcome, decisions: site.decisions() }
    }
}

pub(crate) fn of(kind: Kind) -> Vec<Flow> {
    match kind {
        Kind::Reader => reader::flows(),
        Kind::Writer => writer::flows(),
        Kind::Rotator => rotator::flows(),
        Kind::MasterRotator => rotator::master_flows(),
        Kind::FarRotator => rotator::far_flows(),
        Kind::Auditor => auditor::flows(),
        Kind::Intake => messages::intake_flows(),
        Kind::Responder => messages::responder_flows(),
        Kind::Marker => messages::marker_flows(),
        Kind::Sweeper => messages::sweeper_flows(),
        Kind::CredentialIntake => credentials::intake_flows(),
        Kind::OpeningIntake => credentials::opening_intake_flows(),
        Kind::CredentialUser => credentials::user_flows(),
        Kind::CredentialKeeper => credentials::keeper_flows(),
        Kind::Mover => mover::flows(),
    }
}

/// A right that was made use of, at its narrowest: an action, and a partition, or a key with a context's application, tenant or nothing.
pub(crate) type Right = (String, String, String);

/// The rights that allowed requests made use of.
pub(crate) fn used(decisions: &[Decision]) -> BTreeSet<Right> {
    let mut rights = BTreeSet::new();
    for decision in decisions.iter().filter(|decision| decision.is_allowed()) {
        let asked = &decision.asked;
        let first = |key: &str| asked.values(key).first().cloned();
        let bounds = if !asked.values("dynamodb:LeadingKeys").is_empty() {
            asked.values("dynamodb:LeadingKeys").to_vec()
        } else if let Some(application) = first("kms:EncryptionContext:ss:application") {
            vec![application]
        } else if let Some(tenant) = first("kms:EncryptionContext:ss:tenant") {
            vec![tenant]
        } else {
            vec![String::new()]
        };
        rights.extend(bounds.into_iter().map(|bound| (asked.action.clone(), asked.resource.clone(), bound)));
    }
    rights
}
