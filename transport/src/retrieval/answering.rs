//! The server's side.

use std::sync::Arc;

use ed25519_dalek::Signer as _;
use secret_store_core::audit::{Action, AuditRecorder, AuditedSecret};
use secret_store_core::{ApplicationName, Clock, Error, ErrorKind, GetOptions, Result, Secret, SecretId, SecretStore};

use super::bundle::{Answer, Binding, Bundle, BundleSize, encode};
use super::request::{Asked, RetrievalRequest};
use crate::once::{Once, SingleUse};
use crate::organisation_keys::OrganisationKeys;
use crate::place::Places;
use crate::service::Service;

/// How many secrets are read at once before anything is known of their sizes, and at the least afterwards.
const FIRST_READ: usize = 10;
const FEWEST_READ: usize = 4;

/// Answers requests for secrets. Cheap to clone; any number of servers may run on one store.
///
/// # Guarantees
///
/// * A request is answered at most once, whichever server it reaches, and not after its time.
/// * All of the secrets or an error; one that is missing is [`NotFound`](secret_store_core::ErrorKind::NotFound).
/// * Every request leaves an entry in the audit log, refused ones too, before anything is answered; where the log does not take it, there
///   is no answer. Requests for a place that has no application stand under the application of the organisation keys.
/// * Cancel safe: a dropped call has answered nothing. The request may be used up.
///
/// # Who asks
///
/// Nothing in a request authenticates it: whoever calls as somebody else gets what that somebody may read, sealed to a key of their own.
/// Authenticate callers, check [`place`](RetrievalRequest::place) and [`names`](RetrievalRequest::names) against what each may read, and name
/// them with [`for_request`](Self::for_request).
#[derive(Clone, Debug)]
pub struct Retrieval(Service);

impl Retrieval {
    /// Over a store, with the keys of the organisations, the applications of their places, the marks that all servers of the store
    /// share, and what records every request. (The store itself need not be audited: one request leaves one operation.)
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

    /// The same for one request: its entries name this actor and this request id, as they are given.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) when one is empty or longer than 255 bytes.
    pub fn for_request(&self, actor: impl AsRef<str>, request_id: impl AsRef<str>) -> Result<Self> {
        self.0.for_request(actor, request_id).map(Self)
    }

    /// Reads the secrets that a request names, and seals them to its key. Reads no more of them once those it has are too large together.
    ///
    /// # Errors
    ///
    /// [`Expired`](secret_store_core::ErrorKind::Expired), [`Replayed`](secret_store_core::ErrorKind::Replayed),
    /// [`PermissionDenied`](secret_store_core::ErrorKind::PermissionDenied) for a place without an application,
    /// [`KeyRetired`](secret_store_core::ErrorKind::KeyRetired) for an answer key that is not held any more,
    /// [`TooLarge`](secret_store_core::ErrorKind::TooLarge) for more than [`MAX_BUNDLE_BYTES`](super::MAX_BUNDLE_BYTES), and as the
    /// store says of reads. After any error the client makes a new request.
    pub async fn answer(&self, request: &RetrievalRequest) -> Result<Bundle> {
        let asked = request.asked();
        let (application, recorded_under) = self.0.application(&asked.place);
        let asked_for: Vec<_> =
            asked.names.iter().map(|name| AuditedSecret { name: name.clone(), version: None }).collect();
        let answered = match application {
            Ok(application) => self.read_and_seal(&application, asked, request).await,
            Err(error) => Err(error),
        };
        let released = |(_, released): &(Bundle, Vec<AuditedSecret>)| released.clone();
        let recorded =
            self.0.recorder.record_read(Action::Retrieve, &recorded_under, &asked_for, answered, released).await;
        recorded.map(|(bundle, _)| bundle).map_err(|error| error.with_operation("retrieve"))
    }

    async fn read_and_seal(
        &self,
        application: &ApplicationName,
        asked: &Asked,
        request: &RetrievalRequest,
    ) -> Result<(Bundle, Vec<AuditedSecret>)> {
        asked.expiry.check_within(&*self.0.clock, RetrievalRequest::MAX_LIFETIME)?;
        let key = self.0.keys.answer_key(&asked.place.organisation, asked.answer_key_version).await?;
        // The hash covers id and expiry: another request is another mark.
        self.0.once.mark(application, SingleUse::Retrieval, &request.hash(), asked.expiry).await?;
        let ids: Vec<_> = asked.names.iter().map(|name| SecretId::new(application.clone(), name.clone())).collect();
        let secrets = self.read(&ids).await?;
        let bundle = seal(asked, request, &secrets, &key)?;
        let released =
            |secret: &Secret| AuditedSecret { name: secret.id().name().clone(), version: Some(secret.info().version) };
        Ok((bundle, secrets.iter().map(released).collect()))
    }

    /// All of them, or an error as soon as those that were read are too large together: the first few at once, then as many as their
    /// sizes let fit.
    async fn read(&self, ids: &[SecretId]) -> Result<Vec<Secret>> {
        let (mut secrets, mut size) = (Vec::with_capacity(ids.len()), BundleSize::of_none());
        let mut at_once = FIRST_READ;
        while secrets.len() < ids.len() {
            let rest = &ids[secrets.len()..];
            let asked = &rest[..at_once.min(rest.len())];
            let before = size.left();
            let read = self.0.store.get_many_with(asked, GetOptions::default()).await?;
            if read.len() != asked.len() {
                let reason = "the store answered another number of secrets than it was asked for";
                return Err(Error::new(ErrorKind::Unavailable, reason));
            }
            read.iter().try_for_each(|secret| size.add(secret))?;
            secrets.extend(read);
            let average = (before - size.left()) / asked.len();
            at_once = (size.left() / average.max(1)).max(FEWEST_READ);
        }
        Ok(secrets)
    }
}

fn seal(
    asked: &Asked,
    request: &RetrievalRequest,
    secrets: &[Secret],
    key: &ed25519_dalek::SigningKey,
) -> Result<Bundle> {
    let suite = asked.key.suite();
    let binding = Binding::new(suite, request);
    let message = encode(suite, secrets)?;
    let sealed = asked.key.seal(&binding.info(), &binding.aad(), message.expose_secret())?;
    let signature = key.sign(&binding.signed(&sealed)).to_bytes();
    Answer { suite, request_id: &asked.id, sealed: &sealed, signature: &signature }.message()
}
