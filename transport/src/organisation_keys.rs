//! The key pairs of organisations, kept as secrets of a store.

mod key_set;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use ed25519_dalek::SigningKey;
use secret_store_core::{
    ApplicationName, Clock, Consistency, Error, ErrorKind, GetOptions, Precondition, PutOptions, Result, Secret,
    SecretId, SecretName, SecretStore, SystemClock, TenantId,
};

use crate::key_record::{Authority, KeyClaims, KeyRecord, KeyRole};
use crate::recipient::RecipientKeyPair;
use crate::suite::{KeyAlgorithm, KeySpec, Suite};
use key_set::{HeldVersion, KeySet, time};

/// The key pairs of organisations: what their clients seal to, and what answers to them are signed with.
///
/// An organisation's keys are one secret of a store: its name is the organisation, its value the versions that are held. So they lie
/// under the master keys of that store, and everything the store knows applies to them: rotation, census, audit, caches. Give the keys an
/// application of their own (no place is ever led to it, whatever [`Places`](crate::Places) say), and
/// [`HistoryRetention::None`](secret_store_core::HistoryRetention::None): earlier values hold retired private keys.
///
/// Versions count from 1. The newest is sealed to; those before it are still opened until they are [retired](Self::retire) or expire.
/// Retiring removes the private key.
///
/// # Guarantees
///
/// * Changes are conditioned on what was read: of two at once one is [`Conflict`](ErrorKind::Conflict).
/// * A retired version does not come back, unless somebody puts back an older state of the store
///   ([`RollbackDetected`](ErrorKind::RollbackDetected) within a process).
/// * Cancel safe: a dropped change happened or did not.
#[derive(Clone)]
pub struct OrganisationKeys {
    store: Arc<dyn SecretStore>,
    application: ApplicationName,
    clock: Arc<dyn Clock>,
}

/// One version of an organisation's keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrganisationKeyInfo {
    /// Its number.
    pub version: u32,
    /// When it was made.
    pub not_before: SystemTime,
    /// When nothing sealed to it is taken any more.
    pub expires: SystemTime,
}

/// The key records of one version of an organisation's keys, to be handed to its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrganisationRecords {
    /// The key that its secrets are sealed to.
    pub sealing: KeyRecord,
    /// The key that answers are verified with.
    pub answers: KeyRecord,
}

impl OrganisationKeys {
    /// Over the secrets of one application of a store.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, application: ApplicationName) -> Self {
        Self { store, application, clock: Arc::new(SystemClock) }
    }

    /// Another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The application that holds the keys.
    #[must_use]
    pub fn application(&self) -> &ApplicationName {
        &self.application
    }

    /// Makes the first keys of an organisation; answers their version, which is 1. They expire after `lifetime`, at most 1,098 days.
    ///
    /// # Errors
    ///
    /// [`Conflict`](ErrorKind::Conflict) or [`AlreadyExists`](ErrorKind::AlreadyExists) where it has keys, otherwise as the store.
    pub async fn create(&self, organisation: &TenantId, spec: KeySpec, lifetime: Duration) -> Result<u32> {
        let pair = RecipientKeyPair::generate(spec).await?;
        self.add(organisation, None, &pair, lifetime)
            .await
            .map_err(|error| error.with_operation("create organisation keys"))
    }

    /// Makes new keys of an organisation and answers their version. What was sealed to those before still opens, until they are
    /// retired. At most eight versions are held.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound) where it has none, [`Conflict`](ErrorKind::Conflict) where another change came first,
    /// [`InvalidInput`](ErrorKind::InvalidInput) for a ninth version, otherwise as the store.
    pub async fn rotate(&self, organisation: &TenantId, spec: KeySpec, lifetime: Duration) -> Result<u32> {
        let pair = RecipientKeyPair::generate(spec).await?;
        let rotated = async {
            let held = self.load(organisation).await?;
            self.add(organisation, Some(&held), &pair, lifetime).await
        };
        rotated.await.map_err(|error| error.with_operation("rotate organisation keys"))
    }

    async fn add(
        &self,
        organisation: &TenantId,
        held: Option<&Secret>,
        pair: &RecipientKeyPair,
        lifetime: Duration,
    ) -> Result<u32> {
        let set = held.map(|held| KeySet::parse(held.expose_secret())).transpose()?;
        let (value, version) = KeySet::with_new(set.as_ref(), pair, lifetime, &*self.clock)?;
        // Whoever makes a key that no record can be made of should learn it now.
        let stored = KeySet::parse(value.expose_secret())?;
        claims(organisation, stored.newest()).await?;
        let precondition = held.map_or(Precondition::Absent, revision);
        let options = PutOptions::default().with_precondition(precondition);
        self.store.put_with(&self.id(organisation)?, value, options).await?;
        Ok(version)
    }

    /// Retires a version and all before it: what was sealed to them is [`KeyRetired`](ErrorKind::KeyRetired) from now on, and
    /// their private keys are removed. Nothing happens to what is stored. Retiring what is retired changes nothing.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) for the newest version, [`Conflict`](ErrorKind::Conflict) where another change came
    /// first, otherwise as the store.
    pub async fn retire(&self, organisation: &TenantId, version: u32) -> Result<()> {
        let retired = async {
            let held = self.load(organisation).await?;
            let Some(value) = KeySet::parse(held.expose_secret())?.without(version)? else { return Ok(()) };
            let options = PutOptions::default().with_precondition(revision(&held));
            self.store.put_with(&self.id(organisation)?, value, options).await.map(drop)
        };
        retired.await.map_err(|error: Error| error.with_operation("retire organisation keys"))
    }

    /// The versions that are held, oldest first.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), otherwise as the store.
    pub async fn versions(&self, organisation: &TenantId) -> Result<Vec<OrganisationKeyInfo>> {
        let held = self.load(organisation).await?;
        let info = |held: &HeldVersion<'_>| {
            let (not_before, expires) = (time(held.not_before)?, time(held.expires)?);
            Ok(OrganisationKeyInfo { version: held.version, not_before, expires })
        };
        KeySet::parse(held.expose_secret())?.versions().iter().map(info).collect()
    }

    /// The records of the newest version, signed by an authority. The same each time, as long as the authority signs one message
    /// in one way: so every server hands out the same fingerprint.
    ///
    /// # Errors
    ///
    /// [`NotFound`](ErrorKind::NotFound), otherwise as the store and the authority.
    pub async fn records(&self, organisation: &TenantId, authority: &dyn Authority) -> Result<OrganisationRecords> {
        let held = self.load(organisation).await?;
        let [sealing, answers] = claims(organisation, KeySet::parse(held.expose_secret())?.newest()).await?;
        Ok(OrganisationRecords {
            sealing: KeyRecord::issue(sealing, authority).await?,
            answers: KeyRecord::issue(answers, authority).await?,
        })
    }

    /// The key pair that something sealed to this version is opened with.
    pub(crate) async fn pair(&self, organisation: &TenantId, version: u32, suite: Suite) -> Result<RecipientKeyPair> {
        let held = self.load(organisation).await?;
        let pair = KeySet::parse(held.expose_secret())?.accepted(version, &*self.clock)?.pair().await?;
        if pair.suite() == suite { Ok(pair) } else { Err(Error::integrity()) }
    }

    /// The key that answers are signed with where the client knows this version.
    pub(crate) async fn answer_key(&self, organisation: &TenantId, version: u32) -> Result<SigningKey> {
        let held = self.load(organisation).await?;
        Ok(KeySet::parse(held.expose_secret())?.accepted(version, &*self.clock)?.answer_key())
    }

    /// Read anew for each use: rotated or retired a moment ago, by another server, counts here too.
    async fn load(&self, organisation: &TenantId) -> Result<Secret> {
        let id = self.id(organisation)?;
        match self.store.get_with(&id, GetOptions::default().with_consistency(Consistency::Strong)).await {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                Err(Error::new(ErrorKind::NotFound, format!("organisation {organisation} has no keys: create them")))
            }
            found => found,
        }
    }

    fn id(&self, organisation: &TenantId) -> Result<SecretId> {
        Ok(SecretId::new(self.application.clone(), SecretName::new(organisation.as_str())?))
    }
}

fn revision(held: &Secret) -> Precondition {
    Precondition::Revision(held.info().revision.clone())
}

/// What the records of a version say.
async fn claims(organisation: &TenantId, held: &HeldVersion<'_>) -> Result<[KeyClaims; 2]> {
    let (not_before, expires) = (time(held.not_before)?, time(held.expires)?);
    let lifetime = expires.duration_since(not_before).map_err(|_| Error::integrity())?;
    let (pair, answers) = (held.pair().await?, held.answer_key().verifying_key().to_bytes());
    let sealing = KeyClaims::sealing(organisation.as_str(), held.version, pair.public_key(), not_before, lifetime)?;
    let answers = (KeyAlgorithm::Ed25519, &answers[..]);
    let answers =
        KeyClaims::new(KeyRole::AnswerVerify, organisation.as_str(), held.version, answers, not_before, lifetime)?;
    Ok([sealing, answers])
}

impl fmt::Debug for OrganisationKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrganisationKeys").field("application", &self.application).finish_non_exhaustive()
    }
}

/// For the fuzz target of the form.
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing {
    use super::key_set::KeySet;

    pub(crate) fn key_set(bytes: &[u8]) -> bool {
        let Ok(set) = KeySet::parse(bytes) else { return false };
        assert_eq!(set.encode_again().expose_secret(), bytes, "a key set has one form");
        true
    }
}

#[cfg(all(test, feature = "rsa"))]
mod tests;
