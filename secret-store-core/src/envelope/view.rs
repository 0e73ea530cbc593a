//! A secret's record, checked and borrowed: what a read that finds everything ready goes by.

use std::sync::Arc;

use super::protected::attribute::*;
use super::protected::time_of_day;
use super::{Format, Sealed, format, legacy, metadata};
use crate::error::{Error, Result};
use crate::id::{MasterKeyId, SecretId, SecretVersion};
use crate::key::WrappedKey;
use crate::persistence::Revision;
use crate::record::{Record, Value};
use crate::secret::{Metadata, SecretInfo};

/// An initialisation vector, whose size tells the format.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Iv {
    Zero([u8; legacy::IV_BYTES]),
    One([u8; format::NONCE_BYTES]),
}

impl Iv {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Zero(iv) => iv,
            Self::One(iv) => iv,
        }
    }

    #[inline]
    pub(crate) fn view(&self) -> IvView<'_> {
        match self {
            Self::Zero(iv) => IvView::Zero(iv),
            Self::One(iv) => IvView::One(iv),
        }
    }
}

/// An initialisation vector where it stands. Copying the bytes themselves from place to place costs a read more than looking at them.
#[derive(Clone, Copy, Debug)]
pub(crate) enum IvView<'a> {
    Zero(&'a [u8; legacy::IV_BYTES]),
    One(&'a [u8; format::NONCE_BYTES]),
}

impl<'a> IvView<'a> {
    /// By the size alone: 16 bytes are format 0, 12 are format 1, nothing else is anything.
    #[inline]
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        if let Ok(iv) = bytes.try_into() {
            return Ok(Self::One(iv));
        }
        bytes.try_into().map(Self::Zero).map_err(|_| Error::integrity())
    }

    #[inline]
    pub(crate) fn format(self) -> Format {
        match self {
            Self::Zero(_) => Format::Zero,
            Self::One(_) => Format::One,
        }
    }

    pub(crate) fn to_owned(self) -> Iv {
        match self {
            Self::Zero(iv) => Iv::Zero(*iv),
            Self::One(iv) => Iv::One(*iv),
        }
    }
}

/// The attributes of a secret's record. All of them were checked; it owns nothing, so that the compiler need not keep it together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) version: SecretVersion,
    /// A valid id.
    master_key_id: &'a Arc<str>,
    pub(crate) document_key: &'a Arc<[u8]>,
    pub(crate) wraps: Option<&'a Arc<[u8]>>,
    pub(crate) iv: IvView<'a>,
    pub(crate) value: &'a Arc<[u8]>,
    pub(crate) created_at: Option<u64>,
    pub(crate) metadata: Option<&'a Arc<[u8]>>,
}

impl<'a> View<'a> {
    /// Reads a record that was found under a secret's name. Attributes this release does not know are left alone.
    ///
    /// # Errors
    ///
    /// [`Integrity`](crate::ErrorKind::Integrity), as [`ProtectedSecret::from_record`](super::protected::ProtectedSecret::from_record)
    /// says. What `wraps` holds is not looked at.
    #[inline]
    pub(crate) fn parse(id: &SecretId, record: &'a Record) -> Result<Self> {
        let found = Attributes::of(record);
        let named = **text(found.application_name)? == *id.application().as_str()
            && **text(found.secret_name)? == *id.name().as_str();
        if !named {
            return Err(Error::integrity());
        }
        let master_key_id = text(found.master_key_id)?;
        MasterKeyId::check_stored(master_key_id).map_err(|_| Error::integrity())?;
        let view = Self {
            version: version(found.version, found.iv)?,
            master_key_id,
            document_key: bytes(found.document_key)?,
            wraps: found.wraps.map(|value| bytes(Some(value))).transpose()?,
            iv: IvView::parse(bytes(found.iv)?)?,
            value: bytes(found.value)?,
            created_at: found.created_at.map(|value| number(Some(value))).transpose()?,
            metadata: found.metadata.map(|value| bytes(Some(value))).transpose()?,
        };
        match view.iv.format() {
            Format::Zero if view.metadata.is_some() || view.wraps.is_some() => Err(Error::integrity()),
            _ => Ok(view),
        }
    }

    /// A protected secret as its record would be seen.
    #[inline]
    pub(crate) fn new(
        version: SecretVersion,
        wrapped: &'a WrappedKey,
        wraps: Option<&'a Arc<[u8]>>,
        iv: &'a Iv,
        value: &'a Arc<[u8]>,
        created_at: Option<u64>,
        metadata: Option<&'a Arc<[u8]>>,
    ) -> Self {
        let (master_key_id, document_key) = (wrapped.master_key_id().as_shared(), wrapped.as_shared());
        Self { version, master_key_id, document_key, wraps, iv: iv.view(), value, created_at, metadata }
    }

    #[inline]
    pub(crate) fn master_key_id(&self) -> MasterKeyId {
        MasterKeyId::from_checked(self.master_key_id)
    }

    /// What the writer said about the secret.
    #[inline]
    pub(crate) fn decoded_metadata(&self) -> Result<Metadata> {
        self.metadata.map_or_else(|| Ok(Metadata::new()), |encoded| Ok(metadata::decode(encoded)?.0))
    }

    /// What a read answers beside the value, where there are no further wraps.
    #[inline(always)]
    pub(crate) fn info(
        &self,
        id: &SecretId,
        revision: &Revision,
        master_key_id: MasterKeyId,
        metadata: Metadata,
    ) -> SecretInfo {
        SecretInfo {
            id: id.clone(),
            version: self.version,
            revision: revision.clone(),
            master_key_id,
            also_wrapped_with: Vec::new(),
            format: self.iv.format(),
            created_at: self.created_at.and_then(time_of_day),
            metadata,
        }
    }

    #[inline]
    pub(crate) fn sealed(&self) -> Result<Sealed<'a>> {
        Sealed::parse(self.iv, self.value)
    }
}

/// Found in one pass: looking ten names up costs more than a small decryption.
#[derive(Default)]
struct Attributes<'a> {
    application_name: Option<&'a Value>,
    created_at: Option<&'a Value>,
    iv: Option<&'a Value>,
    master_key_id: Option<&'a Value>,
    metadata: Option<&'a Value>,
    document_key: Option<&'a Value>,
    value: Option<&'a Value>,
    secret_name: Option<&'a Value>,
    version: Option<&'a Value>,
    wraps: Option<&'a Value>,
}

impl<'a> Attributes<'a> {
    fn of(record: &'a Record) -> Self {
        let mut found = Self::default();
        for (name, value) in record.iter() {
            let place = match name {
                APPLICATION_NAME => &mut found.application_name,
                CREATED_AT => &mut found.created_at,
                INITIALISATION_VECTOR => &mut found.iv,
                MASTER_KEY_ID => &mut found.master_key_id,
                METADATA => &mut found.metadata,
                PROTECTED_DOCUMENT_KEY => &mut found.document_key,
                PROTECTED_SECRET_VALUE => &mut found.value,
                SECRET_NAME => &mut found.secret_name,
                VERSION => &mut found.version,
                WRAPS => &mut found.wraps,
                _ => continue,
            };
            *place = Some(value);
        }
        found
    }
}

#[inline]
fn text(value: Option<&Value>) -> Result<&Arc<str>> {
    match value {
        Some(Value::Text(text)) => Ok(text),
        _ => Err(Error::integrity()),
    }
}

#[inline]
fn bytes(value: Option<&Value>) -> Result<&Arc<[u8]>> {
    match value {
        Some(Value::Bytes(bytes)) => Ok(bytes),
        _ => Err(Error::integrity()),
    }
}

#[inline]
fn number(value: Option<&Value>) -> Result<u64> {
    match value {
        Some(Value::Number(number)) => Ok(*number),
        _ => Err(Error::integrity()),
    }
}

/// The number a record carries. Only format 0 may carry none.
pub(crate) fn stored_version(record: &Record) -> Result<SecretVersion> {
    version(record.get(VERSION), record.get(INITIALISATION_VECTOR))
}

#[inline]
fn version(value: Option<&Value>, iv: Option<&Value>) -> Result<SecretVersion> {
    match value {
        Some(value) => SecretVersion::new(number(Some(value))?).map_err(|_| Error::integrity()),
        None if bytes(iv).is_ok_and(|iv| iv.len() == legacy::IV_BYTES) => Ok(SecretVersion::UNVERSIONED),
        None => Err(Error::integrity()),
    }
}
