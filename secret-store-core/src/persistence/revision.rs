//! The state of one record.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// An opaque mark of one state of one record, issued by the persistence. Advisory: nothing authenticates it.
#[derive(Clone, Debug)]
pub struct Revision(Repr);

#[derive(Clone, Debug)]
enum Repr {
    Number(u64),
    Text(Arc<str>),
}

impl Revision {
    /// A revision of any text of the persistence's own making.
    #[must_use]
    pub fn new(text: impl Into<Arc<str>>) -> Self {
        Self(Repr::Text(text.into()))
    }

    /// The revision as text; [`Revision::new`] of it is equal to it.
    #[must_use]
    pub fn as_text(&self) -> Cow<'_, str> {
        match &self.0 {
            Repr::Number(number) => Cow::Owned(number.to_string()),
            Repr::Text(text) => Cow::Borrowed(text),
        }
    }
}

impl From<u64> for Revision {
    fn from(number: u64) -> Self {
        Self(Repr::Number(number))
    }
}

impl PartialEq for Revision {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Repr::Number(a), Repr::Number(b)) => a == b,
            _ => self.as_text() == other.as_text(),
        }
    }
}

impl Eq for Revision {}

impl std::hash::Hash for Revision {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_text().hash(state);
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_text().escape_debug())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_survives_its_text() {
        let number = Revision::from(42);
        let text = Revision::new(number.as_text().into_owned());
        assert_eq!(number, text);
        assert_ne!(number, Revision::new("042"));
        let hash = |revision: &Revision| {
            use std::hash::{BuildHasher, RandomState};
            thread_local!(static STATE: RandomState = RandomState::new());
            STATE.with(|state| state.hash_one(revision))
        };
        assert_eq!(hash(&number), hash(&text));
    }
}
