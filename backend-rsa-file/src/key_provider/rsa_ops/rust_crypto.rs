//! RSA by the pure-Rust `rsa` crate.
//!
//! It has RUSTSEC-2023-0071: its private-key operations do not run in constant time. Blinding, which every one of them here
//! uses, hides from a timer what they work on, yet no release is free of the advisory. Its OAEP decryption drops the padded
//! message without wiping it.

use rsa::pkcs8::{DecodePrivateKey, EncodePrivateKey, SubjectPublicKeyInfoRef};
use rsa::rand_core::OsRng;
use rsa::sha2::{Digest, Sha256, Sha512};
use rsa::signature::Verifier;
use rsa::{Oaep, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey, pkcs1v15, pss};
use sha1::Sha1;
use zeroize::Zeroizing;

use super::{OaepHash, Refused, RsaOps, Scheme};
use crate::key_provider::pem::MAX_BITS;

/// The implementation for targets where the default one does not build.
pub(crate) struct RustCrypto;

/// A public key for each way of verifying.
pub(crate) struct VerifyingKey {
    pss: pss::VerifyingKey<Sha512>,
    pkcs1: pkcs1v15::VerifyingKey<Sha512>,
}

impl RsaOps for RustCrypto {
    type EncryptingKey = RsaPublicKey;
    type DecryptingKey = RsaPrivateKey;
    type SigningKey = RsaPrivateKey;
    type VerifyingKey = VerifyingKey;

    fn encrypting_key(spki: &[u8]) -> Result<RsaPublicKey, Refused> {
        let spki = SubjectPublicKeyInfoRef::try_from(spki).map_err(refused)?;
        let key = rsa::pkcs1::RsaPublicKey::try_from(spki.subject_public_key.raw_bytes()).map_err(refused)?;
        let number = |bytes: rsa::pkcs1::UintRef<'_>| rsa::BigUint::from_bytes_be(bytes.as_bytes());
        RsaPublicKey::new_with_max_size(number(key.modulus), number(key.public_exponent), MAX_BITS).map_err(refused)
    }

    fn decrypting_key(pkcs8: &[u8]) -> Result<RsaPrivateKey, Refused> {
        RsaPrivateKey::from_pkcs8_der(pkcs8).map_err(refused)
    }

    fn signing_key(pkcs8: &[u8]) -> Result<RsaPrivateKey, Refused> {
        Self::decrypting_key(pkcs8)
    }

    fn verifying_key(spki: &[u8]) -> Result<VerifyingKey, Refused> {
        let key = Self::encrypting_key(spki)?;
        Ok(VerifyingKey { pss: pss::VerifyingKey::new(key.clone()), pkcs1: pkcs1v15::VerifyingKey::new(key) })
    }

    fn encrypt(key: &RsaPublicKey, hash: OaepHash, label: &[u8], message: &[u8]) -> Result<Vec<u8>, Refused> {
        key.encrypt(&mut OsRng, padding(hash, label)?, message).map_err(refused)
    }

    fn decrypt(
        key: &RsaPrivateKey,
        hash: OaepHash,
        label: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        key.decrypt_blinded(&mut OsRng, padding(hash, label)?, ciphertext).map(Zeroizing::new).map_err(refused)
    }

    fn sign(key: &RsaPrivateKey, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Refused> {
        let digest = Sha512::digest(message);
        match scheme {
            // "Blinded" against timing; the signature is an ordinary one. The salt is as long as the hash.
            Scheme::PssSha512 => key.sign_with_rng(&mut OsRng, Pss::new_blinded::<Sha512>(), &digest),
            Scheme::Pkcs1Sha512 => key.sign_with_rng(&mut OsRng, Pkcs1v15Sign::new::<Sha512>(), &digest),
        }
        .map_err(refused)
    }

    /// By the verifying-key types: the `SignatureScheme` of PSS does not refuse a representative beyond the modulus
    /// (RFC 8017 section 5.2.2), so that a signature had a second encoding.
    fn verify(key: &VerifyingKey, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
        match scheme {
            Scheme::PssSha512 => {
                key.pss.verify(message, &pss::Signature::try_from(signature).map_err(refused)?).map_err(refused)
            }
            Scheme::Pkcs1Sha512 => {
                key.pkcs1.verify(message, &pkcs1v15::Signature::try_from(signature).map_err(refused)?).map_err(refused)
            }
        }
    }

    fn generate(bits: usize) -> Result<Zeroizing<Vec<u8>>, Refused> {
        if !matches!(bits, 2048 | 3072 | 4096) {
            return Err(Refused);
        }
        let key = RsaPrivateKey::new(&mut OsRng, bits).map_err(refused)?;
        Ok(key.to_pkcs8_der().map_err(refused)?.to_bytes())
    }
}

/// This crate takes labels that are text and refuses others.
fn padding(hash: OaepHash, label: &[u8]) -> Result<Oaep, Refused> {
    let label = std::str::from_utf8(label).map_err(refused)?;
    Ok(match hash {
        OaepHash::Sha1 => Oaep::new_with_label::<Sha1, _>(label),
        OaepHash::Sha256 => Oaep::new_with_label::<Sha256, _>(label),
    })
}

/// Drops the reason.
fn refused<E>(_: E) -> Refused {
    Refused
}
