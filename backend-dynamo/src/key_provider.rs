//! Master keys in AWS KMS.

use std::fmt;

use async_trait::async_trait;
use secret_store_core::{
    DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, KeyProvider, MasterKeyId, Result, WrappedKey,
};

mod allow_list;
pub(crate) mod arn;
mod builder;
mod call;
mod failure;

pub use builder::KmsKeyProviderBuilder;

use allow_list::{AllowList, MasterKey, Replica};

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
/// * **Multi-Region keys** are a list of ARNs that differ in the region. The first with a client is called, the next when
///   that region is [`Unavailable`](ErrorKind::Unavailable).
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
}

impl KmsKeyProvider {
    /// Begins with the client of the home region: the one in which aliases and key ids are looked up.
    pub fn builder(client: aws_sdk_kms::Client) -> KmsKeyProviderBuilder {
        KmsKeyProviderBuilder::new(client)
    }

    fn key(&self, id: &MasterKeyId) -> Result<&MasterKey> {
        self.allowed.get(id).ok_or_else(|| Error::key_not_allowed(id))
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
        self.key(id)?.first_available(|replica| call::generate(replica, context)).await
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        let master = self.key(id)?;
        context.check_key_bytes(key.expose_secret().len())?;
        master.first_available(|replica| call::encrypt(replica, key, context)).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        let master = self.key(key.master_key_id())?;
        check_ciphertext(key)?;
        master.first_available(|replica| call::decrypt(replica, key, context)).await
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
        first_available(&pairs, |(source, target)| call::re_encrypt(source, target, key, from, to_context)).await
    }
}

/// Tries one place after the other as long as they are unavailable.
async fn first_available<'a, P, T, F>(places: &'a [P], call: impl Fn(&'a P) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let mut outcome = Err(Error::new(ErrorKind::Unavailable, "the master key has no region to call"));
    for place in places {
        outcome = call(place).await;
        if !matches!(&outcome, Err(error) if error.kind() == ErrorKind::Unavailable) {
            break;
        }
    }
    outcome
}

impl MasterKey {
    async fn first_available<'a, T, F>(&'a self, call: impl Fn(&'a Replica) -> F) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        first_available(self.replicas(), call).await
    }
}

/// Names and regions; there are no secrets here.
impl fmt::Debug for KmsKeyProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsKeyProvider").field("allowed", &self.allowed).finish()
    }
}
