//! Users' credential keys, kept as secrets.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{
    Clock, Consistency, Error, ErrorKind, GetOptions, ListOptions, Persistence, Precondition, PutOptions, Result,
    SecretId, SecretName, SecretStore, SystemClock, Write,
};

use super::key::CredentialKey;
use super::place::{CredentialKeyVersion, CredentialOwner};
use super::records::{CredentialRecords, KeyState, key_at, unchanged};
use super::submit::key_retired;
use crate::key_record::{Authority, KeyClaims, KeyRecord, KeyRole};
use crate::suite::KeyAlgorithm;

/// What the names of credential keys begin with, among the user's secrets.
const PREFIX: &str = "credential-key/";
/// As long as a key record may be valid: about three years.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(3 * 365 * 86_400);

/// The secret that a version of a user's credential key is.
pub(super) fn key_id(owner: &CredentialOwner, version: CredentialKeyVersion) -> SecretId {
    let name =
        SecretName::new(format!("{PREFIX}{:010}", version.get())).expect("a short name without control characters");
    SecretId::new(owner.application().clone(), name)
}

/// Reads a version of a user's key out of the store.
pub(super) async fn load_key(
    store: &dyn SecretStore,
    owner: &CredentialOwner,
    version: CredentialKeyVersion,
) -> Result<CredentialKey> {
    let options = GetOptions::default().with_consistency(Consistency::Strong);
    let secret = store.get_with(&key_id(owner, version), options).await?;
    let key = CredentialKey::from_stored(secret.expose_secret()).map_err(|error| match error.kind() {
        ErrorKind::Unsupported => error,
        _ => Error::integrity(),
    })?;
    if key.tenant() == owner.tenant() && key.version() == version { Ok(key) } else { Err(Error::integrity()) }
}

/// Makes, keeps, hands out and [rotates](Self::rotate_data_key) users' credential keys.
///
/// Each version is a secret of the user's application, so that it is wrapped by the tenant's key, rotated, audited and cached like
/// every secret. Its public half is signed by an [`Authority`] and put where the [intake](super::CredentialIntake) finds it.
///
/// Run it where the keys may be: never in the server that takes credentials. The store should not be one that caches in clear.
#[derive(Clone)]
pub struct CredentialKeys {
    pub(super) store: Arc<dyn SecretStore>,
    pub(super) records: CredentialRecords,
    pub(super) clock: Arc<dyn Clock>,
    authority: Option<Arc<dyn Authority>>,
    lifetime: Duration,
}

impl CredentialKeys {
    /// Keys in this store, whose states stand in these records.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, records: Arc<dyn Persistence>) -> Self {
        let (records, clock) = (CredentialRecords(records), Arc::new(SystemClock));
        Self { store, records, clock, authority: None, lifetime: DEFAULT_LIFETIME }
    }

    /// Has the public half of every new version signed by this authority. Without one there are no verify keys, and an intake can
    /// only be one that [opens](super::TrialOpenIntake) what it takes.
    #[must_use]
    pub fn with_authority(mut self, authority: Arc<dyn Authority>) -> Self {
        self.authority = Some(authority);
        self
    }

    /// How long a verify key's record is valid; 1,095 days by default, 1,098 at most. [Renew](Self::renew) it before.
    #[must_use]
    pub fn with_record_lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = lifetime;
        self
    }

    /// Another clock than the operating system's, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Makes a user's first key. Credentials under it are taken from then on.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) where the user has one; otherwise as store, persistence and authority. After
    /// [`Unavailable`](ErrorKind::Unavailable), and of a dropped call, repeat it: it goes on where it stopped.
    pub async fn create(&self, owner: &CredentialOwner) -> Result<CredentialKey> {
        let key = CredentialKey::generate(owner.tenant().clone(), CredentialKeyVersion::FIRST)?;
        self.check_no_key(owner).await?;
        let key = self.keep(owner, key).await?;
        self.accept_first(owner, &key).await?;
        Ok(key)
    }

    /// Takes the first key that a user's client made for itself (and sent through a sealed channel).
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); [`InvalidInput`](ErrorKind::InvalidInput) for another tenant's key or a later version;
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) also where the store holds another first key.
    pub async fn enrol(&self, owner: &CredentialOwner, key: &CredentialKey) -> Result<()> {
        if key.tenant() != owner.tenant() || key.version() != CredentialKeyVersion::FIRST {
            return Err(Error::invalid_input("the key is not the first version of this tenant's: enrol that one"));
        }
        self.check_no_key(owner).await?;
        let copy = CredentialKey::from_stored(key.to_stored().expose_secret())?;
        let kept = self.keep(owner, copy).await?;
        if kept.verify_key() != key.verify_key() {
            return Err(already_exists());
        }
        self.accept_first(owner, &kept).await
    }

    /// A version of a user's key, to be handed to that user's client over a channel that is confidential and authentic.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) where there is none or it is gone; otherwise as [`SecretStore`] says of reads.
    pub async fn key(&self, owner: &CredentialOwner, version: CredentialKeyVersion) -> Result<CredentialKey> {
        load_key(&*self.store, owner, version).await
    }

    /// The version under which credentials are taken.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) where the user has no key; otherwise as store and persistence.
    pub async fn current_version(&self, owner: &CredentialOwner) -> Result<CredentialKeyVersion> {
        for version in self.versions(owner).await?.into_iter().rev() {
            if let Some((KeyState::Accepted(_), _)) = self.records.load_key(owner, version).await? {
                return Ok(version);
            }
        }
        Err(Error::not_found())
    }

    /// The versions whose keys are there, oldest first: one, or two while a rotation is under way.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of every method.
    pub async fn versions(&self, owner: &CredentialOwner) -> Result<Vec<CredentialKeyVersion>> {
        let mut options = ListOptions::default().with_consistency(Consistency::Strong).with_after(PREFIX);
        let mut versions = Vec::new();
        loop {
            let page = self.store.list_with(owner.application(), options.clone()).await?;
            for info in &page.items {
                let Some(digits) = info.id.name().as_str().strip_prefix(PREFIX) else { return Ok(versions) };
                let version = digits.parse().ok().and_then(|number| CredentialKeyVersion::new(number).ok());
                versions.extend(version.filter(|version| key_id(owner, *version) == info.id));
            }
            match page.next {
                Some(next) => options = options.with_after(next),
                None => return Ok(versions),
            }
        }
    }

    /// Signs the record of an accepted version anew, so that it is valid for another lifetime from now on.
    ///
    /// # Errors
    ///
    /// [`KeyRetired`](ErrorKind::KeyRetired) for a retired version, [`NotFound`](ErrorKind::NotFound) for one that never was;
    /// otherwise as store, persistence and authority.
    pub async fn renew(&self, owner: &CredentialOwner, version: CredentialKeyVersion) -> Result<()> {
        let (state, stored) = self.records.load_key(owner, version).await?.ok_or_else(Error::not_found)?;
        if state == KeyState::Retired {
            return Err(key_retired());
        }
        let key = self.key(owner, version).await?;
        let accepted = self.accepted(&key).await?;
        let put = Write::put(key_at(owner, version), accepted.to_record(), unchanged(Some(&stored)));
        self.records.0.commit(vec![put]).await.map(drop)
    }

    /// The state of a new version, signed.
    pub(super) async fn accepted(&self, key: &CredentialKey) -> Result<KeyState> {
        let Some(authority) = &self.authority else { return Ok(KeyState::Accepted(None)) };
        let verify = (KeyAlgorithm::Ed25519, &key.verify_key().as_bytes()[..]);
        let (tenant, version) = (key.tenant().as_str(), key.version().get());
        let role = KeyRole::CredentialVerify;
        let claims = KeyClaims::new(role, tenant, version, verify, self.clock.now(), self.lifetime)?;
        KeyRecord::issue(claims, &**authority).await.map(Some).map(KeyState::Accepted)
    }

    /// Stores a key under its version, or answers the one that an earlier, interrupted call has stored.
    pub(super) async fn keep(&self, owner: &CredentialOwner, key: CredentialKey) -> Result<CredentialKey> {
        let absent = PutOptions::default().with_precondition(Precondition::Absent);
        match self.store.put_with(&key_id(owner, key.version()), key.to_stored(), absent).await {
            Ok(_) => Ok(key),
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists) => {
                load_key(&*self.store, owner, key.version()).await
            }
            Err(error) => Err(error),
        }
    }

    async fn check_no_key(&self, owner: &CredentialOwner) -> Result<()> {
        match self.records.load_key(owner, CredentialKeyVersion::FIRST).await? {
            None => Ok(()),
            Some(_) => Err(already_exists()),
        }
    }

    async fn accept_first(&self, owner: &CredentialOwner, key: &CredentialKey) -> Result<()> {
        let accepted = self.accepted(key).await?;
        let put = Write::put(key_at(owner, key.version()), accepted.to_record(), Precondition::Absent);
        match self.records.0.commit(vec![put]).await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Conflict => Err(already_exists()),
            Err(error) if error.kind() == ErrorKind::Unavailable => {
                match self.records.load_key(owner, key.version()).await {
                    Ok(Some((found, _))) if found == accepted => Ok(()),
                    _ => Err(error),
                }
            }
            Err(error) => Err(error),
        }
    }
}

fn already_exists() -> Error {
    Error::new(ErrorKind::AlreadyExists, "the user has a credential key already: rotate it for another one")
}

impl fmt::Debug for CredentialKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialKeys").field("authority", &self.authority).finish_non_exhaustive()
    }
}
