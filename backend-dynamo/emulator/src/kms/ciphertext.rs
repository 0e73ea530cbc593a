//! Opaque ciphertexts: they name their key and its material, as those of KMS do, and bind the encryption context.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use super::key::random;

const HEADER: &[u8; 4] = b"KMS\x01";
const NONCE_BYTES: usize = 12;

/// Every material a symmetric key has had; the last one encrypts, all decrypt.
pub(super) struct Materials(Vec<LessSafeKey>);

impl Materials {
    pub(super) fn generate() -> Arc<Mutex<Self>> {
        let mut materials = Self(Vec::new());
        materials.rotate();
        Arc::new(Mutex::new(materials))
    }

    pub(super) fn rotate(&mut self) {
        let key = UnboundKey::new(&AES_256_GCM, &random::<32>()).expect("32 bytes are a key");
        self.0.push(LessSafeKey::new(key));
    }

    pub(super) fn seal(&self, key_id: &str, context: &BTreeMap<String, String>, plaintext: &[u8]) -> Vec<u8> {
        let version = self.0.len() - 1;
        let mut ciphertext = header(key_id, u32::try_from(version).expect("few rotations"));
        let aad = Aad::from(associated_data(&ciphertext, context));
        let nonce = random::<NONCE_BYTES>();
        let mut sealed = plaintext.to_vec();
        let key = &self.0[version];
        key.seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed).expect("room for a tag");
        ciphertext.extend_from_slice(&nonce);
        ciphertext.extend_from_slice(&sealed);
        ciphertext
    }

    /// `None` for whatever does not open.
    pub(super) fn open(&self, ciphertext: &Ciphertext<'_>, context: &BTreeMap<String, String>) -> Option<Vec<u8>> {
        let key = self.0.get(usize::try_from(ciphertext.version).ok()?)?;
        let aad = Aad::from(associated_data(&header(ciphertext.key_id, ciphertext.version), context));
        let mut sealed = ciphertext.sealed.to_vec();
        let nonce = Nonce::assume_unique_for_key(*ciphertext.nonce);
        key.open_in_place(nonce, aad, &mut sealed).ok().map(|plaintext| plaintext.to_vec())
    }
}

impl std::fmt::Debug for Materials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Materials([{}])", self.0.len())
    }
}

/// A symmetric ciphertext, taken apart: `header | u8 length | key id | u32 BE material | nonce 12 | ciphertext | tag 16`.
pub(super) struct Ciphertext<'a> {
    pub(super) key_id: &'a str,
    version: u32,
    nonce: &'a [u8; NONCE_BYTES],
    sealed: &'a [u8],
}

impl<'a> Ciphertext<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (&[length], rest) = bytes.strip_prefix(HEADER)?.split_first_chunk()?;
        let (key_id, rest) = rest.split_at_checked(length.into())?;
        let (version, rest) = rest.split_first_chunk()?;
        let (nonce, sealed) = rest.split_first_chunk()?;
        let key_id = std::str::from_utf8(key_id).ok()?;
        Some(Self { key_id, version: u32::from_be_bytes(*version), nonce, sealed })
    }
}

fn header(key_id: &str, version: u32) -> Vec<u8> {
    let length = u8::try_from(key_id.len()).expect("key ids are short");
    [HEADER, &[length][..], key_id.as_bytes(), &version.to_be_bytes()].concat()
}

/// The header and the pairs in the order of their names, each part with its length.
fn associated_data(header: &[u8], context: &BTreeMap<String, String>) -> Vec<u8> {
    let mut bytes = header.to_vec();
    for part in context.iter().flat_map(|(name, value)| [name, value]) {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}
