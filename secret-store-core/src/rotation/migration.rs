//! Secrets of an application go from format 0 to format 1, or back; values stay.

use std::sync::Arc;

use async_trait::async_trait;

use super::job::RotationTarget;
use super::lease::Pulse;
use super::master::readable;
use super::place::{Place, Scope};
use super::work::{Judgement, PassKind, Work};
use crate::envelope::Format;
use crate::envelope::protected::ProtectedSecret;
use crate::envelope_store::settings_cache::check_floor;
use crate::envelope_store::{Inner, Legacy};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SecretId;
use crate::persistence::{Precondition, Stored, Write};
use crate::record::Record;

/// From format 0 to format 1.
#[derive(Debug)]
pub(super) struct Migration;

/// From format 1 to format 0.
#[derive(Debug)]
pub(super) struct RevertedMigration;

#[async_trait]
impl Work for Migration {
    fn target(&self) -> RotationTarget {
        RotationTarget::Migration
    }

    fn of_secret(&self, _: &SecretId) -> Option<Arc<dyn Work>> {
        None
    }

    fn check(&self, inner: &Inner, scope: &Scope) -> Result<()> {
        match inner.config.application(&scope.application)?.legacy {
            Legacy::Read => Ok(()),
            Legacy::ReadWrite => Err(unsupported(
                "format 0 is written as long as the application is configured `Legacy::ReadWrite`: when the original's \
                 readers have left, configure `Legacy::Read` everywhere, and then migrate",
            )),
            Legacy::Off => Err(unsupported(
                "format 0 is not read where the application is configured `Legacy::Off`: configure `Legacy::Read` to migrate",
            )),
        }
    }

    async fn probe(&self, _: &Inner, _: &Scope) -> Result<()> {
        Ok(())
    }

    /// By configuration alone. The settings are read for their floor.
    async fn shut_out(&self, inner: &Inner, scope: &Scope, _: &Pulse) -> Result<()> {
        inner.current_settings(&scope.application).await.map(drop)
    }

    fn judge(&self, inner: &Inner, place: &Place, record: &Record, _: PassKind) -> Judgement {
        judged(inner, place, record, |protected| {
            let is_original = protected.format()? == Format::Zero;
            if is_original {
                place.id.check_writable()?;
            }
            Ok(is_original)
        })
    }

    async fn change(&self, inner: &Inner, place: &Place, stored: &Stored) -> Result<Vec<Write>> {
        let protected = readable(inner, place, &stored.record)?;
        let Some(version) = place.version else { return inner.migrate_current(&protected, stored).await };
        let record = inner.resealed_as(&protected, &stored.record, Format::One, version).await?;
        Ok(vec![Write::put(place.key.clone(), record, Precondition::Revision(stored.revision.clone()))])
    }

    async fn confirm(&self, _: &Inner, _: &Scope) -> Result<()> {
        Ok(())
    }

    fn is_of_record(&self, kind: ErrorKind) -> bool {
        is_of_record(kind)
    }
}

#[async_trait]
impl Work for RevertedMigration {
    fn target(&self) -> RotationTarget {
        RotationTarget::RevertedMigration
    }

    fn of_secret(&self, _: &SecretId) -> Option<Arc<dyn Work>> {
        None
    }

    fn check(&self, inner: &Inner, scope: &Scope) -> Result<()> {
        match inner.config.application(&scope.application)?.legacy {
            Legacy::ReadWrite => Ok(()),
            Legacy::Off | Legacy::Read => Err(unsupported(
                "format 1 is written as long as the application is not configured `Legacy::ReadWrite`: configure that \
                 everywhere, and then revert the migration",
            )),
        }
    }

    async fn probe(&self, inner: &Inner, scope: &Scope) -> Result<()> {
        check_not_raised(inner, scope).await
    }

    /// By configuration alone.
    async fn shut_out(&self, inner: &Inner, scope: &Scope, _: &Pulse) -> Result<()> {
        check_not_raised(inner, scope).await
    }

    /// Earlier versions stay as they are: the original reads none.
    fn judge(&self, inner: &Inner, place: &Place, record: &Record, _: PassKind) -> Judgement {
        judged(inner, place, record, |protected| Ok(place.version.is_none() && protected.format()? == Format::One))
    }

    async fn change(&self, inner: &Inner, place: &Place, stored: &Stored) -> Result<Vec<Write>> {
        // A store that does not follow settings knows them too: they were read when this began.
        inner.check_seen_floor(place.id.application())?;
        inner.revert_current(&readable(inner, place, &stored.record)?, stored).await
    }

    async fn confirm(&self, inner: &Inner, scope: &Scope) -> Result<()> {
        check_not_raised(inner, scope).await
    }

    fn is_of_record(&self, kind: ErrorKind) -> bool {
        is_of_record(kind)
    }

    fn loses_what_format_0_lacks(&self) -> bool {
        true
    }
}

/// What a record is, given whether a readable one is original; one that cannot be opened is neither.
fn judged(
    inner: &Inner,
    place: &Place,
    record: &Record,
    is_original: impl Fn(&ProtectedSecret) -> Result<bool>,
) -> Judgement {
    let judged = readable(inner, place, record).and_then(|protected| {
        let is_original = is_original(&protected)?;
        if is_original {
            check_can_be_opened(inner, &protected)?;
        }
        Ok(is_original)
    });
    match judged {
        Ok(true) => Judgement::Original,
        Ok(false) => Judgement::Terminal,
        Err(error) => Judgement::Neither(error),
    }
}

/// Refuses what has no wrap under a master key that is allowed.
fn check_can_be_opened(inner: &Inner, protected: &ProtectedSecret) -> Result<()> {
    let application = inner.config.application(protected.id().application())?;
    let mut outcome = Ok(());
    for wrapped in protected.all_wraps() {
        match application.check_unwrapping_key(wrapped.master_key_id(), &inner.config, &*inner.keys) {
            Ok(()) => return Ok(()),
            Err(error) => outcome = outcome.and(Err(error)),
        }
    }
    outcome
}

async fn check_not_raised(inner: &Inner, scope: &Scope) -> Result<()> {
    let (settings, _) = inner.current_settings(&scope.application).await?;
    check_floor(settings.minimum_format())?;
    inner.check_seen_floor(&scope.application)
}

/// A record that names a master key outside the allow-list is forged, or not for this store to read.
fn is_of_record(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Integrity
            | ErrorKind::Unsupported
            | ErrorKind::TooLarge { .. }
            | ErrorKind::InvalidInput
            | ErrorKind::KeyNotAllowed
    )
}

pub(super) fn unsupported(message: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}
