//! The wrap `SR1`: `"SR1" | u8 suite | (u16 BE length | signing key id) | (u16 BE length | OAEP ciphertext) | signature`.
//!
//! Suite 1 is RSAES-OAEP with SHA-256 throughout and, as label, the lower-case hexadecimal SHA-256 of the encryption
//! context; and RSASSA-PSS with SHA-512 and a salt of 64 bytes over `"secret-store/1/rsa-wrap"` and the fields
//! {purpose, suite, master key id, signing key id, SHA-256 of the encryption context, OAEP ciphertext}, each behind its
//! length as u32 BE. OAEP alone would let whoever has the public key forge.

use secret_store_core::{EncryptionContext, Error, ErrorKind, MasterKeyId, Result};
use sha2::{Digest, Sha256};

use super::pem::MAX_BITS;
use super::signing_key_id::SigningKeyId;

const MAGIC: &[u8] = b"SR1";
const DOMAIN: &[u8] = b"secret-store/1/rsa-wrap";
/// RSAES-OAEP-SHA256 and RSASSA-PSS-SHA512 with a salt of 64 bytes.
pub(crate) const SUITE: u8 = 1;
/// No ciphertext and no signature is longer than the largest modulus.
const MAX_RSA_BYTES: usize = MAX_BITS / 8;

/// A parsed wrap. Nothing in it has been verified.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrap<'a> {
    pub(crate) signing_key_id: SigningKeyId,
    pub(crate) ciphertext: &'a [u8],
    pub(crate) signature: &'a [u8],
}

impl<'a> Wrap<'a> {
    /// Strict: every byte belongs to one field, and the caller checks the signature's length against the key's.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) for an unknown suite, otherwise [`Integrity`](ErrorKind::Integrity).
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self> {
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(Error::integrity)?;
        let (suite, rest) = rest.split_first().ok_or_else(Error::integrity)?;
        if *suite != SUITE {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!("wrapped key has the unknown suite {suite}: a newer release may read it"),
            ));
        }
        let (signing_key_id, rest) = split_field(rest)?;
        let (ciphertext, signature) = split_field(rest)?;
        let signing_key_id = std::str::from_utf8(signing_key_id).map_err(|_| Error::integrity())?;
        let sized = |field: &[u8]| (1..=MAX_RSA_BYTES).contains(&field.len());
        if !sized(ciphertext) || !sized(signature) {
            return Err(Error::integrity());
        }
        let signing_key_id = SigningKeyId::new(signing_key_id).map_err(|_| Error::integrity())?;
        Ok(Self { signing_key_id, ciphertext, signature })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let id = self.signing_key_id.as_str().as_bytes();
        let mut out = Vec::with_capacity(8 + id.len() + self.ciphertext.len() + self.signature.len());
        out.extend_from_slice(MAGIC);
        out.push(SUITE);
        for field in [id, self.ciphertext] {
            let length = u16::try_from(field.len()).expect("ids have at most 255 bytes, ciphertexts 1024");
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(field);
        }
        out.extend_from_slice(self.signature);
        out
    }
}

fn split_field(bytes: &[u8]) -> Result<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>().ok_or_else(Error::integrity)?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or_else(Error::integrity)
}

/// What a context contributes to a wrap. Only a context with bytes has one: the legacy context does not.
pub(crate) struct Binding {
    purpose: u8,
    context_hash: [u8; 32],
}

impl Binding {
    /// `None` for the legacy context.
    pub(crate) fn of(context: &EncryptionContext) -> Option<Self> {
        let purpose = context.purpose()? as u8;
        Some(Self { purpose, context_hash: Sha256::digest(context.aead_bytes()).into() })
    }

    /// The label of OAEP.
    pub(crate) fn label(&self) -> String {
        hex::encode(self.context_hash)
    }

    /// What is signed.
    pub(crate) fn message(&self, master: &MasterKeyId, signer: &SigningKeyId, ciphertext: &[u8]) -> Vec<u8> {
        let fields = [
            &[self.purpose],
            &[SUITE],
            master.as_str().as_bytes(),
            signer.as_str().as_bytes(),
            &self.context_hash,
            ciphertext,
        ];
        let mut message = Vec::from(DOMAIN);
        for field in fields {
            let length = u32::try_from(field.len()).expect("ids and ciphertexts are far below 4 GiB");
            message.extend_from_slice(&length.to_be_bytes());
            message.extend_from_slice(field);
        }
        message
    }
}

#[cfg(test)]
mod tests {
    use super::{Binding, ErrorKind, MasterKeyId, SigningKeyId, Wrap};

    fn bytes(head: &[u8], id: &[u8], ciphertext: usize, signature: usize) -> Vec<u8> {
        let length = |size: usize| u16::try_from(size).expect("small").to_be_bytes();
        let ids = [&length(id.len())[..], id].concat();
        [head, &ids, &length(ciphertext), &vec![1; ciphertext], &vec![2; signature]].concat()
    }

    #[test]
    fn only_what_a_writer_could_have_made_parses() {
        let (head, longest) = (b"SR1\x01", "k".repeat(255));
        for good in [
            bytes(head, b"k", 1, 1),
            bytes(head, longest.as_bytes(), 1024, 1024),
            bytes(head, "\u{7f72}".as_bytes(), 256, 256),
        ] {
            assert_eq!(Wrap::parse(&good).expect("well-formed").to_bytes(), good);
        }
        for suite in (0..=u8::MAX).filter(|suite| *suite != 1) {
            let bad = bytes(&[b'S', b'R', b'1', suite], b"k", 1, 1);
            assert_eq!(Wrap::parse(&bad).expect_err("unknown suite").kind(), ErrorKind::Unsupported);
        }
        for bad in [
            bytes(b"SR2\x01", b"k", 1, 1),
            bytes(b"sr1\x01", b"k", 1, 1),
            bytes(head, b"", 1, 1),
            bytes(head, b"~k", 1, 1),
            bytes(head, b"k\n", 1, 1),
            bytes(head, b"\xff", 1, 1),
            bytes(head, "k".repeat(256).as_bytes(), 1, 1),
            bytes(head, b"k", 0, 1),
            bytes(head, b"k", 1025, 1),
            bytes(head, b"k", 1, 0),
            bytes(head, b"k", 1, 1025),
        ] {
            assert_eq!(Wrap::parse(&bad).expect_err("malformed").kind(), ErrorKind::Integrity, "{bad:?}");
        }
    }

    /// Contexts of other purposes exist elsewhere: their byte is signed like this one.
    #[test]
    fn the_signed_message_has_every_field_behind_its_length() {
        let (master, signer) = (MasterKeyId::new("M").expect("valid"), SigningKeyId::new("s1").expect("valid"));
        for purpose in [3, 4] {
            let binding = Binding { purpose, context_hash: [0xaa; 32] };
            let expected = [
                b"secret-store/1/rsa-wrap\0\0\0\x01".as_slice(),
                &[purpose],
                b"\0\0\0\x01\x01\0\0\0\x01M\0\0\0\x02s1\0\0\0\x20",
                &[0xaa; 32],
                b"\0\0\0\x03cip",
            ];
            assert_eq!(binding.message(&master, &signer, b"cip"), expected.concat());
            assert_eq!(binding.label(), "aa".repeat(32));
        }
    }
}
