//! Public keys, and whose they are: key records, and what a client trusts.
//!
//! Whoever seals to a public key must know that it is the right one. A [`KeyRecord`] says whose key it is, for what, from when until
//! when, signed by an [`Authority`]; a client believes it for one of two reasons ([`Trust`]): the authority that signed it, or a
//! pinned [`Fingerprint`] of the very record.
//!
//! ```
//! # futures::executor::block_on(async {
//! use secret_store_core::SystemClock;
//! use secret_store_transport::{AuthorityKey, KeyClaims, KeyRecord, KeyRole, KeySpec, RecipientKeyPair, Trust};
//! use std::time::{Duration, SystemTime};
//!
//! let authority = AuthorityKey::generate()?;
//! let pair = RecipientKeyPair::generate(KeySpec::X25519).await?;
//! let claims = KeyClaims::sealing("acme", 1, pair.public_key(), SystemTime::now(), Duration::from_secs(86_400))?;
//! let record = KeyRecord::issue(claims, &authority).await?;
//!
//! // The client has the record from anywhere, the authority's public key from a place it trusts.
//! let trust = Trust::Authority(authority.public_key());
//! let key = record.verify(&trust, KeyRole::OrganisationSealing, "acme", &SystemClock)?;
//! assert_eq!(key.version(), 1);
//! assert!(record.verify(&trust, KeyRole::OrganisationSealing, "evil", &SystemClock).is_err());
//! # Ok::<(), secret_store_core::Error>(())
//! # }).expect("the example runs");
//! ```

mod authority;
mod claims;
mod fingerprint;

pub use authority::{Authority, AuthorityKey, AuthorityPublicKey};
pub use claims::{KeyClaims, KeyRole};
pub(crate) use claims::{ed25519, verify_ed25519};
pub use fingerprint::Fingerprint;

use std::time::SystemTime;

use secret_store_core::{Clock, Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

use crate::expiry::Expiry;
use crate::wire::{Kind, Message, Reader, Writer, message};
pub(crate) use authority::SIGNATURE_BYTES;

message! {
    /// A public key and whose it is, signed by an [`Authority`]. Nothing in it is believed before [`verify`](Self::verify).
    KeyRecord, 2048, |bytes| Parsed::parse(bytes).map(drop)
}

/// The parts of a record, as they stand there.
struct Parsed {
    claims: KeyClaims,
    signature: [u8; SIGNATURE_BYTES],
}

impl Parsed {
    fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, Kind::KeyRecord, KeyRecord::MAX_BYTES)?;
        let claims = KeyClaims::read(&mut reader)?;
        let signature = *reader.array()?;
        reader.end()?;
        Ok(Self { claims, signature })
    }
}

impl KeyRecord {
    /// Has an authority sign what is claimed of a key. The signature is checked, so that a faulty signer is found here.
    ///
    /// # Errors
    ///
    /// As the [`Authority`]; [`KeyUnavailable`](ErrorKind::KeyUnavailable) when its signature does not verify.
    pub async fn issue(claims: KeyClaims, authority: &dyn Authority) -> Result<Self> {
        let transcript = claims.transcript();
        let signature = authority.sign(&transcript).await?;
        authority.public_key().verify(&transcript, &signature).map_err(|_| {
            Error::new(ErrorKind::KeyUnavailable, "the authority's signature does not verify under its own public key")
        })?;
        let frame = Writer::new(Kind::KeyRecord, claims.algorithm() as u8);
        Self::from_bytes(claims.write(frame).field(&signature).finish())
    }

    /// SHA-256 of the record's bytes, to be pinned. A pin is of this very record: whoever renews it has its clients renew the pin.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        Fingerprint::new(Sha256::digest(self.as_bytes()).into())
    }

    /// What the record says, not yet believed: for whoever shows it.
    #[must_use]
    pub fn claims(&self) -> KeyClaims {
        self.parsed().claims
    }

    /// Believes the record, for a reason, if it is of the key that is asked for and now is its time.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) where the pin differs or the signature does not verify,
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) for the key of another role or subject,
    /// [`Expired`](ErrorKind::Expired) before and after its time, give or take [`Expiry::SKEW`].
    pub fn verify(&self, trust: &Trust, role: KeyRole, subject: &str, clock: &dyn Clock) -> Result<TrustedKey> {
        let Parsed { claims, signature } = self.parsed();
        match trust {
            Trust::Fingerprint(pin) if *pin == self.fingerprint() => {}
            Trust::Fingerprint(_) => return Err(Error::integrity()),
            Trust::Authority(authority) => authority.verify(&claims.transcript(), &signature)?,
        }
        if claims.role() != role || claims.subject() != subject {
            return Err(Error::new(
                ErrorKind::PermissionDenied,
                "the key record is of another role or subject than the one asked for: fetch the right one",
            ));
        }
        let key = TrustedKey { claims };
        key.check_time(clock)?;
        Ok(key)
    }

    fn parsed(&self) -> Parsed {
        Parsed::parse(self.as_bytes()).expect("a record that exists was parsed")
    }
}

/// Why a key record is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Trust {
    /// Because it is this very record.
    Fingerprint(Fingerprint),
    /// Because this authority signed it.
    Authority(AuthorityPublicKey),
}

/// A public key that was found trustworthy: [`KeyRecord::verify`] alone makes one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedKey {
    claims: KeyClaims,
}

impl TrustedKey {
    /// Whose key it is.
    #[must_use]
    pub fn subject(&self) -> &str {
        self.claims.subject()
    }

    /// What it is for.
    #[must_use]
    pub fn role(&self) -> KeyRole {
        self.claims.role()
    }

    /// Which of the subject's keys it is: 1 or more.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.claims.version()
    }

    /// The key, in its one form.
    #[must_use]
    pub fn public_key(&self) -> &[u8] {
        self.claims.public_key()
    }

    /// Everything that was claimed of it.
    #[must_use]
    pub fn claims(&self) -> &KeyClaims {
        &self.claims
    }

    /// Whether now is its time: for those who keep it for long.
    ///
    /// # Errors
    ///
    /// [`Expired`](ErrorKind::Expired), before its time too.
    pub fn check_time(&self, clock: &dyn Clock) -> Result<()> {
        let now = clock.now();
        let with_skew = |time: SystemTime| time.checked_add(Expiry::SKEW).unwrap_or(time);
        if with_skew(now) < self.claims.not_before() {
            return Err(Error::new(ErrorKind::Expired, "the key record is not valid yet: check the clock"));
        }
        if now >= with_skew(self.claims.expires()) {
            return Err(Error::new(ErrorKind::Expired, "the key record has expired: fetch a current one"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
