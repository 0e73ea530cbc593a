//! What programs hold: values, and what is known about them.

mod recycled;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use serde::de::DeserializeOwned;

use crate::envelope::Format;
use crate::error::{Error, Result};
use crate::id::{MasterKeyId, SecretId, SecretVersion};
use crate::persistence::Revision;

/// A secret value: bytes, wiped on drop.
///
/// No `Clone`, no `PartialEq`, no serde, nothing in `Debug`. An empty value is a value.
pub struct SecretValue {
    /// The value stands at the end: in front of it stay the committing zero bytes of the buffer it was decrypted in, so
    /// that it is never moved.
    buffer: Vec<u8>,
    start: usize,
}

impl SecretValue {
    /// Takes over a buffer without copying it. The whole allocation is wiped on drop.
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self { buffer: bytes.into(), start: 0 }
    }

    /// So many zero bytes to decrypt into, where the value will begin at `start`. The buffer is the library's own: no caller ever
    /// had it or will have it, so that it may be used again.
    #[inline]
    pub(crate) fn to_decrypt(bytes: usize, start: usize) -> Self {
        debug_assert!(0 < start && start <= bytes);
        Self { buffer: recycled::take(bytes), start }
    }

    /// The buffer, for decrypting into it; growing it would leave a copy behind.
    #[inline]
    pub(crate) fn buffer_mut(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// The bytes.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.buffer.len() - self.start
    }

    /// Whether the value has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value as text.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when it is not UTF-8.
    pub fn text(&self) -> Result<&str> {
        // The standard error would tell where the value stops being text: drop it.
        std::str::from_utf8(self.expose_secret())
            .map_err(|_| Error::invalid_input("the value is not UTF-8 text: read it as bytes"))
    }

    /// The value read as JSON.
    ///
    /// Borrow or use zeroizing types in `T`: what serde copies out is the caller's to wipe.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when it is not JSON of that shape, with line and column but no content.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        // serde's message may quote the value: keep the position only.
        serde_json::from_slice(self.expose_secret()).map_err(|error| {
            Error::invalid_input(format!(
                "the value is not JSON of the expected shape (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
    }

    /// A value of anything that serialises to JSON.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) when it does not serialise.
    pub fn from_json<T: serde::Serialize + ?Sized>(value: &T) -> Result<Self> {
        let mut sink = WipingSink(Self::new(Vec::new()));
        serde_json::to_writer(&mut sink, value)
            .map_err(|_| Error::invalid_input("the value does not serialise to JSON"))?;
        Ok(sink.0)
    }
}

/// Grows by hand, so that outgrown buffers are wiped too.
struct WipingSink(SecretValue);

impl std::io::Write for WipingSink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let buffer = &mut self.0.buffer;
        if buffer.capacity() - buffer.len() < bytes.len() {
            let mut larger = Vec::with_capacity((buffer.len() + bytes.len()).next_power_of_two().max(256));
            larger.extend_from_slice(buffer);
            drop(std::mem::replace(&mut self.0, SecretValue::new(larger)));
        }
        self.0.buffer.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Drop for SecretValue {
    #[inline]
    fn drop(&mut self) {
        wipe(&mut self.buffer);
        if self.start > 0 {
            recycled::keep(std::mem::take(&mut self.buffer));
        }
    }
}

/// Zeroes bytes that are not used any more, as [`wipe`] does.
#[inline]
pub(crate) fn wipe_bytes(bytes: &mut [u8]) {
    bytes.fill(0);
    zeroize::optimization_barrier(bytes);
}

/// Zeroes a buffer, its spare capacity included, so that the compiler keeps the writes. One fill and one barrier:
/// per-byte volatile writes cost as much as the decryption.
#[inline]
pub(crate) fn wipe(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(buffer.capacity(), 0);
    zeroize::optimization_barrier(buffer.as_slice());
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue([redacted])")
    }
}

impl From<Vec<u8>> for SecretValue {
    fn from(bytes: Vec<u8>) -> Self {
        Self::new(bytes)
    }
}

impl From<&[u8]> for SecretValue {
    fn from(bytes: &[u8]) -> Self {
        Self::new(bytes)
    }
}

impl From<String> for SecretValue {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for SecretValue {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

#[cfg(feature = "secrecy")]
impl From<&SecretValue> for secrecy::SecretSlice<u8> {
    fn from(value: &SecretValue) -> Self {
        value.expose_secret().to_vec().into()
    }
}

#[cfg(feature = "secrecy")]
impl From<&secrecy::SecretSlice<u8>> for SecretValue {
    fn from(value: &secrecy::SecretSlice<u8>) -> Self {
        secrecy::ExposeSecret::expose_secret(value).into()
    }
}

#[cfg(feature = "secrecy")]
impl From<&secrecy::SecretString> for SecretValue {
    fn from(value: &secrecy::SecretString) -> Self {
        secrecy::ExposeSecret::expose_secret(value).into()
    }
}

/// A secret that was read: its value and what is known about it.
///
/// A secret that a cache keeps is shared with it, so that a cached read copies nothing; the value is wiped when the last of
/// both is dropped.
// Shared from the start: handing it on moves a pointer, and keeping it costs nothing more.
pub struct Secret(Arc<Parts>);

struct Parts {
    value: SecretValue,
    info: SecretInfo,
}

impl Secret {
    /// A value with its information; for implementors of [`SecretStore`](crate::SecretStore).
    #[must_use]
    #[inline]
    pub fn new(value: SecretValue, info: SecretInfo) -> Self {
        Self(Arc::new(Parts { value, info }))
    }

    /// The bytes.
    #[must_use]
    pub fn expose_secret(&self) -> &[u8] {
        self.0.value.expose_secret()
    }

    /// The value as text.
    ///
    /// # Errors
    ///
    /// As [`SecretValue::text`].
    pub fn text(&self) -> Result<&str> {
        self.0.value.text().map_err(|error| error.with_secret(self.id()))
    }

    /// The value read as JSON.
    ///
    /// # Errors
    ///
    /// As [`SecretValue::json`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        self.0.value.json().map_err(|error| error.with_secret(self.id()))
    }

    /// What is known about it.
    #[must_use]
    pub fn info(&self) -> &SecretInfo {
        &self.0.info
    }

    /// Its full name.
    #[must_use]
    pub fn id(&self) -> &SecretId {
        &self.info().id
    }

    /// The value alone: moved out, or copied where a cache shares it.
    #[must_use]
    pub fn into_value(self) -> SecretValue {
        Arc::try_unwrap(self.0).map_or_else(|shared| shared.value.expose_secret().into(), |own| own.value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { value, info } = &*self.0;
        f.debug_struct("Secret").field("value", value).field("info", info).finish()
    }
}

/// A secret that a cache keeps and any number of readers hold.
#[derive(Clone)]
pub(crate) struct SharedSecret(Arc<Parts>);

impl SharedSecret {
    pub(crate) fn info(&self) -> &SecretInfo {
        &self.0.info
    }

    pub(crate) fn id(&self) -> &SecretId {
        &self.0.info.id
    }
}

impl From<Secret> for SharedSecret {
    fn from(secret: Secret) -> Self {
        Self(secret.0)
    }
}

impl From<SharedSecret> for Secret {
    fn from(shared: SharedSecret) -> Self {
        Self(shared.0)
    }
}

/// What is known about a stored secret without opening it.
///
/// Only what a successful read returned beside the value was authenticated (name, version, metadata); in a listing all
/// of it is what the database says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SecretInfo {
    /// Its full name.
    pub id: SecretId,
    /// The number of this value. Keep it as a pin: [`GetOptions::with_minimum_version`](crate::GetOptions::with_minimum_version).
    pub version: SecretVersion,
    /// The state of the record, for a precondition. Advisory.
    pub revision: Revision,
    /// The master key its document key is wrapped under.
    pub master_key_id: MasterKeyId,
    /// The further master keys that the same document key is wrapped under, by ascending id; none of them is `master_key_id`.
    pub also_wrapped_with: Vec<MasterKeyId>,
    /// The format it is stored in.
    pub format: Format,
    /// When it was written, by the writer's clock. Advisory; absent in format 0.
    pub created_at: Option<SystemTime>,
    /// What the writer said about it, not encrypted.
    pub metadata: Metadata,
}

impl SecretInfo {
    /// Information about a secret; for implementors of [`SecretStore`](crate::SecretStore).
    #[must_use]
    pub fn new(id: SecretId, version: SecretVersion, revision: Revision, master_key_id: MasterKeyId) -> Self {
        Self {
            id,
            version,
            revision,
            master_key_id,
            also_wrapped_with: Vec::new(),
            format: Format::One,
            created_at: None,
            metadata: Metadata::new(),
        }
    }
}

/// Text about a secret that its writer attaches: stored in clear, authenticated with the value.
///
/// At most 4,096 bytes encoded; keys are neither empty nor begin with `~`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
// Sorted by key. Most secrets have none, and dropping an empty vector costs nothing.
pub struct Metadata(Vec<(String, String)>);

impl Metadata {
    /// No metadata.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more entry.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let (key, value) = (key.into(), value.into());
        match self.position(&key) {
            Ok(at) => self.0[at].1 = value,
            Err(at) => self.0.insert(at, (key, value)),
        }
        self
    }

    fn position(&self, key: &str) -> std::result::Result<usize, usize> {
        self.0.binary_search_by(|(existing, _)| existing.as_str().cmp(key))
    }

    /// The value of an entry.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.position(key).ok().map(|at| self.0[at].1.as_str())
    }

    /// All entries, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn from_entries(entries: BTreeMap<String, String>) -> Self {
        Self(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let value = SecretValue::from("hunter2");
        assert_eq!(format!("{value:?}"), "SecretValue([redacted])");
    }

    #[test]
    fn a_shared_secret_is_the_same_secret_and_gives_its_value_away_once_or_by_copy() {
        let id = SecretId::parse("App", "Db").expect("valid");
        let master = MasterKeyId::new("main").expect("valid");
        let info = SecretInfo::new(id, SecretVersion::FIRST, Revision::from(1), master);
        let own = Secret::new("hunter2".into(), info.clone());
        let shown = format!("{own:?}");
        assert!(shown.contains("[redacted]") && !shown.contains("hunter2"), "{shown}");
        let shared = SharedSecret::from(own);
        let (one, other) = (Secret::from(shared.clone()), Secret::from(shared));
        assert_eq!((format!("{one:?}"), one.info()), (shown, &info));
        let address = other.expose_secret().as_ptr();
        let copied = one.into_value();
        assert_eq!(copied.expose_secret(), b"hunter2");
        assert_ne!(copied.expose_secret().as_ptr(), address, "the other one still holds it");
        assert_eq!(other.into_value().expose_secret().as_ptr(), address, "nobody else holds it");
    }

    #[test]
    fn text_and_json_errors_show_nothing_of_the_value() {
        let error = SecretValue::from(&b"hunter2\xff"[..]).text().expect_err("not text");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        let error = SecretValue::from("\"hunter2\"").json::<u32>().expect_err("not a number");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
        assert_eq!(SecretValue::from("{\"a\":[1]}").json::<BTreeMap<String, Vec<u8>>>().expect("json")["a"], [1]);
    }

    #[test]
    fn metadata_are_sorted_and_each_key_stands_once() {
        let metadata = Metadata::new().with("b", "1").with("c", "2").with("a", "3").with("b", "4");
        assert_eq!(metadata.iter().collect::<Vec<_>>(), [("a", "3"), ("b", "4"), ("c", "2")]);
        assert_eq!((metadata.get("b"), metadata.get("bb"), metadata.get("")), (Some("4"), None, None));
        let entries = metadata.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(Metadata::from_entries(entries.collect()), metadata);
        assert!(Metadata::new().is_empty() && !metadata.is_empty());
    }

    #[test]
    fn json_of_any_length_round_trips() {
        for length in [0, 1, 255, 256, 257, 5000] {
            let text = "x".repeat(length);
            let value = SecretValue::from_json(&text).expect("text serialises");
            assert_eq!(value.json::<String>().expect("json"), text);
        }
    }
}
