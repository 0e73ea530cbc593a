//! The number of one key of a tenant.

use std::fmt;
use std::num::NonZeroU32;

use crate::error::{Error, Result};

/// The number of one version of a tenant's key: 1 for the first, never used twice for one tenant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantKeyVersion(NonZeroU32);

impl TenantKeyVersion {
    /// The first version of a tenant's key.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// A version by its number, 1 or more.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for 0.
    pub fn new(number: u32) -> Result<Self> {
        NonZeroU32::new(number).map(Self).ok_or_else(|| Error::invalid_input("a tenant key version is 1 or more"))
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> u32 {
        self.0.get()
    }

    /// The version after this one.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](crate::ErrorKind::TooLarge) after 2³² − 1 versions.
    pub fn next(self) -> Result<Self> {
        let next = self.0.checked_add(1).map(Self);
        next.ok_or_else(|| Error::too_large("tenant key version", u32::MAX.into(), u64::from(u32::MAX) + 1))
    }

    /// The number a record carries.
    pub(super) fn from_stored(number: u64) -> Result<Self> {
        let number = u32::try_from(number).map_err(|_| Error::integrity())?;
        Self::new(number).map_err(|_| Error::integrity())
    }
}

impl fmt::Display for TenantKeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
