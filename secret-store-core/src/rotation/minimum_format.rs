//! The end of format 0 in an application: its settings say that it is refused.

use std::sync::Arc;

use async_trait::async_trait;

use super::census::{Visited, visit};
use super::job::RotationTarget;
use super::lease::Pulse;
use super::master::readable;
use super::migration::unsupported;
use super::options::RotationOptions;
use super::place::{Place, Scope};
use super::report::{Finding, Findings};
use super::settings;
use super::work::{Judgement, PassKind, Work};
use crate::envelope::Format;
use crate::envelope::legacy::IV_BYTES;
use crate::envelope::protected::attribute::INITIALISATION_VECTOR;
use crate::envelope_store::{Inner, Legacy};
use crate::error::{Error, ErrorKind, Result};
use crate::id::SecretId;
use crate::persistence::{Stored, Write};
use crate::record::Record;

#[derive(Debug)]
pub(super) struct MinimumFormat;

#[async_trait]
impl Work for MinimumFormat {
    fn target(&self) -> RotationTarget {
        RotationTarget::MinimumFormat
    }

    fn of_secret(&self, _: &SecretId) -> Option<Arc<dyn Work>> {
        None
    }

    fn check(&self, inner: &Inner, scope: &Scope) -> Result<()> {
        if inner.config.application(&scope.application)?.legacy == Legacy::ReadWrite {
            return Err(unsupported(
                "format 0 is written as long as the application is configured `Legacy::ReadWrite`: configure `Legacy::Read` \
                 everywhere, migrate, and then raise the minimum format",
            ));
        }
        Ok(())
    }

    /// The census: before anything is written, and not once it is too late, so that an interrupted run can end.
    async fn probe(&self, inner: &Inner, scope: &Scope) -> Result<()> {
        let (settings, _) = inner.current_settings(&scope.application).await?;
        if settings.minimum_format() == Format::One {
            return Ok(());
        }
        let mut found = Findings::default();
        visit(inner, scope, &RotationOptions::default(), |visited| {
            if let Visited::Secret(place, stored) = visited
                && is_format_0(&stored.record)
            {
                found.push(Finding::new(&place, &still_there()));
            }
        })
        .await?;
        let Some(first) = found.iter().next() else { return Ok(()) };
        let secret = first.secret.clone();
        let message = format!("records in format 0: {}; migrate or delete them first", found.count());
        let error = Error::new(ErrorKind::Unsupported, message);
        Err(match &secret {
            Some(secret) => error.with_secret(secret),
            None => error,
        })
    }

    async fn shut_out(&self, inner: &Inner, scope: &Scope, pulse: &Pulse) -> Result<()> {
        settings::change(inner, &scope.application, pulse, |settings| settings.with_format_1_alone()).await
    }

    /// Nothing is changed: what is in format 0 now came too late or is forged.
    fn judge(&self, inner: &Inner, place: &Place, record: &Record, _: PassKind) -> Judgement {
        if is_format_0(record) {
            return Judgement::Neither(still_there());
        }
        match readable(inner, place, record) {
            Ok(_) => Judgement::Terminal,
            Err(error) => Judgement::Neither(error),
        }
    }

    async fn change(&self, _: &Inner, _: &Place, _: &Stored) -> Result<Vec<Write>> {
        // No record is judged original.
        Err(still_there())
    }

    async fn confirm(&self, inner: &Inner, scope: &Scope) -> Result<()> {
        let (settings, _) = inner.current_settings(&scope.application).await?;
        if settings.minimum_format() == Format::One {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Conflict,
            "the application's settings were changed while its minimum format was raised: find out by whom, and run it again",
        ))
    }
}

/// By the size of the initialisation vector, also where everything else is malformed.
fn is_format_0(record: &Record) -> bool {
    record.bytes(INITIALISATION_VECTOR).is_some_and(|iv| iv.len() == IV_BYTES)
}

fn still_there() -> Error {
    unsupported("the record is in format 0: migrate or delete it before the minimum format is raised")
}
