//! The mark that tells which blinding key a database is written under.

use std::sync::Arc;

use super::BlindNames;
use super::blinding::Scheme;
use crate::error::{Error, ErrorKind, Result};
use crate::persistence::{Consistency, Persistence, Precondition, RecordKey, Write};
use crate::record::{Record, Value};

const KEY_ID: &str = "KeyId";

/// No address that a caller can ask for: what begins so is hashed.
fn place() -> RecordKey {
    RecordKey::new("~b", "KEY")
}

impl BlindNames {
    /// Compares the mark with the keys in use, and leaves or moves it.
    pub(super) async fn check(&self) -> Result<()> {
        let blinding = self.blinding();
        let own = blinding.key_id().to_string();
        loop {
            let found = self.inner.load(&place(), Consistency::Strong).await?;
            let precondition = match &found {
                None if blinding.is_in_clear() => return Ok(()),
                None => Precondition::Absent,
                Some(stored) => {
                    let id = stored.record.text(KEY_ID).ok_or_else(Error::integrity)?;
                    let generation =
                        blinding.find(id).filter(|known| matches!(blinding.scheme(*known), Scheme::Keyed(_)));
                    let Some(generation) = generation else { return Err(unknown(id)) };
                    if generation >= blinding.writing() {
                        return Ok(());
                    }
                    Precondition::Revision(stored.revision.clone())
                }
            };
            let mark = Record::new().with(KEY_ID, Value::Text(Arc::from(own.as_str())));
            match self.inner.commit(vec![Write::put(place(), mark, precondition)]).await {
                Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(()),
                // Somebody else left one.
                Err(error) if matches!(error.kind(), ErrorKind::Conflict) => {}
                outcome => return outcome.map(drop),
            }
        }
    }
}

fn unknown(id: &str) -> Error {
    let shown = id.escape_debug();
    Error::new(
        ErrorKind::KeyNotAllowed,
        format!("the database is written under blinding key {shown}, which is none of those given: give it too"),
    )
}
