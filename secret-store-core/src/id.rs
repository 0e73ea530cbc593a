//! The names of things: stores, applications, secrets, tenants, master keys, versions.
//!
//! Each is parsed once at the edge; a value that exists is valid.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};

/// The largest number of bytes of an application, store, tenant or master key id.
pub const MAX_ID_BYTES: usize = 255;
/// The largest number of bytes of a secret name.
pub const MAX_NAME_BYTES: usize = 900;
/// What DynamoDB admits as a partition key: the bound for lenient application names.
const MAX_LENIENT_APPLICATION_BYTES: usize = 2048;
/// What DynamoDB admits as a sort key: the bound for lenient secret names.
const MAX_LENIENT_NAME_BYTES: usize = 1024;

fn check_strict(what: &'static str, text: &str, max: usize) -> Result<()> {
    check_lenient(what, text, max)?;
    // Most names are plain ASCII, and every read checks one: look at bytes first, all of them, which compiles to a few vectors.
    let plain = text.bytes().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'));
    if !plain && text.chars().any(char::is_control) {
        return Err(Error::invalid_input(format!("{what} contains a control character: remove it")));
    }
    Ok(())
}

fn check_lenient(what: &'static str, text: &str, max: usize) -> Result<()> {
    if text.is_empty() {
        return Err(Error::invalid_input(format!("{what} is empty: give it at least one byte")));
    }
    if text.len() > max {
        return Err(Error::invalid_input(format!(
            "{what} has {} bytes of UTF-8: at most {max} are allowed",
            text.len()
        )));
    }
    if text.starts_with('~') {
        return Err(Error::invalid_input(format!(
            "{what} begins with `~`, which is reserved for the store's own records"
        )));
    }
    Ok(())
}

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr) => {
        $(#[$doc])*
        ///
        /// Compared byte by byte, never normalised. Cloning shares the text.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses the identifier.
            ///
            /// # Errors
            ///
            /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput), naming the rule, when it is empty,
            /// too long, contains a control character or begins with `~`.
            pub fn new(text: impl Into<Arc<str>>) -> Result<Self> {
                let text = text.into();
                check_strict($what, &text, $max)?;
                Ok(Self(text))
            }

            /// The identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The identifier as shared text.
            #[must_use]
            pub fn as_shared(&self) -> &Arc<str> {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.escape_debug())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;
            fn try_from(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;
            fn try_from(text: String) -> Result<Self> {
                Self::new(text)
            }
        }

        impl TryFrom<&$name> for $name {
            type Error = Error;
            fn try_from(id: &$name) -> Result<Self> {
                Ok(id.clone())
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;
            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }
    };
}

identifier! {
    /// The identity of one store, bound into everything it encrypts: 1–255 bytes of UTF-8.
    ///
    /// Records of one store never open in another, also when both share a database and master keys.
    /// It must survive a restore of the database.
    StoreId, "store id", MAX_ID_BYTES
}
identifier! {
    /// An application (usually one per environment, `YourApp.Production`): 1–255 bytes of UTF-8.
    ///
    /// It is the partition of the database, and therefore the unit of access rights.
    ApplicationName, "application name", MAX_ID_BYTES
}
identifier! {
    /// The name of a secret within its application: 1–900 bytes of UTF-8.
    SecretName, "secret name", MAX_NAME_BYTES
}
identifier! {
    /// An organisation or a user that owns applications: 1–255 bytes of UTF-8.
    TenantId, "tenant id", MAX_ID_BYTES
}
identifier! {
    /// A master key as its provider names it (a key file's id, a KMS key ARN): 1–255 bytes of UTF-8.
    MasterKeyId, "master key id", MAX_ID_BYTES
}

/// In front of a tenant id where a record names the tenant's key. No id that a user gives begins like this.
const TENANT_PREFIX: &str = "~t~";

impl MasterKeyId {
    /// The key of a tenant, as records name it: `~t~` and the tenant id (up to 258 bytes). Which version of it wrapped a
    /// document key stands in the wrap. [`TenantKeys`](crate::TenantKeys) holds such keys; no other way makes such an id.
    #[must_use]
    pub fn for_tenant(tenant: &TenantId) -> Self {
        Self(format!("{TENANT_PREFIX}{}", tenant.as_str()).into())
    }

    /// The tenant whose key this is; `None` for a master key.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.0.strip_prefix(TENANT_PREFIX)
    }

    /// Parses an id that stands in a record, which may be that of a tenant's key.
    pub(crate) fn from_stored(text: Arc<str>) -> Result<Self> {
        Self::check_stored(&text).map(|()| Self(text))
    }

    /// Refuses what [`from_stored`](Self::from_stored) refuses.
    pub(crate) fn check_stored(text: &str) -> Result<()> {
        match text.strip_prefix(TENANT_PREFIX) {
            Some(tenant) => check_strict("tenant id", tenant, MAX_ID_BYTES),
            None => check_strict("master key id", text, MAX_ID_BYTES),
        }
    }

    /// An id that was checked where it stands.
    pub(crate) fn from_checked(text: &Arc<str>) -> Self {
        debug_assert!(Self::check_stored(text).is_ok());
        Self(Arc::clone(text))
    }
}

impl ApplicationName {
    /// Parses a name the way legacy (format 0) reads do: control characters and up to 2,048 bytes are admitted.
    ///
    /// Writes refuse what [`ApplicationName::new`] refuses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when it is empty, longer than 2,048 bytes or begins with `~`.
    pub fn lenient(text: impl Into<Arc<str>>) -> Result<Self> {
        let text = text.into();
        check_lenient("application name", &text, MAX_LENIENT_APPLICATION_BYTES)?;
        Ok(Self(text))
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        check_strict("application name", &self.0, MAX_ID_BYTES)
    }
}

impl SecretName {
    /// Parses a name the way legacy (format 0) reads do: control characters and up to 1,024 bytes are admitted.
    ///
    /// Writes refuse what [`SecretName::new`] refuses.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) when it is empty, longer than 1,024 bytes or begins with `~`.
    pub fn lenient(text: impl Into<Arc<str>>) -> Result<Self> {
        let text = text.into();
        check_lenient("secret name", &text, MAX_LENIENT_NAME_BYTES)?;
        Ok(Self(text))
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        check_strict("secret name", &self.0, MAX_NAME_BYTES)
    }
}

/// A secret's full name: its application and its name within it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretId {
    application: ApplicationName,
    name: SecretName,
}

impl SecretId {
    /// Joins two valid names.
    #[must_use]
    pub fn new(application: ApplicationName, name: SecretName) -> Self {
        Self { application, name }
    }

    /// Parses both names.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) as [`ApplicationName::new`] and [`SecretName::new`] say.
    pub fn parse(application: &str, name: &str) -> Result<Self> {
        Ok(Self::new(ApplicationName::new(application)?, SecretName::new(name)?))
    }

    /// The application that holds the secret.
    #[must_use]
    pub fn application(&self) -> &ApplicationName {
        &self.application
    }

    /// The secret's name within its application.
    #[must_use]
    pub fn name(&self) -> &SecretName {
        &self.name
    }

    /// Whether both names keep the rules for writing (lenient names need not).
    pub(crate) fn check_writable(&self) -> Result<()> {
        self.application.check_writable()?;
        self.name.check_writable()
    }
}

/// `application/name`, escaped, for people; not a format to parse (a name may contain `/`).
impl fmt::Display for SecretId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.application, self.name)
    }
}

/// The number of one value of a secret: 1 for the first, never used twice for one name.
///
/// [`SecretVersion::UNVERSIONED`] (0) stands for a current record in format 0, which carries no number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SecretVersion(u64);

impl SecretVersion {
    /// A current record in format 0: the original Secret Store kept no versions.
    pub const UNVERSIONED: Self = Self(0);
    /// The first version of a secret.
    pub const FIRST: Self = Self(1);

    /// A version by its number, 1 or more.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidInput`](crate::ErrorKind::InvalidInput) for 0.
    pub fn new(number: u64) -> Result<Self> {
        if number == 0 {
            return Err(Error::invalid_input("a secret version is 1 or more"));
        }
        Ok(Self(number))
    }

    /// The number; 0 for a format-0 record without one.
    #[must_use]
    pub fn get(self) -> u64 {
        self.0
    }

    /// The version after this one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::TooLarge`](crate::ErrorKind::TooLarge) after 2⁶⁴ − 1 versions.
    pub fn next(self) -> Result<Self> {
        self.0.checked_add(1).map(Self).ok_or_else(|| Error::too_large("version number", u64::MAX, u64::MAX))
    }

    pub(crate) const fn from_stored(number: u64) -> Self {
        Self(number)
    }
}

impl fmt::Display for SecretVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests;
