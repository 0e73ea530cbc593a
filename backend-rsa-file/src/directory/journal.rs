//! The intent journal: what one commit is about to do, whole, so that whoever comes next can finish it.

use std::sync::Arc;

use secret_store_core::{Error, Limits, RecordKey, Result};
use serde::{Deserialize, Serialize};

use super::record_file::{MAX_FILE_BYTES, RecordFile, from_json, to_json};

/// The largest journal that is read, in bytes: as many record files as a commit has writes.
pub(crate) const MAX_JOURNAL_BYTES: usize = Limits::DEFAULT.writes_per_commit * MAX_FILE_BYTES;

/// The writes of one commit, preconditions already checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Journal {
    pub(crate) writes: Vec<Change>,
}

/// One write: applying it twice is applying it once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub(crate) enum Change {
    Put(RecordFile),
    Delete { partition: Arc<str>, sort: Arc<str> },
}

impl Change {
    pub(crate) fn key(&self) -> RecordKey {
        match self {
            Self::Put(file) => file.key(),
            Self::Delete { partition, sort } => RecordKey::new(Arc::clone(partition), Arc::clone(sort)),
        }
    }
}

impl Journal {
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        to_json(self)
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let journal: Self = from_json(bytes)?;
        if journal.writes.is_empty() || journal.writes.len() > Limits::DEFAULT.writes_per_commit {
            return Err(Error::integrity());
        }
        Ok(journal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secret_store_core::{ErrorKind, Record, Value};

    const FROZEN: &str = r#"{
  "writes": [
    {
      "put": {
        "partition": "p",
        "sort": "s",
        "revision": "7",
        "attributes": {
          "A": {
            "number": "1"
          }
        }
      }
    },
    {
      "delete": {
        "partition": "p",
        "sort": "t"
      }
    }
  ]
}
"#;

    #[test]
    fn frozen_form() {
        let record = Arc::new(Record::new().with("A", Value::from(1)));
        let put = Change::Put(RecordFile::new(&RecordKey::new("p", "s"), &"7".into(), record));
        let journal = Journal { writes: vec![put, Change::Delete { partition: "p".into(), sort: "t".into() }] };
        assert_eq!(String::from_utf8(journal.to_bytes()).expect("JSON is text"), FROZEN);
        assert_eq!(Journal::from_bytes(FROZEN.as_bytes()).expect("own form"), journal);
    }

    #[test]
    fn anything_else_is_refused() {
        for length in 0..FROZEN.len() {
            assert!(Journal::from_bytes(&FROZEN.as_bytes()[..length]).is_err(), "{length}");
        }
        for (from, to) in [
            ("\"delete\"", "\"remove\""),
            ("\"sort\": \"t\"", "\"sort\": \"t\",\n        \"x\": \"\""),
            ("}\n", "}\n\n"),
        ] {
            let changed = FROZEN.replacen(from, to, 1);
            assert_ne!(changed, FROZEN);
            assert_eq!(Journal::from_bytes(changed.as_bytes()).expect_err(to).kind(), ErrorKind::Integrity);
        }
        assert!(Journal::from_bytes(&Journal { writes: vec![] }.to_bytes()).is_err());
        let delete = Change::Delete { partition: "p".into(), sort: "t".into() };
        assert!(Journal::from_bytes(&Journal { writes: vec![delete; 101] }.to_bytes()).is_err());
    }
}
