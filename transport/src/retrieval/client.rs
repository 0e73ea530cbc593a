//! The client's side.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use secret_store_core::{Clock, Error, ErrorKind, Result, SecretName, TenantId};

use super::bundle::{Answer, Binding, Bundle, RetrievedSecret, decode};
use super::request::{Asked, RetrievalRequest};
use crate::expiry::Expiry;
use crate::key_record::{AuthorityPublicKey, KeyRecord, KeyRole, Trust, TrustedKey};
use crate::place::Place;
use crate::random::random;
use crate::recipient::RecipientKeyPair;
use crate::suite::KeySpec;
use crate::wire::Message as _;

/// How long a request is good for: the server's and the client's clock may differ by [`Expiry::SKEW`] besides.
const LIFETIME: Duration = Duration::from_secs(60);

/// The key that an organisation's server signs its answers with, found trustworthy. Cheap to clone.
#[derive(Clone)]
pub struct AnswerKey {
    organisation: TenantId,
    trusted: TrustedKey,
    key: AuthorityPublicKey,
    clock: Arc<dyn Clock>,
}

impl AnswerKey {
    /// Takes the key of an organisation's record, if the record is to be trusted.
    ///
    /// # Errors
    ///
    /// As [`KeyRecord::verify`].
    pub fn from_record(
        record: &KeyRecord,
        trust: &Trust,
        organisation: &TenantId,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let trusted = record.verify(trust, KeyRole::AnswerVerify, organisation.as_str(), &*clock)?;
        let key = AuthorityPublicKey::from_bytes(trusted.public_key())?;
        Ok(Self { organisation: organisation.clone(), trusted, key, clock })
    }

    /// Asks for secrets of a place, 1 to 100, each once. The request is to be sent within a minute, once; the other half stays here and
    /// opens the answer to it. Makes a key pair: RSA takes up to seconds.
    ///
    /// # Errors
    ///
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for a place of another organisation,
    /// [`InvalidInput`](ErrorKind::InvalidInput) for no, too many or repeated names, [`Expired`](ErrorKind::Expired) for the
    /// answer key, [`Unavailable`](ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub async fn request(
        &self,
        place: &Place,
        names: impl IntoIterator<Item = SecretName> + Send,
        spec: KeySpec,
    ) -> Result<(RetrievalRequest, PendingRetrieval)> {
        let names: Vec<_> = names.into_iter().collect();
        if place.organisation != self.organisation {
            return Err(Error::new(
                ErrorKind::PermissionDenied,
                "the place belongs to another organisation than the answer key: use that organisation's",
            ));
        }
        self.trusted.check_time(&*self.clock)?;
        let pair = RecipientKeyPair::generate(spec).await?;
        self.request_with(pair, *random()?, place.clone(), names)
    }

    pub(super) fn request_with(
        &self,
        pair: RecipientKeyPair,
        id: [u8; 16],
        place: Place,
        names: Vec<SecretName>,
    ) -> Result<(RetrievalRequest, PendingRetrieval)> {
        let (answer_key_version, expiry) = (self.trusted.version(), Expiry::after(&*self.clock, LIFETIME));
        let key = pair.public_key().clone();
        let request = Asked { id, place, names, answer_key_version, expiry, key }.message()?;
        Ok((request.clone(), PendingRetrieval { request, pair, key: self.key }))
    }
}

impl fmt::Debug for AnswerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnswerKey")
            .field("organisation", &self.organisation)
            .field("version", &self.trusted.version())
            .finish_non_exhaustive()
    }
}

/// The client's half of a request: what opens its answer, and no other. Its private key is wiped on drop.
#[derive(Debug)]
pub struct PendingRetrieval {
    request: RetrievalRequest,
    pair: RecipientKeyPair,
    key: AuthorityPublicKey,
}

impl PendingRetrieval {
    /// Opens the answer: the secrets in the order in which they were asked for, all of them.
    ///
    /// Cancel safe: a dropped call leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity), without a cause, for anything but the server's answer to this very request.
    pub async fn open(&self, bundle: &Bundle) -> Result<Vec<RetrievedSecret>> {
        let answer = Answer::parse(bundle.as_bytes())?;
        let (asked, suite) = (self.request.asked(), self.pair.suite());
        if answer.suite != suite || *answer.request_id != asked.id {
            return Err(Error::integrity());
        }
        let binding = Binding::new(suite, &self.request);
        self.key.verify(&binding.signed(answer.sealed), answer.signature)?;
        let opened = self.pair.open(&binding.info(), &binding.aad(), answer.sealed).await?;
        decode(suite, &asked.names, &opened).map_err(|_| Error::integrity())
    }
}
