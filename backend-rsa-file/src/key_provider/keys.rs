//! Loaded keys, and what is done with them: wrapping and unwrapping document keys.

use std::collections::BTreeMap;
use std::fmt;

use secret_store_core::{DocumentKey, EncryptionContext, Error, ErrorKind, MasterKeyId, Result, WrappedKey};

use super::legacy::LegacySegment;
use super::pem::{PrivateKey, PublicKey};
use super::rsa_ops::{OaepHash, Refused, RsaOps, Scheme};
use super::signing_key_id::SigningKeyId;
use super::wrap::{Binding, Wrap};

/// All keys of a provider. The maps are its allow-lists.
pub(crate) struct Keys<R: RsaOps> {
    masters: BTreeMap<MasterKeyId, MasterKey<R>>,
    verifiers: BTreeMap<SigningKeyId, Verifier<R>>,
    signer: Result<Signer<R>, String>,
}

struct MasterKey<R: RsaOps> {
    encrypting: R::EncryptingKey,
    /// Or why this role cannot unwrap.
    decrypting: Result<R::DecryptingKey, String>,
    modulus_bytes: usize,
}

struct Verifier<R: RsaOps> {
    key: R::VerifyingKey,
    modulus_bytes: usize,
}

struct Signer<R: RsaOps> {
    id: SigningKeyId,
    key: R::SigningKey,
}

impl<R: RsaOps> Keys<R> {
    /// No keys yet. Without a signer `why_no_signer` says what to do about it.
    pub(crate) fn new(why_no_signer: impl Into<String>) -> Self {
        Self { masters: BTreeMap::new(), verifiers: BTreeMap::new(), signer: Err(why_no_signer.into()) }
    }

    pub(crate) fn add_master(
        &mut self,
        id: MasterKeyId,
        public: &PublicKey,
        private: Result<&PrivateKey, String>,
    ) -> Result<()> {
        let rejected = |_: Refused| rejected("master key", &id);
        let encrypting = R::encrypting_key(&public.spki).map_err(rejected)?;
        let decrypting = match private {
            Ok(private) => Ok(R::decrypting_key(&private.pkcs8).map_err(rejected)?),
            Err(why) => Err(why),
        };
        let key = MasterKey { encrypting, decrypting, modulus_bytes: public.modulus_bytes() };
        self.masters.insert(id, key);
        Ok(())
    }

    pub(crate) fn add_verifier(&mut self, id: SigningKeyId, public: &PublicKey) -> Result<()> {
        let key = R::verifying_key(&public.spki).map_err(|_| rejected("signing key", &id))?;
        self.verifiers.insert(id, Verifier { key, modulus_bytes: public.modulus_bytes() });
        Ok(())
    }

    /// The active signer. Its wraps are verified only if it is added as a verifier too.
    pub(crate) fn set_signer(&mut self, id: SigningKeyId, private: Result<&PrivateKey, String>) -> Result<()> {
        self.signer = match private {
            Ok(private) => {
                let key = R::signing_key(&private.pkcs8).map_err(|_| rejected("signing key", &id))?;
                Ok(Signer { id, key })
            }
            Err(why) => Err(format!("signing key {id} cannot sign: {why}")),
        };
        Ok(())
    }

    pub(crate) fn accepts(&self, id: &MasterKeyId) -> bool {
        self.masters.contains_key(id)
    }

    pub(crate) fn wrap(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        let master = self.master(id)?;
        let signer = self.signer.as_ref().map_err(|why| unavailable(why.clone()))?;
        context.check_key_bytes(key.expose_secret().len())?;
        let bytes = if context.is_legacy() {
            let ciphertext =
                R::encrypt(&master.encrypting, OaepHash::Sha1, b"", key.expose_secret()).map_err(failed)?;
            let message = LegacySegment::message(id.as_str(), &ciphertext);
            let signature = R::sign(&signer.key, Scheme::Pkcs1Sha512, &message).map_err(failed)?;
            LegacySegment::encode(id.as_str(), &message, &signature)
        } else {
            let binding = binding(context)?;
            let ciphertext =
                R::encrypt(&master.encrypting, OaepHash::Sha256, binding.label().as_bytes(), key.expose_secret())
                    .map_err(failed)?;
            let message = binding.message(id, &signer.id, &ciphertext);
            let signature = R::sign(&signer.key, Scheme::PssSha512, &message).map_err(failed)?;
            Wrap { signing_key_id: signer.id.clone(), ciphertext: &ciphertext, signature: &signature }.to_bytes()
        };
        Ok(WrappedKey::new(id.clone(), bytes))
    }

    /// Everything that costs nothing first, then the signature, then the private key: what was not signed by an allowed key
    /// never reaches it.
    pub(crate) fn unwrap(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        let id = key.master_key_id();
        let master = self.master(id)?;
        let clear = if context.is_legacy() {
            let segment = LegacySegment::parse(key.as_bytes())?;
            self.verify_legacy(&segment, id)?;
            master.decrypt(id, OaepHash::Sha1, b"", segment.ciphertext)?
        } else {
            let binding = binding(context)?;
            let wrap = Wrap::parse(key.as_bytes())?;
            self.verify(&wrap, id, &binding)?;
            master.decrypt(id, OaepHash::Sha256, binding.label().as_bytes(), wrap.ciphertext)?
        };
        context.check_key_bytes(clear.len())?;
        DocumentKey::from_bytes(&clear)
    }

    fn verify(&self, wrap: &Wrap<'_>, id: &MasterKeyId, binding: &Binding) -> Result<()> {
        let signer = &wrap.signing_key_id;
        let verifier = self.verifiers.get(signer).ok_or_else(|| {
            Error::new(
                ErrorKind::KeyNotAllowed,
                format!("wrapped key is signed by {signer}, which is not in the allow-list: add it to verify with, if you trust it"),
            )
        })?;
        verifier.verify(Scheme::PssSha512, &binding.message(id, signer, wrap.ciphertext), wrap.signature)
    }

    /// A segment does not name its signer: each allowed key whose modulus has the signature's size may have made it.
    fn verify_legacy(&self, segment: &LegacySegment<'_>, id: &MasterKeyId) -> Result<()> {
        // The lengths are not signed: with a moved boundary the signature still verifies, but the key id is another.
        if segment.key_id != id.as_str().as_bytes() {
            return Err(Error::integrity());
        }
        let verified = self
            .verifiers
            .values()
            .any(|verifier| verifier.verify(Scheme::Pkcs1Sha512, segment.signed, segment.signature).is_ok());
        if verified { Ok(()) } else { Err(Error::integrity()) }
    }

    fn master(&self, id: &MasterKeyId) -> Result<&MasterKey<R>> {
        self.masters.get(id).ok_or_else(|| Error::key_not_allowed(id))
    }
}

impl<R: RsaOps> MasterKey<R> {
    fn decrypt(
        &self,
        id: &MasterKeyId,
        hash: OaepHash,
        label: &[u8],
        ciphertext: &[u8],
    ) -> Result<zeroize::Zeroizing<Vec<u8>>> {
        let key =
            self.decrypting.as_ref().map_err(|why| unavailable(format!("master key {id} cannot unwrap: {why}")))?;
        if ciphertext.len() != self.modulus_bytes {
            return Err(Error::integrity());
        }
        R::decrypt(key, hash, label, ciphertext).map_err(|_| Error::integrity())
    }
}

impl<R: RsaOps> Verifier<R> {
    fn verify(&self, scheme: Scheme, message: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != self.modulus_bytes {
            return Err(Error::integrity());
        }
        R::verify(&self.key, scheme, message, signature).map_err(|_| Error::integrity())
    }
}

/// Ids and what each key can do; never a key.
impl<R: RsaOps> fmt::Debug for Keys<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unwrapping = self.masters.iter().filter(|(_, key)| key.decrypting.is_ok()).map(|(id, _)| id);
        f.debug_struct("RsaKeyProvider")
            .field("master_keys", &self.masters.keys())
            .field("unwrapping_master_keys", &unwrapping.collect::<Vec<_>>())
            .field("signing_key", &self.signer.as_ref().ok().map(|signer| &signer.id))
            .field("verifying_keys", &self.verifiers.keys())
            .finish()
    }
}

fn binding(context: &EncryptionContext) -> Result<Binding> {
    Binding::of(context).ok_or_else(|| {
        Error::new(ErrorKind::Unsupported, "encryption context has a purpose that RSA keys do not wrap for")
    })
}

fn unavailable(message: String) -> Error {
    Error::new(ErrorKind::KeyUnavailable, message)
}

fn rejected(what: &str, id: &dyn fmt::Display) -> Error {
    Error::invalid_input(format!(
        "{what} {id} is no consistent RSA key: check it with `openssl pkey -check`, or generate another"
    ))
}

/// Wrapping with checked keys and sizes fails only inside the implementation.
fn failed(_: Refused) -> Error {
    Error::new(ErrorKind::Unavailable, "the RSA implementation failed: try again")
}
