//! The bare cipher of the implementation that was compiled in: no header, no commitment, buffers that are there already.

/// AES-256-GCM with its key ready.
#[expect(missing_debug_implementations, reason = "it holds a key")]
pub struct Bare(Cipher);

/// The size of a tag, in bytes.
pub const TAG_BYTES: usize = 16;
/// The size of a nonce, in bytes.
pub const NONCE_BYTES: usize = 12;

/// What no local write can do without: one draw of the document key and both nonces, the wrap, the key schedule, the value.
///
/// # Panics
///
/// When the operating system gives no random bytes.
pub fn floor(master: &Bare, aad: &[u8], buffer: &mut [u8]) -> [[u8; TAG_BYTES]; 2] {
    let mut drawn = [0; 32 + 2 * NONCE_BYTES];
    getrandom::fill(&mut drawn).expect("random bytes");
    let (key, nonces) = drawn.split_first_chunk_mut::<32>().expect("longer than a key");
    let (wrap_nonce, nonce) = nonces.split_first_chunk::<NONCE_BYTES>().expect("two nonces");
    let nonce = nonce.try_into().expect("two nonces");
    let cipher = Bare::new(key);
    let wrap_tag = master.seal(*wrap_nonce, aad, key);
    [wrap_tag, cipher.seal(nonce, aad, buffer)]
}

#[cfg(feature = "aws-lc")]
type Cipher = aws_lc_rs::aead::LessSafeKey;
#[cfg(not(feature = "aws-lc"))]
type Cipher = aes_gcm::Aes256Gcm;

#[cfg(feature = "aws-lc")]
impl Bare {
    /// The key schedule.
    ///
    /// # Panics
    ///
    /// Never: the key has the algorithm's size.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        use aws_lc_rs::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
        Self(LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).expect("32 bytes")))
    }

    /// Encrypts in place.
    ///
    /// # Panics
    ///
    /// Never for a size that is measured.
    #[must_use]
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], buffer: &mut [u8]) -> [u8; TAG_BYTES] {
        use aws_lc_rs::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key(nonce);
        let tag = self.0.seal_in_place_separate_tag(nonce, Aad::from(aad), buffer).expect("seals");
        tag.as_ref().try_into().expect("16 bytes")
    }

    /// Decrypts from one buffer into another.
    ///
    /// # Panics
    ///
    /// When the ciphertext is not authentic.
    pub fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        tag: &[u8; TAG_BYTES],
        plaintext: &mut [u8],
    ) {
        use aws_lc_rs::aead::{Aad, Nonce};
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.0.open_separate_gather(nonce, Aad::from(aad), sealed, tag, plaintext).expect("authentic");
    }
}

#[cfg(not(feature = "aws-lc"))]
impl Bare {
    /// The key schedule.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(aes_gcm::KeyInit::new(key.into()))
    }

    /// Encrypts in place.
    ///
    /// # Panics
    ///
    /// Never for a size that is measured.
    #[must_use]
    pub fn seal(&self, nonce: [u8; NONCE_BYTES], aad: &[u8], buffer: &mut [u8]) -> [u8; TAG_BYTES] {
        use aes_gcm::aead::AeadInOut;
        self.0.encrypt_inout_detached(&nonce.into(), aad, buffer.into()).expect("seals").into()
    }

    /// Decrypts from one buffer into another.
    ///
    /// # Panics
    ///
    /// When the ciphertext is not authentic.
    pub fn open(
        &self,
        nonce: [u8; NONCE_BYTES],
        aad: &[u8],
        sealed: &[u8],
        tag: &[u8; TAG_BYTES],
        plaintext: &mut [u8],
    ) {
        use aes_gcm::aead::AeadInOut;
        use aes_gcm::aead::inout::InOutBuf;
        let buffer = InOutBuf::new(sealed, plaintext).expect("equal sizes");
        self.0.decrypt_inout_detached(&nonce.into(), aad, buffer, tag.into()).expect("authentic");
    }
}
