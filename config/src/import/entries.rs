//! What a file holds.

use std::collections::BTreeSet;
use std::fmt;
use std::io::Read;

use secret_store_core::{Error, Result, SecretName, SecretValue};

use super::input::Input;
use super::{dotenv, json};
use crate::load::SEPARATOR;

/// More entries than any file of settings has.
const MOST_ENTRIES: usize = 10_000;

/// Names and values to be imported: each name once, in the order of the file. Values are wiped on drop; `Debug` shows names alone.
///
/// The whole file is read and understood, or refused with the line at fault, before anything is stored. What different readers of such files
/// understand differently is refused, with the fix. At most 1 MiB of UTF-8, with or without a byte order mark, and 10,000 entries.
#[derive(Default)]
pub struct Entries {
    entries: Vec<(SecretName, SecretValue)>,
    names: BTreeSet<SecretName>,
}

impl Entries {
    /// The lines of a `.env` file.
    ///
    /// ```text
    /// # a comment
    /// NAME=value                  # white space and a comment behind it are no part of it
    /// export OTHER='as it $tands, also
    /// over several lines'
    /// THIRD="with \"escapes\": \n \r \t \\ \" \$ \`"
    /// EMPTY=
    /// ```
    ///
    /// A name has letters, digits, `_`, `.` and `-`, and begins with a letter or `_`. Lines end with LF or CRLF; within quotes they are
    /// kept as they are. Without quotes a value has neither white space, quotes, backslashes nor `$`; within double quotes backquotes are
    /// escaped, and so is `$` unless nothing that could be a variable follows: **nothing is substituted.**
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) naming line and rule; [`TooLarge`](secret_store_core::ErrorKind::TooLarge);
    /// [`Unavailable`](secret_store_core::ErrorKind::Unavailable) when it cannot be read.
    pub fn from_dotenv(reader: impl Read) -> Result<Self> {
        dotenv::parse(Input::read(reader)?.text()?)
    }

    /// The members of a JSON object (RFC 8259), those of objects within it by their path with `__` between: as
    /// [`Loader`](crate::Loader) reads them.
    ///
    /// A text is its characters; a number, `true`, `false` and an array are as they are written. `null` and empty objects
    /// are refused, as are two members of one name, objects more than 16 deep, and names that would not come apart again where they were
    /// put together: `{"a_": {"b": 1}}`.
    ///
    /// # Errors
    ///
    /// As [`from_dotenv`](Self::from_dotenv).
    pub fn from_json(reader: impl Read) -> Result<Self> {
        Self::from_json_with_separator(reader, SEPARATOR)
    }

    /// As [`from_json`](Self::from_json), with another separator.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_json_with_separator(reader: impl Read, separator: &str) -> Result<Self> {
        json::parse(Input::read(reader)?.text()?, separator)
    }

    /// Adds one.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a name that is there already;
    /// [`TooLarge`](secret_store_core::ErrorKind::TooLarge) for one too many.
    pub fn push(&mut self, name: SecretName, value: SecretValue) -> Result<()> {
        if self.entries.len() >= MOST_ENTRIES {
            return Err(Error::too_large("number of entries", MOST_ENTRIES as u64, MOST_ENTRIES as u64 + 1));
        }
        if !self.names.insert(name.clone()) {
            let shown = name.as_str().escape_debug();
            return Err(Error::invalid_input(format!("`{shown}` is there twice: keep one")));
        }
        self.entries.push((name, value));
        Ok(())
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Their names, in their order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &SecretName> {
        self.entries.iter().map(|(name, _)| name)
    }

    /// Names and values, in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&SecretName, &SecretValue)> {
        self.entries.iter().map(|(name, value)| (name, value))
    }

    pub(super) fn contains(&self, name: &SecretName) -> bool {
        self.names.contains(name)
    }

    pub(super) fn into_names(self) -> Vec<SecretName> {
        self.entries.into_iter().map(|(name, _)| name).collect()
    }

    pub(super) fn first_larger_than(&self, bytes: usize) -> Option<(&SecretName, usize)> {
        self.iter().map(|(name, value)| (name, value.len())).find(|(_, actual)| *actual > bytes)
    }
}

impl IntoIterator for Entries {
    type Item = (SecretName, SecretValue);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}
