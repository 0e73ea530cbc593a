//! What is stored of a tenant, in the partition `~k~` + tenant: one record for each version of its key, which version is active,
//! and the applications it owns.
//!
//! Nothing here is authenticated but the wrapped key itself, by its context. Everything else is a hint within the configuration.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::version::TenantKeyVersion;
use crate::envelope::protected::milliseconds;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, MasterKeyId, TenantId};
use crate::key::WrappedKey;
use crate::persistence::{ListQuery, RecordKey};
use crate::record::{Record, Value};

const MASTER_KEY_ID: &str = "MasterKeyId";
pub(crate) const PROTECTED_TENANT_KEY: &str = "ProtectedTenantKey";
const CREATED_AT: &str = "CreatedAt";
const DESTROYED_AT: &str = "DestroyedAt";
const STATE: &str = "State";
const VERSION: &str = "Version";

const ENABLED: &str = "Enabled";
const RETIRED: &str = "Retired";
const DESTROYED: &str = "Destroyed";

const ACTIVE: &str = "ACTIVE";
const APPLICATION: &str = "APP#";

/// The partition of everything about a tenant.
pub(super) fn partition(tenant: &TenantId) -> Arc<str> {
    format!("~k~{}", tenant.as_str()).into()
}

/// Where one version of a tenant's key stands.
pub(crate) fn version_key(tenant: &TenantId, version: TenantKeyVersion) -> RecordKey {
    RecordKey::new(partition(tenant), format!("v{:010}", version.get()))
}

/// Where it stands which version is active.
pub(crate) fn active_key(tenant: &TenantId) -> RecordKey {
    RecordKey::new(partition(tenant), ACTIVE)
}

/// Where it stands that a tenant owns an application.
pub(crate) fn application_key(tenant: &TenantId, application: &ApplicationName) -> RecordKey {
    RecordKey::new(partition(tenant), format!("{APPLICATION}{}", application.as_str()))
}

/// All versions of a tenant's key.
pub(crate) fn versions(tenant: &TenantId) -> ListQuery {
    // `:` is the character after the digits.
    ListQuery::new(partition(tenant)).with_after("v").with_before("v:")
}

/// All applications of a tenant, in any order.
pub(crate) fn applications(tenant: &TenantId) -> ListQuery {
    // `$` is the character after `#`.
    ListQuery::new(partition(tenant)).with_after(APPLICATION).with_before("APP$").in_any_order()
}

/// The number that the sort key of a version carries.
pub(crate) fn version_of(sort: &str) -> Option<TenantKeyVersion> {
    let digits = sort.strip_prefix('v')?;
    let is_number = digits.len() == 10 && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).and_then(|number| TenantKeyVersion::from_stored(number).ok())
}

/// The application that a sort key names.
pub(crate) fn application_of(sort: &str) -> Result<ApplicationName> {
    let name = sort.strip_prefix(APPLICATION).ok_or_else(Error::integrity)?;
    ApplicationName::new(name).map_err(|_| Error::integrity())
}

/// The record that a tenant owns an application.
pub(crate) fn application_record(now: SystemTime) -> Record {
    Record::new().with(CREATED_AT, Value::Number(milliseconds(now)))
}

/// One version of a tenant's key, as its record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyRecord {
    /// There is a key.
    Held(HeldKey),
    /// There was one. The tombstone keeps its number from being used again.
    Destroyed {
        /// Milliseconds since 1970-01-01T00:00:00Z.
        at: u64,
    },
}

/// A wrapped tenant key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HeldKey {
    pub(crate) wrapped: WrappedKey,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub(crate) created_at: u64,
    /// Whether it may be active.
    pub(crate) retired: bool,
}

impl HeldKey {
    /// A key that was made just now.
    pub(crate) fn new(wrapped: WrappedKey, now: SystemTime) -> Self {
        Self { wrapped, created_at: milliseconds(now), retired: false }
    }
}

impl KeyRecord {
    /// The tombstone of a key that is destroyed just now.
    pub(crate) fn tombstone(now: SystemTime) -> Self {
        Self::Destroyed { at: milliseconds(now) }
    }

    /// Reads a record. Attributes this release does not know are left alone.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for a missing or mistyped attribute, or a tombstone that still has a key;
    /// [`Unsupported`](ErrorKind::Unsupported) for a state of a later release.
    pub(crate) fn parse(record: &Record) -> Result<Self> {
        let state = record.text(STATE).ok_or_else(Error::integrity)?;
        let retired = match &**state {
            ENABLED => false,
            RETIRED => true,
            DESTROYED => {
                let empty = record.get(PROTECTED_TENANT_KEY).is_none() && record.get(MASTER_KEY_ID).is_none();
                let at = record.number(DESTROYED_AT).filter(|_| empty).ok_or_else(Error::integrity)?;
                return Ok(Self::Destroyed { at });
            }
            _ => {
                return Err(Error::new(
                    ErrorKind::Unsupported,
                    "a tenant key is in a state that is unknown: upgrade the library",
                ));
            }
        };
        let master_key_id = record.text(MASTER_KEY_ID).ok_or_else(Error::integrity)?;
        // A tenant key is under a master key, never under another tenant's.
        let master_key_id = MasterKeyId::new(Arc::clone(master_key_id)).map_err(|_| Error::integrity())?;
        let wrapped = record.bytes(PROTECTED_TENANT_KEY).ok_or_else(Error::integrity)?;
        let created_at = record.number(CREATED_AT).ok_or_else(Error::integrity)?;
        let wrapped = WrappedKey::new(master_key_id, Arc::clone(wrapped));
        Ok(Self::Held(HeldKey { wrapped, created_at, retired }))
    }

    /// The record to store.
    pub(crate) fn to_record(&self) -> Record {
        match self {
            Self::Held(HeldKey { wrapped, created_at, retired }) => Record::with_capacity(4)
                .with(CREATED_AT, Value::Number(*created_at))
                .with(MASTER_KEY_ID, Value::Text(Arc::clone(wrapped.master_key_id().as_shared())))
                .with(PROTECTED_TENANT_KEY, Value::Bytes(Arc::clone(wrapped.as_shared())))
                .with(STATE, if *retired { RETIRED } else { ENABLED }.into()),
            Self::Destroyed { at } => {
                Record::with_capacity(2).with(DESTROYED_AT, Value::Number(*at)).with(STATE, DESTROYED.into())
            }
        }
    }
}

/// Which version new document keys are wrapped under, as its record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ActiveRecord {
    /// This one.
    Version(TenantKeyVersion),
    /// None any more: the tenant was destroyed.
    Destroyed {
        /// Milliseconds since 1970-01-01T00:00:00Z.
        at: u64,
    },
}

impl ActiveRecord {
    /// The mark of a tenant that is destroyed just now.
    pub(crate) fn tombstone(now: SystemTime) -> Self {
        Self::Destroyed { at: milliseconds(now) }
    }

    /// Reads a record. Attributes this release does not know are left alone.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for a missing or mistyped attribute, or both forms at once;
    /// [`Unsupported`](ErrorKind::Unsupported) for a state of a later release.
    pub(crate) fn parse(record: &Record) -> Result<Self> {
        match (record.get(VERSION), record.get(STATE)) {
            (Some(Value::Number(number)), None) => TenantKeyVersion::from_stored(*number).map(Self::Version),
            (None, Some(Value::Text(state))) if &**state == DESTROYED => {
                record.number(DESTROYED_AT).map(|at| Self::Destroyed { at }).ok_or_else(Error::integrity)
            }
            (None, Some(Value::Text(_))) => Err(Error::new(
                ErrorKind::Unsupported,
                "a tenant's active key is in a state that is unknown: upgrade the library",
            )),
            _ => Err(Error::integrity()),
        }
    }

    /// The record to store.
    pub(crate) fn to_record(self) -> Record {
        match self {
            Self::Version(version) => Record::with_capacity(1).with(VERSION, Value::Number(version.get().into())),
            Self::Destroyed { at } => {
                Record::with_capacity(2).with(DESTROYED_AT, Value::Number(at)).with(STATE, DESTROYED.into())
            }
        }
    }
}

/// The time that a number of milliseconds stands for, where the system can express it.
pub(crate) fn time(milliseconds: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests;
