//! Where a secret of an organisation and an environment lies.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use secret_store_core::{ApplicationName, Error, ErrorKind, Result, SecretName, TenantId};

/// The largest number of bytes of an environment's name.
pub(crate) const MAX_ENVIRONMENT_BYTES: usize = 64;

/// An environment (`production`, `dev`): 1–64 of the letters `A`–`Z` and `a`–`z`, digits, `-`, `_` and `.`.
///
/// Compared byte by byte. Cloning shares the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Environment(Arc<str>);

impl Environment {
    /// Parses the name.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), naming the rule.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self> {
        let text = text.into();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if !(1..=MAX_ENVIRONMENT_BYTES).contains(&text.len()) || !text.bytes().all(is_plain) {
            return Err(Error::invalid_input(
                "an environment has 1 to 64 characters, each a letter, a digit, `-`, `_` or `.`",
            ));
        }
        Ok(Self(text))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &*self.0)
    }
}

impl std::str::FromStr for Environment {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::new(text)
    }
}

/// An organisation and one of its environments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Whose secrets.
    pub organisation: TenantId,
    /// In which environment.
    pub environment: Environment,
}

impl Place {
    /// Joins two valid names.
    #[must_use]
    pub fn new(organisation: TenantId, environment: Environment) -> Self {
        Self { organisation, environment }
    }

    /// Parses both names.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) as [`TenantId::new`] and [`Environment::new`] say.
    pub fn parse(organisation: &str, environment: &str) -> Result<Self> {
        Ok(Self::new(TenantId::new(organisation)?, Environment::new(environment)?))
    }

    /// One of the secrets there.
    #[must_use]
    pub fn secret(&self, name: SecretName) -> Target {
        Target { place: self.clone(), name }
    }
}

/// A secret as clients name it. What the server calls its application is the server's affair ([`Places`]).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target {
    /// Where.
    pub place: Place,
    /// Which.
    pub name: SecretName,
}

impl Target {
    /// Parses all three names.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput), naming the rule.
    pub fn parse(organisation: &str, environment: &str, name: &str) -> Result<Self> {
        Ok(Place::parse(organisation, environment)?.secret(SecretName::new(name)?))
    }
}

type Resolve = dyn Fn(&Place) -> Option<ApplicationName> + Send + Sync;

/// Which application holds the secrets of which place: configuration of the server, so that no message decides it.
///
/// No application is that of two places: a secret of `dev` never appears under `prod`. A place without an application is
/// [`PermissionDenied`](ErrorKind::PermissionDenied), and so is one whose application holds the keys of organisations
/// ([`OrganisationKeys::application`](crate::OrganisationKeys::application)): they are nobody's to read or replace. Give no place
/// the application of a user's [credential keys](crate::credential::CredentialKeys) either, which this type cannot know.
#[derive(Clone, Default)]
pub struct Places {
    configured: BTreeMap<Place, ApplicationName>,
    taken: BTreeMap<ApplicationName, Place>,
    others: Option<Arc<Resolve>>,
    keys: Option<ApplicationName>,
}

impl Places {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more place.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when the place has an application already, or the application is that of another
    /// place.
    pub fn with(mut self, place: Place, application: ApplicationName) -> Result<Self> {
        if self.taken.contains_key(&application) || self.configured.contains_key(&place) {
            return Err(Error::invalid_input(
                "each place has one application and each application one place: name another application",
            ));
        }
        self.taken.insert(application.clone(), place.clone());
        self.configured.insert(place, application);
        Ok(self)
    }

    /// Asks this of every place that is not configured. Whoever gives it keeps the rule: two places never have one application.
    /// Joining the two names is safe only with a character between them that neither contains.
    #[must_use]
    pub fn with_others(mut self, resolve: impl Fn(&Place) -> Option<ApplicationName> + Send + Sync + 'static) -> Self {
        self.others = Some(Arc::new(resolve));
        self
    }

    /// The same, none of them in the application of the organisations' keys.
    pub(crate) fn beside(mut self, keys: &ApplicationName) -> Self {
        self.keys = Some(keys.clone());
        self
    }

    pub(crate) fn application(&self, place: &Place) -> Result<ApplicationName> {
        let configured = self.configured.get(place).cloned();
        let found = configured.or_else(|| self.others.as_ref().and_then(|resolve| resolve(place)));
        // An application of a configured place is that of no other, whatever the function says.
        let is_free = |application: &ApplicationName| {
            self.keys.as_ref() != Some(application) && self.taken.get(application).is_none_or(|of| of == place)
        };
        found.filter(is_free).ok_or_else(|| {
            Error::new(
                ErrorKind::PermissionDenied,
                "this server holds no secrets of that organisation and environment: configure the place",
            )
        })
    }
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Places").field("configured", &self.configured).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(environment: &str) -> Place {
        Place::parse("acme", environment).expect("valid")
    }

    fn application(name: &str) -> ApplicationName {
        ApplicationName::new(name).expect("valid")
    }

    #[test]
    fn no_application_is_that_of_two_places() {
        let places = Places::new().with(place("dev"), application("acme.dev")).expect("free");
        assert!(places.clone().with(place("prod"), application("acme.dev")).is_err());
        assert!(places.clone().with(place("dev"), application("acme.other")).is_err());
        let places = places.with(place("prod"), application("acme.prod")).expect("free");
        assert_eq!(places.application(&place("prod")).expect("configured"), application("acme.prod"));
        let error = places.application(&place("test")).expect_err("not configured");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(places.application(&Place::parse("evil", "prod").expect("valid")).is_err());
    }

    #[test]
    fn a_function_never_gives_away_a_configured_application() {
        let places = Places::new().with(place("prod"), application("acme.prod")).expect("free");
        let places = places.with_others(|_| ApplicationName::new("acme.prod").ok());
        assert!(places.application(&place("dev")).is_err());
        assert!(places.application(&place("prod")).is_ok());
        let places = places
            .with_others(|place| ApplicationName::new(format!("{}/{}", place.environment, place.organisation)).ok());
        assert_eq!(places.application(&place("dev")).expect("resolved"), application("dev/acme"));
    }

    #[test]
    fn environments_are_plain() {
        for text in ["", "a b", "ä", "a/b", "a\u{1f}", &"x".repeat(65)] {
            assert_eq!(Environment::new(text).expect_err("refused").kind(), ErrorKind::InvalidInput);
        }
        assert_eq!("prod-1_a.B".parse::<Environment>().expect("valid").as_str(), "prod-1_a.B");
    }
}
