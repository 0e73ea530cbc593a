//! RSA keys for encryption.

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA256_MGF1SHA256, OaepPrivateDecryptingKey, OaepPublicEncryptingKey, PrivateDecryptingKey,
    PublicEncryptingKey,
};

/// A key pair of 2,048 bits that encrypts with RSAES_OAEP_SHA_256.
pub(super) struct RsaKey {
    private: OaepPrivateDecryptingKey,
    public: PublicEncryptingKey,
}

impl RsaKey {
    pub(super) fn generate() -> Self {
        let private = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("an RSA key");
        let public = private.public_key();
        Self { private: OaepPrivateDecryptingKey::new(private).expect("a key for OAEP"), public }
    }

    /// `None` for more than 190 bytes.
    pub(super) fn encrypt(&self, plaintext: &[u8]) -> Option<Vec<u8>> {
        let key = OaepPublicEncryptingKey::new(self.public.clone()).ok()?;
        let mut out = vec![0; key.ciphertext_size()];
        key.encrypt(&OAEP_SHA256_MGF1SHA256, plaintext, &mut out, None).ok().map(|sealed| sealed.to_vec())
    }

    pub(super) fn decrypt(&self, ciphertext: &[u8]) -> Option<Vec<u8>> {
        let mut out = vec![0; self.private.min_output_size()];
        self.private.decrypt(&OAEP_SHA256_MGF1SHA256, ciphertext, &mut out, None).ok().map(|opened| opened.to_vec())
    }

    /// DER of X.509 `SubjectPublicKeyInfo` (RFC 5280, section 4.1).
    pub(super) fn public_der(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = self.public.as_der().expect("a public key has an encoding");
        der.as_ref().to_vec()
    }
}

impl std::fmt::Debug for RsaKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RsaKey([redacted])")
    }
}
