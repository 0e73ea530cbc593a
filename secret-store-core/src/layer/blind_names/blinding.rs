//! Which blinding keys are in use: the one that is written under, and those beside it while a key is replaced.

use std::fmt;
use std::sync::Arc;

use super::key::{BlindingKey, BlindingKeyId, Keyed, Kind};
use crate::error::{Error, Result};
use crate::id::{ApplicationName, SecretId, SecretName, StoreId, TenantId};
use crate::persistence::{Precondition, Revision};

/// In front of a revision of others, which makes of it what no persistence issues.
const FOREIGN: &str = "~foreign.";

/// The blinding keys that [`BlindNames`](crate::BlindNames) and [`BlindedKeys`](crate::BlindedKeys) of one store share. Cheap to
/// clone.
///
/// Usually one key. While a key is replaced there are two, in this order:
///
/// 1. every process is given the new key with [`with_next`](Self::with_next): it reads under both and writes under the old one;
/// 2. then every process is given the new key with [`new`](Self::new) and the old one with
///    [`with_previous`](Self::with_previous): it reads under both and writes under the new one;
/// 3. then a [`BlindMover`](crate::BlindMover) moves what is left;
/// 4. and when nothing is left, the old key is no longer given.
///
/// A store whose names are in clear comes to blind names in the same way: first every process has the key with
/// [`in_clear_with_next`](Self::in_clear_with_next), then with [`with_previous_in_clear`](Self::with_previous_in_clear).
#[derive(Clone)]
pub struct Blinding {
    inner: Arc<Inner>,
}

#[derive(Clone)]
struct Inner {
    /// Oldest first: records move towards the end and never back.
    generations: Vec<Arc<Scheme>>,
    writing: usize,
}

/// How names are written in one generation of records.
#[expect(clippy::large_enum_variant, reason = "a handful of them, each in an `Arc`")]
#[derive(Debug)]
pub(super) enum Scheme {
    /// As they are: before blind names were introduced.
    Clear,
    Keyed(Keyed),
}

impl Scheme {
    /// What revisions and wraps name it by.
    pub(super) fn tag(&self) -> String {
        match self {
            Self::Clear => "clear".to_owned(),
            Self::Keyed(key) => key.id().to_string(),
        }
    }
}

/// The position of a generation; a greater one is newer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Generation(usize);

impl Blinding {
    /// With one key, for reading and writing.
    #[must_use]
    pub fn new(key: &BlindingKey) -> Self {
        let writing = Arc::new(Scheme::Keyed(Keyed::new(key)));
        Self { inner: Arc::new(Inner { generations: vec![writing], writing: 0 }) }
    }

    /// Writes names in clear, and also reads what others already write under a key: the first step from a store without blind names.
    #[must_use]
    pub fn in_clear_with_next(key: &BlindingKey) -> Self {
        let generations = vec![Arc::new(Scheme::Clear), Arc::new(Scheme::Keyed(Keyed::new(key)))];
        Self { inner: Arc::new(Inner { generations, writing: 0 }) }
    }

    /// Also reads what was written under an older key. Each further call names one older still.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a key that is there already.
    pub fn with_previous(self, key: &BlindingKey) -> Result<Self> {
        self.with(Scheme::Keyed(Keyed::new(key)), 0)
    }

    /// Also reads what was written before there were blind names, so that a store can be moved to them. As long as this is allowed,
    /// a database writer can put a record with names in clear in the place of a blind one, which gains nothing: its value and its
    /// wrap are bound to its names as before.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when this was said already.
    pub fn with_previous_in_clear(self) -> Result<Self> {
        self.with(Scheme::Clear, 0)
    }

    /// Also reads what others already write under a newer key, and changes it in place; creates under the present one.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) for a key that is there already.
    pub fn with_next(self, key: &BlindingKey) -> Result<Self> {
        let end = self.inner.generations.len();
        self.with(Scheme::Keyed(Keyed::new(key)), end)
    }

    fn with(self, scheme: Scheme, at: usize) -> Result<Self> {
        if self.inner.generations.iter().any(|known| known.tag() == scheme.tag()) {
            return Err(Error::invalid_input("the blinding keys name one key twice: name each key once"));
        }
        let mut inner = Arc::unwrap_or_clone(self.inner);
        inner.generations.insert(at, Arc::new(scheme));
        inner.writing += usize::from(at <= inner.writing);
        Ok(Self { inner: Arc::new(inner) })
    }

    /// The key that is written under, or will be.
    #[must_use]
    pub fn key_id(&self) -> BlindingKeyId {
        self.keyed().id()
    }

    fn keyed(&self) -> &Keyed {
        let keys = self.inner.generations[self.inner.writing..].iter().filter_map(|scheme| match &**scheme {
            Scheme::Keyed(key) => Some(key),
            Scheme::Clear => None,
        });
        keys.into_iter().next().expect("what is written under is a key, or is followed by one")
    }

    /// Whether names are still written in clear.
    pub(super) fn is_in_clear(&self) -> bool {
        matches!(self.scheme(self.writing()), Scheme::Clear)
    }

    /// A name as the database, the key provider, logs and metrics have it under [the key](Self::key_id): 64 hexadecimal digits.
    #[must_use]
    pub fn display<'a>(&self, name: impl Into<BlindName<'a>>) -> String {
        let key = self.keyed();
        match name.into() {
            BlindName::Store(store) => key.blind(Kind::Store, &[store.as_str()]),
            BlindName::Application(application) => key.blind(Kind::Application, &[application.as_str()]),
            BlindName::Secret(id) => key.blind(Kind::Name, &[id.application().as_str(), id.name().as_str()]),
            BlindName::Tenant(tenant) => key.blind(Kind::Tenant, &[tenant.as_str()]),
            BlindName::Partition(partition) => key.blind(Kind::Partition, &[partition]),
        }
    }

    /// An application's name as [`display`](Self::display) shows it, where a name is asked for: for access policies, or for reading what
    /// is recorded under blind names.
    #[must_use]
    pub fn application(&self, name: &ApplicationName) -> ApplicationName {
        ApplicationName::new(self.display(name)).expect("hexadecimal digits are a name")
    }

    /// The same of an application and the name of a secret in it.
    #[must_use]
    pub fn secret(&self, id: &SecretId) -> SecretId {
        let name = SecretName::new(self.display(id)).expect("hexadecimal digits are a name");
        SecretId::new(self.application(id.application()), name)
    }

    pub(super) fn writing(&self) -> Generation {
        Generation(self.inner.writing)
    }

    pub(super) fn scheme(&self, generation: Generation) -> &Scheme {
        &self.inner.generations[generation.0]
    }

    /// All of them, oldest first.
    pub(super) fn generations(&self) -> impl DoubleEndedIterator<Item = Generation> + ExactSizeIterator + use<> {
        (0..self.inner.generations.len()).map(Generation)
    }

    pub(super) fn count(&self) -> usize {
        self.inner.generations.len()
    }

    pub(super) fn find(&self, tag: &str) -> Option<Generation> {
        self.generations().find(|generation| self.scheme(*generation).tag() == tag)
    }

    /// A revision as it is shown above: it tells where the record stands, so that a write finds it there.
    pub(super) fn tagged(&self, generation: Generation, revision: &Revision) -> Revision {
        Revision::new(format!("{}.{}", self.scheme(generation).tag(), revision.as_text()))
    }

    /// Where a revision says that its record stands, and the condition there. A revision that was issued without blind names, or under a
    /// key that is not in use, must hold of nothing: as it is it could be the number of another state.
    pub(super) fn untagged(&self, revision: &Revision) -> (Generation, Precondition) {
        let text = revision.as_text();
        let found = text.split_once('.').and_then(|(tag, inner)| Some((self.find(tag)?, inner)));
        match found {
            Some((generation, inner)) => (generation, Precondition::Revision(Revision::new(inner))),
            None => (self.writing(), Precondition::Revision(Revision::new(format!("{FOREIGN}{text}")))),
        }
    }
}

impl fmt::Debug for Blinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tags = self.inner.generations.iter().map(|scheme| scheme.tag());
        f.debug_list().entries(tags).finish()
    }
}

/// A name to be shown blind.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum BlindName<'a> {
    /// A store's.
    Store(&'a StoreId),
    /// An application's.
    Application(&'a ApplicationName),
    /// A secret's, within its application: the same name elsewhere shows differently.
    Secret(&'a SecretId),
    /// A tenant's.
    Tenant(&'a TenantId),
    /// A partition beginning with `~` that is not this crate's own, as `~n~` + application: in the database `~b~` stands before the
    /// digits.
    Partition(&'a str),
}

impl<'a> From<&'a StoreId> for BlindName<'a> {
    fn from(store: &'a StoreId) -> Self {
        Self::Store(store)
    }
}

impl<'a> From<&'a ApplicationName> for BlindName<'a> {
    fn from(application: &'a ApplicationName) -> Self {
        Self::Application(application)
    }
}

impl<'a> From<&'a SecretId> for BlindName<'a> {
    fn from(id: &'a SecretId) -> Self {
        Self::Secret(id)
    }
}

impl<'a> From<&'a TenantId> for BlindName<'a> {
    fn from(tenant: &'a TenantId) -> Self {
        Self::Tenant(tenant)
    }
}
