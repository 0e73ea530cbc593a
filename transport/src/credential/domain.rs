//! Where a credential may be used: domains and hosts, compared without surprises.

use std::fmt;
use std::sync::Arc;

use secret_store_core::{Error, Result};

/// A host name at its longest (RFC 1035, section 2.3.4), without the final dot.
const MAX_HOST_BYTES: usize = 253;
const MAX_LABEL_BYTES: usize = 63;

/// The host that a credential is about to be given to: `login.example.com`.
///
/// Lower-case ASCII letters, digits, hyphens and dots (RFC 1123, section 2.1); capitals are lowered, other characters must have
/// been encoded before (RFC 5891), a final dot is refused. No scheme, no port, no IPv6 address.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Host(Arc<str>);

impl Host {
    /// Parses a host name.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput), naming the rule.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref().to_ascii_lowercase();
        check_host(&text)?;
        Ok(Self(text.into()))
    }

    /// The text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a credential may be used: one host, or a domain with everything below it.
///
/// `example.com` is that host and no other. `.example.com`, with a dot in front, is `example.com` and every host below it; it needs
/// two labels at least. Which of them a registry gives to different people (`.co.uk`) this does not know: it is for whoever encrypts
/// the credential to name a domain that belongs to one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Domain(Arc<str>);

impl Domain {
    /// The longest text, in bytes.
    pub(super) const MAX_BYTES: usize = MAX_HOST_BYTES + 1;

    /// Parses a domain.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput), naming the rule.
    pub fn new(text: impl AsRef<str>) -> Result<Self> {
        let text = text.as_ref().to_ascii_lowercase();
        let host = text.strip_prefix('.').unwrap_or(&text);
        check_host(host)?;
        let labels = host.split('.').count();
        let is_address = host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
        if host.len() < text.len() && (labels < 2 || is_address) {
            return Err(Error::invalid_input(
                "a domain with everything below it has two labels at least and is no address: name one host, without the dot",
            ));
        }
        Ok(Self(text.into()))
    }

    /// The text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a credential of this domain may be used at this host.
    #[must_use]
    pub fn admits(&self, host: &Host) -> bool {
        match self.0.strip_prefix('.') {
            None => *self.0 == *host.0,
            Some(parent) => *host.0 == *parent || host.0.ends_with(&*self.0),
        }
    }
}

fn check_host(text: &str) -> Result<()> {
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(is_inner)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if text.len() <= MAX_HOST_BYTES && text.split('.').all(is_label) {
        return Ok(());
    }
    Err(Error::invalid_input(
        "a host name has labels of 1 to 63 ASCII letters, digits and inner hyphens, 253 bytes in all: give it without scheme, \
         port and final dot, and encode other characters (punycode)",
    ))
}

macro_rules! text {
    ($($name:ident),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl std::str::FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self> {
                Self::new(text)
            }
        }
    )*};
}
text!(Host, Domain);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_domain_admits_its_own_hosts_and_no_other() {
        let admits =
            |domain: &str, host: &str| Domain::new(domain).expect("a domain").admits(&Host::new(host).expect("a host"));
        for (domain, host) in [
            ("example.com", "example.com"),
            ("Example.com", "EXAMPLE.COM"),
            (".example.com", "example.com"),
            (".example.com", "login.example.com"),
            (".example.com", "a.b.example.com"),
            ("localhost", "localhost"),
            ("10.0.0.1", "10.0.0.1"),
        ] {
            assert!(admits(domain, host), "{domain} {host}");
        }
        for (domain, host) in [
            ("example.com", "login.example.com"),
            ("example.com", "example.co"),
            ("example.com", "example.com.evil.org"),
            (".example.com", "evilexample.com"),
            (".example.com", "com"),
            (".example.com", "example.com.evil.org"),
            ("login.example.com", "example.com"),
            ("10.0.0.1", "110.0.0.1"),
        ] {
            assert!(!admits(domain, host), "{domain} {host}");
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let long = format!("{}.com", "a".repeat(64));
        let longer = vec!["a".repeat(63); 4].join(".");
        for text in [
            "",
            ".",
            "..",
            "a..b",
            "a.",
            "-a.com",
            "a-.com",
            "exämple.com",
            "a b.com",
            "a.com:443",
            "https://a.com",
            "[::1]",
            "a_b.com",
            "a.com/",
            "a\0.com",
            "*.a.com",
            &long,
            &longer,
        ] {
            assert!(Host::new(text).is_err(), "{text}");
            assert!(Domain::new(text).is_err(), "{text}");
        }
        for text in [".com", ".localhost", ".10.0.0.1", "..example.com"] {
            assert!(Domain::new(text).is_err(), "{text}");
        }
    }
}
