//! What one kind of rotation does to one record. The engine does the rest: order, conditions, retries, the proof of the end.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::GRACE;
use super::job::RotationTarget;
use super::lease::Pulse;
use super::place::{Place, Scope};
use crate::envelope_store::Inner;
use crate::error::{Error, ErrorKind, Result};
use crate::id::SecretId;
use crate::persistence::{Stored, Write};
use crate::record::Record;

/// Whether a pass is the one that proves the end: whole, in one run, begun when nothing late can land any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PassKind {
    Early,
    Closing,
}

/// What a record is to a rotation.
#[derive(Debug)]
pub(super) enum Judgement {
    /// As it was before: to be changed.
    Original,
    /// As it is to be.
    Terminal,
    /// Neither: to be reported, never touched.
    Neither(Error),
}

/// One kind of rotation.
#[async_trait]
pub(super) trait Work: Send + Sync {
    fn target(&self) -> RotationTarget;

    /// The same for one secret, where that has a meaning.
    fn of_secret(&self, id: &SecretId) -> Option<Arc<dyn Work>>;

    /// Where it works, given what the caller or the configuration names.
    async fn scopes(&self, named: Vec<Scope>) -> Result<Vec<Scope>> {
        Ok(named)
    }

    /// Refuses what the configuration does not allow. Asks nobody.
    fn check(&self, inner: &Inner, scope: &Scope) -> Result<()>;

    /// Tries what everything is to depend on, before anything is written.
    async fn probe(&self, inner: &Inner, scope: &Scope) -> Result<()>;

    /// Sees to it that no writer begins to write originals any more. When it answers, that is so; writers that began before
    /// have the grace period.
    async fn shut_out(&self, inner: &Inner, scope: &Scope, pulse: &Pulse) -> Result<()>;

    /// Without asking anybody.
    fn judge(&self, inner: &Inner, place: &Place, record: &Record, pass: PassKind) -> Judgement;

    /// The commit that makes a terminal record of an original one, on the condition that it is as it was found.
    async fn change(&self, inner: &Inner, place: &Place, stored: &Stored) -> Result<Vec<Write>>;

    /// After the closing pass: refuses where writers may have written originals meanwhile.
    async fn confirm(&self, inner: &Inner, scope: &Scope) -> Result<()>;

    /// Whether it changes format 1 to format 0.
    fn loses_what_format_0_lacks(&self) -> bool {
        false
    }

    /// How long after writers were shut out they may still store what they began before.
    fn grace(&self) -> Duration {
        GRACE
    }

    /// Whether an error is the record's own fault: it is reported then, and the rotation goes on.
    fn is_of_record(&self, kind: ErrorKind) -> bool {
        matches!(
            kind,
            ErrorKind::Integrity | ErrorKind::Unsupported | ErrorKind::TooLarge { .. } | ErrorKind::InvalidInput
        )
    }
}
