//! Records in one DynamoDB table.

mod batch;
mod capacity;
mod commit;
mod condition;
pub(crate) mod failure;
pub(crate) mod item;
mod query;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity;
use secret_store_core::{
    Clock, Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Result, Revision, Stored, SystemClock, Write,
};

use crate::repetition::reported_dynamodb;
use failure::Failure;

/// What a record may have, in bytes: an item may have 400 KB with its key, and some of it is ours.
const RECORD_BYTES: usize = 350 * 1024;
/// `TransactWriteItems` takes so many items.
const WRITES_PER_COMMIT: usize = 100;
/// `BatchGetItem` takes so many keys.
const KEYS_PER_BATCH: usize = 100;

/// A [`Persistence`] in one DynamoDB table, which the original Secret Store can share.
///
/// The table has the partition key `ApplicationName` and the sort key `SecretName`, both text. A record of an application's
/// own partition is an item with the record's attributes; the original reads those in format 0 and leaves the others' additional
/// attributes alone. Attributes of ours begin with `~`: `~rev`, a random id of the write that made the item, which is its
/// revision and by which a write recognises itself after a lost answer.
///
/// * **Atomic**: a put on a revision is a `PutItem`, which recognises itself when it is repeated after a lost answer. Anything
///   else is a `TransactWriteItems` with an idempotency token: a repeated create or unconditional write must not undo what
///   others did between the two.
/// * **Revisions** of items that carry no `~rev` (the original's, and ours in format 0, which have exactly its six
///   attributes) are a digest of their attributes, enforced by comparing each of them. Such a revision returns when the very same
///   item does, which a fresh document key and IV for each write rule out.
/// * **Keys** may have 2,048 (partition) and 1,024 bytes (sort). An empty one, which DynamoDB lacks, is stored as a NUL, and one
///   of NULs alone with another NUL behind it.
/// * **Cancel safe**: a dropped commit was or was not sent; what was sent is atomic.
/// * **Cost**: a load is one `GetItem`; a batch is one `BatchGetItem` for each 100 keys or 16 MB; a page is one `Query`,
///   at most 1 MB. The capacity that each request consumed is told to [`tracing`] at level DEBUG, with operation and table;
///   it and each repetition of a request are [reported](secret_store_core::observe) to the operation that is traced.
///
/// The client's timeouts and retries hold. Build it with `Connection::dynamodb` or set them: the SDK has
/// no read and no operation timeout of its own.
#[derive(Clone)]
pub struct DynamoPersistence {
    client: Client,
    table: Arc<str>,
    clock: Arc<dyn Clock>,
}

impl DynamoPersistence {
    /// A table, through the caller's client. Nothing is contacted: [`check_table`](crate::check_table) tells whether all is well.
    #[must_use]
    #[expect(clippy::needless_pass_by_value, reason = "it is taken over, in another guise")]
    pub fn new(client: Client, table: impl Into<Arc<str>>) -> Self {
        Self { client: reported_dynamodb(&client), table: table.into(), clock: Arc::new(SystemClock) }
    }

    /// Another clock for the waits between retries, for tests.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The table's name.
    #[must_use]
    pub fn table(&self) -> &str {
        &self.table
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    fn failure(&self, action: &'static str) -> Failure<'_> {
        Failure { action, table: &self.table, region: self.client.config().region().map(AsRef::as_ref) }
    }
}

#[async_trait]
impl Persistence for DynamoPersistence {
    fn limits(&self) -> Limits {
        Limits::DEFAULT
            .with_record_bytes(RECORD_BYTES)
            .with_writes_per_commit(WRITES_PER_COMMIT)
            .with_batch(KEYS_PER_BATCH)
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        item::check_key(key)?;
        let output = self
            .client
            .get_item()
            .table_name(&*self.table)
            .set_key(Some(item::key(key)))
            .consistent_read(consistency == Consistency::Strong)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await
            .map_err(|error| self.failure("dynamodb:GetItem").error(error))?;
        capacity::report("GetItem", output.consumed_capacity());
        output.item.map(|item| item::parse(item).map(|(_, stored)| stored)).transpose()
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        match keys {
            [key] => Ok(vec![self.load(key, consistency).await?]),
            keys => self.load_batches(keys, consistency).await,
        }
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.query(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        Write::check_all(&writes, &self.limits())?;
        for write in &writes {
            item::check_key(write.key())?;
        }
        self.commit_checked(&writes).await
    }
}

/// The table and where it is; neither the client's credentials nor anything stored.
impl fmt::Debug for DynamoPersistence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DynamoPersistence")
            .field("table", &self.table)
            .field("region", &self.client.config().region())
            .finish_non_exhaustive()
    }
}
