//! What KMS and the way to it may answer, and what each means here.

use std::error::Error as StdError;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_kms::config::http::HttpResponse;
use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use secret_store_core::{Error, ErrorKind};

use super::allow_list::Replica;

/// One request, for messages.
#[derive(Debug)]
pub(super) struct Call<'a> {
    action: &'static str,
    key: &'a Replica,
    target: Option<&'a Replica>,
}

impl<'a> Call<'a> {
    pub(super) fn new(action: &'static str, key: &'a Replica) -> Self {
        Self { action, key, target: None }
    }

    pub(super) fn between(action: &'static str, source: &'a Replica, target: &'a Replica) -> Self {
        Self { action, key: source, target: Some(target) }
    }

    /// `master key … in region …`, or both of a re-encryption.
    fn subject(&self) -> String {
        let (arn, region) = (&self.key.arn, &self.key.region);
        match self.target {
            None => format!("master key {arn} in region {region}"),
            Some(target) => format!("master keys {arn} and {} in region {region}", target.arn),
        }
    }

    /// An answer that lacks what every answer of this operation has.
    pub(super) fn incomplete(&self) -> Error {
        let message = format!("the answer to {} for {} is incomplete: check the endpoint", self.action, self.subject());
        Error::new(ErrorKind::Unavailable, message)
    }

    /// The one mapping of errors.
    ///
    /// An SDK error is never attached whole: it may hold the answer's body, and that the plaintext key.
    pub(super) fn failed<E>(&self, error: SdkError<E, HttpResponse>) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        if is_caused_by_credentials(&error) {
            return self.refused_credentials("there are no usable credentials").with_source(error);
        }
        let (action, subject) = (self.action, self.subject());
        match error {
            SdkError::ServiceError(answer) => {
                let status = answer.raw().status().as_u16();
                // A success that cannot be read arrives here too. Its cause may quote the plaintext key.
                if (200..300).contains(&status) { self.incomplete() } else { self.answered(status, answer.into_err()) }
            }
            SdkError::ConstructionFailure(_) => Error::invalid_input(format!(
                "the request {action} for {subject} could not be made: check the client's region, endpoint and credentials"
            )),
            SdkError::TimeoutError(_) => unavailable(format!("{action} for {subject} got no answer in time")),
            SdkError::ResponseError(answer) => match answer.raw().status().as_u16() {
                429 => throttled(format!("KMS throttles {action} for {subject}: slow down or raise the quota")),
                _ => self.incomplete(),
            },
            // It has no answer to give away: none came.
            failure @ SdkError::DispatchFailure(_) => {
                unavailable(format!("{action} for {subject} could not be sent: check the network and the endpoint"))
                    .with_source(failure)
            }
            _ => unavailable(format!("{action} for {subject} failed")),
        }
    }

    fn answered<E>(&self, status: u16, answer: E) -> Error
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let (action, subject) = (self.action, self.subject());
        let code = answer.code().unwrap_or_default();
        let error = match code {
            "InvalidCiphertextException" | "IncorrectKeyException" => Error::integrity(),
            // Of a key that is pending deletion KMS may answer either ("Key states of AWS KMS keys", KMS Developer Guide),
            // and a deletion that was cancelled leaves it disabled.
            "DisabledException" => key_unavailable(format!(
                "{subject} is disabled or pending deletion: if `aws kms describe-key` says the latter, cancel the deletion \
                 with `aws kms cancel-key-deletion`, then enable it with `aws kms enable-key`"
            )),
            "KMSInvalidStateException" => key_unavailable(format!(
                "{subject} is in a state that admits no {action} (pending deletion or import, unavailable): look at \
                 `aws kms describe-key`, cancel a deletion with `aws kms cancel-key-deletion`, then enable it with \
                 `aws kms enable-key`"
            )),
            "KeyUnavailableException" => {
                key_unavailable(format!("{subject} is temporarily unavailable at KMS: try again later"))
            }
            "NotFoundException" => key_unavailable(format!(
                "{subject} does not exist there: check the region, the account and the name in the allow-list"
            )),
            "InvalidKeyUsageException" => {
                Error::invalid_input(format!("{subject} is no symmetric encryption key: configure another"))
            }
            "ValidationException" | "InvalidArnException" | "SerializationException" => {
                Error::invalid_input(format!("KMS finds {action} for {subject} malformed: check the key's name"))
            }
            "UnsupportedOperationException" | "UnknownOperationException" | "DryRunOperationException" => {
                Error::new(ErrorKind::Unsupported, format!("KMS does not carry out {action} for {subject}"))
            }
            "AccessDeniedException" | "AccessDenied" | "InvalidGrantTokenException" | "NotAuthorized" => {
                denied(format!(
                    "{action} is denied on {subject}: allow it for this identity in its IAM policy and in the key policy, \
                 with conditions that this encryption context meets"
                ))
            }
            code if is_credentials_code(code) => self.refused_credentials("AWS refuses the credentials"),
            code if is_throttling_code(code) || status == 429 => {
                throttled(format!("KMS throttles {action} for {subject}: slow down or raise the quota"))
            }
            "DependencyTimeoutException" | "KMSInternalException" => {
                unavailable(format!("KMS failed at {action} for {subject}: try again"))
            }
            _ if status >= 500 || status == 408 => {
                unavailable(format!("KMS failed at {action} for {subject}: try again"))
            }
            _ if matches!(status, 401 | 403) => {
                denied(format!("{action} is denied on {subject}: check the endpoint and the IAM policy"))
            }
            _ => Error::invalid_input(format!("KMS refuses {action} for {subject} with status {status}")),
        };
        error.with_source(answer)
    }

    fn refused_credentials(&self, what: &str) -> Error {
        denied(format!(
            "{what} for {} on {}: refresh them, and check their account, the region and the clock",
            self.action,
            self.subject()
        ))
    }
}

fn is_caused_by_credentials<E>(error: &SdkError<E, HttpResponse>) -> bool
where
    E: StdError + Send + Sync + 'static,
{
    if !matches!(error, SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_)) {
        return false;
    }
    let mut cause = StdError::source(error);
    while let Some(error) = cause {
        if error.is::<CredentialsError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

/// "Common Errors", KMS API Reference, and what the signature check of every AWS service answers.
fn is_credentials_code(code: &str) -> bool {
    matches!(
        code,
        "ExpiredTokenException"
            | "ExpiredToken"
            | "RequestExpired"
            | "UnrecognizedClientException"
            | "InvalidClientTokenId"
            | "IncompleteSignature"
            | "IncompleteSignatureException"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "MissingAuthenticationToken"
            | "MissingAuthenticationTokenException"
            | "OptInRequired"
    )
}

fn is_throttling_code(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException"
            | "Throttling"
            | "ThrottledException"
            | "LimitExceededException"
            | "TooManyRequestsException"
            | "RequestLimitExceeded"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "SlowDown"
    )
}

fn key_unavailable(message: String) -> Error {
    Error::new(ErrorKind::KeyUnavailable, message)
}

fn denied(message: String) -> Error {
    Error::new(ErrorKind::PermissionDenied, message)
}

fn throttled(message: String) -> Error {
    Error::new(ErrorKind::Throttled, message)
}

fn unavailable(message: String) -> Error {
    Error::new(ErrorKind::Unavailable, message)
}
