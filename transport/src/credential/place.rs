//! What a credential is called, and where it belongs.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;

use secret_store_core::{ApplicationName, Error, Result, SecretName, TenantId};

/// The longest name of a credential, a field or an alias, in bytes of UTF-8.
pub(super) const MAX_TEXT_BYTES: usize = 255;

fn check_text(what: &'static str, text: &str) -> Result<()> {
    if text.is_empty() || text.len() > MAX_TEXT_BYTES {
        return Err(Error::invalid_input(format!("{what} has {} bytes: give it 1 to {MAX_TEXT_BYTES}", text.len())));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::invalid_input(format!("{what} contains a control character: remove it")));
    }
    Ok(())
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        ///
        /// 1 to 255 bytes of UTF-8 without control characters; compared byte by byte, never normalised.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses it.
            ///
            /// # Errors
            ///
            /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput), naming the rule.
            pub fn new(text: impl Into<Arc<str>>) -> Result<Self> {
                let text = text.into();
                check_text($what, &text)?;
                Ok(Self(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
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
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
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

text!(
    /// Which of a user's credentials: `github`.
    CredentialId,
    "a credential id"
);
text!(
    /// Which part of a credential: `user_name`, `password`, `tfa_secret`.
    FieldName,
    "a field name"
);
text!(
    /// What people call a credential. Authenticated, not encrypted.
    Alias,
    "an alias"
);

/// Whose credentials, and in which application their keys lie: one application for each user and environment.
///
/// The application is the one in which the user's credential keys are secrets; give it to the user's tenant
/// ([`ApplicationConfig::with_tenant`](secret_store_core::ApplicationConfig::with_tenant)), so that they are wrapped under the
/// tenant's key. Clients know the tenant alone: which application is whose, and `dev` apart from `prod`, is the server's
/// configuration.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialOwner {
    tenant: TenantId,
    application: ApplicationName,
}

impl CredentialOwner {
    /// A tenant, and the application with its credential keys.
    #[must_use]
    pub fn new(tenant: TenantId, application: ApplicationName) -> Self {
        Self { tenant, application }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The application.
    #[must_use]
    pub fn application(&self) -> &ApplicationName {
        &self.application
    }
}

/// One field of one credential of a user: what is encrypted, signed, stored and used by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialPlace {
    id: CredentialId,
    field: FieldName,
}

impl CredentialPlace {
    /// A field of a credential.
    #[must_use]
    pub fn new(id: CredentialId, field: FieldName) -> Self {
        Self { id, field }
    }

    /// Parses both names.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput), naming the rule.
    pub fn parse(id: &str, field: &str) -> Result<Self> {
        Ok(Self::new(CredentialId::new(id)?, FieldName::new(field)?))
    }

    /// The credential.
    #[must_use]
    pub fn id(&self) -> &CredentialId {
        &self.id
    }

    /// The field.
    #[must_use]
    pub fn field(&self) -> &FieldName {
        &self.field
    }

    /// The name under which audit entries have it.
    pub(super) fn audited_name(&self) -> SecretName {
        let name = format!("credential/{}/{}", self.id.as_str(), self.field.as_str());
        SecretName::new(name).expect("a prefix and two texts of 255 bytes without control characters make a name")
    }
}

impl fmt::Display for CredentialPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.id, self.field)
    }
}

/// The version of a user's credential key: 1 for the first, one more with each rotation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialKeyVersion(NonZeroU32);

impl CredentialKeyVersion {
    /// The first version.
    pub const FIRST: Self = Self(NonZeroU32::MIN);

    /// A version by its number, 1 or more.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for 0.
    pub fn new(number: u32) -> Result<Self> {
        let number = NonZeroU32::new(number);
        number.map(Self).ok_or_else(|| Error::invalid_input("the version of a credential key is 1 or more"))
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
    /// [`TooLarge`](secret_store_core::ErrorKind::TooLarge) after 2³² − 1 versions.
    pub fn next(self) -> Result<Self> {
        let limit = u64::from(u32::MAX);
        self.0
            .checked_add(1)
            .map(Self)
            .ok_or_else(|| Error::too_large("the version of a credential key", limit, limit + 1))
    }
}

impl fmt::Display for CredentialKeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_rules() {
        for text in ["", "a\u{1f}b", "a\nb", "a\u{85}", &"x".repeat(256), &"é".repeat(128)] {
            assert!(CredentialId::new(text).is_err() && FieldName::new(text).is_err() && Alias::new(text).is_err());
        }
        let longest = "x".repeat(255);
        let place = CredentialPlace::parse(&longest, &longest).expect("valid");
        assert_eq!(place.audited_name().as_str(), format!("credential/{longest}/{longest}"));
        assert!(CredentialKeyVersion::new(0).is_err());
        assert!(CredentialKeyVersion::new(u32::MAX).expect("valid").next().is_err());
    }
}
