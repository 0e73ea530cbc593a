//! The one byte form of an entry. `docs/format.md` describes it; nothing else parses as one.

use smallvec::SmallVec;

use super::codes::{Action, Outcome, Phase};
use super::entry::{AuditedSecret, Event, Link, MAX_ENTRY_BYTES, Secrets};
use super::key::{AuditKeyId, HASH_BYTES, Hash};
use super::label::Label;
use super::timestamp::Timestamp;
use super::writer::WriterId;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, SecretName, SecretVersion};

const MAGIC: &[u8; 2] = b"SA";
const VERSION: u8 = b'1';
const NO_MAC: u8 = 0;
const HMAC_SHA256: u8 = 1;
/// The key id, the hash and the MAC at the end.
const TRAILER_BYTES: usize = AuditKeyId::BYTES + 2 * HASH_BYTES;

/// Room for an entry with usual names, so that most are encoded without an allocation.
pub(super) type Bytes = SmallVec<[u8; 512]>;

/// Everything but the hash and the MAC.
pub(super) fn encode(event: &Event, link: &Link, key: Option<AuditKeyId>) -> Bytes {
    let mut out = encode_head(event, link, key);
    out.extend_from_slice(&length16(event.secrets.len()));
    for AuditedSecret { name, version } in &event.secrets {
        put_text16(&mut out, name.as_str());
        out.push(u8::from(version.is_some()));
        if let Some(version) = version {
            out.extend_from_slice(&version.get().to_be_bytes());
        }
    }
    if let Some(id) = key {
        out.extend_from_slice(id.as_bytes());
    }
    out
}

fn encode_head(event: &Event, link: &Link, key: Option<AuditKeyId>) -> Bytes {
    let mut out = Bytes::new();
    out.extend_from_slice(MAGIC);
    out.push(VERSION);
    out.push(if key.is_some() { HMAC_SHA256 } else { NO_MAC });
    out.extend_from_slice(link.writer.as_bytes());
    out.extend_from_slice(&link.sequence.to_be_bytes());
    out.extend_from_slice(&link.previous);
    out.extend_from_slice(&event.time.as_millis().to_be_bytes());
    out.extend_from_slice(&event.operation.unwrap_or(link.sequence).to_be_bytes());
    out.push(event.action as u8);
    out.push(event.phase as u8);
    out.push(event.outcome.map_or(0, |outcome| outcome as u8));
    put_text8(&mut out, event.environment.as_str());
    put_text8(&mut out, event.actor.as_str());
    put_text8(&mut out, event.request.as_ref().map_or("", Label::as_str));
    put_text16(&mut out, event.application.as_str());
    out.extend_from_slice(&event.count.to_be_bytes());
    out
}

fn put_text8(out: &mut Bytes, text: &str) {
    out.push(u8::try_from(text.len()).expect("labels have at most 255 bytes"));
    out.extend_from_slice(text.as_bytes());
}

fn put_text16(out: &mut Bytes, text: &str) {
    out.extend_from_slice(&length16(text.len()));
    out.extend_from_slice(text.as_bytes());
}

fn length16(length: usize) -> [u8; 2] {
    u16::try_from(length).expect("names, and their number in an entry, are bounded below 65,536").to_be_bytes()
}

/// What an entry needs beside its secrets, whoever writes it.
fn fixed_bytes(event: &Event) -> usize {
    let link = Link { writer: WriterId::from_bytes([0; 16]), sequence: 0, previous: [0; HASH_BYTES] };
    encode_head(event, &link, None).len() + 2 + TRAILER_BYTES
}

fn bytes_of(name: &SecretName, has_version: bool) -> usize {
    2 + name.as_str().len() + 1 + if has_version { 8 } else { 0 }
}

/// Refuses what does not fit into one entry, also once each secret has a version.
///
/// # Errors
///
/// [`TooLarge`](ErrorKind::TooLarge).
pub(super) fn check_fits(event: &Event) -> Result<()> {
    let with_version = |secret: &AuditedSecret| bytes_of(&secret.name, true);
    let bytes = fixed_bytes(event) + event.secrets.iter().map(with_version).sum::<usize>();
    if bytes > MAX_ENTRY_BYTES {
        return Err(Error::too_large("audit entry", MAX_ENTRY_BYTES as u64, bytes as u64));
    }
    Ok(())
}

/// Splits the secrets of one operation so that each part fits into one entry; at least one part, which may be empty.
pub(super) fn split(event: &Event, secrets: impl IntoIterator<Item = AuditedSecret>) -> Vec<Secrets> {
    let room = MAX_ENTRY_BYTES - fixed_bytes(event);
    let (mut parts, mut left) = (vec![Secrets::new()], room);
    for secret in secrets {
        let bytes = bytes_of(&secret.name, secret.version.is_some());
        if bytes > left {
            parts.push(Secrets::new());
            left = room;
        }
        left -= bytes;
        parts.last_mut().expect("never empty").push(secret);
    }
    parts
}

/// What the bytes say. The hash is only what they claim.
pub(super) struct Parsed<'a> {
    pub(super) event: Event,
    pub(super) link: Link,
    /// What the hash is over.
    pub(super) body: &'a [u8],
    pub(super) hash: Hash,
    pub(super) mac: Option<(AuditKeyId, Hash)>,
}

pub(super) fn decode(bytes: &[u8]) -> Result<Parsed<'_>> {
    if bytes.len() > MAX_ENTRY_BYTES {
        return Err(Error::integrity());
    }
    let mut reader = Reader(bytes);
    if reader.array::<2>()? != *MAGIC {
        return Err(Error::integrity());
    }
    match (reader.u8()?, reader.u8()?) {
        (VERSION, NO_MAC) => decode_rest(bytes, reader, false),
        (VERSION, HMAC_SHA256) => decode_rest(bytes, reader, true),
        (b'2'..=b'9', _) | (VERSION, _) => Err(unsupported()),
        _ => Err(Error::integrity()),
    }
}

fn unsupported() -> Error {
    Error::new(ErrorKind::Unsupported, "the audit entry is of a later release: read it with that one")
}

fn decode_rest<'a>(bytes: &'a [u8], mut reader: Reader<'a>, has_mac: bool) -> Result<Parsed<'a>> {
    let writer = WriterId::from_bytes(reader.array()?);
    let link = Link { writer, sequence: reader.u64()?, previous: reader.array()? };
    let event = decode_event(&mut reader, link.sequence)?;
    let key = if has_mac { Some(AuditKeyId::from_bytes(reader.array()?)) } else { None };
    let body = &bytes[..bytes.len() - reader.0.len()];
    let hash = reader.array()?;
    let mac = match key {
        Some(key) => Some((key, reader.array()?)),
        None => None,
    };
    if !reader.0.is_empty() {
        return Err(Error::integrity());
    }
    Ok(Parsed { event, link, body, hash, mac })
}

fn decode_event(reader: &mut Reader<'_>, sequence: u64) -> Result<Event> {
    let time = Timestamp::from_millis(reader.u64()?).ok_or_else(Error::integrity)?;
    let operation = reader.u64()?;
    let action = Action::from_code(reader.u8()?).ok_or_else(unsupported)?;
    let phase = Phase::from_code(reader.u8()?).ok_or_else(unsupported)?;
    let outcome = match reader.u8()? {
        0 => None,
        code => Some(Outcome::from_code(code).ok_or_else(unsupported)?),
    };
    let fits = match phase {
        Phase::Read => !action.is_mutation() && outcome.is_some() && (1..=sequence).contains(&operation),
        Phase::Intent => action.is_mutation() && outcome.is_none() && operation == sequence && sequence > 0,
        Phase::Outcome => action.is_mutation() && outcome.is_some() && (1..sequence).contains(&operation),
    };
    if !fits {
        return Err(Error::integrity());
    }
    Ok(Event {
        time,
        operation: (operation != sequence).then_some(operation),
        action,
        phase,
        outcome,
        environment: reader.label()?.ok_or_else(Error::integrity)?,
        actor: reader.label()?.ok_or_else(Error::integrity)?,
        request: reader.label()?,
        application: ApplicationName::lenient(reader.text16()?).map_err(|_| Error::integrity())?,
        count: reader.u32()?,
        secrets: reader.secrets()?,
    })
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk().ok_or_else(Error::integrity)?;
        self.0 = rest;
        Ok(*array)
    }

    fn u8(&mut self) -> Result<u8> {
        Ok(self.array::<1>()?[0])
    }

    fn u16(&mut self) -> Result<u16> {
        self.array().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32> {
        self.array().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn text(&mut self, length: usize) -> Result<&'a str> {
        let (text, rest) = self.0.split_at_checked(length).ok_or_else(Error::integrity)?;
        self.0 = rest;
        std::str::from_utf8(text).map_err(|_| Error::integrity())
    }

    fn text16(&mut self) -> Result<&'a str> {
        let length = self.u16()?;
        self.text(length.into())
    }

    /// `None` where it is empty.
    fn label(&mut self) -> Result<Option<Label>> {
        let length = self.u8()?;
        let text = self.text(length.into())?;
        if text.is_empty() { Ok(None) } else { Label::new("label", text).map(Some) }
    }

    fn secrets(&mut self) -> Result<Secrets> {
        let count = self.u16()?;
        // Grows with what is really there, not with what a forger claims.
        let mut secrets = Secrets::new();
        for _ in 0..count {
            let name = SecretName::lenient(self.text16()?).map_err(|_| Error::integrity())?;
            let version = match self.u8()? {
                0 => None,
                1 => Some(SecretVersion::from_stored(self.u64()?)),
                _ => return Err(Error::integrity()),
            };
            secrets.push(AuditedSecret { name, version });
        }
        Ok(secrets)
    }
}
