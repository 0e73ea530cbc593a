//! What is being done in an application, as its job record says. Nothing authenticates it: it only keeps two rotators apart and
//! lets one go on fast.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::place::{Phase, Position};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, MasterKeyId, SecretName, TenantId};
use crate::key::random_bytes;
use crate::persistence::RecordKey;
use crate::record::{Record, Value};
use crate::settings;
use crate::tenant::TenantKeyVersion;

const KIND: &str = "Kind";
const STATE: &str = "State";
const FENCE: &str = "Fence";
const OWNER: &str = "Owner";
const PASS: &str = "Pass";
const PHASE: &str = "Phase";
const CURSOR: &str = "Cursor";
const CHANGED: &str = "Changed";
const FROM: &str = "From";
const TO: &str = "To";
const TENANT: &str = "Tenant";
const VERSION: &str = "Version";
const ID: &str = "Id";
const NAME: &str = "Name";

const MASTER_KEY: &str = "master-key";
const TENANT_KEY: &str = "tenant-key";
const DOCUMENT_KEYS: &str = "document-keys";
const MIGRATION: &str = "migration";
const REVERSION: &str = "migration-back";
const MINIMUM_FORMAT: &str = "minimum-format";

/// What a rotation does. The caller says it, each time anew; a stored job of another target is never taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RotationTarget {
    /// Document keys move from one master key to another.
    MasterKey {
        /// The key that is replaced.
        from: MasterKeyId,
        /// The key that takes its place.
        to: MasterKeyId,
    },
    /// Document keys move to a newer version of a tenant's key.
    TenantKey {
        /// Whose key it is.
        tenant: TenantId,
        /// The newest version that is left behind.
        from: TenantKeyVersion,
    },
    /// Values get new document keys.
    DocumentKeys {
        /// Which re-encryption it is.
        id: ReencryptionId,
        /// Of this secret alone.
        secret: Option<SecretName>,
    },
    /// Format 0 becomes format 1.
    Migration,
    /// Format 1 becomes format 0 again.
    RevertedMigration,
    /// Format 0 is refused from now on.
    MinimumFormat,
}

impl fmt::Display for RotationTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::MasterKey { from, to } => write!(f, "moving document keys from master key {from} to {to}"),
            Self::TenantKey { tenant, from } => {
                write!(f, "leaving version {from} of the key of tenant {tenant} behind")
            }
            Self::DocumentKeys { id, secret: None } => write!(f, "re-encryption {id}"),
            Self::DocumentKeys { id, secret: Some(name) } => write!(f, "re-encryption {id} of {name}"),
            Self::Migration => f.write_str("migration to format 1"),
            Self::RevertedMigration => f.write_str("migration back to format 0"),
            Self::MinimumFormat => f.write_str("raising the minimum format to 1"),
        }
    }
}

/// Names one re-encryption, so that one that was interrupted goes on where others began anew: 16 random bytes, shown as hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ReencryptionId([u8; Self::BYTES]);

impl ReencryptionId {
    const BYTES: usize = 16;

    /// A new one.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) where the operating system has no randomness.
    pub fn generate() -> Result<Self> {
        let mut bytes = [0; Self::BYTES];
        random_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for ReencryptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ReencryptionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReencryptionId({self})")
    }
}

impl FromStr for ReencryptionId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = || Error::invalid_input("the id of a re-encryption is 32 hexadecimal digits");
        if text.len() != 2 * Self::BYTES || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        let mut bytes = [0; Self::BYTES];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(&text[2 * at..2 * at + 2], 16).map_err(|_| refuse())?;
        }
        Ok(Self(bytes))
    }
}

/// Whether somebody is at it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum JobState {
    /// Somebody holds it, or did when it was lost: it may be taken over when its fence was unchanged for a minute.
    Running,
    /// Nobody holds it: it may be taken up at once.
    Released,
    /// It is done.
    Finished,
}

impl JobState {
    const ALL: [Self; 3] = [Self::Running, Self::Released, Self::Finished];

    fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Released => "released",
            Self::Finished => "finished",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// The job of an application as its record says, for operators to look at. Nothing authenticates it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RotationJob {
    /// What is done.
    pub target: RotationTarget,
    /// Whether somebody is at it.
    pub state: JobState,
    /// Rises with every step and every takeover.
    pub fence: u64,
    /// The pass under way, from 1.
    pub pass: u64,
    /// Records changed so far, in all passes and runs.
    pub changed: u64,
    /// Where the pass is: a hint.
    pub(super) position: Position,
    /// Who holds it: random.
    pub(super) owner: Owner,
}

/// Tells the writes of one rotator from those of all others.
pub(super) type Owner = [u8; 16];

impl RotationJob {
    pub(super) fn key(application: &ApplicationName) -> RecordKey {
        RecordKey::new(settings::partition(application), "JOB")
    }

    pub(super) fn new(target: RotationTarget, owner: Owner) -> Self {
        let position = Position::beginning();
        Self { target, state: JobState::Running, fence: 1, pass: 1, changed: 0, position, owner }
    }

    pub(super) fn next_fence(&self) -> Result<u64> {
        self.fence.checked_add(1).ok_or_else(|| Error::too_large("fence of a rotation", u64::MAX, u64::MAX))
    }

    pub(crate) fn to_record(&self) -> Record {
        let mut record = Record::with_capacity(11);
        record.set(CHANGED, Value::Number(self.changed));
        if let Some(after) = &self.position.after {
            record.set(CURSOR, Value::Text(Arc::clone(after)));
        }
        record.set(FENCE, Value::Number(self.fence));
        let kind = match &self.target {
            RotationTarget::MasterKey { from, to } => {
                record.set(FROM, Value::Text(Arc::clone(from.as_shared())));
                record.set(TO, Value::Text(Arc::clone(to.as_shared())));
                MASTER_KEY
            }
            RotationTarget::TenantKey { tenant, from } => {
                record.set(TENANT, Value::Text(Arc::clone(tenant.as_shared())));
                record.set(VERSION, Value::Number(from.get().into()));
                TENANT_KEY
            }
            RotationTarget::DocumentKeys { id, secret } => {
                record.set(ID, Value::from(id.as_bytes()));
                if let Some(name) = secret {
                    record.set(NAME, Value::Text(Arc::clone(name.as_shared())));
                }
                DOCUMENT_KEYS
            }
            RotationTarget::Migration => MIGRATION,
            RotationTarget::RevertedMigration => REVERSION,
            RotationTarget::MinimumFormat => MINIMUM_FORMAT,
        };
        record.set(KIND, Value::from(kind));
        record.set(OWNER, Value::from(&self.owner[..]));
        record.set(PASS, Value::Number(self.pass));
        record.set(PHASE, Value::from(self.position.phase.name()));
        record.set(STATE, Value::from(self.state.name()));
        record
    }

    /// Parses exactly what [`to_record`](Self::to_record) wrote.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) for a kind or an attribute of a later release,
    /// [`Integrity`](ErrorKind::Integrity) for anything else that is malformed.
    pub(crate) fn from_record(record: &Record) -> Result<Self> {
        let known = [KIND, STATE, FENCE, OWNER, PASS, PHASE, CURSOR, CHANGED, FROM, TO, TENANT, VERSION, ID, NAME];
        if record.iter().any(|(name, _)| !known.contains(&name)) {
            return Err(later_release());
        }
        let number = |name| record.number(name).ok_or_else(Error::integrity);
        let owner = record.bytes(OWNER).and_then(|owner| Owner::try_from(&**owner).ok());
        let job = Self {
            target: target(record)?,
            state: JobState::from_name(text(record, STATE)?).ok_or_else(Error::integrity)?,
            fence: number(FENCE)?,
            pass: number(PASS)?,
            changed: number(CHANGED)?,
            position: Position {
                phase: Phase::from_name(text(record, PHASE)?).ok_or_else(Error::integrity)?,
                after: record.get(CURSOR).map(|_| text(record, CURSOR).map(Arc::clone)).transpose()?,
            },
            owner: owner.ok_or_else(Error::integrity)?,
        };
        // One form for each job: comparing refuses every other.
        if job.fence > 0 && job.to_record() == *record { Ok(job) } else { Err(Error::integrity()) }
    }
}

fn later_release() -> Error {
    Error::new(ErrorKind::Unsupported, "the application has a job of a kind that is unknown: upgrade the library")
}

fn target(record: &Record) -> Result<RotationTarget> {
    let key = |name| MasterKeyId::new(Arc::clone(text(record, name)?)).map_err(|_| Error::integrity());
    match &**text(record, KIND)? {
        MASTER_KEY => Ok(RotationTarget::MasterKey { from: key(FROM)?, to: key(TO)? }),
        TENANT_KEY => {
            let version = record.number(VERSION).and_then(|version| u32::try_from(version).ok());
            Ok(RotationTarget::TenantKey {
                tenant: TenantId::new(Arc::clone(text(record, TENANT)?)).map_err(|_| Error::integrity())?,
                from: version.and_then(|version| TenantKeyVersion::new(version).ok()).ok_or_else(Error::integrity)?,
            })
        }
        DOCUMENT_KEYS => {
            let id = record.bytes(ID).and_then(|id| <[u8; ReencryptionId::BYTES]>::try_from(&**id).ok());
            let name = record.get(NAME).map(|_| text(record, NAME)).transpose()?;
            let secret = name.map(|name| SecretName::lenient(Arc::clone(name))).transpose();
            Ok(RotationTarget::DocumentKeys {
                id: ReencryptionId(id.ok_or_else(Error::integrity)?),
                secret: secret.map_err(|_| Error::integrity())?,
            })
        }
        MIGRATION => Ok(RotationTarget::Migration),
        REVERSION => Ok(RotationTarget::RevertedMigration),
        MINIMUM_FORMAT => Ok(RotationTarget::MinimumFormat),
        _ => Err(later_release()),
    }
}

fn text<'a>(record: &'a Record, name: &str) -> Result<&'a Arc<str>> {
    record.text(name).ok_or_else(Error::integrity)
}

#[cfg(test)]
mod tests;
