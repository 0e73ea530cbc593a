//! The associated data of a secret's value.

use super::encoding::{Bytes, COUNT_AT, FIELDS_AT, Fields, PURPOSE_AT, encode_secret, length};
use super::{EncryptionContext, Purpose};
use crate::id::{SecretId, SecretVersion, StoreId};

/// The associated data of a secret's value, made for one use or kept in a box. A type of its own, so that it never stands where a
/// context belongs.
#[derive(Clone, Debug)]
pub(crate) struct ValueAad<B = Bytes>(B);

/// As it is kept beside a ready key: without metadata, which differ from value to value.
pub(crate) type KeptAad = ValueAad<Box<[u8]>>;

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
        let aad = Self(encoded);
        match metadata {
            Some(metadata) => aad.with_metadata(metadata),
            None => aad,
        }
    }

    /// With one field more.
    fn with_metadata(mut self, metadata: &[u8]) -> Self {
        self.0[COUNT_AT] += 1;
        self.0.extend_from_slice(&length(metadata));
        self.0.extend_from_slice(metadata);
        self
    }

    /// The context of the document key of the same secret version: the same four fields under another purpose.
    pub(crate) fn key_context(&self) -> EncryptionContext {
        let mut fields = Fields(&self.0[FIELDS_AT..]);
        let four: usize = fields.by_ref().take(4).map(|field| 4 + field.len()).sum();
        let mut encoded = Bytes::from_slice(&self.0[..FIELDS_AT + four]);
        encoded[PURPOSE_AT] = Purpose::DocumentKey as u8;
        encoded[COUNT_AT] = 4;
        EncryptionContext { encoded }
    }
}

impl KeptAad {
    /// Of the values under the document key of this context. Nothing in format 0, which authenticates nothing.
    pub(crate) fn of_values_under(context: EncryptionContext) -> Self {
        if context.is_legacy() {
            return Self(Box::default());
        }
        Self(ValueAad::of_document_key(context, None).0.into_boxed_slice())
    }

    /// Of a value with metadata.
    pub(crate) fn and_metadata(&self, metadata: &[u8]) -> ValueAad {
        ValueAad(Bytes::from_slice(&self.0)).with_metadata(metadata)
    }
}

impl<B: AsRef<[u8]>> ValueAad<B> {
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_ref()
    }
}
