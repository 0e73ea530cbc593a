//! Several key providers as one.

use std::sync::Arc;

use async_trait::async_trait;

use crate::context::EncryptionContext;
use crate::error::{Error, ErrorKind, Result};
use crate::id::MasterKeyId;
use crate::key::{DocumentKey, GeneratedKey, WrappedKey};
use crate::key_provider::{KeyProvider, Refusals};

/// Several key providers as one: to move from RSA files to a KMS or from one cloud to another, and to
/// [wrap under keys of several of them](crate::EnvelopeStoreBuilder::also_wrap_with).
///
/// Every member unwraps what it [accepts](KeyProvider::accepts). The first one also wraps, and so do those that are
/// [added as wrapping](Self::with_wrapping); the others [only unwrap](Self::with_unwrapping) and are never asked to wrap or to
/// generate. No member is asked about a key that it does not accept.
///
/// ```
/// # futures::executor::block_on(async {
/// use secret_store_core::{EnvelopeStore, KeyRing, SecretStoreExt};
/// use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
/// use std::sync::Arc;
///
/// let old = Arc::new(MemoryKeyProvider::new().with_generated(&"old".parse()?)?);
/// let new = Arc::new(MemoryKeyProvider::new().with_generated(&"new".parse()?)?);
/// let records = Arc::new(MemoryPersistence::new());
/// let before = EnvelopeStore::builder(old.clone(), records.clone()).store_id("demo").master_key("old").build()?;
/// before.application("YourApp.Production")?.put("MainDb", "hunter2").await?;
///
/// let ring = KeyRing::new(new).with_unwrapping(old);
/// let store = EnvelopeStore::builder(Arc::new(ring), records).store_id("demo").master_key("new").build()?;
/// let app = store.application("YourApp.Production")?;
/// assert_eq!(app.get("MainDb").await?.text()?, "hunter2");
/// assert_eq!(app.put("ApiKey", "s3cret").await?.master_key_id.as_str(), "new");
/// # Ok::<(), secret_store_core::Error>(())
/// # }).expect("the example runs");
/// ```
///
/// # Which member is asked
///
/// * **To generate and to wrap**: the first wrapping member that accepts the key. Its answer is the answer, also when it fails:
///   where another member stood in for it, nobody could tell afterwards which of the two holders a wrap needs.
/// * **To unwrap**: the members that accept the key, in their order, until one gives it.
/// * **To rewrap**: the member that wraps under the target, where it accepts the source too (a KMS then moves the key without
///   showing it). Otherwise, or where it cannot, another member unwraps and that one wraps; the document key is wiped in between.
///
/// **Give every master key an id of its own.** Members that accept the same id are taken for holders of the same key: copies of a
/// key directory, replicas of a KMS key. When one of them gives no key, because it or the way to it is down or denied or the wrap is
/// none of its own, the next is asked. That widens nothing, as each authenticates the wrap and its context for itself, and costs
/// a forger's wrap one refused call more for each of them. A refusal of policy ([`KeyNotAllowed`](ErrorKind::KeyNotAllowed): a signing key that
/// is not named, a version below the minimum) is the answer, so that no other member overrules it. Two *different* keys under one id can
/// so be read, as far as they do not refuse each other's signing keys, but no rotation and no census tells them apart.
///
/// # Errors
///
/// As the members say, with the member's number, from 1 in the order in which they were given; [`Integrity`](ErrorKind::Integrity)
/// stays bare. Where several were asked to unwrap in vain, the first error that does not judge the wrap itself: as long as one of
/// them could not look, nobody knows that the wrap is bad. [`KeyNotAllowed`](ErrorKind::KeyNotAllowed), without contact, for a key
/// that no member accepts, and for wrapping under one that is accepted only by members that only unwrap.
///
/// Cloning is cheap. Dropping a call drops that of the member.
#[derive(Clone, Debug)]
pub struct KeyRing {
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    /// From 1.
    number: usize,
    role: Role,
    keys: Arc<dyn KeyProvider>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Wrapping,
    Unwrapping,
}

impl KeyRing {
    /// With its first member, which wraps and unwraps.
    #[must_use]
    pub fn new(first: Arc<dyn KeyProvider>) -> Self {
        Self { members: Vec::new() }.with(Role::Wrapping, first)
    }

    /// With one more member that wraps and unwraps. Needed to wrap under keys of several members, and to move keys to it.
    #[must_use]
    pub fn with_wrapping(self, keys: Arc<dyn KeyProvider>) -> Self {
        self.with(Role::Wrapping, keys)
    }

    /// With one more member that only unwraps: what is left of it is read, and nothing new comes under its keys.
    #[must_use]
    pub fn with_unwrapping(self, keys: Arc<dyn KeyProvider>) -> Self {
        self.with(Role::Unwrapping, keys)
    }

    fn with(mut self, role: Role, keys: Arc<dyn KeyProvider>) -> Self {
        let number = self.members.len() + 1;
        self.members.push(Member { number, role, keys });
        self
    }

    /// The members that accept a key, in their order.
    fn accepting(&self, id: &MasterKeyId) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.keys.accepts(id))
    }

    /// The one member that wraps under a key.
    fn wrapping(&self, id: &MasterKeyId) -> Result<&Member> {
        let found = self.accepting(id).find(|member| member.role == Role::Wrapping);
        found.ok_or_else(|| match self.accepting(id).next() {
            None => Error::key_not_allowed(id),
            Some(Member { number, .. }) => Error::new(
                ErrorKind::KeyNotAllowed,
                format!(
                    "master key {id} belongs to member {number} of the key ring, which only unwraps: \
                     add it by `with_wrapping` to wrap under its keys, or choose another master key"
                ),
            ),
        })
    }
}

impl Member {
    /// Says whose error it is.
    fn answer<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.map_err(|error| error.within(format_args!("member {} of the key ring", self.number)))
    }
}

/// Asks one member after the other until one gives the key.
async fn first_to_unwrap(
    members: impl Iterator<Item = &Member>,
    key: &WrappedKey,
    context: &EncryptionContext,
    mut refusals: Refusals,
) -> Result<DocumentKey> {
    let id = key.master_key_id();
    for member in members {
        match member.answer(member.keys.unwrap_key(key, context).await) {
            Ok(document_key) => return Ok(document_key),
            Err(error) => {
                let (number, kind) = (member.number, error.kind());
                tracing::debug!(member = number, master_key = %id, ?kind, "a member of the key ring gave no key");
                refusals.add(error)?;
            }
        }
    }
    Err(refusals.into_error(|| Error::key_not_allowed(id)))
}

#[async_trait]
impl KeyProvider for KeyRing {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.accepting(id).next().is_some()
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let member = self.wrapping(id)?;
        member.answer(member.keys.generate_key(id, context).await)
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        let member = self.wrapping(id)?;
        member.answer(member.keys.wrap_key(id, key, context).await)
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        first_to_unwrap(self.accepting(key.master_key_id()), key, context, Refusals::default()).await
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        let (id, target, mut refusals) = (key.master_key_id(), self.wrapping(to)?, Refusals::default());
        if target.keys.accepts(id) {
            match target.answer(target.keys.rewrap_key(key, from, to, to_context).await) {
                Ok(moved) => return Ok(moved),
                Err(error) => refusals.add(error)?,
            }
        }
        let others = self.accepting(id).filter(|member| member.number != target.number);
        let document_key = first_to_unwrap(others, key, from, refusals).await?;
        target.answer(target.keys.wrap_key(to, &document_key, to_context).await)
    }
}
