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

    pub(super) fn at(mut self, name_of: impl FnOnce(Option<&str>) -> String) -> Self {
        if self.name.is_none() {
            self.name = Some(name_of(self.part.as_deref()));
        }
        self
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

    fn duplicate_field(_: &'static str) -> Self {
        Self::malformed("a struct with each field once")
    }
}

fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() { "none".to_owned() } else { quoted.join(", ") }
}
