//! The directory of key files.

use std::path::{Path, PathBuf};

use secret_store_core::{Error, ErrorKind, MasterKeyId, Result, SecretValue};

use super::key_file_name::file_stem;
use super::pem::{self, Cost, Key, PrivateKey, PublicKey};
use super::signing_key_id::SigningKeyId;

mod file;
mod generate;

pub use generate::{GenerateOptions, RsaKeySize};

/// A directory of RSA keys as PEM files, one key an id.
///
/// ```text
/// <directory>/encryption/<id>.pem       private master key: unwraps, and wraps
/// <directory>/encryption/<id>.pub.pem   public master key: wraps
/// <directory>/signing/<id>.pem          private signing key: signs wraps, and verifies them
/// <directory>/signing/<id>.pub.pem      public signing key: verifies wraps
/// ```
///
/// Letters, digits, `-`, `_` and inner dots of an id stay in the file name, every other byte of its UTF-8 becomes `%` and two
/// upper-case hexadecimal digits (`arn%3Aaws%3A…`; a name beyond 200 bytes keeps 120 and ends in `~` and the SHA-256
/// of the id). [`master_key_file`](Self::master_key_file) and [`signing_key_file`](Self::signing_key_file) tell the path. On a
/// file system that ignores case, ids must differ in more than case: generating a second one is refused there.
///
/// # What a file may be
///
/// One PEM block of at most 64 KiB with an RSA key of 2048 to 8192 bits: PKCS#8 (`PRIVATE KEY`, or `ENCRYPTED PRIVATE KEY` by PBES2
/// with AES-CBC and PBKDF2-SHA-2 or scrypt) or PKCS#1 (`RSA PRIVATE KEY`) for private keys, SPKI (`PUBLIC KEY`) or
/// PKCS#1 (`RSA PUBLIC KEY`) for public ones. Two-prime keys only. [`generate_master_key`](Self::generate_master_key) and
/// [`generate_signing_key`](Self::generate_signing_key) make them, and so does
/// `openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072`.
///
/// # Who may read it
///
/// On Unix a private key file is refused when its group or others have any right to it, a public one and the directories when
/// they may write. The bits of the opened file decide, whoever runs the program; symbolic links are followed, and what
/// they lead to is what is checked, with the directory it lies in. Elsewhere these checks do not exist: protect the directory by its access list.
///
/// # Examples
///
/// ```
/// use secret_store_core::{KeyProvider, MasterKeyId};
/// use secret_store_rsa_file::{GenerateOptions, KeyDirectory, RsaKeyProvider, RsaKeySize, SigningKeyId};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let temporary = tempfile::tempdir()?;
/// # let path = temporary.path().join("keys");
/// # futures::executor::block_on(async {
/// let directory = KeyDirectory::new(path);
/// let master = MasterKeyId::new("production-2026")?;
/// let signer = SigningKeyId::new("writer-1")?;
/// # // A small key keeps this example quick.
/// # let options = GenerateOptions::default().with_size(RsaKeySize::Bits2048);
/// directory.generate_master_key(&master, &options).await?;
/// directory.generate_signing_key(&signer, &options).await?;
///
/// let provider = RsaKeyProvider::builder().directory(directory).master_key(master.clone()).signing_key(signer).build().await?;
/// assert!(provider.accepts(&master));
/// # Ok::<(), secret_store_core::Error>(())
/// # })?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyDirectory {
    path: PathBuf,
}

/// What a key is for: one RSA key never does both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyUse {
    Encryption,
    Signing,
}

impl KeyUse {
    fn folder(self) -> &'static str {
        match self {
            Self::Encryption => "encryption",
            Self::Signing => "signing",
        }
    }

    /// What such a key is called in messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Encryption => "master key",
            Self::Signing => "signing key",
        }
    }
}

/// What the directory has of one key.
pub(crate) struct Loaded {
    pub(crate) public: PublicKey,
    /// The private key, or why there is none and what to do about it.
    pub(crate) private: Result<PrivateKey, String>,
}

impl KeyDirectory {
    /// A directory of keys. Nothing is read yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the private half of a master key lies. The public half ends in `.pub.pem` instead of `.pem`.
    #[must_use]
    pub fn master_key_file(&self, id: &MasterKeyId) -> PathBuf {
        self.private_file(KeyUse::Encryption, id.as_str())
    }

    /// Where the private half of a signing key lies. The public half ends in `.pub.pem` instead of `.pem`.
    #[must_use]
    pub fn signing_key_file(&self, id: &SigningKeyId) -> PathBuf {
        self.private_file(KeyUse::Signing, id.as_str())
    }

    fn folder(&self, usage: KeyUse) -> PathBuf {
        self.path.join(usage.folder())
    }

    fn private_file(&self, usage: KeyUse, id: &str) -> PathBuf {
        self.folder(usage).join(format!("{}.pem", file_stem(id)))
    }

    fn public_file(&self, usage: KeyUse, id: &str) -> PathBuf {
        self.folder(usage).join(format!("{}.pub.pem", file_stem(id)))
    }

    /// Reads what is there of a key: the private half where this process may, the public half otherwise.
    pub(crate) fn load(&self, usage: KeyUse, id: &str, passphrase: Option<&SecretValue>) -> Result<Loaded> {
        self.check(usage)?;
        let (private_file, public_file) = (self.private_file(usage, id), self.public_file(usage, id));
        let public = load_public(&public_file)?;
        match (load_private(&private_file, passphrase), public) {
            (Ok(Some(private)), Some(public)) if private.public != public => Err(Error::invalid_input(format!(
                "key files {private_file:?} and {public_file:?} belong to different keys: remove the wrong one"
            ))),
            (Ok(Some(private)), _) => Ok(Loaded { public: private.public.clone(), private: Ok(private) }),
            (Ok(None), Some(public)) => {
                let why =
                    format!("its private key file {private_file:?} is missing: put it there, or use another role");
                Ok(Loaded { public, private: Err(why) })
            }
            (Err(error), Some(public)) if file::is_unreadable(&error) => {
                Ok(Loaded { public, private: Err(error.to_string()) })
            }
            (Err(error), _) => Err(error),
            (Ok(None), None) => Err(self.missing(usage, id)),
        }
    }

    /// Reads the public half alone; from the private file only where there is no public one.
    pub(crate) fn load_public(&self, usage: KeyUse, id: &str, passphrase: Option<&SecretValue>) -> Result<PublicKey> {
        self.check(usage)?;
        if let Some(public) = load_public(&self.public_file(usage, id))? {
            return Ok(public);
        }
        match load_private(&self.private_file(usage, id), passphrase)? {
            Some(private) => Ok(private.public),
            None => Err(self.missing(usage, id)),
        }
    }

    fn check(&self, usage: KeyUse) -> Result<()> {
        file::check_directory(&self.path)?;
        file::check_directory(&self.folder(usage))
    }

    fn missing(&self, usage: KeyUse, id: &str) -> Error {
        let (private, public) = (self.private_file(usage, id), self.public_file(usage, id));
        let (name, id) = (usage.name(), id.escape_debug());
        Error::new(
            ErrorKind::KeyUnavailable,
            format!(
                "{name} {id} has neither a file {private:?} nor {public:?}: generate it, copy it there or correct the id"
            ),
        )
    }
}

fn load_private(path: &Path, passphrase: Option<&SecretValue>) -> Result<Option<PrivateKey>> {
    let Some(text) = file::read(path, file::Secrecy::Private)? else { return Ok(None) };
    let origin = origin(path);
    match pem::parse(&text, passphrase, &origin, Cost::USUAL)? {
        Key::Private(key) => Ok(Some(key)),
        Key::Public(_) => Err(pem::flaw(
            &origin,
            "holds a public key where a private one belongs: rename it to end in `.pub.pem`, or put the private key there",
        )),
    }
}

fn load_public(path: &Path) -> Result<Option<PublicKey>> {
    const PRIVATE: &[u8] = b"PRIVATE KEY-----";
    let Some(text) = file::read(path, file::Secrecy::Public)? else { return Ok(None) };
    let origin = origin(path);
    // Told before parsing: an encrypted key would ask for a passphrase first.
    let private = text.windows(PRIVATE.len()).any(|window| window == PRIVATE);
    match if private { None } else { Some(pem::parse(&text, None, &origin, Cost::USUAL)?) } {
        Some(Key::Public(key)) => Ok(Some(key)),
        Some(Key::Private(_)) | None => Err(pem::flaw(
            &origin,
            "holds a private key where a public one belongs: rename it to end in `.pem`, and replace the key if others saw it",
        )),
    }
}

/// How a key file is named in messages: quoted and escaped.
fn origin(path: &Path) -> String {
    format!("key file {path:?}")
}
