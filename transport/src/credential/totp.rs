//! Time-based one-time passwords (RFC 6238) over HMAC-based ones (RFC 4226).

mod base32;
mod uri;

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hmac::{Hmac, KeyInit, Mac};
use secret_store_core::{Clock, Error, Result};
use sha1_mac::Sha1;
use sha2::{Sha256, Sha512};
use zeroize::{Zeroize, Zeroizing};

/// RFC 4226 (section 4, R6) wants 16; what sites give is used all the same.
const MIN_SECRET_BYTES: usize = 10;
const MAX_SECRET_BYTES: usize = 1024;
const DEFAULT_PERIOD: Duration = Duration::from_secs(30);
const MAX_PERIOD: Duration = Duration::from_secs(86_400);

/// The hash of the one-time passwords (RFC 6238, section 1.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum TotpAlgorithm {
    /// HMAC-SHA-1: what nearly every site uses. Its collisions do not matter in HMAC.
    #[default]
    Sha1,
    /// HMAC-SHA-256.
    Sha256,
    /// HMAC-SHA-512.
    Sha512,
}

/// A secret for one-time passwords. Wiped on drop.
pub struct Totp {
    secret: Zeroizing<Vec<u8>>,
    algorithm: TotpAlgorithm,
    digits: u32,
    period: Duration,
}

impl Totp {
    /// A secret of 10 to 1,024 bytes (RFC 4226 wants 16 at least; many sites give 10), with SHA-1, 6 digits, 30 seconds. The caller
    /// wipes its copy.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for another size.
    pub fn new(secret: &[u8]) -> Result<Self> {
        Self::owning(Zeroizing::new(secret.to_vec()))
    }

    fn owning(secret: Zeroizing<Vec<u8>>) -> Result<Self> {
        if !(MIN_SECRET_BYTES..=MAX_SECRET_BYTES).contains(&secret.len()) {
            return Err(Error::invalid_input("a secret for one-time passwords has 10 to 1,024 bytes"));
        }
        Ok(Self { secret, algorithm: TotpAlgorithm::default(), digits: 6, period: DEFAULT_PERIOD })
    }

    /// Another hash.
    #[must_use]
    pub fn with_algorithm(mut self, algorithm: TotpAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    /// Another number of digits: 6, 7 or 8.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for another number.
    pub fn with_digits(mut self, digits: u32) -> Result<Self> {
        if !(6..=8).contains(&digits) {
            return Err(Error::invalid_input("a one-time password has 6, 7 or 8 digits"));
        }
        self.digits = digits;
        Ok(self)
    }

    /// Another period: whole seconds, 1 to 86,400.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for another one.
    pub fn with_period(mut self, period: Duration) -> Result<Self> {
        if period.as_secs() == 0 || period > MAX_PERIOD || period.subsec_nanos() != 0 {
            return Err(Error::invalid_input("the period of one-time passwords is 1 to 86,400 whole seconds"));
        }
        self.period = period;
        Ok(self)
    }

    /// A secret as sites give it: an `otpauth://totp/` URI, or the secret alone in base32 (RFC 4648, section 6; spaces, hyphens and
    /// small letters are taken, padding may be missing).
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for anything else, naming the rule and nothing of the text;
    /// [`Unsupported`](secret_store_core::ErrorKind::Unsupported) for counter-based passwords or another hash.
    pub fn parse(text: &str) -> Result<Self> {
        let text = text.trim();
        if uri::is_uri(text) { uri::parse(text) } else { Self::owning(base32::decode(text.as_bytes())?) }
    }

    /// The one-time password of this moment.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a clock before 1970.
    pub fn now(&self, clock: &dyn Clock) -> Result<TotpCode> {
        self.at(clock.now())
    }

    /// The one-time password of another moment.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for one before 1970.
    pub fn at(&self, time: SystemTime) -> Result<TotpCode> {
        let since = time.duration_since(UNIX_EPOCH);
        let since = since.map_err(|_| Error::invalid_input("the time lies before 1970: check the clock"))?;
        let (period, seconds) = (self.period.as_secs(), since.as_secs());
        let number = self.truncated(seconds / period) % 10_u32.pow(self.digits);
        let code = Zeroizing::new(format!("{number:0digits$}", digits = self.digits as usize));
        Ok(TotpCode { code, remaining: Duration::from_secs(period - seconds % period) })
    }

    /// RFC 4226, section 5.3: 31 bits of the MAC of the counter.
    fn truncated(&self, counter: u64) -> u32 {
        let counter = counter.to_be_bytes();
        match self.algorithm {
            TotpAlgorithm::Sha1 => truncate(Hmac::<Sha1>::new_from_slice(&self.secret), &counter),
            TotpAlgorithm::Sha256 => truncate(Hmac::<Sha256>::new_from_slice(&self.secret), &counter),
            TotpAlgorithm::Sha512 => truncate(Hmac::<Sha512>::new_from_slice(&self.secret), &counter),
        }
    }
}

fn truncate<M: Mac>(mac: Result<M, hmac::digest::InvalidLength>, counter: &[u8; 8]) -> u32 {
    let mut mac = mac.expect("HMAC takes keys of every length");
    mac.update(counter);
    let mut code = mac.finalize().into_bytes();
    let offset = usize::from(code.last().copied().unwrap_or_default() & 0xf);
    let four = code.get(offset..offset + 4).and_then(|four| four.try_into().ok());
    let number = u32::from_be_bytes(four.expect("a MAC has at least 20 bytes")) & 0x7fff_ffff;
    code.as_mut_slice().zeroize();
    number
}

impl fmt::Debug for Totp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Totp")
            .field("algorithm", &self.algorithm)
            .field("digits", &self.digits)
            .field("period", &self.period)
            .finish_non_exhaustive()
    }
}

/// A one-time password. Wiped on drop, nothing in `Debug`.
pub struct TotpCode {
    code: Zeroizing<String>,
    remaining: Duration,
}

impl TotpCode {
    /// The digits, with zeros in front.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.code
    }

    /// How long it is the current one, from the moment it was made for; more than zero.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.remaining
    }
}

impl fmt::Debug for TotpCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TotpCode").field("remaining", &self.remaining).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
