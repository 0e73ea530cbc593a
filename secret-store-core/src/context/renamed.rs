//! Contexts with other names in the place of their own, and what blind names are made of.

use smallvec::SmallVec;

use super::encoding::{Bytes, FIELDS_AT, Fields, encode};
use super::{EncryptionContext, Purpose, Suite};
use crate::error::{Error, Result};

/// A name in a context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContextName<'a> {
    Store(&'a str),
    Application(&'a str),
    Name { application: &'a str, name: &'a str },
    Tenant(&'a str),
}

/// What blind names hash and authenticate: fields under a purpose of their own.
pub(crate) fn blind_name_bytes(fields: &[&[u8]]) -> Bytes {
    encode(Purpose::BlindName, Suite::Aes256Gcm, fields)
}

impl EncryptionContext {
    /// The same context with other names: purpose, suite and numbers stay.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for a context without names: the legacy one, and purposes that no key
    /// provider is asked for.
    pub(crate) fn with_names(&self, rename: impl Fn(ContextName<'_>) -> String) -> Result<Self> {
        let purpose = self.purpose().filter(|_| !self.is_legacy());
        let fields: SmallVec<[&[u8]; 4]> = Fields(self.encoded.get(FIELDS_AT..).unwrap_or_default()).collect();
        let text = |field: &'_ [u8]| std::str::from_utf8(field).map(str::to_owned).map_err(|_| Error::integrity());
        let (names, number) = match (purpose, &fields[..]) {
            (Some(Purpose::DocumentKey), [store, application, name, version]) => {
                let (application, name) = (text(application)?, text(name)?);
                let renamed = [
                    rename(ContextName::Store(&text(store)?)),
                    rename(ContextName::Application(&application)),
                    rename(ContextName::Name { application: &application, name: &name }),
                ];
                (SmallVec::<[String; 3]>::from(renamed), version)
            }
            (Some(Purpose::TenantKey), [store, tenant, version]) => {
                let renamed = [rename(ContextName::Store(&text(store)?)), rename(ContextName::Tenant(&text(tenant)?))];
                (renamed.into_iter().collect(), version)
            }
            _ => {
                return Err(Error::new(
                    crate::ErrorKind::Unsupported,
                    "format 0 has no names to blind: configure the application with `Legacy::Off`",
                ));
            }
        };
        let fields = names.iter().map(String::as_bytes).chain([*number]).collect::<SmallVec<[&[u8]; 4]>>();
        Ok(Self { encoded: encode(purpose.unwrap_or(Purpose::DocumentKey), Suite::Aes256Gcm, &fields) })
    }
}
