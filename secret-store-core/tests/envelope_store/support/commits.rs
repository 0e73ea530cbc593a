//! The records as one process sees them: its commits go the way a test gives, its reads go straight through.

use std::sync::Arc;

use async_trait::async_trait;
use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::BoxFuture;
use secret_store_core::{Consistency, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, Write};

use super::Records;

type Answer = Result<Vec<Option<Revision>>>;
type Way = Box<dyn Fn(Arc<Records>, Vec<Write>) -> BoxFuture<'static, Answer> + Send + Sync>;

pub(crate) struct Commits {
    records: Arc<Records>,
    way: Way,
}

impl Commits {
    pub(crate) fn by(
        records: Arc<Records>,
        way: impl Fn(Arc<Records>, Vec<Write>) -> BoxFuture<'static, Answer> + Send + Sync + 'static,
    ) -> Arc<Self> {
        Arc::new(Self { records, way: Box::new(way) })
    }

    /// No commit goes on before the gate is opened.
    pub(crate) fn held(records: Arc<Records>) -> (Arc<Self>, oneshot::Sender<()>) {
        let (open, gate) = oneshot::channel::<()>();
        let gate = gate.shared();
        let held = Self::by(records, move |records, writes| {
            let gate = gate.clone();
            async move {
                gate.await.expect("somebody opens it");
                records.commit(writes).await
            }
            .boxed()
        });
        (held, open)
    }
}

impl std::fmt::Debug for Commits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.records.fmt(f)
    }
}

#[async_trait]
impl Persistence for Commits {
    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        self.records.load(key, consistency).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.records.list(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Answer {
        (self.way)(self.records.clone(), writes).await
    }
}
