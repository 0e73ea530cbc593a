//! Several records in one round trip.

use std::collections::HashMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::{KeysAndAttributes, ReturnConsumedCapacity};
use futures_util::{StreamExt, TryStreamExt, stream};
use secret_store_core::{Consistency, Error, ErrorKind, Persistence, RecordKey, Result, Stored};

use super::item::{self, Item};
use super::{DynamoPersistence, KEYS_PER_BATCH, capacity, failure};

/// How often what DynamoDB left unprocessed is asked for again.
const MAX_ROUNDS: u32 = 10;
/// How many records are read at the same time where a role may not read several in one request.
const CONCURRENT_LOADS: usize = 16;

impl DynamoPersistence {
    /// All records or an error, in the order of the keys, which may repeat.
    pub(super) async fn load_batches(
        &self,
        keys: &[RecordKey],
        consistency: Consistency,
    ) -> Result<Vec<Option<Stored>>> {
        let mut distinct: Vec<&RecordKey> = keys.iter().collect();
        distinct.sort_unstable();
        distinct.dedup();
        for key in &distinct {
            item::check_key(key)?;
        }
        let mut found = HashMap::with_capacity(distinct.len());
        for batch in distinct.chunks(KEYS_PER_BATCH) {
            self.load_batch(batch, consistency, &mut found).await?;
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    async fn load_singly(
        &self,
        keys: &[&RecordKey],
        consistency: Consistency,
        found: &mut HashMap<RecordKey, Stored>,
    ) -> Result<()> {
        let loads: Vec<_> = keys.iter().map(|key| self.load(key, consistency)).collect();
        let loaded: Vec<_> = stream::iter(loads).buffered(CONCURRENT_LOADS).try_collect().await?;
        let pairs = keys.iter().zip(loaded);
        found.extend(pairs.filter_map(|(key, stored)| Some(((*key).clone(), stored?))));
        Ok(())
    }

    async fn load_batch(
        &self,
        keys: &[&RecordKey],
        consistency: Consistency,
        found: &mut HashMap<RecordKey, Stored>,
    ) -> Result<()> {
        let mut wanted: Vec<Item> = keys.iter().map(|key| item::key(key)).collect();
        for round in 0..MAX_ROUNDS {
            self.wait_before(round).await?;
            let request = KeysAndAttributes::builder()
                .set_keys(Some(std::mem::take(&mut wanted)))
                .consistent_read(consistency == Consistency::Strong)
                .build()
                .map_err(|error| {
                    Error::new(ErrorKind::InvalidInput, "the batch request is incomplete").with_source(error)
                })?;
            let output = self
                .client
                .batch_get_item()
                .request_items(&*self.table, request)
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .send()
                .await;
            let output = match output {
                // `BatchGetItem` is optional in a role: each record is then read by itself.
                Err(error) if failure::is_denied(&error) => return self.load_singly(keys, consistency, found).await,
                output => output.map_err(|error| self.failure("dynamodb:BatchGetItem").error(error))?,
            };
            capacity::report_all("BatchGetItem", output.consumed_capacity());
            for item in output.responses.into_iter().flat_map(|mut tables| tables.remove(&*self.table)).flatten() {
                let (key, stored) = item::parse(item)?;
                found.insert(key, stored);
            }
            let unprocessed = output.unprocessed_keys.and_then(|mut tables| tables.remove(&*self.table));
            match unprocessed.map(|unprocessed| unprocessed.keys).filter(|keys| !keys.is_empty()) {
                Some(keys) => wanted = keys,
                None => return Ok(()),
            }
        }
        Err(Error::new(ErrorKind::Throttled, "DynamoDB left keys of a batch unprocessed again and again: slow down"))
    }

    /// Exponential backoff with full jitter, up to a second.
    async fn wait_before(&self, round: u32) -> Result<()> {
        if round > 0 {
            secret_store_core::observe::retry();
            let longest = (25_u64 << round).min(1000);
            self.clock.sleep(Duration::from_millis(super::commit::random_number()? % longest)).await;
        }
        Ok(())
    }
}
