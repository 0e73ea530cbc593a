//! `otpauth://totp/…` URIs, as authenticator programs take them from QR codes.

use std::time::Duration;

use secret_store_core::{Error, ErrorKind, Result};

use super::{Totp, TotpAlgorithm, base32};

const SCHEME: &str = "otpauth://";

pub(super) fn is_uri(text: &str) -> bool {
    text.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME))
}

/// The parameters `secret`, `algorithm`, `digits` and `period`, each once at most; others (`issuer`) and the label say nothing here.
pub(super) fn parse(text: &str) -> Result<Totp> {
    let rest = text.get(SCHEME.len()..).unwrap_or_default();
    let (place, query) =
        rest.split_once('?').ok_or_else(|| Error::invalid_input("the otpauth URI has no parameters"))?;
    let kind = place.split('/').next().unwrap_or_default();
    if !kind.eq_ignore_ascii_case("totp") {
        return Err(unsupported("only time-based one-time passwords are supported (`otpauth://totp/`)"));
    }
    let query = query.split('#').next().unwrap_or_default();
    let secret = one(query, "secret")?.ok_or_else(|| Error::invalid_input("the otpauth URI has no secret"))?;
    let totp = Totp::owning(base32::decode(without_padding(secret).as_bytes())?)?;
    let algorithm = match one(query, "algorithm")? {
        None => TotpAlgorithm::Sha1,
        Some(name) => algorithm(name)?,
    };
    let number = |name, default: u32| match one(query, name)? {
        None => Ok(default),
        Some(digits) => digits.parse().map_err(|_| Error::invalid_input("a parameter of the otpauth URI is no number")),
    };
    let (digits, period) = (number("digits", 6)?, number("period", 30)?);
    totp.with_algorithm(algorithm).with_digits(digits)?.with_period(Duration::from_secs(period.into()))
}

/// Padding may be percent-encoded; no other character of base32 is ever, and base32 refuses what is left of one.
fn without_padding(mut secret: &str) -> &str {
    while let Some(rest) = secret.strip_suffix("%3D").or_else(|| secret.strip_suffix("%3d")) {
        secret = rest;
    }
    secret
}

fn algorithm(name: &str) -> Result<TotpAlgorithm> {
    match name.to_ascii_uppercase().as_str() {
        "SHA1" => Ok(TotpAlgorithm::Sha1),
        "SHA256" => Ok(TotpAlgorithm::Sha256),
        "SHA512" => Ok(TotpAlgorithm::Sha512),
        _ => Err(unsupported("the one-time passwords use an unknown hash: SHA1, SHA256 and SHA512 are supported")),
    }
}

fn unsupported(message: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, message)
}

/// A parameter that may stand there once.
fn one<'a>(query: &'a str, name: &str) -> Result<Option<&'a str>> {
    let mut found = query.split('&').filter_map(|pair| pair.split_once('=')).filter(|(key, _)| *key == name);
    let first = found.next().map(|(_, value)| value);
    match found.next() {
        Some(_) => Err(Error::invalid_input("a parameter of the otpauth URI stands there twice")),
        None => Ok(first),
    }
}
