//! Deletes that keep no earlier version.

use super::retry::Retry;
use super::{Inner, layout};
use crate::error::{ErrorKind, Result};
use crate::id::SecretId;
use crate::persistence::{Consistency, Precondition, RecordKey, Write};
use crate::store::DeleteOptions;

impl Inner {
    /// The current record first, so that nothing moves to the history any more; a call that was interrupted after it goes on with
    /// the rest.
    pub(super) async fn delete_with_history(&self, id: &SecretId, options: &DeleteOptions) -> Result<()> {
        let current = self.delete_current(id, options).await;
        if current.as_ref().is_err_and(|error| error.kind() != ErrorKind::NotFound) {
            return current;
        }
        let has_deleted = self.delete_history(id).await?;
        if has_deleted { Ok(()) } else { current }
    }

    /// Deletes every earlier version; answers whether there was one.
    async fn delete_history(&self, id: &SecretId) -> Result<bool> {
        let query = layout::history(id).with_consistency(Consistency::Strong);
        let writes_per_commit = self.records.limits().writes_per_commit.max(1);
        let (mut retry, mut has_deleted, mut rest) = (Retry::new(), false, query.clone());
        loop {
            let page = self.records.list(&rest).await?;
            for batch in page.items.chunks(writes_per_commit) {
                has_deleted = true;
                let delete = |sort| {
                    Write::delete(RecordKey::new(layout::history_partition(id.application()), sort), Precondition::Any)
                };
                let writes: Vec<_> = batch.iter().map(|(sort, _)| delete(sort.clone())).collect();
                while let Err(error) = self.commit(writes.clone()).await {
                    if error.kind() != ErrorKind::Contention {
                        return Err(error);
                    }
                    retry.wait(&*self.clock, error).await?;
                }
            }
            match page.next {
                Some(next) => rest = rest.continued(next),
                None => return Ok(has_deleted),
            }
        }
    }
}
