//! Settings as this process knows them: trusted for a minute, never older than seen before.
//!
//! A rotation relies on it: a minute after it moved the settings, no writer wraps under the old key any more, and within the
//! longest time a commit may take after that, nothing that was wrapped under it lands.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use quick_cache::sync::Cache;

use super::Inner;
use super::config::SettingsUse;
use crate::clock::{Clock, Moment};
use crate::envelope::Format;
use crate::error::{Error, ErrorKind, Result};
use crate::id::ApplicationName;
use crate::persistence::{Consistency, Stored};
use crate::settings::ApplicationSettings;

/// How long settings are trusted. A commit that begins later is not made.
pub(crate) const TRUST: Duration = Duration::from_secs(60);
/// From this age on the next write reads them again, so that hardly any write outlives its settings.
const REFRESH: Duration = Duration::from_secs(30);
/// Of how many applications settings are remembered, some 200 bytes each.
const CAPACITY: usize = 16_384;

/// What a write goes by.
#[derive(Clone, Debug)]
pub(crate) struct Trusted {
    pub(crate) settings: Arc<ApplicationSettings>,
    /// The lowest format, also by what was seen before.
    pub(crate) floor: Format,
    /// When the reading of them began; `None` where the configuration alone decides.
    read_at: Option<Moment>,
}

impl Trusted {
    /// Refuses to go by settings that are too old: they are read again then, and what was made under them is made again.
    pub(super) fn check_age(&self, clock: &dyn Clock) -> Result<()> {
        if self.read_at.is_none_or(|read_at| read_at.age(clock) < TRUST) {
            return Ok(());
        }
        Err(Error::new(
            ErrorKind::Contention,
            "the write took so long that the settings it went by may have changed: try again",
        ))
    }
}

pub(super) struct SettingsCache {
    applications: Cache<ApplicationName, Arc<Mutex<Known>>>,
}

/// What is known of one application.
#[derive(Default)]
struct Known {
    settings: Arc<ApplicationSettings>,
    floor: Option<Format>,
    read_at: Option<Moment>,
    /// When a reader was last told that it may not read them.
    denied_at: Option<Moment>,
}

/// A read of settings under way.
pub(super) struct Reading {
    known: Arc<Mutex<Known>>,
    began: Moment,
    /// What was seen when it began: an answer below is a rollback, whatever others read meanwhile.
    lowest: u64,
}

/// What a write has of the settings before it asks anybody.
pub(super) enum Knowledge {
    /// It may begin with this.
    Fresh(Trusted),
    /// The settings must be loaded and handed to the reading.
    ToRead(Reading),
}

impl SettingsCache {
    pub(super) fn new() -> Self {
        Self { applications: Cache::new(CAPACITY) }
    }

    fn known(&self, application: &ApplicationName) -> Arc<Mutex<Known>> {
        let known =
            self.applications.get_or_insert_with(application, || Ok::<_, std::convert::Infallible>(Arc::default()));
        let Ok(known) = known;
        known
    }

    /// What is known and young enough that a write may begin with it.
    fn fresh(&self, application: &ApplicationName, clock: &dyn Clock) -> Option<Trusted> {
        let known = self.applications.get(application)?;
        let known = lock(&known);
        known.read_at.filter(|read_at| read_at.coarse_age(clock) < REFRESH).map(|_| known.trusted())
    }

    /// To be called before the record is loaded.
    fn begin(&self, application: &ApplicationName, clock: &dyn Clock) -> Reading {
        let known = self.known(application);
        let lowest = lock(&known).settings.sequence();
        Reading { known, began: Moment::now(clock), lowest }
    }

    /// The floor without asking anybody.
    fn floor(&self, application: &ApplicationName) -> Format {
        self.applications.get(application).map_or(Format::Zero, |known| lock(&known).floor())
    }

    fn forget(&self, application: &ApplicationName) {
        self.applications.remove(application);
    }
}

fn lock(known: &Mutex<Known>) -> std::sync::MutexGuard<'_, Known> {
    // Every critical section is a single read or replacement.
    known.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Known {
    fn floor(&self) -> Format {
        self.floor.unwrap_or(Format::Zero)
    }

    fn trusted(&self) -> Trusted {
        Trusted { settings: Arc::clone(&self.settings), floor: self.floor(), read_at: self.read_at }
    }
}

impl Reading {
    /// Takes what was loaded; no record is no settings.
    pub(super) fn finish(self, stored: Option<&Stored>) -> Result<Trusted> {
        let found =
            stored.map(|stored| ApplicationSettings::from_record(&stored.record)).transpose()?.unwrap_or_default();
        if found.sequence() < self.lowest {
            return Err(Error::new(
                ErrorKind::RollbackDetected,
                "the application's settings are older than what was seen before: after a restore, accept them with \
                 `accept_settings_rollback`",
            ));
        }
        let mut known = lock(&self.known);
        // Another read may have been faster and seen more.
        if found.sequence() >= known.settings.sequence() {
            known.floor = Some(known.floor().max(found.minimum_format()));
            known.settings = Arc::new(found);
            if known.read_at.is_none_or(|read_at| self.began.is_since(&read_at)) {
                known.read_at = Some(self.began);
            }
        }
        Ok(known.trusted())
    }
}

impl Inner {
    /// Whether writes to an application go by its settings.
    fn follows_settings(&self, application: &ApplicationName) -> Result<bool> {
        Ok(self.config.settings_use(application)? == SettingsUse::Followed)
    }

    /// Settings that a write may begin with, where none need be read for that.
    pub(super) fn known_settings(&self, application: &ApplicationName) -> Result<Knowledge> {
        if !self.follows_settings(application)? {
            let configured = Trusted { settings: Arc::default(), floor: Format::Zero, read_at: None };
            return Ok(Knowledge::Fresh(configured));
        }
        let fresh = self.settings.fresh(application, &*self.clock).map(Knowledge::Fresh);
        Ok(fresh.unwrap_or_else(|| Knowledge::ToRead(self.settings.begin(application, &*self.clock))))
    }

    /// Settings that a write may begin with.
    pub(crate) async fn trusted_settings(&self, application: &ApplicationName) -> Result<Trusted> {
        match self.known_settings(application)? {
            Knowledge::Fresh(trusted) => Ok(trusted),
            Knowledge::ToRead(reading) => self.finish_reading(application, reading).await,
        }
    }

    async fn finish_reading(&self, application: &ApplicationName, reading: Reading) -> Result<Trusted> {
        let stored = self.records.load(&ApplicationSettings::key(application), Consistency::Strong).await?;
        reading.finish(stored.as_ref())
    }

    /// The settings as they stand now, with their record.
    pub(crate) async fn current_settings(
        &self,
        application: &ApplicationName,
    ) -> Result<(Arc<ApplicationSettings>, Option<Stored>)> {
        let reading = self.settings.begin(application, &*self.clock);
        let stored = self.records.load(&ApplicationSettings::key(application), Consistency::Strong).await?;
        Ok((reading.finish(stored.as_ref())?.settings, stored))
    }

    pub(super) fn forget_settings(&self, application: &ApplicationName) {
        self.settings.forget(application);
    }

    /// Refuses a format-0 record where the settings have raised the floor, by what this process has seen.
    pub(crate) fn check_seen_floor(&self, application: &ApplicationName) -> Result<()> {
        check_floor(self.settings.floor(application))
    }

    /// As [`check_seen_floor`](Self::check_seen_floor), but reads the settings where they are not known well enough. A role that may not
    /// read them keeps to its configuration.
    pub(super) async fn check_settings_floor(&self, application: &ApplicationName) -> Result<()> {
        self.check_seen_floor(application)?;
        let Knowledge::ToRead(reading) = self.known_settings(application)? else { return Ok(()) };
        let known = Arc::clone(&reading.known);
        let was_denied = lock(&known).denied_at.is_some_and(|denied_at| denied_at.age(&*self.clock) < TRUST);
        if was_denied {
            return Ok(());
        }
        match self.finish_reading(application, reading).await {
            Ok(trusted) => check_floor(trusted.floor),
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {
                lock(&known).denied_at = Some(Moment::now(&*self.clock));
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

/// Refuses format 0 where the floor is 1.
pub(crate) fn check_floor(floor: Format) -> Result<()> {
    match floor {
        Format::Zero => Ok(()),
        Format::One => Err(Error::new(
            ErrorKind::Unsupported,
            "format 0 is no longer admitted: the application's settings have raised the minimum format to 1",
        )),
    }
}
