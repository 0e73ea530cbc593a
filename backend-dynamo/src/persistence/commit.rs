//! Commits: a lone put on a revision as one item, everything else as one transaction.

use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::{TransactWriteItemsError, TransactWriteItemsOutput};
use aws_sdk_dynamodb::types::error::TransactionCanceledException;
use aws_sdk_dynamodb::types::{
    CancellationReason, ConditionCheck, Delete, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use secret_store_core::{
    Consistency, Error, ErrorKind, Persistence, Precondition, Record, RecordKey, Result, Revision, Write,
};

use super::condition::Condition;
use super::failure::Failure;
use super::item::{self, Item};
use super::{DynamoPersistence, capacity};

/// What a transaction may hold, in bytes.
const TRANSACTION_BYTES: usize = 4 * 1024 * 1024;

/// A write ready to be sent.
struct Prepared<'a> {
    key: &'a RecordKey,
    kind: Kind<'a>,
    condition: Condition,
}

enum Kind<'a> {
    Put { record: &'a Record, item: Item, revision: Revision },
    Delete,
    Check,
}

impl DynamoPersistence {
    /// Commits writes that were checked against the limits.
    pub(super) async fn commit_checked(&self, writes: &[Write]) -> Result<Vec<Option<Revision>>> {
        check_transaction_bytes(writes)?;
        let mut prepared = Vec::with_capacity(writes.len());
        for (index, write) in writes.iter().enumerate() {
            prepared.push(self.prepare(index, write).await?);
        }
        let revisions = prepared.iter().map(Prepared::revision).collect();
        // The SDK repeats a request whose answer was lost. On a revision, which never returns, only the first can have
        // landed; a create or an unconditional write would undo what others did between the two, save for the token of a transaction.
        match (writes, prepared.pop()) {
            ([], _) | (_, None) => {}
            ([Write::Put { precondition: Precondition::Revision(_), .. }], Some(put)) => self.put(put).await?,
            (_, Some(last)) => {
                prepared.push(last);
                self.transact(prepared).await?;
            }
        }
        Ok(revisions)
    }

    async fn prepare<'a>(&self, index: usize, write: &'a Write) -> Result<Prepared<'a>> {
        let key = write.key();
        let condition = match write.precondition() {
            Precondition::Absent => Condition::absent(),
            Precondition::Revision(revision) if item::is_digest(revision) => {
                self.attributes_of(index, key, revision).await?
            }
            Precondition::Revision(revision) => Condition::revision(revision),
            _ => Condition::default(),
        };
        let kind = match write {
            Write::Put { record, .. } => {
                let (item, revision) = item::build(key, record, &write_id()?);
                Kind::Put { record, item, revision }
            }
            Write::Delete { .. } => Kind::Delete,
            Write::Check { .. } => Kind::Check,
        };
        Ok(Prepared { key, kind, condition })
    }

    /// A digest cannot be compared by DynamoDB: what it is of is read, compared here, and then attribute by attribute there.
    async fn attributes_of(&self, index: usize, key: &RecordKey, revision: &Revision) -> Result<Condition> {
        match self.load(key, Consistency::Strong).await? {
            Some(stored) if stored.revision == *revision => Ok(Condition::attributes(&stored.record)),
            found => Err(Error::conflict(index, found.map(|stored| stored.revision))),
        }
    }

    async fn put(&self, prepared: Prepared<'_>) -> Result<()> {
        let Kind::Put { item, record, revision } = prepared.kind else { return Ok(()) };
        let output = self
            .client
            .put_item()
            .table_name(&*self.table)
            .set_item(Some(item))
            .set_condition_expression(prepared.condition.expression)
            .set_expression_attribute_names(prepared.condition.names)
            .set_expression_attribute_values(prepared.condition.values)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        match output {
            Ok(output) => {
                capacity::report("PutItem", output.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => {
                    lost_or_own(0, failed.item().cloned(), record, &revision)
                }
                _ => Err(self.failure("dynamodb:PutItem").error(error)),
            },
        }
    }

    async fn transact(&self, prepared: Vec<Prepared<'_>>) -> Result<()> {
        let mut items = Vec::with_capacity(prepared.len());
        let mut sent = Vec::with_capacity(prepared.len());
        for write in prepared {
            let (item, own) = write.into_transact_item(&self.table)?;
            items.push(item);
            sent.push(own);
        }
        let output = self
            .client
            .transact_write_items()
            .set_transact_items(Some(items))
            // Across retries of this call a committed transaction is recognised by its token.
            .client_request_token(write_id()?)
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        self.transaction_outcome(output, &sent)
    }

    fn transaction_outcome(
        &self,
        output: std::result::Result<TransactWriteItemsOutput, SdkError<TransactWriteItemsError, HttpResponse>>,
        sent: &[Option<(&Record, Revision)>],
    ) -> Result<()> {
        let failure = self.failure("dynamodb:TransactWriteItems");
        match output {
            Ok(output) => {
                capacity::report_all("TransactWriteItems", output.consumed_capacity());
                Ok(())
            }
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
                    canceled_for(canceled, sent, failure)
                }
                _ => Err(failure.error(error)),
            },
        }
    }
}

impl<'a> Prepared<'a> {
    fn revision(&self) -> Option<Revision> {
        match &self.kind {
            Kind::Put { revision, .. } => Some(revision.clone()),
            Kind::Delete | Kind::Check => None,
        }
    }

    /// The item to send, and of a put what recognises it.
    fn into_transact_item(self, table: &str) -> Result<(TransactWriteItem, Option<(&'a Record, Revision)>)> {
        let Condition { expression, names, values } = self.condition;
        let returned = ReturnValuesOnConditionCheckFailure::AllOld;
        let incomplete = |error| Error::new(ErrorKind::InvalidInput, "the write is incomplete").with_source(error);
        let item = TransactWriteItem::builder();
        Ok(match self.kind {
            Kind::Put { record, item: attributes, revision } => {
                let put = Put::builder()
                    .table_name(table)
                    .set_item(Some(attributes))
                    .set_condition_expression(expression)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(returned);
                (item.put(put.build().map_err(incomplete)?).build(), Some((record, revision)))
            }
            Kind::Delete => {
                let delete = Delete::builder()
                    .table_name(table)
                    .set_key(Some(item::key(self.key)))
                    .set_condition_expression(expression)
                    .set_expression_attribute_names(names)
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(returned);
                (item.delete(delete.build().map_err(incomplete)?).build(), None)
            }
            Kind::Check => {
                // A check of nothing still needs an expression: one that always holds.
                let check = ConditionCheck::builder()
                    .table_name(table)
                    .set_key(Some(item::key(self.key)))
                    .condition_expression(
                        expression.unwrap_or_else(|| "attribute_exists(#p) OR attribute_not_exists(#p)".to_owned()),
                    )
                    .set_expression_attribute_names(names.or_else(|| Condition::absent().names))
                    .set_expression_attribute_values(values)
                    .return_values_on_condition_check_failure(returned);
                (item.condition_check(check.build().map_err(incomplete)?).build(), None)
            }
        })
    }
}

/// Why a transaction was cancelled: a condition that did not hold says most, then another write in progress, then a
/// limit. Nothing was written, unless it was written before and this is the answer to a retry.
fn canceled_for(
    canceled: &TransactionCanceledException,
    sent: &[Option<(&Record, Revision)>],
    failure: Failure<'_>,
) -> Result<()> {
    let reasons = canceled.cancellation_reasons();
    let with_code = |code: &str| reasons.iter().position(|reason| reason.code() == Some(code));
    if let Some(index) = with_code("ConditionalCheckFailed") {
        return condition_failed(index, reasons, sent);
    }
    let (kind, advice) = if with_code("TransactionConflict").is_some() {
        (ErrorKind::Contention, "another write of the same records was in progress: try again")
    } else if with_code("ThrottlingError").or(with_code("ProvisionedThroughputExceeded")).is_some() {
        (ErrorKind::Throttled, "slow down or raise the capacity")
    } else if with_code("ItemCollectionSizeLimitExceeded").or(with_code("ValidationError")).is_some() {
        (ErrorKind::InvalidInput, "a write is not valid for this table: check its key schema with `check_table`")
    } else {
        (ErrorKind::Unavailable, "DynamoDB cancelled the transaction for a reason unknown to this release")
    };
    Err(Error::new(kind, failure.message(advice)))
}

/// A transaction of which one put stands there as it was sent has been committed by an earlier try: it is all or nothing.
/// (The token is forgotten after ten minutes.) A digest is no proof: another may have put the same record.
fn condition_failed(index: usize, reasons: &[CancellationReason], sent: &[Option<(&Record, Revision)>]) -> Result<()> {
    let own = sent.iter().zip(reasons).any(|(sent, reason)| match (sent, reason.item()) {
        (Some((record, revision)), Some(item)) if !item::is_digest(revision) => is_own(item.clone(), record, revision),
        _ => false,
    });
    if own {
        return Ok(());
    }
    let current = reasons.get(index).and_then(|reason| reason.item().cloned());
    Err(Error::conflict(index, current.and_then(revision_of)))
}

/// The condition of a lone put did not hold: of a retry, because the put itself is what stands there.
fn lost_or_own(index: usize, found: Option<Item>, record: &Record, revision: &Revision) -> Result<()> {
    match found {
        Some(item) if is_own(item.clone(), record, revision) => Ok(()),
        found => Err(Error::conflict(index, found.and_then(revision_of))),
    }
}

/// Its write id, or in format 0 its ciphertext, is like no other's.
fn is_own(item: Item, record: &Record, revision: &Revision) -> bool {
    item::parse(item).is_ok_and(|(_, stored)| stored.revision == *revision && *stored.record == *record)
}

fn revision_of(item: Item) -> Option<Revision> {
    item::parse(item).ok().map(|(_, stored)| stored.revision)
}

fn check_transaction_bytes(writes: &[Write]) -> Result<()> {
    let bytes = |write: &Write| {
        let key = write.key().partition().len() + write.key().sort().len();
        match write {
            Write::Put { record, .. } => key + record.size(),
            Write::Delete { .. } | Write::Check { .. } => key,
        }
    };
    let total: usize = writes.iter().map(bytes).sum();
    if total > TRANSACTION_BYTES {
        return Err(Error::too_large("commit", TRANSACTION_BYTES as u64, total as u64));
    }
    Ok(())
}

/// 128 random bits as text.
fn write_id() -> Result<String> {
    let mut random = [0; 16];
    fill(&mut random)?;
    Ok(hex::encode(random))
}

/// Randomness for jitter.
pub(super) fn random_number() -> Result<u64> {
    let mut random = [0; 8];
    fill(&mut random)?;
    Ok(u64::from_be_bytes(random))
}

fn fill(buffer: &mut [u8]) -> Result<()> {
    getrandom::fill(buffer).map_err(|error| {
        Error::new(ErrorKind::Unavailable, "the operating system gives no random bytes").with_source(error)
    })
}
