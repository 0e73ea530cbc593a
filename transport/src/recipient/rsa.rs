//! RSA-OAEP (RFC 8017, section 7.1) with SHA-256 of a fresh key, and AES-256-GCM under that key, by `aws-lc-rs`: its
//! private-key operations are constant time and blinded, and its keys are wiped when they are freed.

use std::sync::Arc;

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};
use secret_store_core::{ContentKey, Error, ErrorKind, Result, SecretValue, blocking};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::PrivateBytes;
use crate::suite::KeySpec;

/// The exponent 65,537, which ends a `SubjectPublicKeyInfo`.
const EXPONENT: [u8; 5] = [2, 3, 1, 0, 1];

#[derive(Clone)]
pub(super) struct PublicKey(Arc<OaepPublicEncryptingKey>);

impl PublicKey {
    pub(super) fn from_der(der: &[u8]) -> Result<Self> {
        let refused = || {
            Error::invalid_input(
                "an RSA public key is a SubjectPublicKeyInfo in DER of 3,072 or 4,096 bits, exponent 65,537",
            )
        };
        let key = PublicEncryptingKey::from_der(der).map_err(|_| refused())?;
        // What does not come out as it went in has another form than its one.
        let again: PublicKeyX509Der<'_> = key.as_der().map_err(|_| refused())?;
        if again.as_ref() != der || !der.ends_with(&EXPONENT) || !matches!(key.key_size_bits(), 3072 | 4096) {
            return Err(refused());
        }
        Ok(Self(Arc::new(OaepPublicEncryptingKey::new(key).map_err(|_| refused())?)))
    }

    pub(super) fn seal(&self, info: &[u8], aad: &[u8], message: &[u8]) -> Result<Vec<u8>> {
        let (cipher, key) = ContentKey::generate()?;
        let mut sealed = vec![0; self.0.ciphertext_size()];
        self.0.encrypt(&OAEP_SHA256_MGF1SHA256, &*key, &mut sealed, Some(&label(info))).map_err(|_| {
            Error::new(ErrorKind::Unavailable, "the RSA library did not encrypt: see whether it has randomness")
        })?;
        sealed.extend_from_slice(&cipher.seal(aad, message)?);
        Ok(sealed)
    }
}

/// Wiped when it is freed, by its library.
pub(super) struct PrivateKey {
    decrypting: Arc<OaepPrivateDecryptingKey>,
    key: PrivateDecryptingKey,
}

impl PrivateKey {
    pub(super) async fn generate(spec: KeySpec) -> Result<Self> {
        let size = if spec == KeySpec::Rsa4096 { KeySize::Rsa4096 } else { KeySize::Rsa3072 };
        let key = blocking::unblock(move || PrivateDecryptingKey::generate(size)).await;
        Self::new(key.map_err(|_| Error::new(ErrorKind::Unavailable, "the RSA library made no key"))?)
    }

    /// The size is checked with the public key.
    pub(super) fn from_pkcs8(der: &[u8]) -> Result<Self> {
        let key = PrivateDecryptingKey::from_pkcs8(der);
        Self::new(key.map_err(|_| Error::invalid_input("the key is no RSA private key in PKCS #8, DER"))?)
    }

    fn new(key: PrivateDecryptingKey) -> Result<Self> {
        let decrypting = OaepPrivateDecryptingKey::new(key.clone()).map_err(|_| unusable())?;
        Ok(Self { decrypting: Arc::new(decrypting), key })
    }

    pub(super) fn to_pkcs8(&self) -> Result<PrivateBytes> {
        // Wiped by its library when dropped.
        let der: Pkcs8V1Der<'_> = self.key.as_der().map_err(|_| unusable())?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }

    pub(super) fn public_key(&self) -> Result<Vec<u8>> {
        let der: PublicKeyX509Der<'_> = self.key.public_key().as_der().map_err(|_| unusable())?;
        Ok(der.as_ref().to_vec())
    }

    pub(super) async fn open(&self, info: &[u8], aad: &[u8], sealed: &[u8]) -> Result<SecretValue> {
        let (wrapped, sealed) =
            sealed.split_at_checked(self.decrypting.key_size_bytes()).ok_or_else(Error::integrity)?;
        let (decrypting, wrapped, label) = (Arc::clone(&self.decrypting), wrapped.to_vec(), label(info));
        let key = blocking::unblock(move || decrypt(&decrypting, &wrapped, &label)).await?;
        let key = key.as_slice().try_into().map_err(|_| Error::integrity())?;
        ContentKey::from_bytes(key).open(aad, sealed)
    }
}

/// A key for bare blocks of another system: OAEP without a label, nothing around it.
pub(crate) struct BareKey(Arc<OaepPrivateDecryptingKey>);

impl BareKey {
    pub(crate) fn from_pkcs8(der: &[u8]) -> Result<Self> {
        let refused =
            || Error::invalid_input("the key is no RSA private key of 2,048, 3,072 or 4,096 bits in PKCS #8, DER");
        let key = PrivateDecryptingKey::from_pkcs8(der).map_err(|_| refused())?;
        if !matches!(key.key_size_bits(), 2048 | 3072 | 4096) {
            return Err(refused());
        }
        Ok(Self(Arc::new(OaepPrivateDecryptingKey::new(key).map_err(|_| refused())?)))
    }

    pub(crate) async fn open(&self, block: &[u8]) -> Result<SecretValue> {
        if block.len() != self.0.key_size_bytes() {
            return Err(Error::integrity());
        }
        let (key, block) = (Arc::clone(&self.0), block.to_vec());
        let mut message = blocking::unblock(move || decrypt(&key, &block, b"")).await?;
        Ok(SecretValue::new(std::mem::take(&mut *message)))
    }
}

pub(super) fn decrypt(key: &OaepPrivateDecryptingKey, ciphertext: &[u8], label: &[u8]) -> Result<PrivateBytes> {
    let mut message = Zeroizing::new(vec![0; key.min_output_size()]);
    let decrypted = key.decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut message, Some(label));
    let size = decrypted.map_err(|_| Error::integrity())?.len();
    message.truncate(size);
    Ok(message)
}

/// What binds the wrapped key to what it is for.
fn label(info: &[u8]) -> [u8; 32] {
    Sha256::digest(info).into()
}

fn unusable() -> Error {
    Error::new(ErrorKind::KeyUnavailable, "the RSA library does not take its own key")
}
