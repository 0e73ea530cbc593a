//! Where records stand: current secrets in the application's own partition, everything else beside it.
//!
//! U+001F cannot occur in a writable name, so the history of `a` never contains that of `a#b`. Auxiliary records keep out of the
//! application's partition because the original Secret Store fails on any record there that lacks its six attributes.

use std::sync::Arc;

use smallvec::SmallVec;

use crate::error::{Error, Result};
use crate::id::{ApplicationName, SecretId, SecretVersion};
use crate::persistence::{ListQuery, Order, RecordKey};
use crate::record::{Record, Value};

const SEPARATOR: &str = "\u{1f}";
const LAST_VERSION: &str = "LastVersion";

/// The current record of a secret.
pub(crate) fn current(id: &SecretId) -> RecordKey {
    RecordKey::new(Arc::clone(id.application().as_shared()), Arc::clone(id.name().as_shared()))
}

/// The partition of an application's earlier versions and last numbers.
pub(crate) fn history_partition(application: &ApplicationName) -> Arc<str> {
    joined(&["~h~", application.as_str()])
}

/// An earlier version of a secret: sorted by number.
pub(crate) fn outgoing(id: &SecretId, version: SecretVersion) -> RecordKey {
    let digits = twenty_digits(version.get());
    let digits = std::str::from_utf8(&digits).expect("digits are text");
    RecordKey::new(history_partition(id.application()), joined(&[id.name().as_str(), SEPARATOR, digits]))
}

/// The last number of a secret whose current record is gone.
pub(crate) fn last_version(id: &SecretId) -> RecordKey {
    RecordKey::new(history_partition(id.application()), joined(&[id.name().as_str(), SEPARATOR]))
}

/// One shared text of several, with one allocation.
fn joined(parts: &[&str]) -> Arc<str> {
    let mut bytes = SmallVec::<[u8; 256]>::new();
    for part in parts {
        bytes.extend_from_slice(part.as_bytes());
    }
    std::str::from_utf8(&bytes).expect("texts in a row are text").into()
}

/// A number as text that sorts like the number.
fn twenty_digits(number: u64) -> [u8; 20] {
    let mut rest = number;
    let mut digits = [b'0'; 20];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(rest % 10).expect("a digit");
        rest /= 10;
    }
    digits
}

pub(super) fn last_version_record(version: SecretVersion) -> Record {
    Record::new().with(LAST_VERSION, Value::Number(version.get()))
}

/// The number a last-version record carries.
pub(super) fn parse_last_version(record: &Record) -> Result<SecretVersion> {
    let number = record.number(LAST_VERSION).ok_or_else(Error::integrity)?;
    SecretVersion::new(number).map_err(|_| Error::integrity())
}

/// All earlier versions, newest first; the last-version record, whose sort key ends at the separator, is not among them.
pub(crate) fn history(id: &SecretId) -> ListQuery {
    let name = id.name().as_str();
    ListQuery::new(history_partition(id.application()))
        .with_after(format!("{name}{SEPARATOR}"))
        // The character after the digits.
        .with_before(format!("{name}{SEPARATOR}:"))
        .with_order(Order::Descending)
}

/// The name of the secret that a sort key in the history belongs to.
pub(crate) fn name_in_history(sort: &str) -> Option<&str> {
    sort.rsplit_once(SEPARATOR).map(|(name, _)| name)
}

/// The number that the sort key of an earlier version carries.
pub(crate) fn history_number(id: &SecretId, sort: &str) -> Option<SecretVersion> {
    let digits = sort.strip_prefix(id.name().as_str())?.strip_prefix(SEPARATOR)?;
    let is_number = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number).and_then(|number| SecretVersion::new(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sort_keys_are_as_documented() {
        let id = SecretId::parse("App", "a").expect("valid");
        let key = outgoing(&id, SecretVersion::new(7).expect("not zero"));
        assert_eq!((&**key.partition(), &**key.sort()), ("~h~App", "a\u{1f}00000000000000000007"));
        assert_eq!(&**last_version(&id).sort(), "a\u{1f}");
        let last = outgoing(&id, SecretVersion::new(u64::MAX).expect("not zero"));
        assert_eq!(&**last.sort(), "a\u{1f}18446744073709551615");
    }

    #[test]
    fn the_history_of_a_name_holds_its_versions_alone() {
        let query = history(&SecretId::parse("App", "a").expect("valid"));
        let of = |name: &str, version| {
            let id = SecretId::parse("App", name).expect("valid");
            outgoing(&id, SecretVersion::new(version).expect("not zero"))
        };
        for version in [1, u64::MAX] {
            assert!(query.admits(of("a", version).sort()));
            for other in ["a#b", "a ", "a0", "aa", "A", "b"] {
                assert!(!query.admits(of(other, version).sort()), "{other}");
            }
        }
        assert!(!query.admits("a\u{1f}"));
    }
}
