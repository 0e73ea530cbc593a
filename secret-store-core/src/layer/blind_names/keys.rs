//! The key provider's side: contexts with hashed names.

use std::sync::Arc;

use async_trait::async_trait;

use super::blinding::{Blinding, Generation, Scheme};
use super::key::{BlindingKeyId, Keyed, Kind};
use crate::context::{ContextName, EncryptionContext};
use crate::error::{Error, Result};
use crate::id::MasterKeyId;
use crate::key::{DocumentKey, GeneratedKey, WrappedKey};
use crate::key_provider::KeyProvider;

/// In front of a wrap under a blind context, and after it the id of the blinding key.
const MAGIC: &[u8; 3] = b"SK1";
const HEADER_BYTES: usize = MAGIC.len() + BlindingKeyId::BYTES;

/// A [`KeyProvider`] over another, which is handed hashes instead of names: the contexts that a KMS writes into its logs, and that
/// policies of its keys name, hold `ss:store`, `ss:application`, `ss:name` and `ss:tenant` as [`Blinding::display`] shows them.
///
/// It belongs directly over the provider that must not read names; a tier of tenant keys lies over it. A wrap is the
/// inner one behind eleven bytes that name the blinding key of its context: a hint, since under another key it does not open.
/// [`rewrap_key`](KeyProvider::rewrap_key) moves a wrap to the newest context.
///
/// Format 0 has no context to blind: [`Unsupported`](crate::ErrorKind::Unsupported).
#[derive(Clone, Debug)]
pub struct BlindedKeys {
    inner: Arc<dyn KeyProvider>,
    blinding: Blinding,
}

impl BlindedKeys {
    /// Over a key provider, with the blinding keys of the store's [`BlindNames`](crate::BlindNames).
    pub fn new(inner: Arc<dyn KeyProvider>, blinding: Blinding) -> Self {
        Self { inner, blinding }
    }

    fn blind(&self, generation: Generation, context: &EncryptionContext) -> Result<EncryptionContext> {
        let blind = context.with_names(|name| match self.blinding.scheme(generation) {
            Scheme::Clear => clear(name),
            Scheme::Keyed(key) => blind(key, name),
        })?;
        Ok(blind)
    }

    fn wrapped(&self, generation: Generation, inner: &WrappedKey) -> WrappedKey {
        let bytes = match self.blinding.scheme(generation) {
            Scheme::Clear => return inner.clone(),
            Scheme::Keyed(key) => [MAGIC, &key.id().as_bytes()[..], inner.as_bytes()].concat(),
        };
        WrappedKey::new(inner.master_key_id().clone(), bytes)
    }

    /// The inner wrap, and the generation of its context.
    fn unwrapped(&self, key: &WrappedKey) -> Result<(Generation, WrappedKey)> {
        let generation = self.generation(key.as_bytes())?;
        let bytes = match self.blinding.scheme(generation) {
            Scheme::Clear => return Ok((generation, key.clone())),
            Scheme::Keyed(_) => &key.as_bytes()[HEADER_BYTES..],
        };
        Ok((generation, WrappedKey::new(key.master_key_id().clone(), bytes)))
    }

    fn generation(&self, wrapped: &[u8]) -> Result<Generation> {
        generation_of(&self.blinding, wrapped).ok_or_else(Error::integrity)
    }
}

/// The generation of the context that a wrap says it is under; `None` for one that is not in use.
pub(super) fn generation_of(blinding: &Blinding, wrapped: &[u8]) -> Option<Generation> {
    let id = wrapped.strip_prefix(MAGIC).and_then(<[u8]>::first_chunk::<{ BlindingKeyId::BYTES }>);
    let keyed = id.and_then(|id| blinding.find(&BlindingKeyId::from_bytes(*id).to_string()));
    // A wrap in clear may begin with any bytes, if hardly with these.
    keyed.or_else(|| blinding.find(&Scheme::Clear.tag()))
}

fn clear(name: ContextName<'_>) -> String {
    match name {
        ContextName::Store(name) | ContextName::Application(name) | ContextName::Tenant(name) => name.to_owned(),
        ContextName::Name { name, .. } => name.to_owned(),
    }
}

fn blind(key: &Keyed, name: ContextName<'_>) -> String {
    match name {
        ContextName::Store(name) => key.blind(Kind::Store, &[name]),
        ContextName::Application(name) => key.blind(Kind::Application, &[name]),
        ContextName::Name { application, name } => key.blind(Kind::Name, &[application, name]),
        ContextName::Tenant(name) => key.blind(Kind::Tenant, &[name]),
    }
}

#[async_trait]
impl KeyProvider for BlindedKeys {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.inner.accepts(id)
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let writing = self.blinding.writing();
        let GeneratedKey { document_key, wrapped } =
            self.inner.generate_key(id, &self.blind(writing, context)?).await?;
        Ok(GeneratedKey { document_key, wrapped: self.wrapped(writing, &wrapped) })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        let writing = self.blinding.writing();
        let wrapped = self.inner.wrap_key(id, key, &self.blind(writing, context)?).await?;
        Ok(self.wrapped(writing, &wrapped))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        let (generation, wrapped) = self.unwrapped(key)?;
        self.inner.unwrap_key(&wrapped, &self.blind(generation, context)?).await
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        let (generation, wrapped) = self.unwrapped(key)?;
        // Never back to an older one.
        let newest = self.blinding.writing().max(generation);
        let (from, to_context) = (self.blind(generation, from)?, self.blind(newest, to_context)?);
        let wrapped = self.inner.rewrap_key(&wrapped, &from, to, &to_context).await?;
        Ok(self.wrapped(newest, &wrapped))
    }
}
