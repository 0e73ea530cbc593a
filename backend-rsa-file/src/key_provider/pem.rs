//! Key files: PEM (RFC 7468) around PKCS#8 (RFC 5958), PKCS#1 (RFC 8017 appendix A.1) or SPKI (RFC 5280 section 4.1.2.7).
//!
//! Whatever form a key comes in, it leaves here as canonical PKCS#8 or SPKI with checked size and exponent.

use pkcs8::der::asn1::{AnyRef, BitStringRef, OctetStringRef, UintRef};
use pkcs8::der::pem::Decoder;
use pkcs8::der::{Decode, Encode, Reader, SliceReader};
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use pkcs8::{EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef};
use secret_store_core::{Error, ErrorKind, Result, SecretValue};
use zeroize::Zeroizing;

pub(crate) mod passphrase;

pub(crate) use passphrase::{Cost, encrypt};

/// The smallest modulus accepted.
pub(crate) const MIN_BITS: usize = 2048;
/// The largest modulus accepted: beyond it one operation takes longer than anybody wants to wait.
pub(crate) const MAX_BITS: usize = 8192;
/// The largest key file read. An 8192-bit private key has about 6.5 KiB.
pub(crate) const MAX_FILE_BYTES: usize = 64 * 1024;
/// `rsaEncryption` (RFC 8017 appendix A.1).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");

/// A key out of a PEM file.
pub(crate) enum Key {
    Private(PrivateKey),
    Public(PublicKey),
}

/// A private RSA key.
pub(crate) struct PrivateKey {
    /// DER `PrivateKeyInfo`, version 1, without attributes.
    pub(crate) pkcs8: Zeroizing<Vec<u8>>,
    pub(crate) public: PublicKey,
}

/// A public RSA key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PublicKey {
    /// DER `SubjectPublicKeyInfo`.
    pub(crate) spki: Vec<u8>,
    pub(crate) bits: usize,
}

impl PublicKey {
    /// The number of bytes of the modulus, and so of a ciphertext and of a signature.
    pub(crate) fn modulus_bytes(&self) -> usize {
        self.bits.div_ceil(8)
    }

    /// The key as a PEM `PUBLIC KEY`.
    pub(crate) fn to_pem(&self) -> String {
        pkcs8::der::pem::encode_string("PUBLIC KEY", pkcs8::LineEnding::LF, &self.spki)
            .expect("a label without illegal characters and a bounded document")
    }
}

/// Parses the one key in a PEM text. `origin` names it in errors, escaped: `key file "/keys/a.pem"`.
///
/// # Errors
///
/// `InvalidInput` for what is no supported RSA key, `KeyUnavailable` when its passphrase is missing or wrong, `TooLarge`.
pub(crate) fn parse(pem: &[u8], passphrase: Option<&SecretValue>, origin: &str, cost: Cost) -> Result<Key> {
    if pem.len() > MAX_FILE_BYTES {
        return Err(too_large(origin, pem.len() as u64));
    }
    let (label, der) = decode_pem(pem, origin)?;
    match label {
        "PRIVATE KEY" => from_pkcs8(&der, origin).map(Key::Private),
        "RSA PRIVATE KEY" => from_pkcs1(&der, origin).map(Key::Private),
        "ENCRYPTED PRIVATE KEY" => {
            let encrypted =
                EncryptedPrivateKeyInfoRef::try_from(&der[..]).map_err(|_| passphrase::unsupported(origin))?;
            let clear = passphrase::decrypt(&encrypted, passphrase, origin, cost)?;
            // The padding of a wrong passphrase is right once in 256 times: what comes out then is no key.
            from_pkcs8(&clear, origin).map(Key::Private).map_err(|error| match error.kind() {
                ErrorKind::InvalidInput if PrivateKeyInfoRef::try_from(&clear[..]).is_err() => {
                    passphrase::wrong(origin)
                }
                _ => error,
            })
        }
        "PUBLIC KEY" => from_spki(&der, origin).map(Key::Public),
        "RSA PUBLIC KEY" => PublicNumbers::of_public_key(&der, origin)?.check(origin).map(Key::Public),
        _ => Err(flaw(
            origin,
            "holds no RSA key in a supported form: convert a private key with `openssl pkcs8 -topk8`, a public one with \
             `openssl pkey -pubin -pubout`",
        )),
    }
}

fn decode_pem<'a>(pem: &'a [u8], origin: &str) -> Result<(&'a str, Zeroizing<Vec<u8>>)> {
    const BEGIN: &[u8] = b"-----BEGIN ";
    if contains(pem, b"Proc-Type:") {
        return Err(flaw(origin, "has the old encrypted form (`Proc-Type`): convert it with `openssl pkcs8 -topk8`"));
    }
    match pem.windows(BEGIN.len()).filter(|window| *window == BEGIN).count() {
        0 => Err(flaw(origin, "is not PEM: convert DER with `openssl pkey -inform DER`")),
        1 => {
            let broken = |_| flaw(origin, "is broken PEM (RFC 7468): copy it again, whole and with its line breaks");
            let mut decoder = Decoder::new_detect_wrap(pem).map_err(broken)?;
            let mut der = Zeroizing::new(vec![0; decoder.remaining_len()]);
            decoder.decode(&mut der).map_err(broken)?;
            Ok((decoder.type_label(), der))
        }
        _ => Err(flaw(origin, "holds several PEM blocks: leave one key in it")),
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

fn from_pkcs8(der: &[u8], origin: &str) -> Result<PrivateKey> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| malformed(origin))?;
    check_algorithm(&info.algorithm, origin)?;
    from_pkcs1(info.private_key.as_bytes(), origin)
}

fn from_pkcs1(der: &[u8], origin: &str) -> Result<PrivateKey> {
    let public = PublicNumbers::of_private_key(der, origin)?.check(origin)?;
    let inner = OctetStringRef::new(der).map_err(|_| malformed(origin))?;
    let pkcs8 = PrivateKeyInfoRef::new(algorithm(), inner).to_der().map_err(|_| malformed(origin))?;
    Ok(PrivateKey { pkcs8: Zeroizing::new(pkcs8), public })
}

fn from_spki(der: &[u8], origin: &str) -> Result<PublicKey> {
    let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| malformed(origin))?;
    check_algorithm(&info.algorithm, origin)?;
    let inner = info.subject_public_key.as_bytes().ok_or_else(|| malformed(origin))?;
    PublicNumbers::of_public_key(inner, origin)?.check(origin)
}

fn algorithm() -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef { oid: RSA, parameters: Some(AnyRef::NULL) }
}

fn check_algorithm(algorithm: &AlgorithmIdentifierRef<'_>, origin: &str) -> Result<()> {
    if algorithm.oid != RSA {
        return Err(flaw(
            origin,
            "is no RSA key (`rsaEncryption`): generate one with `openssl genpkey -algorithm RSA`",
        ));
    }
    match algorithm.parameters {
        None => Ok(()),
        Some(parameters) if parameters.is_null() => Ok(()),
        Some(_) => Err(malformed(origin)),
    }
}

/// Modulus and public exponent.
struct PublicNumbers<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}

impl<'a> PublicNumbers<'a> {
    /// Of a DER `RSAPublicKey`.
    fn of_public_key(der: &'a [u8], origin: &str) -> Result<Self> {
        read_sequence(der, |reader| Ok(Self { modulus: reader.decode()?, exponent: reader.decode()? }))
            .map_err(|_| malformed(origin))
    }

    /// Of a DER `RSAPrivateKey` of two primes (version 0): aws-lc reads no others.
    fn of_private_key(der: &'a [u8], origin: &str) -> Result<Self> {
        const PRIVATE_NUMBERS: usize = 6;
        read_sequence(der, |reader| {
            if u8::decode(reader)? != 0 {
                return Err(pkcs8::der::ErrorKind::Failed.into());
            }
            let numbers = Self { modulus: reader.decode()?, exponent: reader.decode()? };
            for _ in 0..PRIVATE_NUMBERS {
                UintRef::decode(reader)?;
            }
            Ok(numbers)
        })
        .map_err(|_| malformed(origin))
    }

    /// What aws-lc accepts, told apart: the size, and an odd exponent from 3 to 33 bits.
    fn check(&self, origin: &str) -> Result<PublicKey> {
        let (modulus, exponent) = (self.modulus.as_bytes(), self.exponent.as_bytes());
        let bits = bit_length(modulus);
        if bits < MIN_BITS {
            return Err(flaw(origin, &format!("has {bits} bits: generate one of at least {MIN_BITS}, better 3072")));
        }
        if bits > MAX_BITS {
            return Err(flaw(origin, &format!("has {bits} bits: at most {MAX_BITS} are supported")));
        }
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        if !odd(modulus) || !odd(exponent) || exponent == [1] || bit_length(exponent) > 33 {
            return Err(flaw(origin, "has a modulus or an exponent that no RSA key has: generate another"));
        }
        Ok(PublicKey { spki: self.to_spki().map_err(|_| malformed(origin))?, bits })
    }

    fn to_spki(&self) -> pkcs8::der::Result<Vec<u8>> {
        // A SEQUENCE OF two integers has the very bytes of `RSAPublicKey`.
        let inner = vec![self.modulus, self.exponent].to_der()?;
        SubjectPublicKeyInfoRef { algorithm: algorithm(), subject_public_key: BitStringRef::from_bytes(&inner)? }
            .to_der()
    }
}

/// Reads one SEQUENCE that is the whole input.
fn read_sequence<'a, T>(
    der: &'a [u8],
    read: impl FnOnce(&mut SliceReader<'a>) -> pkcs8::der::Result<T>,
) -> pkcs8::der::Result<T> {
    let mut reader = SliceReader::new(der)?;
    let read = reader.sequence(read)?;
    reader.finish()?;
    Ok(read)
}

/// Of a big-endian number without leading zero bytes.
fn bit_length(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

pub(crate) fn flaw(origin: &str, clause: &str) -> Error {
    Error::invalid_input(format!("{origin} {clause}"))
}

pub(crate) fn too_large(origin: &str, actual: u64) -> Error {
    let limit = MAX_FILE_BYTES as u64;
    Error::new(
        ErrorKind::TooLarge { limit, actual },
        format!("{origin} is larger than any RSA key: at most {limit} bytes of PEM are read"),
    )
}

fn malformed(origin: &str) -> Error {
    flaw(origin, "is no well-formed RSA key: check it with `openssl pkey -check`")
}
