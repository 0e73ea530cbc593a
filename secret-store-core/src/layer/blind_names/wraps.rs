//! The wraps in a record, and what they belong to.

use std::sync::Arc;

use super::address::Partition;
use crate::context::EncryptionContext;
use crate::envelope::protected::attribute::{MASTER_KEY_ID, PROTECTED_DOCUMENT_KEY, WRAPS};
use crate::envelope::protected::stored_version;
use crate::envelope::wraps::Wraps;
use crate::error::{Error, Result};
use crate::id::{ApplicationName, MasterKeyId, SecretId, SecretName, StoreId, TenantId};
use crate::key::WrappedKey;
use crate::persistence::RecordKey;
use crate::record::{Record, Value};
use crate::tenant::TenantKeyVersion;
use crate::tenant::records::{PROTECTED_TENANT_KEY, version_of};

/// Whose key is wrapped in a record.
pub(super) enum Owner {
    /// A document key.
    Secret(SecretId),
    /// A tenant's key.
    Tenant(TenantId, TenantKeyVersion),
}

impl Owner {
    /// `None` where a record has no wraps.
    pub(super) fn of(address: &RecordKey) -> Result<Option<Self>> {
        let secret = |application, name| {
            let (application, name) = (ApplicationName::lenient(application)?, SecretName::lenient(name)?);
            Ok(Some(Self::Secret(SecretId::new(application, name))))
        };
        match Partition::parse(address.partition()) {
            Partition::Application(application) => secret(application, &**address.sort()),
            Partition::History(application) => {
                secret(application, address.sort().split('\u{1f}').next().unwrap_or_default())
            }
            Partition::Tenant(tenant) => match version_of(address.sort()) {
                Some(version) => Ok(Some(Self::Tenant(TenantId::new(tenant)?, version))),
                None => Ok(None),
            },
            Partition::Settings(_) | Partition::Audit { .. } | Partition::Other(_) => Ok(None),
        }
    }

    /// Where the first wrap is.
    pub(super) fn attribute(&self) -> &'static str {
        match self {
            Self::Secret(_) => PROTECTED_DOCUMENT_KEY,
            Self::Tenant(..) => PROTECTED_TENANT_KEY,
        }
    }

    pub(super) fn context(&self, store: &StoreId, record: &Record) -> Result<EncryptionContext> {
        match self {
            Self::Secret(id) => Ok(EncryptionContext::document_key(store, id, stored_version(record)?)),
            Self::Tenant(tenant, version) => Ok(EncryptionContext::tenant_key(store, tenant, *version)),
        }
    }
}

/// All wraps of a record, the first one first.
pub(super) struct StoredWraps {
    attribute: &'static str,
    pub(super) all: Vec<WrappedKey>,
}

impl StoredWraps {
    /// `None` for a record without: a last number, a tombstone.
    pub(super) fn of(attribute: &'static str, record: &Record) -> Result<Option<Self>> {
        let (Some(bytes), Some(id)) = (record.bytes(attribute), record.text(MASTER_KEY_ID)) else {
            return Ok(None);
        };
        let id = MasterKeyId::from_stored(Arc::clone(id)).map_err(|_| Error::integrity())?;
        let further = record.bytes(WRAPS).map(|encoded| Wraps::parse(&id, Arc::clone(encoded))).transpose()?;
        let mut all = vec![WrappedKey::new(id, Arc::clone(bytes))];
        all.extend(further.iter().flat_map(|further| further.keys().iter().cloned()));
        Ok(Some(Self { attribute, all }))
    }

    /// The record with others in the place of these.
    pub(super) fn replaced(&self, record: &Record, others: Vec<WrappedKey>) -> Result<Record> {
        let mut others = others.into_iter();
        let first = others.next().ok_or_else(Error::integrity)?;
        let mut record = record.clone();
        record.set(self.attribute, Value::Bytes(Arc::clone(first.as_shared())));
        record.set(MASTER_KEY_ID, Value::Text(Arc::clone(first.master_key_id().as_shared())));
        if let Some(further) = Wraps::new(first.master_key_id(), others.collect())? {
            record.set(WRAPS, Value::Bytes(Arc::clone(further.encoded())));
        }
        Ok(record)
    }
}
