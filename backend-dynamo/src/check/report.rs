//! What was found, for programs and for people.

use std::fmt;

use super::cause::{Cause, Trouble, shortened};
use crate::table::TableProblem;

/// What became of one thing that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// The role may do it.
    Passed,
    /// It cannot be done: [`Finding::fix`] tells what to do.
    Failed,
    /// It could not be tried, or the answer tells nothing: [`Finding::fix`] tells why.
    NotChecked,
}

/// One thing that was tried.
#[derive(Clone, Debug)]
pub struct Finding {
    pub(super) trial: Trial,
    pub(super) outcome: Outcome,
    pub(super) trouble: Option<Trouble>,
    pub(super) fix: String,
}

/// What is tried.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) action: &'static str,
    pub(super) resource: String,
    pub(super) purpose: &'static str,
    pub(super) need: Need,
    /// What a policy has to say, where the action is not permitted.
    pub(super) condition: String,
}

/// Whether the role works without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    Required,
    Optional,
}

impl Trial {
    pub(super) fn passed(self) -> Finding {
        Finding { trial: self, outcome: Outcome::Passed, trouble: None, fix: String::new() }
    }

    pub(super) fn met(self, trouble: impl Into<Trouble>) -> Finding {
        let trouble = trouble.into();
        let outcome = if trouble.cause.is_inconclusive() { Outcome::NotChecked } else { Outcome::Failed };
        let fix = fix(&self, trouble.cause);
        Finding { trial: self, outcome, trouble: Some(trouble), fix }
    }

    pub(super) fn concluded(self, outcome: Result<(), Trouble>) -> Finding {
        match outcome {
            Ok(()) => self.passed(),
            Err(trouble) => self.met(trouble),
        }
    }
}

impl Finding {
    /// What was tried, as IAM calls it: `dynamodb:PutItem`, `kms:Decrypt`.
    #[must_use]
    pub fn action(&self) -> &'static str {
        self.trial.action
    }

    /// On what: partition, table or key, with the region.
    #[must_use]
    pub fn resource(&self) -> &str {
        &self.trial.resource
    }

    /// What became of it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Why it did not pass.
    #[must_use]
    pub fn cause(&self) -> Option<Cause> {
        self.trouble.as_ref().map(|trouble| trouble.cause)
    }

    /// What to do about it; empty where it passed.
    #[must_use]
    pub fn fix(&self) -> &str {
        &self.fix
    }

    /// Whether the role needs it. What is optional makes things cheaper, safer or easier to diagnose.
    #[must_use]
    pub fn is_required(&self) -> bool {
        self.trial.need == Need::Required
    }
}

/// Everything that was tried for one role.
///
/// [`Display`](fmt::Display) is a text of several lines for whoever sets the role up. It holds names of applications, tables
/// and keys, and what AWS said about failures, which names the calling identity; no secret, no key.
#[derive(Clone, Debug)]
pub struct CheckReport {
    title: String,
    findings: Vec<Finding>,
}

impl CheckReport {
    pub(super) fn new(title: String, findings: Vec<Finding>) -> Self {
        Self { title, findings }
    }

    /// Whether all that the role needs was tried and can be done.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.findings.iter().all(|finding| finding.outcome == Outcome::Passed || !finding.is_required())
    }

    /// Everything, in the order in which it was tried.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// What the role needs and cannot do, and where something optional is amiss.
    pub fn problems(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.outcome == Outcome::Failed)
    }

    /// What could not be checked.
    pub fn not_checked(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.outcome == Outcome::NotChecked)
    }
}

impl fmt::Display for CheckReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.problems().filter(|finding| finding.is_required()).count();
        let open = self.not_checked().filter(|finding| finding.is_required()).count();
        match (failed, open) {
            (0, 0) => writeln!(f, "{}: ready", self.title)?,
            (0, open) => writeln!(f, "{}: nothing failed, {open} not checked", self.title)?,
            (failed, 0) => writeln!(f, "{}: {failed} to mend", self.title)?,
            (failed, open) => writeln!(f, "{}: {failed} to mend, {open} not checked", self.title)?,
        }
        self.findings.iter().try_for_each(|finding| writeln!(f, "{finding}"))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = match (self.outcome, self.trial.need) {
            (Outcome::Passed, _) => "ok",
            (Outcome::Failed, Need::Required) => "FAILED",
            (Outcome::Failed, Need::Optional) => "advice",
            (Outcome::NotChecked, _) => "not checked",
        };
        let Trial { action, resource, purpose, .. } = &self.trial;
        write!(f, "  {mark:<12}{action} on {resource}, for {purpose}")?;
        if !self.fix.is_empty() {
            write!(f, "\n              {}", self.fix)?;
        }
        match self.trouble.as_ref().and_then(|trouble| trouble.said.as_ref()) {
            Some(said) => write!(f, "\n              AWS says: {}", shortened(said)),
            None => Ok(()),
        }
    }
}

fn fix(trial: &Trial, cause: Cause) -> String {
    let Trial { action, resource, condition, need, .. } = trial;
    match cause {
        Cause::NotPermitted if *need == Need::Optional => {
            format!("{action} is not permitted; the role works without it: {condition}")
        }
        Cause::NotPermitted => format!("not permitted: {condition}"),
        Cause::NoCredentials => {
            "there are no AWS credentials: set a profile, `aws sso login`, or give the instance a role".to_owned()
        }
        Cause::ExpiredCredentials => "the AWS credentials have expired: renew them, as with `aws sso login`".to_owned(),
        Cause::RefusedCredentials => {
            "AWS does not accept the credentials: check key, account, the region's opt-in and the machine's clock"
                .to_owned()
        }
        Cause::Unreachable => {
            format!("nothing answers for {resource}: check the network, the region, the endpoint and its VPC policy")
        }
        Cause::Throttled => "AWS throttles: nothing is known about the permission; try again later".to_owned(),
        Cause::ServiceFailed => "the service failed: nothing is known about the permission; try again later".to_owned(),
        Cause::Table(TableProblem::Missing) => {
            format!(
                "{resource} does not exist: create it with `create_table`, or check the table's name, the region and the account"
            )
        }
        Cause::Table(problem) => problem.to_string(),
        Cause::KeyMissing => {
            format!("{resource} does not exist: check the key's name, the region and the account")
        }
        Cause::KeyDisabled => format!("{resource} is disabled: enable it with `aws kms enable-key`"),
        Cause::KeyPendingDeletion => {
            format!(
                "{resource} waits for its deletion, after which nothing under it can be opened: `aws kms cancel-key-deletion`, then `aws kms enable-key`"
            )
        }
        Cause::KeyUnavailable => {
            format!("{resource} cannot be used now: look at its state with `aws kms describe-key`")
        }
        Cause::KeyUsage => {
            format!(
                "{resource} is no symmetric encryption key: create one with key spec SYMMETRIC_DEFAULT and key usage ENCRYPT_DECRYPT"
            )
        }
        Cause::KeyNotAllowed => format!(
            "{resource} is not in the program's allow-list, and was not called: add it by `key` to the key provider's builder"
        ),
        Cause::Configuration => "the configuration is incomplete: check names, regions and clients".to_owned(),
        Cause::NotSupported => {
            format!("the endpoint does not know {action} as AWS does: check against the real service")
        }
        Cause::Blocked => "mend what else failed first".to_owned(),
    }
}
