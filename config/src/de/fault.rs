//! What serde reports, without what it would quote.

use std::fmt::{self, Display};

use serde::de::{Expected, Unexpected};

use crate::error::{LoadError, LoadErrorKind};

/// A fault on its way out: whoever knows the name adds it.
#[derive(Debug)]
pub(crate) struct Fault {
    kind: LoadErrorKind,
    /// The field of the struct at hand that it is about.
    part: Option<String>,
    name: Option<String>,
    detail: String,
}

impl Fault {
    fn new(kind: LoadErrorKind, part: Option<&str>, detail: impl Into<String>) -> Self {
        Self { kind, part: part.map(str::to_owned), name: None, detail: detail.into() }
    }

    pub(super) fn malformed(expected: impl Into<String>) -> Self {
        Self::new(LoadErrorKind::Malformed, None, expected)
    }

    pub(super) fn ambiguous(other: &str) -> Self {
        let detail = format!("remove it, or `{}` and its like", other.escape_debug());
        Self::new(LoadErrorKind::Ambiguous, None, detail)
    }

    /// Unless whoever was nearer has named it already.
    pub(super) fn named(mut self, name: String) -> Self {
        self.name.get_or_insert(name);
        self
    }

    /// The field that it is about, unless it is named already. One that is not known may be a value that was taken for the name of a
    /// field: unless it is one of those that are there, it is forgotten.
    pub(super) fn take_part(&mut self, is_there: impl FnOnce(&str) -> bool) -> Option<String> {
        let part = self.part.take().filter(|_| self.name.is_none())?;
        if self.kind != LoadErrorKind::Unknown || is_there(&part) {
            return Some(part);
        }
        let Self { kind, detail, .. } = <Self as serde::de::Error>::custom("");
        (self.kind, self.detail) = (kind, detail);
        None
    }
}

impl From<Fault> for LoadError {
    fn from(fault: Fault) -> Self {
        Self::new(fault.kind, fault.name, fault.detail)
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not {}", self.detail)
    }
}

impl std::error::Error for Fault {}

/// Whatever may quote a value is dropped: the text of `custom`, what was found, the name of a variant.
impl serde::de::Error for Fault {
    fn custom<T: Display>(_: T) -> Self {
        Self::malformed("what its field accepts")
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::malformed(expected.to_string())
    }

    fn invalid_value(_: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::malformed(expected.to_string())
    }

    fn invalid_length(_: usize, expected: &dyn Expected) -> Self {
        Self::malformed(expected.to_string())
    }

    fn unknown_variant(_: &str, expected: &'static [&'static str]) -> Self {
        Self::malformed(format!("one of {}", listed(expected)))
    }

    /// A field is a part of a secret's name.
    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let detail = format!("remove it, or rename it to one of {}", listed(expected));
        Self::new(LoadErrorKind::Unknown, Some(field), detail)
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(LoadErrorKind::Missing, Some(field), "give its field a default")
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(LoadErrorKind::Malformed, Some(field), "the only one of its field: remove it, or its alias")
    }
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}
