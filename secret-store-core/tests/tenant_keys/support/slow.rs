//! A database that takes its time: the clock goes on while it answers.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secret_store_core::{Consistency, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write};

use super::World;

#[derive(Debug)]
pub(crate) struct Slow {
    pub(crate) world: Arc<World>,
    /// After each load has read what it answers.
    pub(crate) load: Duration,
    /// Before each commit is made.
    pub(crate) commit: Duration,
}

#[async_trait]
impl Persistence for Slow {
    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        let answer = self.world.memory.load(key, consistency).await;
        self.world.clock.advance(self.load);
        answer
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.world.memory.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.world.clock.advance(self.commit);
        self.world.memory.commit(writes).await
    }
}
