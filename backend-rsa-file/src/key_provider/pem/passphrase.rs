//! Keys under a passphrase: PBES2 (RFC 8018 section 6.2) with PBKDF2 or scrypt.

use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{EncryptionScheme as Cipher, Kdf};
use pkcs8::{EncryptedPrivateKeyInfoRef, PrivateKeyInfoRef};
use secret_store_core::{Error, ErrorKind, Result, SecretValue};
use zeroize::Zeroizing;

use super::flaw;

/// The work that deriving a key from a passphrase may cost: the file says it, and a file can say too much.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost {
    pbkdf2_iterations: u32,
    scrypt_bytes: u64,
}

impl Cost {
    /// Some seconds, and 256 MiB.
    pub(crate) const USUAL: Self = Self { pbkdf2_iterations: 10_000_000, scrypt_bytes: 256 << 20 };
    /// Next to nothing, for fuzzing.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) const TINY: Self = Self { pbkdf2_iterations: 10, scrypt_bytes: 16 << 10 };

    fn admits(self, kdf: &Kdf) -> bool {
        const MAX_SCRYPT_PARALLELIZATION: u16 = 16;
        match kdf {
            Kdf::Pbkdf2(params) => (1..=self.pbkdf2_iterations).contains(&params.iteration_count),
            Kdf::Scrypt(params) => {
                let bytes = params.cost_parameter.saturating_mul(128 * u64::from(params.block_size));
                params.cost_parameter > 1
                    && params.cost_parameter.is_power_of_two()
                    && (1..=self.scrypt_bytes).contains(&bytes)
                    && (1..=MAX_SCRYPT_PARALLELIZATION).contains(&params.parallelization)
            }
            _ => false,
        }
    }
}

/// Decrypts an `EncryptedPrivateKeyInfo` to the DER of a `PrivateKeyInfo`, or to noise once in 256 wrong passphrases.
pub(crate) fn decrypt(
    encrypted: &EncryptedPrivateKeyInfoRef<'_>,
    passphrase: Option<&SecretValue>,
    origin: &str,
    cost: Cost,
) -> Result<Zeroizing<Vec<u8>>> {
    let EncryptionScheme::Pbes2(scheme) = &encrypted.encryption_algorithm else {
        return Err(unsupported(origin));
    };
    if !matches!(scheme.encryption, Cipher::Aes128Cbc { .. } | Cipher::Aes192Cbc { .. } | Cipher::Aes256Cbc { .. }) {
        return Err(unsupported(origin));
    }
    if !cost.admits(&scheme.kdf) {
        return Err(flaw(origin, "asks for an absurd amount of work to derive its key: encrypt it anew"));
    }
    let Some(passphrase) = passphrase else {
        return Err(Error::new(
            ErrorKind::KeyUnavailable,
            format!("{origin} is encrypted: give its passphrase to the builder"),
        ));
    };
    let mut clear = Zeroizing::new(encrypted.encrypted_data.as_bytes().to_vec());
    let decrypted = scheme.decrypt_in_place(passphrase.expose_secret(), &mut clear).map_err(|error| match error {
        pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. } => unsupported(origin),
        _ => wrong(origin),
    })?;
    let size = decrypted.len();
    clear.truncate(size);
    Ok(clear)
}

/// The PEM of a private key (PKCS#8, DER) under a passphrase: scrypt and AES-256-CBC, as `openssl` reads it.
pub(crate) fn encrypt(pkcs8: &[u8], passphrase: &SecretValue) -> Result<Zeroizing<String>> {
    let unavailable = || Error::new(ErrorKind::Unavailable, "the private key could not be encrypted: try again");
    let info = PrivateKeyInfoRef::try_from(pkcs8).map_err(|_| unavailable())?;
    let document = info.encrypt(passphrase.expose_secret()).map_err(|_| unavailable())?;
    document.to_pem("ENCRYPTED PRIVATE KEY", pkcs8::LineEnding::LF).map_err(|_| unavailable())
}

pub(super) fn wrong(origin: &str) -> Error {
    Error::new(ErrorKind::KeyUnavailable, format!("{origin} does not open with this passphrase: give the right one"))
}

pub(super) fn unsupported(origin: &str) -> Error {
    flaw(
        origin,
        "is damaged or encrypted in a way that is not supported: encrypt it anew with `openssl pkcs8 -topk8 -v2 aes-256-cbc`",
    )
}
