//! The handshake `Noise_NK_25519_AESGCM_SHA256` (Perrin, *The Noise Protocol Framework*, revision 34): section 5 with the pattern
//! of section 7.4. Names are the specification's.
//!
//! ```text
//! <- s
//! ...
//! -> e, es
//! <- e, ee
//! ```
//!
//! Every key of this handshake encrypts one payload, so its nonce is always 0.

use aes_gcm::aead::AeadInOut;
use aes_gcm::{Aes256Gcm, KeyInit};
use hkdf::Hkdf;
use secret_store_core::{Error, Result};
use sha2::{Digest, Sha256};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::Zeroizing;

/// Exactly 32 bytes with the zeros that section 5.2 appends, where a longer name is hashed.
const PROTOCOL_NAME: &[u8; 32] = b"Noise_NK_25519_AESGCM_SHA256\0\0\0\0";
pub(super) const POINT_BYTES: usize = 32;
const TAG_BYTES: usize = 16;
/// A message of the handshake with an empty payload.
pub(super) const MESSAGE_BYTES: usize = POINT_BYTES + TAG_BYTES;

type Key = Zeroizing<[u8; 32]>;

/// What both ends have after the handshake.
pub(super) struct Agreed {
    /// `h`: the whole handshake, for channel binding (section 11.2). Not secret.
    pub(super) hash: [u8; 32],
    /// The initiator's key, then the responder's, of `Split`.
    pub(super) keys: [Key; 2],
}

/// The client between its message and the answer.
pub(super) struct Initiator {
    symmetric: Symmetric,
    ephemeral: Box<StaticSecret>,
}

impl Initiator {
    /// Makes the first message. The ephemeral key is fresh, and used for nothing else.
    pub(super) fn start(
        prologue: &[u8],
        server: &PublicKey,
        ephemeral: Box<StaticSecret>,
        payload: &[u8],
    ) -> Result<(Self, Vec<u8>)> {
        let mut symmetric = Symmetric::new(prologue, server);
        let e = PublicKey::from(&*ephemeral);
        let mut message = e.as_bytes().to_vec();
        symmetric.mix_hash(e.as_bytes());
        symmetric.mix_key(&ephemeral, server)?;
        symmetric.encrypt_and_hash(payload, &mut message)?;
        Ok((Self { symmetric, ephemeral }, message))
    }

    /// Reads the answer.
    pub(super) fn finish(mut self, message: &[u8]) -> Result<(Agreed, Vec<u8>)> {
        let (e, sealed) = point(message)?;
        self.symmetric.mix_hash(e.as_bytes());
        self.symmetric.mix_key(&self.ephemeral, &e)?;
        let payload = self.symmetric.decrypt_and_hash(sealed)?;
        Ok((self.symmetric.split(), payload))
    }
}

/// The server between the client's message and its own.
pub(super) struct Responder {
    symmetric: Symmetric,
    client: PublicKey,
}

impl Responder {
    /// Reads the first message.
    pub(super) fn read(
        prologue: &[u8],
        key: &StaticSecret,
        public: &PublicKey,
        message: &[u8],
    ) -> Result<(Self, Vec<u8>)> {
        let mut symmetric = Symmetric::new(prologue, public);
        let (client, sealed) = point(message)?;
        symmetric.mix_hash(client.as_bytes());
        symmetric.mix_key(key, &client)?;
        let payload = symmetric.decrypt_and_hash(sealed)?;
        Ok((Self { symmetric, client }, payload))
    }

    /// Makes the answer. The ephemeral key is fresh, and used for nothing else.
    pub(super) fn write(mut self, ephemeral: &StaticSecret, payload: &[u8]) -> Result<(Agreed, Vec<u8>)> {
        let e = PublicKey::from(ephemeral);
        let mut message = e.as_bytes().to_vec();
        self.symmetric.mix_hash(e.as_bytes());
        self.symmetric.mix_key(ephemeral, &self.client)?;
        self.symmetric.encrypt_and_hash(payload, &mut message)?;
        Ok((self.symmetric.split(), message))
    }
}

fn point(message: &[u8]) -> Result<(PublicKey, &[u8])> {
    let (e, rest) = message.split_first_chunk::<POINT_BYTES>().ok_or_else(Error::integrity)?;
    Ok((PublicKey::from(*e), rest))
}

/// `SymmetricState` and its `CipherState`.
struct Symmetric {
    h: [u8; 32],
    ck: Key,
    k: Key,
}

impl Symmetric {
    /// Up to the first message: name, prologue and the pre-message `<- s`.
    fn new(prologue: &[u8], server: &PublicKey) -> Self {
        let k = Zeroizing::new([0; 32]);
        let mut symmetric = Self { h: *PROTOCOL_NAME, ck: Zeroizing::new(*PROTOCOL_NAME), k };
        symmetric.mix_hash(prologue);
        symmetric.mix_hash(server.as_bytes());
        symmetric
    }

    fn mix_hash(&mut self, bytes: &[u8]) {
        self.h = Sha256::new().chain_update(self.h).chain_update(bytes).finalize().into();
    }

    /// `MixKey(DH(…))`. A shared secret of zeros, which a point of low order gives (RFC 7748, section 6.1), is refused: the
    /// other end would have contributed nothing.
    fn mix_key(&mut self, private: &StaticSecret, public: &PublicKey) -> Result<()> {
        let shared = private.diffie_hellman(public);
        if !shared.was_contributory() {
            return Err(Error::integrity());
        }
        let [ck, k] = self.hkdf(shared.as_bytes());
        (self.ck, self.k) = (ck, k);
        Ok(())
    }

    /// Section 4.3: HKDF of RFC 5869 with the chaining key as salt and an empty info.
    fn hkdf(&self, input: &[u8]) -> [Key; 2] {
        let mut output = Zeroizing::new([0; 64]);
        Hkdf::<Sha256>::new(Some(&*self.ck), input).expand(&[], &mut *output).expect("two blocks are few");
        let mut keys = [Zeroizing::new([0; 32]), Zeroizing::new([0; 32])];
        for (key, bytes) in keys.iter_mut().zip(output.chunks_exact(32)) {
            key.copy_from_slice(bytes);
        }
        keys
    }

    fn cipher(&self) -> Aes256Gcm {
        Aes256Gcm::new((&*self.k).into())
    }

    fn encrypt_and_hash(&mut self, payload: &[u8], message: &mut Vec<u8>) -> Result<()> {
        let start = message.len();
        message.extend_from_slice(payload);
        let sealed = self.cipher().encrypt_inout_detached(&[0; 12].into(), &self.h, (&mut message[start..]).into());
        message.extend_from_slice(&sealed.map_err(|_| Error::integrity())?);
        self.mix_hash(&message[start..]);
        Ok(())
    }

    fn decrypt_and_hash(&mut self, sealed: &[u8]) -> Result<Vec<u8>> {
        let (ciphertext, tag) = sealed.split_last_chunk::<TAG_BYTES>().ok_or_else(Error::integrity)?;
        let mut payload = ciphertext.to_vec();
        let opened =
            self.cipher().decrypt_inout_detached(&[0; 12].into(), &self.h, payload.as_mut_slice().into(), tag.into());
        opened.map_err(|_| Error::integrity())?;
        self.mix_hash(sealed);
        Ok(payload)
    }

    fn split(self) -> Agreed {
        Agreed { hash: self.h, keys: self.hkdf(&[]) }
    }
}

#[cfg(test)]
mod tests;
