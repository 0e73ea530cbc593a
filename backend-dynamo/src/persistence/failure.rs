//! One place where every answer of DynamoDB becomes an error of ours.

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use secret_store_core::{Error, ErrorKind};

const ACCESS_DENIED: [&str; 2] = ["AccessDeniedException", "AccessDenied"];

/// What was asked of which table, for messages that name the fix.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failure<'a> {
    pub(crate) action: &'static str,
    pub(crate) table: &'a str,
    pub(crate) region: Option<&'a str>,
}

impl Failure<'_> {
    /// Maps an answer by its code, and everything without one by what is known of the transport. After a write,
    /// [`Unavailable`](ErrorKind::Unavailable) means that it may have landed.
    pub(crate) fn error<E>(&self, error: SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let (kind, advice) = match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some(code) => by_code(code, status),
            None => (by_status(status), "check the network, the credentials, the region and the endpoint"),
        };
        let (kind, advice) = match &error {
            // Never sent, so that nothing can have landed.
            SdkError::ConstructionFailure(_) => (
                ErrorKind::InvalidInput,
                "no request could be made: check the region, the endpoint and the table's name",
            ),
            SdkError::DispatchFailure(_) if is_credentials_error(&error) => {
                (ErrorKind::PermissionDenied, "there are no credentials: configure some, or renew them")
            }
            _ => (kind, advice),
        };
        Error::new(kind, self.message(advice)).with_source(error)
    }

    pub(crate) fn message(&self, advice: &str) -> String {
        let Self { action, table, region } = self;
        let (table, region) = (table.escape_debug(), region.unwrap_or("an unknown region").escape_debug());
        format!("{action} on table {table} in {region} failed: {advice}")
    }
}

/// Whether the role lacks the permission for this action, as opposed to being nobody at all.
pub(crate) fn is_denied<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> bool {
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    code.is_some_and(|code| ACCESS_DENIED.contains(&code))
}

/// The SDK reports credentials that it could not get as a failed dispatch.
fn is_credentials_error(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| error.is::<CredentialsError>())
}

fn by_status(status: Option<u16>) -> ErrorKind {
    match status {
        Some(429) => ErrorKind::Throttled,
        _ => ErrorKind::Unavailable,
    }
}

/// The codes that DynamoDB documents, and the ones common to all of AWS.
fn by_code(code: &str, status: Option<u16>) -> (ErrorKind, &'static str) {
    match code {
        _ if ACCESS_DENIED.contains(&code) => {
            (ErrorKind::PermissionDenied, "allow the action on this table in the role's policy")
        }
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => {
            (ErrorKind::PermissionDenied, "the credentials have expired: renew them")
        }
        "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "InvalidAccessKeyId"
        | "SignatureDoesNotMatch" => {
            (ErrorKind::PermissionDenied, "the credentials are not accepted: check them and the clock")
        }
        "ProvisionedThroughputExceededException"
        | "ThrottlingException"
        | "Throttling"
        | "RequestLimitExceeded"
        | "LimitExceededException"
        | "TooManyRequestsException"
        | "SlowDown" => (ErrorKind::Throttled, "slow down or raise the capacity"),
        "TransactionConflictException" | "ReplicatedWriteConflictException" => {
            (ErrorKind::Contention, "another write of the same record was in progress: try again")
        }
        "ResourceNotFoundException" => {
            (ErrorKind::InvalidInput, "the table does not exist: create it, or check name and region")
        }
        "ValidationException" | "SerializationException" => (
            ErrorKind::InvalidInput,
            "the request is not valid for this table: check its key schema with `check_table`",
        ),
        "ItemCollectionSizeLimitExceededException" => {
            (ErrorKind::InvalidInput, "a local index of the table is full: remove it")
        }
        // Also while the same transaction is in progress: it may land yet.
        _ => (by_status(status), "DynamoDB failed: try again later"),
    }
}
