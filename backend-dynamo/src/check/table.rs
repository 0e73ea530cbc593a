//! What may be done with the table.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, KeysAndAttributes, Put, TableDescription, TransactWriteItem,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use secret_store_core::RecordKey;

use super::RoleCheck;
use super::cause::{Cause, Trouble};
use super::need::{ItemAction, ItemNeed};
use super::report::{Finding, Need, Trial};
use crate::persistence::DynamoPersistence;
use crate::persistence::item::{self, PARTITION, SORT};
use crate::table::{self, TableProblem};

/// No name holds a control character, so that no secret and no version is here.
const SORT_KEY: &str = "\u{1f}check";
/// No item meets it.
const NEVER: &str = "attribute_exists(#p) AND attribute_not_exists(#p)";

type Outcome = Result<(), Trouble>;

pub(super) async fn check(records: &DynamoPersistence, role: &RoleCheck) -> Vec<Finding> {
    let place = Place::of(records);
    let mut findings = place.description().await;
    for need in &role.items {
        let trial = place.trial(need, role);
        let blocked = findings.iter().any(|finding| finding.cause().is_some_and(Cause::is_of_service));
        findings.push(if blocked { trial.met(Cause::Blocked) } else { trial.concluded(place.tries(need, role).await) });
    }
    findings
}

struct Place<'a> {
    client: &'a aws_sdk_dynamodb::Client,
    table: &'a str,
    region: String,
}

impl<'a> Place<'a> {
    fn of(records: &'a DynamoPersistence) -> Self {
        let client = records.client();
        let region = client.config().region().map_or("an unknown region", AsRef::as_ref).escape_debug().to_string();
        Self { client, table: records.table(), region }
    }

    fn name(&self) -> String {
        format!("table {} in {}", self.table.escape_debug(), self.region)
    }

    fn trial(&self, need: &ItemNeed, role: &RoleCheck) -> Trial {
        let partition = need.partition.name(role);
        let (action, table) = (need.action.name(), self.table.escape_debug());
        Trial {
            action,
            resource: format!("partition {partition:?} of {}", self.name()),
            purpose: need.purpose,
            need: if need.action.is_required() { Need::Required } else { Need::Optional },
            condition: format!(
                "allow {action} on {table} in the identity's IAM policy, for the partition {partition:?} where it has a condition \
                 on dynamodb:LeadingKeys"
            ),
        }
    }

    /// What the table says of itself, where the role may ask.
    async fn description(&self) -> Vec<Finding> {
        let trial = self.optional("dynamodb:DescribeTable", "checking the table's schema");
        let table = match self.client.describe_table().table_name(self.table).send().await {
            Ok(output) => output.table,
            Err(error) => return vec![unasked(trial, of_name(&error))],
        };
        let Some(table) = table else { return vec![trial.met(Cause::NotSupported)] };
        let required = |trial: Trial| Trial { need: Need::Required, ..trial };
        if let Some(problem) = unusable(&table) {
            return vec![required(trial).met(Cause::Table(problem))];
        }
        let protected = self.optional("dynamodb:DescribeTable", "protection from deletion");
        let is_protected = table.deletion_protection_enabled() == Some(true);
        let unprotected = Trouble::from(Cause::Table(TableProblem::NoDeletionProtection));
        let protection = protected.concluded(if is_protected { Ok(()) } else { Err(unprotected) });
        vec![required(trial).passed(), protection, self.backups().await]
    }

    async fn backups(&self) -> Finding {
        let trial = self.optional("dynamodb:DescribeContinuousBackups", "point-in-time recovery");
        match self.client.describe_continuous_backups().table_name(self.table).send().await {
            Ok(output) if table::has_recovery(&output) => trial.passed(),
            Ok(_) => trial.met(Cause::Table(TableProblem::NoPointInTimeRecovery)),
            Err(error) => unasked(trial, Trouble::of(&error)),
        }
    }

    fn optional(&self, action: &'static str, purpose: &'static str) -> Trial {
        let condition = format!("allow {action} on {} to have this checked", self.table.escape_debug());
        Trial { action, resource: self.name(), purpose, need: Need::Optional, condition }
    }

    async fn tries(&self, need: &ItemNeed, role: &RoleCheck) -> Outcome {
        let key = RecordKey::new(need.partition.name(role), SORT_KEY);
        match need.action {
            ItemAction::Get => outcome(self.get(&key).send().await),
            ItemAction::BatchGet => self.batch_get(&key).await,
            ItemAction::Query => outcome(self.query(&key).send().await),
            action => self.transact(action, &key).await,
        }
    }

    fn get(&self, key: &RecordKey) -> aws_sdk_dynamodb::operation::get_item::builders::GetItemFluentBuilder {
        self.client.get_item().table_name(self.table).set_key(Some(item::key(key))).consistent_read(true)
    }

    fn query(&self, key: &RecordKey) -> aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder {
        self.client
            .query()
            .table_name(self.table)
            .key_condition_expression("#p = :p AND #s = :s")
            .expression_attribute_names("#p", PARTITION)
            .expression_attribute_names("#s", SORT)
            .expression_attribute_values(":p", text(key.partition()))
            .expression_attribute_values(":s", text(key.sort()))
    }

    async fn batch_get(&self, key: &RecordKey) -> Outcome {
        let keys = KeysAndAttributes::builder().keys(item::key(key)).build().map_err(|_| Cause::Configuration)?;
        outcome(self.client.batch_get_item().request_items(self.table, keys).send().await)
    }

    /// What the store sends, except that its condition never holds.
    async fn transact(&self, action: ItemAction, key: &RecordKey) -> Outcome {
        let names = Some(HashMap::from([("#p".to_owned(), PARTITION.to_owned())]));
        let (item, key) = (TransactWriteItem::builder(), Some(item::key(key)));
        let item = match action {
            ItemAction::Put => {
                let put = Put::builder().table_name(self.table).set_item(key).condition_expression(NEVER);
                item.put(put.set_expression_attribute_names(names).build().map_err(|_| Cause::Configuration)?)
            }
            ItemAction::Delete => {
                let delete = Delete::builder().table_name(self.table).set_key(key).condition_expression(NEVER);
                item.delete(delete.set_expression_attribute_names(names).build().map_err(|_| Cause::Configuration)?)
            }
            _ => {
                let check = ConditionCheck::builder().table_name(self.table).set_key(key).condition_expression(NEVER);
                item.condition_check(
                    check.set_expression_attribute_names(names).build().map_err(|_| Cause::Configuration)?,
                )
            }
        };
        match self.client.transact_write_items().transact_items(item.build()).send().await {
            // A stand-in that knows no conditions. It cannot have stored anything of a secret.
            Ok(_) => Err(Cause::NotSupported.into()),
            Err(error) if is_canceled_for(&error, "ConditionalCheckFailed") => Ok(()),
            Err(error) if is_canceled_for(&error, "ValidationError") => {
                Err(Cause::Table(TableProblem::KeySchema).into())
            }
            Err(error) if is_canceled_for(&error, "AccessDenied") => Err(Cause::NotPermitted.into()),
            // Another write of the same key is in progress: that far only an authorised request comes.
            Err(error) if is_canceled_for(&error, "TransactionConflict") => Ok(()),
            Err(error) => Err(of_items(&error)),
        }
    }
}

/// A request that tells about the table, not about the role.
fn unasked(trial: Trial, trouble: Trouble) -> Finding {
    let of_service = trouble.cause.is_of_service();
    let need = if of_service { Need::Required } else { trial.need };
    let mut finding = Trial { need, ..trial }.met(trouble);
    if !of_service {
        finding.outcome = super::Outcome::NotChecked;
    }
    finding
}

fn unusable(table: &TableDescription) -> Option<TableProblem> {
    if !table::has_key_schema(table) {
        return Some(TableProblem::KeySchema);
    }
    (!table::is_active(table)).then_some(TableProblem::NotActive)
}

fn outcome<T, E>(sent: Result<T, SdkError<E, HttpResponse>>) -> Outcome
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    sent.map(drop).map_err(|error| of_items(&error))
}

/// Nothing but the table's name is in the request.
fn of_name<E>(error: &SdkError<E, HttpResponse>) -> Trouble
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let trouble = Trouble::of(error);
    match error.as_service_error().and_then(ProvideErrorMetadata::code) {
        Some("ValidationException") => Trouble { cause: Cause::Configuration, ..trouble },
        _ => trouble,
    }
}

/// A request that is right for our schema is malformed for any other.
fn of_items<E>(error: &SdkError<E, HttpResponse>) -> Trouble
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    let trouble = Trouble::of(error);
    match code {
        Some("ValidationException") => Trouble { cause: Cause::Table(TableProblem::KeySchema), ..trouble },
        _ => trouble,
    }
}

type TransactError = SdkError<aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError, HttpResponse>;

fn is_canceled_for(error: &TransactError, code: &str) -> bool {
    use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
    match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(canceled)) => {
            canceled.cancellation_reasons().iter().any(|reason| reason.code() == Some(code))
        }
        _ => false,
    }
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(item::stored_key(text).into_owned())
}
