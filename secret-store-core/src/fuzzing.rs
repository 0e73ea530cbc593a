//! The parsers, for fuzz targets. No part of the public interface: may change in any release.
//!
//! Each function answers whether its input was accepted, and panics where a parser accepts a second form of anything or where
//! something opens that was never sealed. Keys, nonces and names are fixed, so that one sample of each kind opens.

use crate::context::{EncryptionContext, ValueAad};
use crate::crypto::{Aead, Aes256Gcm, NONCE_BYTES, cbc};
use crate::envelope::protected::ProtectedSecret;
use crate::envelope::protected::attribute::{CREATED_AT, MASTER_KEY_ID, WRAPS};
use crate::envelope::wraps::Wraps;
use crate::envelope::{ReadyCipher, Sealed, format, legacy, metadata};
use crate::id::{MasterKeyId, SecretId, SecretVersion, StoreId, TenantId};
use crate::key::{DocumentKey, WrappedKey};
use crate::key_encryption_key::KeyEncryptionKey;
use crate::persistence::Revision;
use crate::record::{Record, Value};
use crate::rotation::RotationJob;
use crate::secret::{Metadata, SecretValue};
use crate::settings::ApplicationSettings;
use crate::tenant::TenantKeyVersion;
use crate::tenant::records::{ActiveRecord, HeldKey, KeyRecord};
use crate::tenant::wrap::{self, TenantWrap};

const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];
const IV: [u8; legacy::IV_BYTES] = [9; legacy::IV_BYTES];
const MASTER_KEY: &str = "fuzz-master";
const VALUE: &[u8] = b"the value that was sealed";

fn secret_id() -> SecretId {
    SecretId::parse("App", "Db").expect("a valid name")
}

fn aad(version: SecretVersion, metadata: Option<&[u8]>) -> ValueAad {
    ValueAad::new(&StoreId::new("fuzz").expect("a valid id"), &secret_id(), version, metadata)
}

/// A record as bytes.
pub fn record(bytes: &[u8]) -> bool {
    let Ok(record) = Record::from_bytes(bytes) else { return false };
    assert_eq!(record.to_bytes(), bytes, "a record has one form");
    true
}

/// Encoded metadata.
pub fn metadata(bytes: &[u8]) -> bool {
    let Ok((entries, token)) = metadata::decode(bytes) else { return false };
    let again = metadata::encode(&entries, token.as_deref()).expect("only what can be written is read");
    assert_eq!(again.as_deref(), Some(bytes), "metadata has one form");
    true
}

/// The settings of an application, as the record's bytes.
pub fn settings(bytes: &[u8]) -> bool {
    let Ok(record) = Record::from_bytes(bytes) else { return false };
    let Ok(settings) = ApplicationSettings::from_record(&record) else { return false };
    assert_eq!(settings.to_record(), record, "settings have one form");
    assert!(settings.replaced().all(|(_, to)| settings.replacement(to).is_none()), "replacements are flattened");
    let next = settings.with_format_1_alone();
    assert!(next.is_err() || settings.sequence() <= next.expect("checked").sequence());
    true
}

/// What [`settings`] accepts.
#[must_use]
pub fn settings_sample() -> Vec<u8> {
    let key = |id: &str| MasterKeyId::new(id).expect("a valid id");
    let settings = ApplicationSettings::default().replacing(&key("2024"), &key("2025"));
    let settings = settings.and_then(|settings| settings.replacing(&key("2025"), &key("2026")));
    settings.and_then(|settings| settings.with_format_1_alone()).expect("few").to_record().to_bytes()
}

/// What a rotation is doing, as the record's bytes.
pub fn job(bytes: &[u8]) -> bool {
    let Ok(record) = Record::from_bytes(bytes) else { return false };
    let Ok(job) = RotationJob::from_record(&record) else { return false };
    assert_eq!(job.to_record(), record, "a job has one form");
    assert!(job.fence > 0 && !job.target.to_string().contains(char::is_control), "it can be shown");
    true
}

/// What [`job`] accepts.
#[must_use]
pub fn job_sample() -> Vec<u8> {
    let record = Record::new().with("Kind", "migration".into()).with("State", "running".into());
    let record = record.with("Fence", Value::from(7)).with("Pass", Value::from(2)).with("Changed", Value::from(300));
    let record = record.with("Owner", Value::from(&[5u8; 16][..])).with("Phase", "current".into());
    record.with("Cursor", "MainDb".into()).to_bytes()
}

/// Encoded further wraps.
pub fn wraps(bytes: &[u8]) -> bool {
    let first = MasterKeyId::new(MASTER_KEY).expect("a valid id");
    let Ok(wraps) = Wraps::parse(&first, bytes.into()) else { return false };
    let again = Wraps::new(&first, wraps.keys().to_vec()).expect("only what can be written is read").expect("some");
    assert_eq!(&**again.encoded(), bytes, "wraps have one form");
    assert!(wraps.keys().is_sorted_by(|a, b| a.master_key_id() < b.master_key_id()), "each master key stands once");
    true
}

/// Something that [`wraps`] accepts.
#[must_use]
pub fn wraps_sample() -> Vec<u8> {
    let id = |text| MasterKeyId::new(text).expect("a valid id");
    let keys = ["eu-west-1", "us-east-1"].map(|region| WrappedKey::new(id(region), key_encryption_key_sample()));
    Wraps::new(&id(MASTER_KEY), keys.into()).expect("two").expect("not none").encoded().to_vec()
}

/// `nonce 12 | format-1 value`.
pub fn format_1(bytes: &[u8]) -> bool {
    let Some((nonce, value)) = bytes.split_first_chunk() else { return false };
    let Ok(sealed) = format::Sealed::parse(nonce, value) else { return false };
    let opens = sealed.open(&Aes256Gcm::new(&KEY), &aad(SecretVersion::FIRST, None)).is_ok();
    assert!(!opens || bytes == format_1_sample(), "only what was sealed opens");
    opens
}

/// What [`format_1`] opens.
#[must_use]
pub fn format_1_sample() -> Vec<u8> {
    let aad = aad(SecretVersion::FIRST, None);
    [&NONCE[..], &format::seal_with(&Aes256Gcm::new(&KEY), &NONCE, &aad, VALUE).expect("seals")].concat()
}

/// `key size selector 1 | iv 16 | format-0 value`. Without integrity much opens, but whatever opens encrypts to the same bytes.
pub fn format_0(bytes: &[u8]) -> bool {
    let Some((selector, rest)) = bytes.split_first() else { return false };
    let Some((iv, value)) = rest.split_first_chunk() else { return false };
    let key = &KEY[..[16, 24, 32][usize::from(selector % 3)]];
    let Ok(opened) = legacy::Sealed::parse(iv, value).and_then(|sealed| sealed.open(key)) else { return false };
    let again = cbc::encrypt(key, iv, opened.expose_secret()).expect("a key of a valid size");
    assert_eq!(again, value, "a value has one ciphertext");
    true
}

/// One of the many values that [`format_0`] opens.
#[must_use]
pub fn format_0_sample() -> Vec<u8> {
    [&[0][..], &IV, &cbc::encrypt(&KEY[..16], &IV, VALUE).expect("encrypts")].concat()
}

/// A record found under the name `App`, `Db`: read, described, written again, and opened.
pub fn protected(record: &Record) -> bool {
    let Ok(protected) = ProtectedSecret::from_record(&secret_id(), record) else { return false };
    let mut stored = protected.to_record();
    assert!(stored.iter().all(|(name, value)| record.get(name) == Some(value)), "nothing is written that was not read");
    assert!(ProtectedSecret::from_record(&secret_id(), &stored).is_ok_and(|again| again == protected));
    let info = protected.info(Revision::new("1"));
    let opens = open(&protected).is_some();
    if opens {
        // The attributes that nothing authenticates, and the further wraps, which nobody asked for.
        stored.remove(CREATED_AT);
        stored.remove(WRAPS);
        stored.set(MASTER_KEY_ID, MASTER_KEY.into());
        assert_eq!(stored, protected_sample(), "only what was sealed opens");
        assert!(info.is_ok(), "what opens can be described");
    }
    opens
}

/// As the envelope store opens it, with [`KeyEncryptionKey`] in the place of a provider.
fn open(protected: &ProtectedSecret) -> Option<SecretValue> {
    let sealed = protected.sealed().ok()?;
    let aad = aad(protected.version(), protected.encoded_metadata());
    let context = match sealed {
        Sealed::Zero(_) => EncryptionContext::legacy(),
        Sealed::One(_) => aad.key_context(),
    };
    let key = KeyEncryptionKey::from_bytes(&KEY).unwrap(protected.wrapped_key().as_bytes(), &context).ok()?;
    let cipher = ReadyCipher::new(sealed.format(), &key).expect("a key that unwraps fits its format");
    cipher.open(&sealed, &aad).ok()
}

/// What [`protected`] opens, whatever its master key id, its time of creation and its further wraps say.
#[must_use]
pub fn protected_sample() -> Record {
    let entries = Metadata::new().with("owner", "team-a");
    let metadata = metadata::encode(&entries, None).expect("short").expect("not empty");
    let aad = aad(SecretVersion::FIRST, Some(&metadata));
    let value = format::seal_with(&Aes256Gcm::new(&KEY), &NONCE, &aad, VALUE).expect("seals");
    let id = MasterKeyId::new(MASTER_KEY).expect("a valid id");
    let wrapped = WrappedKey::new(id, key_encryption_key_sample());
    ProtectedSecret::new(secret_id(), SecretVersion::FIRST, wrapped, &NONCE, value, None, Some(metadata)).to_record()
}

/// A wrap by [`KeyEncryptionKey`].
pub fn key_encryption_key(bytes: &[u8]) -> bool {
    let kek = KeyEncryptionKey::from_bytes(&KEY);
    assert!(kek.unwrap(bytes, &EncryptionContext::legacy()).is_err(), "nothing was wrapped without a context");
    let opens = kek.unwrap(bytes, &aad(SecretVersion::FIRST, None).key_context()).is_ok();
    assert!(!opens || bytes == key_encryption_key_sample(), "only what was wrapped opens");
    opens
}

/// What [`key_encryption_key`] opens.
#[must_use]
pub fn key_encryption_key_sample() -> Vec<u8> {
    let key = DocumentKey::from_bytes(&KEY).expect("32 bytes");
    let context = aad(SecretVersion::FIRST, None).key_context();
    KeyEncryptionKey::from_bytes(&KEY).wrap_with(&NONCE, &key, &context).expect("wraps")
}

pub use crate::audit::fuzzing::{audit_entry, audit_entry_sample, audit_head, audit_head_sample};
pub use crate::layer::blind_names::fuzzing::{
    blind_content, blind_content_sample, blind_record, blind_record_sample, blind_wrap, blind_wrap_sample,
};

fn tenant() -> TenantId {
    TenantId::new("acme").expect("a valid id")
}

/// A wrap of a document key under a tenant's key.
pub fn tenant_wrap(bytes: &[u8]) -> bool {
    let Ok(parsed) = TenantWrap::parse(bytes) else { return false };
    assert_eq!(&*wrap::encode(parsed.version, parsed.sealed), bytes, "a wrap has one form");
    let context = aad(SecretVersion::FIRST, None).key_context();
    let opens = parsed.open(&KeyEncryptionKey::from_bytes(&KEY), &context, &tenant()).is_ok();
    assert!(!opens || bytes == tenant_wrap_sample(), "only what was wrapped opens");
    opens
}

/// What [`tenant_wrap`] opens.
#[must_use]
pub fn tenant_wrap_sample() -> Vec<u8> {
    let (key, version) = (DocumentKey::from_bytes(&KEY).expect("32 bytes"), TenantKeyVersion::FIRST);
    let context = aad(SecretVersion::FIRST, None).key_context().under_tenant_key(&tenant(), version);
    let context = context.expect("the context of a document key");
    wrap::encode(version, &KeyEncryptionKey::from_bytes(&KEY).wrap_with(&NONCE, &key, &context).expect("wraps"))
        .to_vec()
}

/// A record of one version of a tenant's key, or of which is active, as bytes.
pub fn tenant_record(bytes: &[u8]) -> bool {
    let Ok(record) = Record::from_bytes(bytes) else { return false };
    let check = |written: &Record| {
        assert!(written.iter().all(|(name, value)| record.get(name) == Some(value)), "what is written was read");
    };
    let key = KeyRecord::parse(&record).map(|key| {
        check(&key.to_record());
        assert!(KeyRecord::parse(&key.to_record()).is_ok_and(|again| again == key));
    });
    let active = ActiveRecord::parse(&record).map(|active| {
        check(&active.to_record());
        assert!(ActiveRecord::parse(&active.to_record()).is_ok_and(|again| again == active));
    });
    key.is_ok() || active.is_ok()
}

/// Something that [`tenant_record`] accepts: a key.
#[must_use]
pub fn tenant_record_sample() -> Vec<u8> {
    let id = MasterKeyId::new(MASTER_KEY).expect("a valid id");
    let wrapped = WrappedKey::new(id, key_encryption_key_sample());
    KeyRecord::Held(HeldKey { wrapped, created_at: 1, retired: true }).to_record().to_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_accepted_and_their_truncations_are_not() {
        type Case = (fn(&[u8]) -> bool, Vec<u8>);
        let cases: [Case; 14] = [
            (record, protected_sample().to_bytes()),
            (metadata, protected_sample().bytes("Metadata").expect("has metadata").to_vec()),
            (wraps, wraps_sample()),
            (format_1, format_1_sample()),
            (format_0, format_0_sample()),
            (key_encryption_key, key_encryption_key_sample()),
            (settings, settings_sample()),
            (job, job_sample()),
            (tenant_wrap, tenant_wrap_sample()),
            (tenant_record, tenant_record_sample()),
            (audit_entry, audit_entry_sample()),
            (audit_head, audit_head_sample()),
            (blind_record, blind_record_sample()),
            (blind_content, blind_content_sample()),
        ];
        for (n, (accepts, sample)) in cases.into_iter().enumerate() {
            assert!(accepts(&sample), "sample {n}");
            // One byte less is also one byte less than whole blocks.
            assert!(!accepts(&sample[..sample.len() - 1]), "truncated sample {n}");
        }
    }

    #[test]
    fn the_protected_sample_opens_and_no_other() {
        let sample = protected_sample();
        assert!(protected(&sample));
        assert!(protected(&sample.clone().with("CreatedAt", Value::from(1)).with("MasterKeyId", "other".into())));
        assert!(protected(&sample.clone().with("Wraps", Value::from(wraps_sample()))));
        assert!(!protected(&sample.clone().with("Wraps", Value::from(&[0x80_u8][..]))));
        assert!(!protected(&sample.clone().with("Version", Value::from(2))));
        for name in ["ProtectedDocumentKey", "ProtectedSecretValue", "InitialisationVector", "Metadata"] {
            let mut bytes = sample.bytes(name).expect("bytes").to_vec();
            bytes[5] ^= 1;
            assert!(!protected(&sample.clone().with(name, Value::from(bytes))), "{name}");
        }
    }
}
