//! HPKE (RFC 9180), base mode, one message a key: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.

use std::convert::Infallible;

use hpke::aead::{AeadTag, AesGcm256};
use hpke::inout::InOutBuf;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use secret_store_core::{Error, Result, SecretValue};
use zeroize::Zeroizing;

use super::PrivateBytes;
use crate::stack::leaving_no_stack;

pub(super) const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

/// 2²⁵⁵ − 19, little-endian: no coordinate is this or more.
const FIELD_ORDER: [u8; KEY_BYTES] = {
    let mut order = [0xff; KEY_BYTES];
    order[0] = 0xed;
    order[KEY_BYTES - 1] = 0x7f;
    order
};

/// The bytes that were drawn, as the library asks for them: 32, once.
struct Drawn<'a>(&'a [u8]);

impl TryRng for Drawn<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes).map(|()| u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes).map(|()| u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        // Never the same byte twice: a library that drew more would be found by the first test.
        let (drawn, rest) = self.0.split_at(out.len());
        out.copy_from_slice(drawn);
        self.0 = rest;
        Ok(())
    }
}

impl TryCryptoRng for Drawn<'_> {}

#[derive(Clone)]
pub(super) struct PublicKey(<X25519HkdfSha256 as Kem>::PublicKey);

impl PublicKey {
    /// Every public key has one form: a coordinate below the order of the field, with a clear top bit (RFC 7748, section 5, has
    /// readers take more). Points of low order agree on nothing but zero (RFC 9180, section 7.1.4).
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let refused = |why: &'static str| Error::invalid_input(why);
        if bytes.len() != KEY_BYTES {
            return Err(refused("an X25519 public key has 32 bytes"));
        }
        if bytes.iter().rev().ge(FIELD_ORDER.iter().rev()) {
            return Err(refused("the X25519 public key is not in its one form"));
        }
        let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(bytes)
            .map_err(|_| refused("an X25519 public key has 32 bytes"))?;
        X25519HkdfSha256::encap_with_rng(&key, None, &mut Drawn(&[1; KEY_BYTES]))
            .map_err(|_| refused("the X25519 public key is a point of low order: nothing can be sealed to it"))?;
        Ok(Self(key))
    }

    /// `drawn` is the randomness of the ephemeral key (`ikmE`), for this message alone.
    pub(super) fn seal(&self, drawn: &[u8; KEY_BYTES], info: &[u8], aad: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        // Sized once: growing would leave plaintext behind. Until it is encrypted the buffer is wiped on every exit.
        let mut sealed = Zeroizing::new(Vec::with_capacity(KEY_BYTES + message.len() + TAG_BYTES));
        sealed.resize(KEY_BYTES, 0);
        sealed.extend_from_slice(message);
        let buffer = InOutBuf::from(&mut sealed[KEY_BYTES..]);
        let mut drawn = Drawn(drawn);
        let (encapsulated, tag) = leaving_no_stack(|| {
            hpke::single_shot_seal_inout_detached_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
                &OpModeS::Base,
                &self.0,
                info,
                buffer,
                aad,
                &mut drawn,
            )
        })
        .map_err(|_| Error::integrity())?;
        encapsulated.write_exact(&mut sealed[..KEY_BYTES]);
        sealed.extend_from_slice(&tag.to_bytes());
        Ok(std::mem::take(&mut *sealed))
    }
}

/// Wiped on drop, by its library.
pub(super) struct PrivateKey(<X25519HkdfSha256 as Kem>::PrivateKey);

impl PrivateKey {
    /// `DeriveKeyPair` of random bytes (RFC 9180, section 7.1.3).
    pub(super) fn derive(drawn: &[u8; KEY_BYTES]) -> Self {
        Self(leaving_no_stack(|| X25519HkdfSha256::derive_keypair(drawn).0))
    }

    pub(super) fn from_bytes(bytes: &[u8; KEY_BYTES]) -> Result<Self> {
        <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(bytes).map(Self).map_err(|_| Error::integrity())
    }

    pub(super) fn to_bytes(&self) -> PrivateBytes {
        let mut bytes = Zeroizing::new(vec![0; KEY_BYTES]);
        self.0.write_exact(&mut bytes);
        bytes
    }

    pub(super) fn public_key(&self) -> [u8; KEY_BYTES] {
        let mut bytes = [0; KEY_BYTES];
        leaving_no_stack(|| X25519HkdfSha256::sk_to_pk(&self.0)).write_exact(&mut bytes);
        bytes
    }

    pub(super) fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<SecretValue> {
        let (encapsulated, rest) = sealed.split_at_checked(KEY_BYTES).ok_or_else(Error::integrity)?;
        let ciphertext_bytes = rest.len().checked_sub(TAG_BYTES).ok_or_else(Error::integrity)?;
        let (ciphertext, tag) = rest.split_at(ciphertext_bytes);
        let encapsulated = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(encapsulated);
        let (Ok(encapsulated), Ok(tag)) = (encapsulated, AeadTag::from_bytes(tag)) else {
            return Err(Error::integrity());
        };
        let mut message = Zeroizing::new(ciphertext.to_vec());
        let buffer = InOutBuf::from(&mut message[..]);
        leaving_no_stack(|| {
            hpke::single_shot_open_inout_detached::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
                &OpModeR::Base,
                &self.0,
                &encapsulated,
                info,
                buffer,
                aad,
                &tag,
            )
        })
        .map_err(|_| Error::integrity())?;
        Ok(SecretValue::new(std::mem::take(&mut *message)))
    }
}
