//! Which keys a provider has.

use std::collections::BTreeMap;
use std::sync::Arc;

use secret_store_core::{Error, MasterKeyId, Result, SecretValue, blocking};

use super::RsaKeyProvider;
use super::key_directory::{KeyDirectory, KeyUse, Loaded};
use super::keys::Keys;
use super::pem::{self, Cost, Key, PublicKey};
use super::rsa_ops::Rsa;
use super::signing_key_id::SigningKeyId;

/// Builds an [`RsaKeyProvider`].
///
/// What is named here is the allow-list: a key that is not is never opened, also when its file lies in the directory or a
/// record names it.
#[derive(Debug, Default)]
pub struct RsaKeyProviderBuilder {
    directory: Option<KeyDirectory>,
    passphrase: Option<SecretValue>,
    masters: Vec<(MasterKeyId, Source)>,
    signer: Option<(SigningKeyId, Source)>,
    verifiers: Vec<(SigningKeyId, Source)>,
}

/// Where a key comes from.
#[derive(Debug)]
enum Source {
    Directory,
    Pem(SecretValue),
}

impl RsaKeyProviderBuilder {
    /// Where the key files lie.
    #[must_use]
    pub fn directory(mut self, directory: KeyDirectory) -> Self {
        self.directory = Some(directory);
        self
    }

    /// The passphrase of every encrypted private key; wiped once the provider is built.
    #[must_use]
    pub fn passphrase(mut self, passphrase: impl Into<SecretValue>) -> Self {
        self.passphrase = Some(passphrase.into());
        self
    }

    /// Allows a master key, read from the directory. Its private half unwraps, its public half suffices to wrap.
    #[must_use]
    pub fn master_key(mut self, id: MasterKeyId) -> Self {
        self.masters.push((id, Source::Directory));
        self
    }

    /// Allows a master key given as PEM, private or public; wiped once the provider is built.
    #[must_use]
    pub fn master_key_pem(mut self, id: MasterKeyId, pem: impl Into<SecretValue>) -> Self {
        self.masters.push((id, Source::Pem(pem.into())));
        self
    }

    /// The active signing key, read from the directory: new wraps are signed with its private half, and its wraps are
    /// accepted. Where only its public half is there, this provider unwraps and does not wrap.
    #[must_use]
    pub fn signing_key(mut self, id: SigningKeyId) -> Self {
        self.signer = Some((id, Source::Directory));
        self
    }

    /// The active signing key given as PEM; wiped once the provider is built.
    #[must_use]
    pub fn signing_key_pem(mut self, id: SigningKeyId, pem: impl Into<SecretValue>) -> Self {
        self.signer = Some((id, Source::Pem(pem.into())));
        self
    }

    /// Accepts wraps signed by this key too, read from the directory: another writer, or a former signer while its wraps
    /// remain. Only its public half is used.
    #[must_use]
    pub fn verifying_key(mut self, id: SigningKeyId) -> Self {
        self.verifiers.push((id, Source::Directory));
        self
    }

    /// Accepts wraps signed by this key too, given as PEM.
    #[must_use]
    pub fn verifying_key_pem(mut self, id: SigningKeyId, pem: impl Into<SecretValue>) -> Self {
        self.verifiers.push((id, Source::Pem(pem.into())));
        self
    }

    /// Reads and checks every key named. Later changes to the files need another provider.
    ///
    /// Reads on a thread for blocking work; a dropped call leaves nothing behind.
    ///
    /// # Errors
    ///
    /// Each names the file and the fix. [`KeyUnavailable`](secret_store_core::ErrorKind::KeyUnavailable): a key or directory
    /// is missing, or a passphrase is missing or wrong. [`PermissionDenied`](secret_store_core::ErrorKind::PermissionDenied):
    /// a file or directory cannot be read, or is open to others.
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput): no RSA key of an accepted size, a public key where a
    /// private one belongs or the reverse, two different keys for one id, one key for two purposes, or no master or signing
    /// key named. [`TooLarge`](secret_store_core::ErrorKind::TooLarge): a file beyond 64 KiB.
    pub async fn build(self) -> Result<RsaKeyProvider> {
        let keys = blocking::unblock(move || self.load()).await.map_err(|error| error.with_operation("load keys"))?;
        Ok(RsaKeyProvider { keys: Arc::new(keys) })
    }

    fn load(mut self) -> Result<Keys<Rsa>> {
        if self.masters.is_empty() {
            return Err(Error::invalid_input("no master key is named: name one with `master_key`"));
        }
        if self.signer.is_none() && self.verifiers.is_empty() {
            return Err(Error::invalid_input(
                "no signing key is named: name one with `signing_key`, or with `verifying_key` to read only",
            ));
        }
        let mut keys = Keys::new("no signing key is named: name one with `signing_key` to wrap");
        let mut seen = Seen::default();
        for (id, source) in std::mem::take(&mut self.masters) {
            let loaded = self.key(KeyUse::Encryption, id.as_str(), &source)?;
            seen.add(KeyUse::Encryption, id.as_str(), &loaded.public)?;
            keys.add_master(id, &loaded.public, loaded.private.as_ref().map_err(Clone::clone))?;
        }
        if let Some((id, source)) = self.signer.take() {
            // The active signer may stand among the verifying keys too.
            self.verifiers.retain(|(other, source)| *other != id || !matches!(source, Source::Directory));
            let loaded = self.key(KeyUse::Signing, id.as_str(), &source)?;
            seen.add(KeyUse::Signing, id.as_str(), &loaded.public)?;
            keys.add_verifier(id.clone(), &loaded.public)?;
            keys.set_signer(id, loaded.private.as_ref().map_err(Clone::clone))?;
        }
        for (id, source) in std::mem::take(&mut self.verifiers) {
            let public = self.public_key(KeyUse::Signing, id.as_str(), &source)?;
            seen.add(KeyUse::Signing, id.as_str(), &public)?;
            keys.add_verifier(id, &public)?;
        }
        Ok(keys)
    }

    fn key(&self, usage: KeyUse, id: &str, source: &Source) -> Result<Loaded> {
        match source {
            Source::Directory => self.named_directory(usage, id)?.load(usage, id, self.passphrase.as_ref()),
            Source::Pem(text) => {
                let origin = origin(usage, id);
                Ok(match pem::parse(text.expose_secret(), self.passphrase.as_ref(), &origin, Cost::USUAL)? {
                    Key::Private(private) => Loaded { public: private.public.clone(), private: Ok(private) },
                    Key::Public(public) => {
                        let why = "only its public half was given: give the private one as PEM, or use another role";
                        Loaded { public, private: Err(why.into()) }
                    }
                })
            }
        }
    }

    fn public_key(&self, usage: KeyUse, id: &str, source: &Source) -> Result<PublicKey> {
        match source {
            Source::Directory => self.named_directory(usage, id)?.load_public(usage, id, self.passphrase.as_ref()),
            Source::Pem(_) => Ok(self.key(usage, id, source)?.public),
        }
    }

    fn named_directory(&self, usage: KeyUse, id: &str) -> Result<&KeyDirectory> {
        self.directory.as_ref().ok_or_else(|| {
            let (name, id) = (usage.name(), id.escape_debug());
            Error::invalid_input(format!(
                "{name} {id} is to be read from a directory and none is named: call `directory`"
            ))
        })
    }
}

/// How a key given as PEM is named in messages.
fn origin(usage: KeyUse, id: &str) -> String {
    format!("the PEM of {} {}", usage.name(), id.escape_debug())
}

/// The keys loaded so far, by what they are and by what they are called.
#[derive(Default)]
struct Seen {
    ids: BTreeMap<(&'static str, String), ()>,
    keys: BTreeMap<Vec<u8>, (&'static str, String)>,
}

impl Seen {
    /// Refuses an id named twice, and one RSA key in two places: a decryption key that also signs would let one operation
    /// be abused as the other, and a retired signing key would live on under a new id.
    fn add(&mut self, usage: KeyUse, id: &str, public: &PublicKey) -> Result<()> {
        let place = (usage.name(), id.escape_debug().to_string());
        if self.ids.insert(place.clone(), ()).is_some() {
            return Err(Error::invalid_input(format!("{} {} is named twice: name it once", place.0, place.1)));
        }
        match self.keys.insert(public.spki.clone(), place.clone()) {
            Some(other) => Err(Error::invalid_input(format!(
                "{} {} and {} {} are one RSA key: generate one for each",
                other.0, other.1, place.0, place.1
            ))),
            None => Ok(()),
        }
    }
}
