//! The seam between what is done with RSA here and who computes it.

use zeroize::Zeroizing;

#[cfg(any(test, feature = "aws-lc"))]
pub(crate) mod aws_lc;
#[cfg(any(test, all(feature = "rust-rsa", not(feature = "aws-lc"))))]
pub(crate) mod rust_crypto;

/// The implementation that this build uses.
#[cfg(feature = "aws-lc")]
pub(crate) type Rsa = aws_lc::AwsLc;
/// The implementation that this build uses.
#[cfg(all(feature = "rust-rsa", not(feature = "aws-lc")))]
pub(crate) type Rsa = rust_crypto::RustCrypto;

#[cfg(not(any(feature = "aws-lc", feature = "rust-rsa")))]
compile_error!(
    "secret-store-rsa-file needs an RSA implementation: enable the feature `aws-lc` (the default) or `rust-rsa`"
);

/// An RSA computation or a key that the implementation refused. Without a reason: which step failed helps an attacker
/// (RFC 8017 section 7.1.2, note).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Refused;

/// The hash of OAEP and of its mask generation function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OaepHash {
    /// Format 0 only.
    Sha1,
    Sha256,
}

/// How to sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// RSASSA-PSS with SHA-512, MGF1 with SHA-512 and a salt of 64 bytes.
    PssSha512,
    /// RSASSA-PKCS1-v1_5 with SHA-512. Format 0 only.
    Pkcs1Sha512,
}

/// RSA as this crate needs it. Keys come in as DER that [`pem`](super::pem) has checked for size and exponent, so that
/// every implementation accepts the same ones.
pub(crate) trait RsaOps: 'static {
    /// A public key to encrypt with.
    type EncryptingKey: Send + Sync + 'static;
    /// A private key to decrypt with.
    type DecryptingKey: Send + Sync + 'static;
    /// A private key to sign with.
    type SigningKey: Send + Sync + 'static;
    /// A public key to verify with.
    type VerifyingKey: Send + Sync + 'static;

    /// From a DER `SubjectPublicKeyInfo`.
    fn encrypting_key(spki: &[u8]) -> Result<Self::EncryptingKey, Refused>;
    /// From a DER PKCS#8 `PrivateKeyInfo`.
    fn decrypting_key(pkcs8: &[u8]) -> Result<Self::DecryptingKey, Refused>;
    /// From a DER PKCS#8 `PrivateKeyInfo`.
    fn signing_key(pkcs8: &[u8]) -> Result<Self::SigningKey, Refused>;
    /// From a DER `SubjectPublicKeyInfo`.
    fn verifying_key(spki: &[u8]) -> Result<Self::VerifyingKey, Refused>;

    /// RSAES-OAEP encryption (RFC 8017 section 7.1.1).
    fn encrypt(key: &Self::EncryptingKey, hash: OaepHash, label: &[u8], message: &[u8]) -> Result<Vec<u8>, Refused>;
    /// RSAES-OAEP decryption (RFC 8017 section 7.1.2).
    fn decrypt(
        key: &Self::DecryptingKey,
        hash: OaepHash,
        label: &[u8],
        ciphertext: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Refused>;
    /// Signs a message (RFC 8017 sections 8.1.1 and 8.2.1).
    fn sign(key: &Self::SigningKey, scheme: Scheme, message: &[u8]) -> Result<Vec<u8>, Refused>;
    /// Verifies a signature (RFC 8017 sections 8.1.2 and 8.2.2).
    fn verify(key: &Self::VerifyingKey, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<(), Refused>;

    /// A new private key of 2048, 3072 or 4096 bits with the exponent 65537, as DER PKCS#8.
    fn generate(bits: usize) -> Result<Zeroizing<Vec<u8>>, Refused>;
}
