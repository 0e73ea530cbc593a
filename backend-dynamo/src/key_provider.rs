//! Master keys in AWS KMS.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use secret_store_core::{
    Clock, DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, KeyProvider, MasterKeyId, Result, WrappedKey,
};

mod allow_list;
pub(crate) mod arn;
mod builder;
mod call;
mod failure;
mod outage;

pub use builder::KmsKeyProviderBuilder;

pub(crate) use allow_list::Replica;
pub(crate) use call::pairs as context_pairs;

use allow_list::{AllowList, MasterKey};
use outage::is_regional;

/// "Decrypt", KMS API Reference: a `CiphertextBlob` has 1 to 6,144 bytes. `Encrypt` takes up to 4,096 bytes, of which a
/// [`DocumentKey`] has 32 at most.
const MAX_CIPHERTEXT_BYTES: usize = 6144;

/// A [`KeyProvider`] over symmetric keys of AWS KMS.
///
/// * **Wraps** are raw `CiphertextBlob`s, and name the ARN that KMS answered. Every `Decrypt` pins that ARN, after the
///   allow-list admitted it: whatever a database says, no other key is ever called.
/// * **Contexts** are the pairs of [`EncryptionContext::pairs`], so that key policies can restrict by
///   `kms:EncryptionContext:ss:application` and the others. The legacy context has no pairs and 16-byte keys.
/// * **Plaintext** keys leave KMS in answers to `GenerateDataKey` and `Decrypt`, and go there only in `Encrypt`, for
///   [`wrap_key`](KeyProvider::wrap_key). [`rewrap_key`](KeyProvider::rewrap_key) is one `ReEncrypt` wherever both keys can be
///   called in one region; between regions it is `Decrypt`, then `Encrypt`. What this crate holds is wiped; the SDK's own
///   buffers (the answer's body, the request's body) cannot be.
/// * **Names**: the allow-list is set when the provider is [built](KmsKeyProvider::builder). Aliases and key ids are resolved
///   then, once; an alias that moves is followed by a new provider. A wrap always names an ARN.
/// * **Multi-Region keys** are a list of ARNs that differ in the region. The first with a client is called, and the next
///   where that one cannot be used: its region does not answer or throttles, it is disabled there, or denied. Such a one is
///   asked last for half a minute, so that an outage costs its timeout now and then and not with every call. The answer is
///   the first error when none can be used. A ciphertext that is refused is refused: its replicas would say the same.
/// * **Regional keys** that wrap one document key together, for the loss of a region, are keys of this allow-list that a
///   store is [told to wrap with](secret_store_core::EnvelopeStoreBuilder::also_wrap_with).
///
/// `GenerateDataKeyWithoutPlaintext` and grants are not used. Cloning is cheap. Dropping a call cancels it; KMS keeps no state
/// of it.
///
/// # Errors
///
/// Besides what the trait says: [`InvalidInput`](ErrorKind::InvalidInput) when KMS finds a request malformed or the key of
/// the wrong usage. Messages name the action, the key, its region and the fix.
#[derive(Clone)]
pub struct KmsKeyProvider {
    allowed: AllowList,
    clock: Arc<dyn Clock>,
}

impl KmsKeyProvider {
    /// Begins with the client of the home region: the one in which aliases and key ids are looked up.
    pub fn builder(client: aws_sdk_kms::Client) -> KmsKeyProviderBuilder {
        KmsKeyProviderBuilder::new(client)
    }

    /// Where an allowed key may be called, in the order of preference.
    pub(crate) fn replicas(&self, id: &MasterKeyId) -> Option<&[Replica]> {
        self.allowed.get(id).map(MasterKey::replicas)
    }

    /// Where one `ReEncrypt` moves from the one key to the other.
    pub(crate) fn in_one_region(&self, from: &MasterKeyId, to: &MasterKeyId) -> Vec<(&Replica, &Replica)> {
        let both = self.allowed.get(from).zip(self.allowed.get(to));
        both.map(|(source, target)| source.in_one_region(target)).unwrap_or_default()
    }

    fn key(&self, id: &MasterKeyId) -> Result<&MasterKey> {
        self.allowed.get(id).ok_or_else(|| Error::key_not_allowed(id))
    }

    /// Asks one place after the other as long as they cannot be used: in the order of preference, those last that could not be
    /// used a moment ago.
    async fn first_usable<'a, P, T, F>(
        &self,
        mut places: Vec<P>,
        replica: impl Fn(P) -> &'a Replica,
        call: impl Fn(P) -> F,
    ) -> Result<T>
    where
        P: Copy,
        F: Future<Output = Result<T>>,
    {
        if let [only] = places[..] {
            return call(only).await;
        }
        let now = self.clock.monotonic();
        places.sort_by_key(|place| replica(*place).outage.is_recent(now));
        let mut first_error = None;
        for place in places {
            if first_error.is_some() {
                secret_store_core::observe::retry();
            }
            match call(place).await {
                Err(error) if is_regional(error.kind()) => {
                    let Replica { arn, outage, .. } = replica(place);
                    tracing::debug!(master_key = %arn, kind = ?error.kind(), "a replica could not be used");
                    outage.note(self.clock.monotonic());
                    first_error.get_or_insert(error);
                }
                outcome => return outcome,
            }
        }
        Err(first_error.unwrap_or_else(|| Error::new(ErrorKind::Unavailable, "the master key has no region to call")))
    }

    async fn with_replica<'a, T, F>(&self, key: &'a MasterKey, call: impl Fn(&'a Replica) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        self.first_usable(key.replicas().iter().collect(), |replica| replica, call).await
    }
}

/// What cannot be a ciphertext of KMS is not sent.
fn check_ciphertext(key: &WrappedKey) -> Result<()> {
    if (1..=MAX_CIPHERTEXT_BYTES).contains(&key.as_bytes().len()) { Ok(()) } else { Err(Error::integrity()) }
}

#[async_trait]
impl KeyProvider for KmsKeyProvider {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.allowed.get(id).is_some()
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.with_replica(self.key(id)?, |replica| call::generate(replica, context)).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        let master = self.key(id)?;
        context.check_key_bytes(key.expose_secret().len())?;
        self.with_replica(master, |replica| call::encrypt(replica, key, context)).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        let master = self.key(key.master_key_id())?;
        check_ciphertext(key)?;
        self.with_replica(master, |replica| call::decrypt(replica, key, context)).await
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        let (source, target) = (self.key(key.master_key_id())?, self.key(to)?);
        check_ciphertext(key)?;
        let pairs = source.in_one_region(target);
        if pairs.is_empty() {
            let document_key = self.unwrap_key(key, from).await?;
            return self.wrap_key(to, &document_key, to_context).await;
        }
        if from.suite() != to_context.suite() {
            // Only a look inside tells whether the key has a size that the other context admits.
            let document_key = self.unwrap_key(key, from).await?;
            to_context.check_key_bytes(document_key.expose_secret().len())?;
        }
        let move_in = |(source, target)| call::re_encrypt(source, target, key, from, to_context);
        self.first_usable(pairs, |(source, _)| source, move_in).await
    }
}

/// Names and regions; there are no secrets here.
impl fmt::Debug for KmsKeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsKeyProvider").field("allowed", &self.allowed).finish_non_exhaustive()
    }
}
