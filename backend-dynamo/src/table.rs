//! The one table: creating it, and telling what is wrong with it.

use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::describe_continuous_backups::DescribeContinuousBackupsOutput;
use aws_sdk_dynamodb::operation::describe_table::DescribeTableError;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, PointInTimeRecoverySpecification,
    PointInTimeRecoveryStatus, ScalarAttributeType, TableDescription, TableStatus,
};
use secret_store_core::{Clock, Error, ErrorKind, Result};

use crate::persistence::failure::Failure;
use crate::persistence::item::{PARTITION, SORT};

/// How long a new table may take to become active.
const CREATION_TIME: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_secs(2);

/// What a new table is to have. All of it is on by default.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TableOptions {
    /// Continuous backups of the last 35 days.
    pub point_in_time_recovery: Protection,
    /// The table must be unprotected before it can be deleted.
    pub deletion_protection: Protection,
}

/// Whether a protection is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protection {
    /// Wanted.
    #[default]
    On,
    /// Not wanted.
    Off,
}

impl Default for TableOptions {
    fn default() -> Self {
        Self { point_in_time_recovery: Protection::On, deletion_protection: Protection::On }
    }
}

impl TableOptions {
    /// With or without point-in-time recovery.
    #[must_use]
    pub fn with_point_in_time_recovery(mut self, protection: Protection) -> Self {
        self.point_in_time_recovery = protection;
        self
    }

    /// With or without deletion protection.
    #[must_use]
    pub fn with_deletion_protection(mut self, protection: Protection) -> Self {
        self.deletion_protection = protection;
        self
    }
}

/// Something about an existing table that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TableProblem {
    /// The table does not exist in this region.
    Missing,
    /// The key schema is another one: the table cannot be used.
    KeySchema,
    /// The table is not active: it is being created, deleted or archived.
    NotActive,
    /// Deletion protection is off.
    NoDeletionProtection,
    /// Point-in-time recovery is off.
    NoPointInTimeRecovery,
}

impl TableProblem {
    /// Whether the table cannot be used at all.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Missing | Self::KeySchema | Self::NotActive)
    }
}

impl fmt::Display for TableProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "the table does not exist in this region: create it, or check name and region",
            Self::KeySchema => {
                "the key schema is wrong: create a table with the partition key ApplicationName and the sort key SecretName, both text"
            }
            Self::NotActive => "the table is not active: wait until it is, or restore it",
            Self::NoDeletionProtection => "deletion protection is off: turn it on, the table holds the only copy of the secrets",
            Self::NoPointInTimeRecovery => "point-in-time recovery is off: turn it on, so that a deleted secret can be restored",
        })
    }
}

/// Creates the table, on demand, and waits until it can be used.
///
/// # Errors
///
/// [`AlreadyExists`](ErrorKind::AlreadyExists) when a table of this name exists (also of an earlier try whose answer was lost);
/// [`PermissionDenied`](ErrorKind::PermissionDenied) naming the missing action; [`Unavailable`](ErrorKind::Unavailable) when it
/// does not become active within five minutes. Cancel safe: a dropped call may leave a table behind, which
/// [`check_table`] judges.
pub async fn create_table(client: &Client, table: &str, options: &TableOptions, clock: &dyn Clock) -> Result<()> {
    let failure = failure(client, table, "dynamodb:CreateTable");
    let attribute =
        |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let element = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
    let incomplete =
        |error| Error::new(ErrorKind::InvalidInput, "the table definition is incomplete").with_source(error);
    client
        .create_table()
        .table_name(table)
        .attribute_definitions(attribute(PARTITION).map_err(incomplete)?)
        .attribute_definitions(attribute(SORT).map_err(incomplete)?)
        .key_schema(element(PARTITION, KeyType::Hash).map_err(incomplete)?)
        .key_schema(element(SORT, KeyType::Range).map_err(incomplete)?)
        .billing_mode(BillingMode::PayPerRequest)
        .deletion_protection_enabled(options.deletion_protection == Protection::On)
        .send()
        .await
        .map_err(|error| match error.as_service_error() {
            Some(service) if service.is_resource_in_use_exception() => Error::new(
                ErrorKind::AlreadyExists,
                failure.message("a table of this name exists: check it with `check_table`"),
            ),
            _ => failure.error(error),
        })?;
    wait_until_active(client, table, clock).await?;
    if options.point_in_time_recovery == Protection::On {
        protect_in_time(client, table, clock).await?;
    }
    Ok(())
}

async fn wait_until_active(client: &Client, table: &str, clock: &dyn Clock) -> Result<()> {
    let began = clock.monotonic();
    loop {
        match describe(client, table).await? {
            Some(description) if description.table_status() == Some(&TableStatus::Active) => return Ok(()),
            _ if clock.monotonic() - began > CREATION_TIME => {
                let failure = failure(client, table, "dynamodb:DescribeTable");
                return Err(Error::new(
                    ErrorKind::Unavailable,
                    failure.message("the table is not active yet: check it later"),
                ));
            }
            _ => clock.sleep(POLL).await,
        }
    }
}

async fn protect_in_time(client: &Client, table: &str, clock: &dyn Clock) -> Result<()> {
    let failure = failure(client, table, "dynamodb:UpdateContinuousBackups");
    let incomplete = |error| Error::new(ErrorKind::InvalidInput, "the backup setting is incomplete").with_source(error);
    let on =
        PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build().map_err(incomplete)?;
    let began = clock.monotonic();
    loop {
        let request =
            client.update_continuous_backups().table_name(table).point_in_time_recovery_specification(on.clone());
        let Err(error) = request.send().await else { return Ok(()) };
        // The backups of a new table come a moment after the table itself.
        let unready = error.as_service_error().is_some_and(|error| error.is_continuous_backups_unavailable_exception());
        if !unready || clock.monotonic() - began > CREATION_TIME {
            return Err(failure.error(error));
        }
        clock.sleep(POLL).await;
    }
}

/// Tells what is wrong with an existing table; an empty list is good news.
///
/// # Errors
///
/// [`PermissionDenied`](ErrorKind::PermissionDenied) naming the missing action, and the other kinds of a failed read.
pub async fn check_table(client: &Client, table: &str) -> Result<Vec<TableProblem>> {
    let Some(description) = describe(client, table).await? else { return Ok(vec![TableProblem::Missing]) };
    let mut problems = Vec::new();
    if !has_key_schema(&description) {
        problems.push(TableProblem::KeySchema);
    }
    if !is_active(&description) {
        problems.push(TableProblem::NotActive);
    }
    if description.deletion_protection_enabled() != Some(true) {
        problems.push(TableProblem::NoDeletionProtection);
    }
    if !is_protected_in_time(client, table).await? {
        problems.push(TableProblem::NoPointInTimeRecovery);
    }
    Ok(problems)
}

async fn describe(client: &Client, table: &str) -> Result<Option<TableDescription>> {
    match client.describe_table().table_name(table).send().await {
        Ok(output) => Ok(output.table),
        Err(SdkError::ServiceError(error))
            if matches!(error.err(), DescribeTableError::ResourceNotFoundException(_)) =>
        {
            Ok(None)
        }
        Err(error) => Err(failure(client, table, "dynamodb:DescribeTable").error(error)),
    }
}

/// A table that is being updated can be used.
pub(crate) fn is_active(description: &TableDescription) -> bool {
    matches!(description.table_status(), Some(TableStatus::Active | TableStatus::Updating))
}

pub(crate) fn has_key_schema(description: &TableDescription) -> bool {
    let keys: Vec<_> = description.key_schema().iter().map(|key| (key.attribute_name(), key.key_type())).collect();
    let is_text = |name: &str| {
        let mut definitions = description.attribute_definitions().iter();
        definitions.any(|definition| {
            definition.attribute_name() == name && *definition.attribute_type() == ScalarAttributeType::S
        })
    };
    keys == [(PARTITION, &KeyType::Hash), (SORT, &KeyType::Range)] && is_text(PARTITION) && is_text(SORT)
}

async fn is_protected_in_time(client: &Client, table: &str) -> Result<bool> {
    let failure = failure(client, table, "dynamodb:DescribeContinuousBackups");
    let output =
        client.describe_continuous_backups().table_name(table).send().await.map_err(|error| failure.error(error))?;
    Ok(has_recovery(&output))
}

pub(crate) fn has_recovery(output: &DescribeContinuousBackupsOutput) -> bool {
    let backups = output.continuous_backups_description();
    let recovery = backups.and_then(|backups| backups.point_in_time_recovery_description());
    let status = recovery.and_then(|recovery| recovery.point_in_time_recovery_status());
    status == Some(&PointInTimeRecoveryStatus::Enabled)
}

fn failure<'a>(client: &'a Client, table: &'a str, action: &'static str) -> Failure<'a> {
    Failure { action, table, region: client.config().region().map(AsRef::as_ref) }
}
