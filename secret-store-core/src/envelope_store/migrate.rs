//! Between the formats, in place: the commits that bring a current record from format 0 to format 1 and back.

use super::state::State;
use super::{Inner, layout};
use crate::envelope::Format;
use crate::envelope::protected::ProtectedSecret;
use crate::error::Result;
use crate::id::SecretId;
use crate::persistence::{Consistency, Precondition, Stored, Write};

impl Inner {
    /// The commit that seals a current record of format 0 in format 1, under the next number.
    ///
    /// The number is written down beside it: where the original writes over the migrated record, it is not given away again.
    pub(crate) async fn migrate_current(&self, protected: &ProtectedSecret, stored: &Stored) -> Result<Vec<Write>> {
        let id = protected.id();
        let state = self.state_with_last(id, stored).await?.with_tail(self.history_tail(id).await?);
        let version = state.number_of_current()?;
        let record = self.resealed_as(protected, &stored.record, Format::One, version).await?;
        Ok(vec![
            Write::put(layout::current(id), record, state.current_unchanged()),
            Write::put(layout::last_version(id), layout::last_version_record(version), state.last_unchanged()),
            // Nobody took the number since the history was read.
            Write::check(layout::outgoing(id, version), Precondition::Absent),
        ])
    }

    /// The commit that seals a current record of format 1 in format 0, which has no number: the number is written down beside it, so
    /// that it is not given away again.
    pub(crate) async fn revert_current(&self, protected: &ProtectedSecret, stored: &Stored) -> Result<Vec<Write>> {
        let id = protected.id();
        let state = self.state_with_last(id, stored).await?;
        // Opened, so that the number is authentic.
        let record = self.resealed_as(protected, &stored.record, Format::Zero, protected.version()).await?;
        let last = state.last_version()?.max(protected.version());
        Ok(vec![
            Write::put(layout::current(id), record, state.current_unchanged()),
            Write::put(layout::last_version(id), layout::last_version_record(last), state.last_unchanged()),
        ])
    }

    async fn state_with_last(&self, id: &SecretId, current: &Stored) -> Result<State> {
        let last = self.records.load(&layout::last_version(id), Consistency::Strong).await?;
        Ok(State::new(Some(current.clone()), last))
    }
}
