//! Text of a caller in an entry: bounded, and escaped wherever it is shown.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, Result};

/// The largest size of an environment, an actor or a request id, in bytes of UTF-8.
pub const MAX_LABEL_BYTES: usize = 255;

/// Text of a caller: an environment, an actor, a request id. 1–255 bytes, any characters; escaped wherever it is shown.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Label(Arc<str>);

impl Label {
    pub(super) fn new(what: &'static str, text: &str) -> Result<Self> {
        match text.len() {
            0 => Err(Error::invalid_input(format!("{what} is empty: name one"))),
            1..=MAX_LABEL_BYTES => Ok(Self(text.into())),
            bytes => {
                Err(Error::invalid_input(format!("{what} has {bytes} bytes: at most {MAX_LABEL_BYTES} are allowed")))
            }
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}
