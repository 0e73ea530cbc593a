//! Messages as programs hand them on: bytes, and for serde a string of base64url or bytes.

use secret_store_core::Result;

/// A message of this crate: a newtype over the bytes of one frame whose form was checked.
///
/// With serde it is a string of base64url without padding (RFC 4648, section 5) in formats for people, bytes in others. Nothing is allocated
/// for what is longer than the message may be or of another type, and no error quotes it.
pub trait Message: Sized {
    /// The largest size, in bytes. Checked before anything is parsed or allocated.
    const MAX_BYTES: usize;

    /// Checks the form of the message; whether it is authentic, its receiver finds out. What is refused is wiped: it may be a
    /// plaintext.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](secret_store_core::ErrorKind::TooLarge), [`NotSealed`](secret_store_core::ErrorKind::NotSealed),
    /// [`Unsupported`](secret_store_core::ErrorKind::Unsupported), [`Integrity`](secret_store_core::ErrorKind::Integrity).
    fn from_bytes(bytes: Vec<u8>) -> Result<Self>;

    /// The bytes to send.
    fn as_bytes(&self) -> &[u8];
}

/// Defines a message: its size limit and the function that checks a frame's form.
macro_rules! message {
    ($(#[$doc:meta])* $name:ident, $limit:expr, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq)]
        pub struct $name(Vec<u8>);

        impl $crate::wire::Message for $name {
            const MAX_BYTES: usize = $limit;

            fn from_bytes(mut bytes: Vec<u8>) -> secret_store_core::Result<Self> {
                let check: fn(&[u8]) -> secret_store_core::Result<()> = $check;
                if let Err(refusal) = check(&bytes) {
                    zeroize::Zeroize::zeroize(&mut bytes);
                    return Err(refusal);
                }
                Ok(Self(bytes))
            }

            fn as_bytes(&self) -> &[u8] {
                &self.0
            }
        }

        $crate::wire::carried!($name);
    };
}

/// What a [`Message`] has besides: it is shown by its size, and carried by serde.
macro_rules! carried {
    ($name:ident) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "([{} bytes])"), $crate::wire::Message::as_bytes(self).len())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                $crate::wire::serde_bytes::serialize($crate::wire::Message::as_bytes(self), serializer)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let limit = <Self as $crate::wire::Message>::MAX_BYTES;
                let bytes = $crate::wire::serde_bytes::deserialize(deserializer, limit)?;
                <Self as $crate::wire::Message>::from_bytes(bytes).map_err(serde::de::Error::custom)
            }
        }
    };
}
pub(crate) use carried;
pub(crate) use message;
