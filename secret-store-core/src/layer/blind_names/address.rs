//! Where a record stands when its names are hashed.
//!
//! Hashes destroy order, so what has to stay in order stays in clear: the numbers of versions, times and writers of audit entries.
//! What is asked for as a range therefore stays a range, except for ranges of names, which are read whole and sorted by who
//! can read them.

use super::key::{Keyed, Kind};
use crate::error::{Error, Result};
use crate::persistence::RecordKey;

/// Stands between a name and a number; no character of a name.
const SEPARATOR: char = '\u{1f}';
const APPLICATION: &str = "APP#";
/// The character after `#`.
const AFTER_APPLICATIONS: &str = "APP$";

/// What a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partition<'a> {
    /// The secrets of an application.
    Application(&'a str),
    /// Earlier versions, and last numbers.
    History(&'a str),
    /// The keys of a tenant, and what it owns.
    Tenant(&'a str),
    /// What rotations keep about an application.
    Settings(&'a str),
    /// Audit entries of an application, in sixteen parts.
    Audit { part: char, application: &'a str },
    /// Nothing of the library's own.
    Other(&'a str),
}

impl<'a> Partition<'a> {
    pub(super) fn parse(partition: &'a str) -> Self {
        let Some(rest) = partition.strip_prefix('~') else { return Self::Application(partition) };
        let audit = rest.strip_prefix('a').and_then(|rest| rest.split_once('~'));
        match (rest.split_once('~'), audit) {
            (Some(("h", application)), _) => Self::History(application),
            (Some(("k", tenant)), _) => Self::Tenant(tenant),
            (Some(("s", application)), _) => Self::Settings(application),
            (_, Some((part, application))) => match part.as_bytes() {
                [digit @ (b'0'..=b'9' | b'a'..=b'f')] => Self::Audit { part: char::from(*digit), application },
                _ => Self::Other(partition),
            },
            _ => Self::Other(partition),
        }
    }

    /// Where it stands.
    pub(super) fn blind(self, key: &Keyed) -> String {
        let application = |application| key.blind(Kind::Application, &[application]);
        match self {
            Self::Application(name) => application(name),
            Self::History(name) => format!("~h~{}", application(name)),
            Self::Tenant(tenant) => format!("~k~{}", key.blind(Kind::Tenant, &[tenant])),
            Self::Settings(name) => format!("~s~{}", application(name)),
            Self::Audit { part, application: name } => format!("~a{part}~{}", application(name)),
            Self::Other(partition) => format!("~b~{}", key.blind(Kind::Partition, &[partition])),
        }
    }

    /// The blind sort key of a record.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) where a partition of the library's own has no such record: left in clear it
    /// could tell a name, hashed it would be missing from ranges.
    pub(super) fn blind_sort(self, key: &Keyed, sort: &str) -> Result<String> {
        match self {
            Self::Application(application) => Ok(key.blind(Kind::Name, &[application, sort])),
            Self::History(application) => match sort.split_once(SEPARATOR) {
                None => Ok(key.blind(Kind::Name, &[application, sort])),
                Some((name, number)) if number.is_empty() || is_digits(number, 20) => {
                    Ok(format!("{}{SEPARATOR}{number}", key.blind(Kind::Name, &[application, name])))
                }
                Some(_) => Err(unknown_record()),
            },
            Self::Tenant(_) => match sort.strip_prefix(APPLICATION) {
                Some(application) => Ok(format!("{APPLICATION}{}", key.blind(Kind::Application, &[application]))),
                None if is_tenant_key(sort) => Ok(sort.to_owned()),
                None => Err(unknown_record()),
            },
            Self::Settings(_) if is_settings(sort) => Ok(sort.to_owned()),
            Self::Settings(application) => Ok(key.blind(Kind::Sort, &[&format!("~s~{application}"), sort])),
            Self::Audit { .. } if is_audit(sort) => Ok(sort.to_owned()),
            Self::Audit { .. } => Err(unknown_record()),
            Self::Other(partition) => Ok(key.blind(Kind::Sort, &[partition, sort])),
        }
    }

    /// A bound of a listing in the order of blind sort keys: what a page before ended with, or where the applications of a tenant begin
    /// and end.
    ///
    /// # Errors
    ///
    /// As [`blind_sort`](Self::blind_sort).
    pub(super) fn blind_bound(self, key: &Keyed, sort: &str) -> Result<String> {
        match (self, sort) {
            (Self::Tenant(_), APPLICATION | AFTER_APPLICATIONS) => Ok(sort.to_owned()),
            _ => self.blind_sort(key, sort),
        }
    }

    /// How a range is asked for, if what it admits stands in its own order.
    pub(super) fn range(self, key: &Keyed, after: Option<&str>, before: Option<&str>) -> Option<Range> {
        match self {
            Self::Audit { .. } => Some(Range::default()),
            // Whatever lies between two texts begins as both of them do.
            Self::Tenant(_) => (after?.starts_with('v') && before?.starts_with('v')).then(Range::default),
            Self::History(application) => {
                let (name, _) = after?.split_once(SEPARATOR)?;
                let (same, _) = before?.split_once(SEPARATOR)?;
                let blind = || format!("{}{SEPARATOR}", key.blind(Kind::Name, &[application, name]));
                (name == same).then(|| Range { clear: format!("{name}{SEPARATOR}"), blind: blind() })
            }
            Self::Application(_) | Self::Settings(_) | Self::Other(_) => None,
        }
    }
}

/// A range whose sort keys are blinded by exchanging their beginning, which all have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Range {
    clear: String,
    blind: String,
}

impl Range {
    pub(super) fn to_blind(&self, sort: &str) -> Option<String> {
        sort.strip_prefix(&self.clear).map(|rest| format!("{}{rest}", self.blind))
    }

    pub(super) fn to_clear(&self, sort: &str) -> Option<String> {
        sort.strip_prefix(&self.blind).map(|rest| format!("{}{rest}", self.clear))
    }
}

/// Where a record stands.
///
/// # Errors
///
/// As [`Partition::blind_sort`].
pub(super) fn blind(key: &Keyed, address: &RecordKey) -> Result<RecordKey> {
    let partition = Partition::parse(address.partition());
    let sort = partition.blind_sort(key, address.sort())?;
    Ok(RecordKey::new(partition.blind(key), sort))
}

fn unknown_record() -> Error {
    Error::invalid_input("the library keeps no such record in this partition: use a partition of your own")
}

fn is_digits(text: &str, count: usize) -> bool {
    text.len() == count && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A version, or which one is active.
fn is_tenant_key(sort: &str) -> bool {
    sort == "ACTIVE" || sort.strip_prefix('v').is_some_and(|number| is_digits(number, 10))
}

/// Words of the library's own, as `SETTINGS` and `JOB`.
fn is_settings(sort: &str) -> bool {
    (1..=32).contains(&sort.len()) && sort.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Time, writer, number.
fn is_audit(sort: &str) -> bool {
    let mut parts = sort.split(SEPARATOR);
    let (time, writer, number) = (parts.next(), parts.next(), parts.next());
    let is_time = |time: &str| time.len() == 24 && time.bytes().all(|b| b.is_ascii_digit() || b"-T:.Z".contains(&b));
    let is_writer = |id: &str| id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    time.is_some_and(is_time)
        && writer.is_some_and(is_writer)
        && number.is_some_and(|number| is_digits(number, 20))
        && parts.next().is_none()
}
