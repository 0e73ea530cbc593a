//! New keys.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secret_store_core::{Error, ErrorKind, MasterKeyId, Result, SecretValue, blocking};
use zeroize::Zeroizing;

use super::file::{check_directory, unreadable};
use super::{KeyDirectory, KeyUse};
use crate::key_provider::pem::{self, Cost, Key};
use crate::key_provider::rsa_ops::{Rsa, RsaOps};
use crate::key_provider::signing_key_id::SigningKeyId;

/// The size of a new key's modulus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RsaKeySize {
    /// 2048 bits: the least that is accepted.
    Bits2048,
    /// 3072 bits: as strong as AES-128 (NIST SP 800-57 part 1, table 2).
    #[default]
    Bits3072,
    /// 4096 bits: unwraps take more than twice the time.
    Bits4096,
}

impl RsaKeySize {
    fn bits(self) -> usize {
        match self {
            Self::Bits2048 => 2048,
            Self::Bits3072 => 3072,
            Self::Bits4096 => 4096,
        }
    }
}

/// How to generate a key.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct GenerateOptions {
    /// The size of the modulus; 3072 bits by default.
    pub size: RsaKeySize,
    /// Encrypts the private key file under a passphrase; by default only its rights protect it.
    pub passphrase: Option<Arc<SecretValue>>,
}

impl GenerateOptions {
    /// Another size.
    #[must_use]
    pub fn with_size(mut self, size: RsaKeySize) -> Self {
        self.size = size;
        self
    }

    /// Encrypts the private key file (PKCS#8, PBES2 with scrypt and AES-256-CBC).
    #[must_use]
    pub fn with_passphrase(mut self, passphrase: impl Into<SecretValue>) -> Self {
        self.passphrase = Some(Arc::new(passphrase.into()));
        self
    }
}

impl KeyDirectory {
    /// Makes a master key: a private file (mode 0600) and a public one (0644), in directories (0700) created as needed. Returns
    /// the public key as PEM.
    ///
    /// Both files appear whole or not at all and are on disk when this returns; a crash between the two leaves
    /// the private file, which suffices, and a crash before may leave a file `.new-…`, which is never read: remove it. A
    /// dropped call either completes or leaves nothing.
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](ErrorKind::AlreadyExists) when there is a file for this id, which stays as it is;
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) and [`Unavailable`](ErrorKind::Unavailable) as the file system says.
    pub async fn generate_master_key(&self, id: &MasterKeyId, options: &GenerateOptions) -> Result<String> {
        self.generate(KeyUse::Encryption, id.as_str(), options).await
    }

    /// Makes a signing key, in the same way.
    ///
    /// # Errors
    ///
    /// As [`generate_master_key`](Self::generate_master_key).
    pub async fn generate_signing_key(&self, id: &SigningKeyId, options: &GenerateOptions) -> Result<String> {
        self.generate(KeyUse::Signing, id.as_str(), options).await
    }

    async fn generate(&self, usage: KeyUse, id: &str, options: &GenerateOptions) -> Result<String> {
        let folder = self.folder(usage);
        let files = [self.private_file(usage, id), self.public_file(usage, id)];
        let (path, options) = (self.path.clone(), options.clone());
        blocking::unblock(move || {
            create_directory(&path)?;
            create_directory(&folder)?;
            let [private_file, public_file] = files;
            // Before the work of making a key; creating the files refuses for good.
            refuse_existing(&private_file)?;
            refuse_existing(&public_file)?;
            let (private, public) = new_key(&options)?;
            create_file(&folder, &private_file, private.as_bytes(), 0o600)?;
            create_file(&folder, &public_file, public.as_bytes(), 0o644).inspect_err(|_| {
                // Nobody has seen this key: without its public half the id is free again.
                let _ = fs::remove_file(&private_file);
            })?;
            Ok(public)
        })
        .await
        .map_err(|error: Error| error.with_operation("generate key file"))
    }
}

fn new_key(options: &GenerateOptions) -> Result<(Zeroizing<String>, String)> {
    let failed = || Error::new(ErrorKind::Unavailable, "no RSA key could be generated: try again");
    let der = Rsa::generate(options.size.bits()).map_err(|_| failed())?;
    let clear = pkcs8::der::pem::encode_string("PRIVATE KEY", pkcs8::LineEnding::LF, &der);
    let clear = Zeroizing::new(clear.map_err(|_| failed())?);
    let Key::Private(key) = pem::parse(clear.as_bytes(), None, "the new key", Cost::USUAL)? else {
        return Err(failed());
    };
    let private = match &options.passphrase {
        Some(passphrase) => pem::encrypt(&key.pkcs8, passphrase)?,
        None => clear,
    };
    Ok((private, key.public.to_pem()))
}

fn create_directory(path: &Path) -> Result<()> {
    let new: Vec<_> = path.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(unreadable("key directory", path, error));
        }
        // A file in its place is said to exist already: the check says what is wrong.
        Ok(()) | Err(_) => check_directory(path)?,
    }
    for parent in new.into_iter().filter_map(Path::parent) {
        sync_directory(if parent.as_os_str().is_empty() { Path::new(".") } else { parent })?;
    }
    Ok(())
}

fn refuse_existing(path: &Path) -> Result<()> {
    // Also a dangling link is something that is there.
    match fs::symlink_metadata(path) {
        Ok(_) => Err(unreadable("key file", path, io::ErrorKind::AlreadyExists.into())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(unreadable("key file", path, error)),
    }
}

/// Creates a file whole, on disk, and never over another: a link to a finished temporary file fails where the name is taken.
fn create_file(folder: &Path, path: &Path, content: &[u8], mode: u32) -> Result<()> {
    let temporary = Temporary(temporary_file(folder)?);
    let written = (|| {
        let mut file = options(mode).open(&temporary.0)?;
        file.write_all(content)?;
        set_mode(&file, mode)?;
        file.sync_all()?;
        fs::hard_link(&temporary.0, path)
    })();
    written.map_err(|error| unreadable("key file", path, error))?;
    drop(temporary);
    sync_directory(folder).inspect_err(|_| {
        let _ = fs::remove_file(path);
    })
}

/// A file that goes away however its scope is left.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// No key file begins with a dot.
fn temporary_file(folder: &Path) -> Result<PathBuf> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the operating system gives no random bytes").with_source(error)
    })?;
    Ok(folder.join(format!(".new-{}", hex::encode(random))))
}

fn options(mode: u32) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    options
}

/// Against a umask that took more than it should.
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    #[cfg(unix)]
    file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode))?;
    #[cfg(not(unix))]
    let _ = (file, mode);
    Ok(())
}

fn sync_directory(path: &Path) -> Result<()> {
    #[cfg(unix)]
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| unreadable("key directory", path, error))?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
