//! The server's side.

use std::sync::Arc;
use std::time::Duration;

use secret_store_core::audit::{Action, AuditRecorder};
use secret_store_core::{
    Clock, Consistency, Error, ErrorKind, GetOptions, Precondition, PutOptions, Result, SecretId, SecretInfo,
    SecretStore, SecretValue, SecretVersion,
};

use super::request::SealedRequest;
use super::submission::{Binding, Freshness, Submission, check_size};
use crate::once::{Nonce, Once, SingleUse};
use crate::organisation_keys::OrganisationKeys;
use crate::place::{Place, Places, Target};
use crate::service::Service;
use crate::wire::Message as _;

const NONCE_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// Takes sealed secrets, and nothing else, into a store. Cheap to clone; any number of servers may run on one store.
///
/// # Guarantees
///
/// * What is stored was sealed for that very target to a key of its organisation that is held, and is stored once.
/// * Every submission leaves an intent and an outcome in the audit log, refused ones too; where the log does not take them, nothing
///   is stored. Those for a place that has no application stand under the application of the organisation keys.
/// * A value is in clear only between opening the seal and the store's own encryption; it is wiped on every way out.
/// * Cancel safe: a dropped call has stored the secret or not. Its nonce may be used up.
///
/// # Who submits
///
/// A seal says nothing about who made it. Authenticate callers, and decide what each may store, before calling; name them with
/// [`for_request`](Self::for_request).
#[derive(Clone, Debug)]
pub struct SealedIntake(Service);

impl SealedIntake {
    /// Over a store, with the keys of the organisations, the applications of their places, the marks that all servers of the store
    /// share, and what records every submission. (The store itself need not be audited: one submission leaves one operation.)
    #[must_use]
    pub fn new(
        store: Arc<dyn SecretStore>,
        keys: OrganisationKeys,
        places: Places,
        once: Once,
        recorder: AuditRecorder,
    ) -> Self {
        Self(Service::new(store, keys, places, once, recorder))
    }

    /// Another clock. Give the same to the keys and the marks.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self(self.0.with_clock(clock))
    }

    /// The same intake for one request: its entries name this actor and this request id, as they are given.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](ErrorKind::InvalidInput) when one is empty or longer than 255 bytes.
    pub fn for_request(&self, actor: impl AsRef<str>, request_id: impl AsRef<str>) -> Result<Self> {
        self.0.for_request(actor, request_id).map(Self)
    }

    /// Issues a nonce for one submission to a place, valid for five minutes. Writes a record: let nobody call it whom you do not know.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for a place without an application, otherwise as
    /// [`Once::issue`](crate::Once::issue).
    pub async fn issue_nonce(&self, place: &Place) -> Result<Nonce> {
        self.0.once.issue(&self.0.places.application(place)?, SingleUse::Submission, NONCE_LIFETIME).await
    }

    /// Opens a sealed secret and stores it as a new version of the target, which the caller has from elsewhere than the message: the
    /// path of the request.
    ///
    /// # Errors
    ///
    /// Nothing is stored, unless the last line says otherwise:
    ///
    /// * [`NotSealed`](ErrorKind::NotSealed): there is no seal; [`Unsupported`](ErrorKind::Unsupported): one of a later release.
    /// * [`Integrity`](ErrorKind::Integrity): the seal is not for this target, or not as it was made.
    /// * [`KeyRetired`](ErrorKind::KeyRetired): the client fetches the current key record and seals again.
    /// * [`Expired`](ErrorKind::Expired), [`Replayed`](ErrorKind::Replayed), [`NotFound`](ErrorKind::NotFound): so says its nonce, or
    ///   it expired; `NotFound` also where the organisation has no keys, or the secret no version that was expected.
    /// * [`Conflict`](ErrorKind::Conflict): another version than the expected one is current.
    /// * [`PermissionDenied`](ErrorKind::PermissionDenied): the place has no application.
    /// * [`TooLarge`](ErrorKind::TooLarge), and otherwise as the store: after [`Unavailable`](ErrorKind::Unavailable) it may be stored.
    ///
    /// Where the store fails, also in a way that is worth another try, the nonce is used up: the same message would be
    /// [`Replayed`](ErrorKind::Replayed). The client gets another nonce and seals again.
    pub async fn put_sealed(&self, target: &Target, request: SealedRequest) -> Result<SecretInfo> {
        let put = |id: SecretId| async move {
            let (value, precondition) = self.open(&id, target, request).await?;
            self.0.store.put_with(&id, value, PutOptions::default().with_precondition(precondition)).await
        };
        self.record(target, put).await.map_err(|error| error.with_operation("put sealed"))
    }

    /// Makes a submission between its intent and its outcome.
    pub(super) async fn record<F>(&self, target: &Target, put: impl FnOnce(SecretId) -> F) -> Result<SecretInfo>
    where
        F: Future<Output = Result<SecretInfo>>,
    {
        let (application, recorded_under) = self.0.application(&target.place);
        let mutation = async { put(SecretId::new(application?, target.name.clone())).await };
        let version = |info: &SecretInfo| Some(info.version);
        let names = std::slice::from_ref(&target.name);
        self.0.recorder.record_mutation(Action::PutSealed, &recorded_under, names, mutation, version).await
    }

    #[cfg(feature = "rsa")]
    pub(super) fn store(&self) -> &dyn SecretStore {
        &*self.0.store
    }

    /// The value, and the state of the secret it may be put into. The nonce is used up last, so that what does not open uses up none.
    async fn open(
        &self,
        id: &SecretId,
        target: &Target,
        request: SealedRequest,
    ) -> Result<(SecretValue, Precondition)> {
        let message = request.into_sealed()?;
        let submission = Submission::parse(message.as_bytes())?;
        if !submission.is_for(target) {
            return Err(Error::integrity());
        }
        submission.freshness.check(&*self.0.clock)?;
        let Submission { suite, key_version, freshness, sealed, .. } = submission;
        let pair = self.0.keys.pair(&target.place.organisation, key_version, suite).await?;
        let binding = Binding { suite, target, key_version, freshness: &freshness };
        let value = pair.open(&binding.info(), &binding.aad(), sealed).await?;
        // A message has room for the larger overhead of RSA.
        check_size(&value)?;
        Ok((value, self.use_up(id, &freshness).await?))
    }

    async fn use_up(&self, id: &SecretId, freshness: &Freshness) -> Result<Precondition> {
        match freshness {
            Freshness::Nonce(nonce) => {
                self.0.once.consume(id.application(), SingleUse::Submission, nonce).await.map(|()| Precondition::Any)
            }
            Freshness::ExpectedVersion { version, .. } => self.expected(id, *version).await,
        }
    }

    /// The state of the secret, if this version is the current one: an authentic read says so, not a listing.
    async fn expected(&self, id: &SecretId, version: SecretVersion) -> Result<Precondition> {
        let options = GetOptions::default().with_consistency(Consistency::Strong);
        let current = self.0.store.get_with(id, options).await?;
        let info = current.info();
        if info.version != version {
            return Err(Error::new(
                ErrorKind::Conflict,
                "another version than the expected one is current: read it and seal again",
            )
            .with_revision(Some(info.revision.clone())));
        }
        Ok(Precondition::Revision(info.revision.clone()))
    }
}
