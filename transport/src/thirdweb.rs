//! The wire format of thirdweb's vault, for clients and servers that speak it already. **Weak: prefer [`channel`](crate::channel).**
//!
//! The client learns the enclave's X25519 key from `GET /api/v1/enclave` ([`Enclave`]), checks by other means that it is the enclave's, and posts a
//! [`Sealed`] request; the response has the same shape. Each message is sealed to the shared secret of one ephemeral key of its sender and a key of
//! its receiver: HKDF-SHA256 without salt, info `encryption`, then XChaCha20-Poly1305 with a random 24-byte nonce and no associated data.
//!
//! # What it does not give
//!
//! * **Responses are not authenticated.** Their key comes of the client's ephemeral public key, which stands in the request, and any other key:
//!   whoever sees the request can make a response that the client opens.
//! * **Requests reflect.** A request, with the enclave's public key put in as its `ephemeralPublicKey`, is a response to itself.
//! * **Requests replay**: the server opens them as often as they come, at any time.
//! * **No forward secrecy for requests**: who takes the enclave's key opens all that were recorded.
//!
//! All four are of the format, and none can be mended without leaving it; the tests show the first two, and that the channel refuses them. So run
//! it inside of TLS that you trust as much as the enclave, believe no response, and move to the channel.
//!
//! ```
//! use secret_store_transport::channel::ServerKey;
//! use secret_store_transport::thirdweb::{Client, Enclave, EnclaveKeyPair};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let pair = EnclaveKeyPair::generate()?;
//! let answered = serde_json::to_string(&Enclave::new(*pair.public_key()))?;
//!
//! let enclave: Enclave = serde_json::from_str(&answered)?;
//! let (client, request) = Client::seal(&ServerKey::trusted(enclave.public_key()?), br#"{"operation":"ping"}"#)?;
//! let (payload, reply) = pair.open(&serde_json::from_str(&serde_json::to_string(&request)?)?)?;
//! assert_eq!(payload.text()?, r#"{"operation":"ping"}"#);
//! let response = reply.seal(br#"{"ok":true}"#)?;
//! assert_eq!(client.open_unauthenticated(&response)?.text()?, r#"{"ok":true}"#);
//! # Ok(())
//! # }
//! ```

mod hexadecimal;
mod sealed;

use std::fmt;

use secret_store_core::{Error, Result, SecretValue};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

use crate::channel::{MAX_PAYLOAD_BYTES, ServerKey, ServerPublicKey};
use crate::random::random;
pub use sealed::{Enclave, Sealed};
use sealed::{KEY_BYTES, NONCE_BYTES};

/// A client that waits for the response to one request. Its ephemeral key is wiped on drop.
pub struct Client(Box<StaticSecret>);

impl Client {
    /// Seals a request of at most [`MAX_PAYLOAD_BYTES`] to an enclave whose key is trusted.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](secret_store_core::ErrorKind::TooLarge), [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when the operating system
    /// gives no random bytes.
    pub fn seal(enclave: &ServerKey, payload: &[u8]) -> Result<(Self, Sealed)> {
        Self::seal_by(&Drawn::draw()?, enclave, payload)
    }

    fn seal_by(drawn: &Drawn, enclave: &ServerKey, payload: &[u8]) -> Result<(Self, Sealed)> {
        let (ephemeral, sealed) = seal_to(drawn, &PublicKey::from(*enclave.public_key().as_bytes()), payload)?;
        Ok((Self(ephemeral), sealed))
    }

    /// Opens a response, **whoever made it**: it may be the enclave's, or of anybody who saw the request, or the request itself.
    ///
    /// # Errors
    ///
    /// [`Integrity`](secret_store_core::ErrorKind::Integrity) for what was sealed to another client or altered.
    pub fn open_unauthenticated(&self, response: &Sealed) -> Result<SecretValue> {
        response.open(&self.0)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Client([redacted])")
    }
}

/// An enclave's key pair. The private key is wiped on drop; no `Clone`, nothing in `Debug`.
pub struct EnclaveKeyPair {
    private: Box<StaticSecret>,
    public: ServerPublicKey,
}

impl EnclaveKeyPair {
    /// A new key pair.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when the operating system gives no random bytes.
    pub fn generate() -> Result<Self> {
        random().map(|key| Self::from_private_key(&key))
    }

    /// The key pair of a private key: any 32 bytes (RFC 7748, section 5). The caller wipes its copy.
    #[must_use]
    pub fn from_private_key(key: &[u8; KEY_BYTES]) -> Self {
        let private = Box::new(StaticSecret::from(*key));
        let public = ServerPublicKey::of(&private);
        Self { private, public }
    }

    /// The private key, to be kept as a secret is kept.
    #[must_use]
    pub fn private_key(&self) -> SecretValue {
        SecretValue::from(&self.private.as_bytes()[..])
    }

    /// The public key.
    #[must_use]
    pub const fn public_key(&self) -> &ServerPublicKey {
        &self.public
    }

    /// Opens a request, as often as it comes, and gives the key to answer it.
    ///
    /// # Errors
    ///
    /// [`Integrity`](secret_store_core::ErrorKind::Integrity) for what was sealed to another key or altered.
    pub fn open(&self, request: &Sealed) -> Result<(SecretValue, Reply)> {
        let payload = request.open(&self.private)?;
        Ok((payload, Reply(request.ephemeral())))
    }
}

impl fmt::Debug for EnclaveKeyPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EnclaveKeyPair([redacted])")
    }
}

/// The client's ephemeral public key, to answer to.
#[derive(Debug)]
pub struct Reply(PublicKey);

impl Reply {
    /// Seals the response, of at most [`MAX_PAYLOAD_BYTES`].
    ///
    /// # Errors
    ///
    /// [`TooLarge`](secret_store_core::ErrorKind::TooLarge), [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when the operating system
    /// gives no random bytes.
    pub fn seal(self, payload: &[u8]) -> Result<Sealed> {
        self.seal_by(&Drawn::draw()?, payload)
    }

    fn seal_by(self, drawn: &Drawn, payload: &[u8]) -> Result<Sealed> {
        seal_to(drawn, &self.0, payload).map(|(_, sealed)| sealed)
    }
}

/// What one message draws: its ephemeral key and its nonce.
struct Drawn(Zeroizing<[u8; KEY_BYTES + NONCE_BYTES]>);

impl Drawn {
    fn draw() -> Result<Self> {
        random().map(Self)
    }
}

fn seal_to(drawn: &Drawn, receiver: &PublicKey, payload: &[u8]) -> Result<(Box<StaticSecret>, Sealed)> {
    if payload.len() > MAX_PAYLOAD_BYTES {
        return Err(Error::too_large("the payload of a message", MAX_PAYLOAD_BYTES as u64, payload.len() as u64));
    }
    let (key, nonce) = drawn.0.split_first_chunk().expect("a key and a nonce");
    let ephemeral = Box::new(StaticSecret::from(*key));
    let nonce = nonce.try_into().expect("the rest is the nonce");
    let sealed = Sealed::seal(&ephemeral, receiver, nonce, payload)?;
    Ok((ephemeral, sealed))
}

#[cfg(test)]
mod tests;
