//! RSA by `aws-lc-rs`. Its private-key operations are constant time and blinded; OAEP and PSS randomness is its own, seeded
//! by the operating system.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::error::{KeyRejected, Unspecified};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OaepAlgorithm, OaepPrivateDecryptingKey,
    OaepPublicEncryptingKey, PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA512, RSA_PKCS1_SHA512, RSA_PSS_2048_8192_SHA512, RSA_PSS_SHA512,
};
use zeroize::Zeroizing;

use super::{OaepHash, Refused, RsaOps, Scheme};

/// The default implementation.
pub(crate) struct AwsLc;

/// A public key parsed once for each way of verifying: `aws-lc-rs` ties a parsed key to its algorithm.
pub(crate) struct VerifyingKey {
    pss: ParsedPublicKey,
    pkcs1: ParsedPublicKey,
}

impl RsaOps for AwsLc {
    type EncryptingKey = OaepPublicEncryptingKey;
    type DecryptingKey = OaepPrivateDecryptingKey;
    type SigningKey = KeyPair;
    type VerifyingKey = VerifyingKey;

    fn encrypting_key(spki: &[u8]) -> Result<Self::EncryptingKey, Refused> {
        Ok(OaepPublicEncryptingKey::new(PublicEncryptingKey::from_der(spki)?)?)
    }

    fn decrypting_key(pkcs8: &[u8]) -> Result<Self::DecryptingKey, Refused> {
        Ok(OaepPrivateDecryptingKey::new(PrivateDecryptingKey::from_pkcs8(pkcs8)?)?)
    }

    fn signing_key(pkcs8: &[u8]) -> Result<Self::SigningKey, Refused> {
        Ok(KeyPair::from_pkcs8(pkcs8)?)
    }

    fn verifying_key(spki: &[u8]) -> Result<Self::VerifyingKey, Refused> {
        Ok(VerifyingKey {
            pss: ParsedPublicKey::new(&RSA_PSS_2048_8192_SHA512, spki)?,
            pkcs1: ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA512, spki)?,
        })
    }

    fn encrypt(key: &Self::EncryptingKey, hash: OaepHash, label: &[u8], message: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut ciphertext = vec![0; key.ciphertext_size()];
        let size = key.encrypt(algorithm(hash), message, &mut ciphertext, Some(label))?.len();
        ciphertext.truncate(size);
        Ok(ciphertext)
    }

    fn decrypt(
        key: &Self::DecryptingKey,
        hash: OaepHash,
        label: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let mut message = Zeroizing::new(vec![0; key.min_output_size()]);
        let size = key.decrypt(algorithm(hash), ciphertext, &mut message, Some(label))?.len();
        message.truncate(size);
        Ok(message)
    }

    fn sign(key: &Self::SigningKey, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Refused> {
        let mut signature = vec![0; key.public_modulus_len()];
        let padding = match scheme {
            // aws-lc-rs makes the salt as long as the hash.
            Scheme::PssSha512 => &RSA_PSS_SHA512,
            Scheme::Pkcs1Sha512 => &RSA_PKCS1_SHA512,
        };
        key.sign(padding, &SystemRandom::new(), message, &mut signature)?;
        Ok(signature)
    }

    fn verify(key: &Self::VerifyingKey, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), Refused> {
        let key = match scheme {
            Scheme::PssSha512 => &key.pss,
            Scheme::Pkcs1Sha512 => &key.pkcs1,
        };
        Ok(key.verify_sig(message, signature)?)
    }

    fn generate(bits: usize) -> Result<Zeroizing<Vec<u8>>, Refused> {
        let size = match bits {
            2048 => KeySize::Rsa2048,
            3072 => KeySize::Rsa3072,
            4096 => KeySize::Rsa4096,
            _ => return Err(Refused),
        };
        // The DER buffer wipes itself.
        let der = KeyPair::generate(size)?.as_der()?;
        Ok(Zeroizing::new(der.as_ref().to_vec()))
    }
}

fn algorithm(hash: OaepHash) -> &'static OaepAlgorithm {
    match hash {
        OaepHash::Sha1 => &OAEP_SHA1_MGF1SHA1,
        OaepHash::Sha256 => &OAEP_SHA256_MGF1SHA256,
    }
}

impl From<Unspecified> for Refused {
    fn from(_: Unspecified) -> Self {
        Self
    }
}

impl From<KeyRejected> for Refused {
    fn from(_: KeyRejected) -> Self {
        Self
    }
}
