//! The step that no protocol does for you: from where a client knows whose key it is.

use std::path::Path;
use std::str::FromStr;

use secret_store_transport::{AuthorityKey, AuthorityPublicKey, Fingerprint, Trust};

use crate::Failure;
use crate::files::{read_secret, write_private};

/// Why key records are believed: exactly one of the two. It comes from the client's configuration, never from the server.
#[derive(Clone, Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub struct TrustOptions {
    /// The authority's public key, as `sealed_server init` prints it: 64 hexadecimal digits.
    #[arg(long, value_parser = authority)]
    authority: Option<AuthorityPublicKey>,
    /// The fingerprint of the very record: of `sealing` to put, of `answers` to get.
    #[arg(long, value_parser = Fingerprint::from_str)]
    pin: Option<Fingerprint>,
}

impl TrustOptions {
    /// The reason.
    ///
    /// # Panics
    ///
    /// If it was not parsed by clap, which asks for one.
    #[must_use]
    pub fn trust(&self) -> Trust {
        match (self.authority, self.pin) {
            (Some(authority), _) => Trust::Authority(authority),
            (None, pin) => Trust::Fingerprint(pin.expect("the group requires one")),
        }
    }
}

/// Parses an authority's public key.
///
/// # Errors
///
/// For anything but 64 hexadecimal digits of such a key.
pub fn authority(text: &str) -> Result<AuthorityPublicKey, Failure> {
    Ok(AuthorityPublicKey::from_bytes(&hex::decode(text).map_err(|_| "64 hexadecimal digits are expected")?)?)
}

/// The authority in a file, made if there is none. Keep the file where no server is: who holds it says whose key is whose.
///
/// # Errors
///
/// When it cannot be read or written, or is something else.
pub fn authority_in(path: &Path) -> Result<AuthorityKey, Failure> {
    if !path.try_exists()? {
        write_private(path, AuthorityKey::generate()?.to_stored().expose_secret())?;
    }
    Ok(AuthorityKey::from_stored(read_secret(Some(path), 256)?.expose_secret())?)
}
