//! What an application's settings record says: which master keys were replaced, the lowest format, the tenant.
//!
//! Nothing authenticates it. It is a hint inside the client's configuration: it can make a writer use another of the keys that
//! the configuration names, or refuse a format that the configuration admits, and nothing more.

use std::collections::BTreeMap;

use crate::envelope::Format;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, MasterKeyId, TenantId};
use crate::persistence::RecordKey;
use crate::record::{Record, Value};
use crate::text_map;

const SEQUENCE: &str = "Sequence";
const REPLACED: &str = "Replaced";
const MINIMUM_FORMAT: &str = "MinimumFormat";
const TENANT: &str = "Tenant";

/// Replaced keys in one record: one rotation a year for a lifetime.
const MAX_REPLACED: usize = 64;
const MAX_REPLACED_BYTES: usize = MAX_REPLACED * 2 * (crate::id::MAX_ID_BYTES + 8);

/// The settings of one application, as [`EnvelopeStore::settings`](crate::EnvelopeStore::settings) reads them.
///
/// Rotations write them. They can only narrow what the configuration allows, and nothing authenticates them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationSettings {
    sequence: u64,
    replaced: BTreeMap<MasterKeyId, MasterKeyId>,
    minimum_format: Format,
    tenant: Option<TenantId>,
}

/// No settings: what an application has until its first rotation.
impl Default for ApplicationSettings {
    fn default() -> Self {
        Self { sequence: 0, replaced: BTreeMap::new(), minimum_format: Format::Zero, tenant: None }
    }
}

impl ApplicationSettings {
    /// Where the settings of an application stand.
    pub(crate) fn key(application: &ApplicationName) -> RecordKey {
        RecordKey::new(partition(application), "SETTINGS")
    }

    /// How often the settings were changed; 0 where there are none.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The replaced master keys and the keys that took their places, sorted.
    pub fn replaced(&self) -> impl ExactSizeIterator<Item = (&MasterKeyId, &MasterKeyId)> {
        self.replaced.iter()
    }

    /// The key that took the place of a master key, if it was replaced.
    #[must_use]
    pub fn replacement(&self, id: &MasterKeyId) -> Option<&MasterKeyId> {
        // Most applications have replaced nothing.
        if self.replaced.is_empty() { None } else { self.replaced.get(id) }
    }

    /// The lowest format that is read or written.
    #[must_use]
    pub fn minimum_format(&self) -> Format {
        self.minimum_format
    }

    /// The tenant that was recorded as the owner. The configuration decides; this only tells.
    #[must_use]
    pub fn tenant(&self) -> Option<&TenantId> {
        self.tenant.as_ref()
    }

    /// The settings after one master key was replaced by another; the same where that is so already.
    pub(crate) fn replacing(&self, from: &MasterKeyId, to: &MasterKeyId) -> Result<Self> {
        if self.replacement(from) == Some(to) {
            return Ok(self.clone());
        }
        if let Some(next) = self.replacement(to).filter(|next| *next != from) {
            return Err(Error::invalid_input(format!("master key {to} was itself replaced by {next}: rotate to that")));
        }
        let mut changed = self.next()?;
        // The way back: the old key is the one in use again.
        changed.replaced.remove(to);
        for target in changed.replaced.values_mut().filter(|target| *target == from) {
            *target = to.clone();
        }
        changed.replaced.insert(from.clone(), to.clone());
        if changed.replaced.len() > MAX_REPLACED {
            let actual = changed.replaced.len() as u64;
            return Err(Error::too_large("number of replaced master keys", MAX_REPLACED as u64, actual));
        }
        Ok(changed)
    }

    /// The settings after the lowest format was raised to 1; the same where that is so already.
    pub(crate) fn with_format_1_alone(&self) -> Result<Self> {
        if self.minimum_format == Format::One {
            return Ok(self.clone());
        }
        Ok(Self { minimum_format: Format::One, ..self.next()? })
    }

    /// The settings with the tenant that the configuration names, as one change together with what was changed of the settings
    /// before; the same where that is so already.
    pub(crate) fn recording(self, tenant: Option<&TenantId>, before: &Self) -> Result<Self> {
        if self.tenant.as_ref() == tenant {
            return Ok(self);
        }
        let changed = if self.sequence == before.sequence { self.next()? } else { self };
        Ok(Self { tenant: tenant.cloned(), ..changed })
    }

    fn next(&self) -> Result<Self> {
        let sequence = self.sequence.checked_add(1);
        let sequence = sequence.ok_or_else(|| Error::too_large("sequence of settings", u64::MAX, u64::MAX))?;
        Ok(Self { sequence, ..self.clone() })
    }

    /// The record to store.
    pub(crate) fn to_record(&self) -> Record {
        let mut record = Record::with_capacity(4);
        if self.minimum_format == Format::One {
            record.set(MINIMUM_FORMAT, Value::Number(1));
        }
        if !self.replaced.is_empty() {
            let entries = self.replaced.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
            record.set(REPLACED, Value::from(text_map::encode(&entries)));
        }
        record.set(SEQUENCE, Value::Number(self.sequence));
        if let Some(tenant) = &self.tenant {
            record.set(TENANT, Value::Text(tenant.as_shared().clone()));
        }
        record
    }

    /// Parses exactly what [`to_record`](Self::to_record) wrote.
    ///
    /// # Errors
    ///
    /// [`Integrity`](ErrorKind::Integrity) for anything malformed; [`Unsupported`](ErrorKind::Unsupported) for an attribute or a format of
    /// a later release: every attribute decides something, so none can be left alone.
    pub(crate) fn from_record(record: &Record) -> Result<Self> {
        if let Some((unknown, _)) =
            record.iter().find(|(name, _)| ![SEQUENCE, REPLACED, MINIMUM_FORMAT, TENANT].contains(name))
        {
            return Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the settings have an attribute \"{}\" that is unknown: upgrade the library",
                    unknown.escape_debug()
                ),
            ));
        }
        let settings = Self {
            sequence: record.number(SEQUENCE).filter(|number| *number > 0).ok_or_else(Error::integrity)?,
            replaced: record.get(REPLACED).map(replaced).transpose()?.unwrap_or_default(),
            minimum_format: record.get(MINIMUM_FORMAT).map(minimum_format).transpose()?.unwrap_or(Format::Zero),
            tenant: record.get(TENANT).map(tenant).transpose()?,
        };
        // One form for each settings: comparing refuses every other.
        if settings.to_record() == *record { Ok(settings) } else { Err(Error::integrity()) }
    }
}

/// The partition of what rotations keep about an application.
pub(crate) fn partition(application: &ApplicationName) -> String {
    format!("~s~{}", application.as_str())
}

fn replaced(value: &Value) -> Result<BTreeMap<MasterKeyId, MasterKeyId>> {
    let Value::Bytes(bytes) = value else { return Err(Error::integrity()) };
    let entries = text_map::decode(bytes, MAX_REPLACED_BYTES).map_err(|_| Error::integrity())?;
    let id = |text: &str| MasterKeyId::new(text).map_err(|_| Error::integrity());
    let mut replaced = BTreeMap::new();
    for (from, to) in &entries {
        // Flattened: a key in use was not replaced itself.
        if entries.contains_key(to) {
            return Err(Error::integrity());
        }
        replaced.insert(id(from)?, id(to)?);
    }
    if replaced.len() <= MAX_REPLACED { Ok(replaced) } else { Err(Error::integrity()) }
}

fn minimum_format(value: &Value) -> Result<Format> {
    match value {
        Value::Number(1) => Ok(Format::One),
        Value::Number(format) if *format > 1 => Err(Error::new(
            ErrorKind::Unsupported,
            format!("the settings ask for format {format}, which is unknown: upgrade the library"),
        )),
        _ => Err(Error::integrity()),
    }
}

fn tenant(value: &Value) -> Result<TenantId> {
    match value {
        Value::Text(text) => TenantId::new(text.clone()).map_err(|_| Error::integrity()),
        _ => Err(Error::integrity()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(id: &str) -> MasterKeyId {
        MasterKeyId::new(id).expect("valid")
    }

    fn kind(record: &Record) -> ErrorKind {
        ApplicationSettings::from_record(record).expect_err("refused").kind()
    }

    fn sample() -> ApplicationSettings {
        let settings = ApplicationSettings::default().replacing(&key("2024"), &key("2025")).expect("replaced");
        let settings = settings.replacing(&key("2025"), &key("2026")).expect("replaced");
        let settings = settings.with_format_1_alone().expect("raised");
        ApplicationSettings { tenant: Some(TenantId::new("acme").expect("valid")), ..settings }
    }

    /// Made by another encoder.
    #[test]
    fn frozen_bytes() {
        let vectors: serde_json::Value =
            serde_json::from_str(include_str!("../tests/vectors/rotation.json")).expect("the vectors parse");
        let vector = &vectors["settings"];
        let frozen = vector["record"].as_str().expect("hex");
        assert_eq!(hex::encode(sample().to_record().to_bytes()), frozen);
        let record = Record::from_bytes(&hex::decode(frozen).expect("hex")).expect("a record");
        assert_eq!(ApplicationSettings::from_record(&record).expect("settings"), sample());
        let place = ApplicationSettings::key(&ApplicationName::new("YourApp.Production").expect("valid"));
        assert_eq!((&**place.partition(), &**place.sort()), (vector["partition"].as_str().expect("text"), "SETTINGS"));
    }

    #[test]
    fn replacements_are_flattened_and_can_be_taken_back() {
        let settings = sample();
        assert_eq!(settings.sequence(), 3);
        for old in ["2024", "2025"] {
            assert_eq!(settings.replacement(&key(old)), Some(&key("2026")));
        }
        assert_eq!(settings.replacement(&key("2026")), None);
        assert_eq!(settings.replacing(&key("2025"), &key("2026")).expect("the same"), settings);
        let error = settings.replacing(&key("other"), &key("2025")).expect_err("replaced itself");
        assert!(error.kind() == ErrorKind::InvalidInput && error.to_string().contains("2026"), "{error}");
        let back = settings.replacing(&key("2026"), &key("2025")).expect("the way back");
        assert_eq!((back.replacement(&key("2025")), back.sequence()), (None, 4));
        assert_eq!(back.replacement(&key("2024")), Some(&key("2025")));
        assert_eq!(back.replacement(&key("2026")), Some(&key("2025")));
        assert_eq!(ApplicationSettings::from_record(&back.to_record()).expect("valid"), back);
    }

    #[test]
    fn the_tenant_is_recorded_once() {
        let acme = TenantId::new("acme").expect("valid");
        let empty = ApplicationSettings::default();
        let recording = |settings: &ApplicationSettings, tenant, before| {
            settings.clone().recording(tenant, before).expect("recorded")
        };
        assert_eq!(recording(&empty, None, &empty), empty);
        let recorded = recording(&empty, Some(&acme), &empty);
        assert_eq!((recorded.tenant(), recorded.sequence()), (Some(&acme), 1));
        assert_eq!(recording(&recorded, Some(&acme), &recorded), recorded);
        let moved = recording(&recorded, None, &recorded);
        assert_eq!((moved.tenant(), moved.sequence()), (None, 2));
        let replaced = recorded.replacing(&key("2025"), &key("2026")).expect("replaced");
        let both = recording(&replaced, None, &recorded);
        assert_eq!((both.tenant(), both.sequence()), (None, 2), "one change");
    }

    #[test]
    fn replacements_are_bounded() {
        let mut settings = ApplicationSettings::default();
        let long = |n: usize| key(&format!("{n:0>255}"));
        for n in 0..MAX_REPLACED {
            settings = settings.replacing(&long(n), &long(n + 1)).expect("fits");
        }
        assert_eq!(ApplicationSettings::from_record(&settings.to_record()).expect("valid"), settings);
        let error = settings.replacing(&long(MAX_REPLACED), &long(MAX_REPLACED + 1)).expect_err("one more");
        assert_eq!(error.kind(), ErrorKind::TooLarge { limit: 64, actual: 65 });
    }

    #[test]
    fn every_other_form_is_refused() {
        let bytes = |hex: &str| Value::from(hex::decode(hex.replace(' ', "")).expect("hex"));
        for (name, value) in [
            ("Sequence", Value::from(0)),
            ("Sequence", Value::from("3")),
            ("MinimumFormat", Value::from(0)),
            ("MinimumFormat", Value::from("1")),
            ("Tenant", Value::from("")),
            ("Tenant", Value::from("~x")),
            ("Tenant", Value::from(1)),
            ("Replaced", Value::from("text")),
            // Empty, unsorted, twice the same, not flattened, to itself, a longer head, an invalid id, trailing bytes.
            ("Replaced", bytes("a0")),
            ("Replaced", bytes("a2 6162 6163 6161 6163")),
            ("Replaced", bytes("a2 6161 6163 6161 6163")),
            ("Replaced", bytes("a2 6161 6162 6162 6163")),
            ("Replaced", bytes("a1 6161 6161")),
            ("Replaced", bytes("a1 780161 6162")),
            ("Replaced", bytes("a1 617e 6162")),
            ("Replaced", bytes("a1 6161 6162 00")),
            ("Replaced", bytes("bf 6161 6162 ff")),
        ] {
            assert_eq!(kind(&sample().to_record().with(name, value.clone())), ErrorKind::Integrity, "{name} {value:?}");
        }
        let mut without = sample().to_record();
        without.remove("Sequence");
        assert_eq!(kind(&without), ErrorKind::Integrity);
        assert_eq!(kind(&Record::new()), ErrorKind::Integrity);
    }

    #[test]
    fn what_a_later_release_decides_is_unsupported() {
        assert_eq!(kind(&sample().to_record().with("MinimumFormat", Value::from(2))), ErrorKind::Unsupported);
        assert_eq!(kind(&sample().to_record().with("Other\u{202e}", Value::from(2))), ErrorKind::Unsupported);
        let error = ApplicationSettings::from_record(&Record::new().with("Other\u{202e}", Value::from(2)));
        assert!(!error.expect_err("unknown").to_string().contains('\u{202e}'));
    }
}
