//! Moving an application's settings, so that writers follow.

use super::lease::{self, Pulse};
use super::retry::Backoff;
use crate::envelope_store::Inner;
use crate::error::Result;
use crate::id::ApplicationName;
use crate::persistence::{Precondition, Write};
use crate::settings::ApplicationSettings;

/// Changes settings until they are as wanted, with the tenant that the configuration names. When it answers, they were read so.
pub(super) async fn change(
    inner: &Inner,
    application: &ApplicationName,
    pulse: &Pulse,
    wanted: impl Fn(&ApplicationSettings) -> Result<ApplicationSettings>,
) -> Result<()> {
    let mut backoff = Backoff::new();
    loop {
        let (settings, stored) = inner.current_settings(application).await?;
        let next = wanted(&settings)?;
        let next = next.recording(inner.config.application(application)?.tenant.as_ref(), &settings)?;
        if next == *settings {
            return Ok(());
        }
        let condition = stored.map_or(Precondition::Absent, |stored| Precondition::Revision(stored.revision));
        let put = Write::put(ApplicationSettings::key(application), next.to_record(), condition);
        pulse.check(&*inner.clock)?;
        // Whether it landed shows the next look.
        if let Err(error) = lease::commit(inner, vec![put]).await {
            backoff.wait(&*inner.clock, error).await?;
        }
    }
}
