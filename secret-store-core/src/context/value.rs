//! The associated data of a secret's value.

use super::encoding::{Bytes, COUNT_AT, FIELDS_AT, Fields, PURPOSE_AT, encode_secret, length};
use super::{EncryptionContext, Purpose};
use crate::id::{SecretId, SecretVersion, StoreId};

/// The associated data of a secret's value. A type of its own, so that it never stands where a context belongs.
#[derive(Clone, Debug)]
pub(crate) struct ValueAad(Bytes);

impl ValueAad {
    /// Fields: store, application, name, version, and the user's metadata (encoded) where there is any.
    #[inline]
    pub(crate) fn new(store: &StoreId, id: &SecretId, version: SecretVersion, metadata: Option<&[u8]>) -> Self {
        Self(encode_secret(Purpose::Value, store, id, version, metadata))
    }

    /// Of the value under the document key of this context: the same four fields under another purpose, and the metadata.
    pub(crate) fn of_document_key(context: EncryptionContext, metadata: Option<&[u8]>) -> Self {
        debug_assert_eq!(context.purpose(), Some(Purpose::DocumentKey));
        let mut encoded = context.encoded;
        encoded[PURPOSE_AT] = Purpose::Value as u8;
        if let Some(metadata) = metadata {
            encoded[COUNT_AT] += 1;
            encoded.extend_from_slice(&length(metadata));
            encoded.extend_from_slice(metadata);
        }
        Self(encoded)
    }

    /// The context of the document key of the same secret version: the same four fields under another purpose.
    pub(crate) fn key_context(&self) -> EncryptionContext {
        let mut encoded = Bytes::from_slice(without_metadata(&self.0));
        encoded[PURPOSE_AT] = Purpose::DocumentKey as u8;
        encoded[COUNT_AT] = 4;
        EncryptionContext { encoded }
    }

    /// The part that the key context shares, as a name for it: prefix, suite and the four fields.
    pub(crate) fn key_context_bytes(&self) -> &[u8] {
        &without_metadata(&self.0)[FIELDS_AT..]
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn without_metadata(encoded: &[u8]) -> &[u8] {
    let mut fields = Fields(&encoded[FIELDS_AT..]);
    let four: usize = fields.by_ref().take(4).map(|field| 4 + field.len()).sum();
    &encoded[..FIELDS_AT + four]
}
