//! Why something cannot be done.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::table::TableProblem;

/// Why something cannot be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The identity lacks a permission.
    NotPermitted,
    /// There are no credentials.
    NoCredentials,
    /// The credentials have expired.
    ExpiredCredentials,
    /// AWS does not accept the credentials.
    RefusedCredentials,
    /// Nothing answers at the endpoint.
    Unreachable,
    /// The service throttles.
    Throttled,
    /// The service failed.
    ServiceFailed,
    /// Something is wrong with the table.
    Table(TableProblem),
    /// The key does not exist in this region, or its alias.
    KeyMissing,
    /// The key is disabled.
    KeyDisabled,
    /// The key waits for its deletion.
    KeyPendingDeletion,
    /// The key is in another state that admits no use.
    KeyUnavailable,
    /// The key is no symmetric encryption key.
    KeyUsage,
    /// The key is not in the program's allow-list.
    KeyNotAllowed,
    /// The program's own configuration is wrong.
    Configuration,
    /// The endpoint does not know this kind of request.
    NotSupported,
    /// Something else that was found has to be mended first.
    Blocked,
}

impl Cause {
    /// Whether all other requests to the same service would meet the same.
    pub(super) fn is_of_service(self) -> bool {
        match self {
            Self::NoCredentials
            | Self::ExpiredCredentials
            | Self::RefusedCredentials
            | Self::Unreachable
            | Self::Configuration => true,
            Self::Table(problem) => problem.is_fatal(),
            _ => false,
        }
    }

    /// Whether it tells nothing about what was tried.
    pub(super) fn is_inconclusive(self) -> bool {
        matches!(self, Self::Throttled | Self::ServiceFailed | Self::NotSupported | Self::Blocked)
    }
}

/// A cause, and what AWS said: foreign text.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) cause: Cause,
    pub(super) said: Option<String>,
}

impl From<Cause> for Trouble {
    fn from(cause: Cause) -> Self {
        Self { cause, said: None }
    }
}

impl Trouble {
    /// Of a request that failed.
    pub(super) fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        let status = error.raw_response().map(|response| response.status().as_u16());
        let cause = match error {
            SdkError::ServiceError(answer) => Self::of_answer(answer.err().code().unwrap_or_default(), status),
            SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_) if is_without_credentials(error) => {
                Cause::NoCredentials
            }
            SdkError::ConstructionFailure(_) => Cause::Configuration,
            SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => Cause::Unreachable,
            _ if status == Some(429) => Cause::Throttled,
            _ => Cause::ServiceFailed,
        };
        let said = error.as_service_error().and_then(|error| error.message()).map(str::to_owned);
        Self { cause, said }
    }

    /// Of an error whose cause is the answer to a request, or a request that could not be sent.
    pub(super) fn of_source<E>(source: &(dyn StdError + 'static)) -> Option<Self>
    where
        E: ProvideErrorMetadata + StdError + 'static,
    {
        if let Some(answer) = source.downcast_ref::<E>() {
            let cause = Self::of_answer(answer.code().unwrap_or_default(), None);
            return Some(Self { cause, said: answer.message().map(str::to_owned) });
        }
        source.downcast_ref::<SdkError<E, HttpResponse>>().map(Self::of)
    }

    /// Whether AWS names this.
    pub(super) fn names(&self, what: &str) -> bool {
        self.said.as_ref().is_some_and(|said| said.contains(what))
    }

    /// "Common Errors" of both API References, and the errors of the operations that are tried.
    fn of_answer(code: &str, status: Option<u16>) -> Cause {
        match code {
            "AccessDeniedException" | "AccessDenied" | "NotAuthorized" => Cause::NotPermitted,
            "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => Cause::ExpiredCredentials,
            "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "InvalidAccessKeyId"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "OptInRequired" => Cause::RefusedCredentials,
            "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "LimitExceededException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "ProvisionedThroughputExceededException"
            | "SlowDown" => Cause::Throttled,
            "ResourceNotFoundException" => Cause::Table(TableProblem::Missing),
            "NotFoundException" => Cause::KeyMissing,
            "DisabledException" => Cause::KeyDisabled,
            "KMSInvalidStateException" | "KeyUnavailableException" => Cause::KeyUnavailable,
            "InvalidKeyUsageException" => Cause::KeyUsage,
            "UnknownOperationException" | "UnsupportedOperationException" | "ValidationException" => {
                Cause::NotSupported
            }
            _ if status == Some(429) => Cause::Throttled,
            _ => Cause::ServiceFailed,
        }
    }
}

/// The SDK reports credentials that it could not get as a failed dispatch.
fn is_without_credentials(error: &(dyn StdError + 'static)) -> bool {
    std::iter::successors(Some(error), |error| (*error).source()).any(|error| error.is::<CredentialsError>())
}

/// Foreign text, made safe to print.
pub(super) fn shortened(said: &str) -> String {
    const CHARACTERS: usize = 1000;
    let mut text: String = said.chars().take(CHARACTERS).collect::<String>().escape_debug().collect();
    if said.chars().nth(CHARACTERS).is_some() {
        text.push('…');
    }
    text
}
