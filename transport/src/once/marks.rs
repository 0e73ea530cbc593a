//! Marks as records: where they stand and what is in them.

use std::fmt::Write as _;
use std::sync::Arc;

use secret_store_core::{ApplicationName, Clock, Error, Record, RecordKey, Result, Value};

use super::nonce::{Nonce, no_randomness};
use super::{Once, SingleUse};
use crate::expiry::{self, Expiry};

const SEPARATOR: char = '\u{1f}';
/// Of a used one: by which call. Without it, a nonce waits for its use.
const USED_BY: &str = "UsedBy";

/// One call that used something up, so that it knows its own mark again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UserId([u8; 16]);

impl UserId {
    pub(super) fn generate() -> Result<Self> {
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(no_randomness)?;
        Ok(Self(id))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Issued,
    Used(UserId),
}

pub(super) fn issued() -> Record {
    Record::new()
}

pub(super) fn used(by: UserId) -> Record {
    Record::new().with(USED_BY, Value::Bytes(by.0.as_slice().into()))
}

pub(super) fn state(record: &Record) -> Result<State> {
    match (record.len(), record.bytes(USED_BY)) {
        (0, _) => Ok(State::Issued),
        (1, Some(by)) => by[..].try_into().map(|by| State::Used(UserId(by))).map_err(|_| Error::integrity()),
        _ => Err(Error::integrity()),
    }
}

pub(super) fn partition(application: &ApplicationName) -> Arc<str> {
    format!("~n~{}", application.as_str()).into()
}

pub(super) fn nonce_key(application: &ApplicationName, usage: SingleUse, nonce: &Nonce) -> RecordKey {
    let (_, random) = nonce.as_bytes().split_at(8);
    key(application, nonce.expiry(), 'n', usage, random)
}

pub(super) fn mark_key(application: &ApplicationName, usage: SingleUse, id: &[u8], expiry: Expiry) -> RecordKey {
    key(application, expiry, 'm', usage, id)
}

/// Expiry, what and for which use, id: one range of the oldest is what may be swept.
fn key(application: &ApplicationName, expiry: Expiry, what: char, usage: SingleUse, id: &[u8]) -> RecordKey {
    let mut sort = format!("{:020}{SEPARATOR}{what}.{}{SEPARATOR}", expiry.as_millis(), label(usage));
    for byte in id {
        write!(sort, "{byte:02x}").expect("a text takes every character");
    }
    RecordKey::new(partition(application), sort)
}

fn label(usage: SingleUse) -> &'static str {
    match usage {
        SingleUse::Submission => "submission",
        SingleUse::Retrieval => "retrieval",
        SingleUse::Channel => "channel",
    }
}

/// What sorts before this may be swept; nothing in the first minutes of 1970.
pub(super) fn sweep_end(clock: &dyn Clock) -> Option<Arc<str>> {
    let retention = u64::try_from(Once::RETENTION.as_millis()).expect("two minutes");
    let end = expiry::now(clock).checked_sub(retention)?;
    Some(format!("{end:020}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sort_keys_are_as_documented() {
        let application = ApplicationName::new("App").expect("valid");
        let mut bytes = [0xab; 32];
        bytes[..8].copy_from_slice(&1_700_000_000_000_u64.to_be_bytes());
        let key = nonce_key(&application, SingleUse::Submission, &Nonce::from_bytes(bytes));
        assert_eq!(&**key.partition(), "~n~App");
        let id = "ab".repeat(24);
        assert_eq!(&**key.sort(), format!("00000001700000000000\u{1f}n.submission\u{1f}{id}"));
        let key = mark_key(&application, SingleUse::Retrieval, &[0x0f; 16], Expiry::from_millis(u64::MAX));
        assert_eq!(&**key.sort(), format!("18446744073709551615\u{1f}m.retrieval\u{1f}{}", "0f".repeat(16)));
        assert!(
            mark_key(&application, SingleUse::Channel, &[1; 16], Expiry::from_millis(9)).sort().contains("m.channel")
        );
    }

    #[test]
    fn what_is_no_mark_is_refused() {
        let by = UserId([7; 16]);
        assert_eq!(state(&used(by)).expect("a mark"), State::Used(by));
        assert_eq!(state(&issued()).expect("a nonce"), State::Issued);
        let short = Record::new().with(USED_BY, Value::Bytes([7; 15].as_slice().into()));
        for record in [short, used(by).with("Other", Value::Number(1)), Record::new().with(USED_BY, Value::Number(1))] {
            assert!(state(&record).is_err());
        }
    }
}
