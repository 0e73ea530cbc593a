//! How a request goes wrong.

use std::time::Duration;

use crate::exchange::Response;

/// How a request to AWS goes wrong on its way. What a service does not know (another transaction, at KMS) passes there.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Fault {
    /// Answered so; the service never sees it.
    Answer(Response),
    /// `ThrottlingException`.
    Throttled,
    /// `ProvisionedThroughputExceededException`. DynamoDB alone.
    CapacityExceeded,
    /// `InternalServerError` or `KMSInternalException`, status 500; not carried out.
    ServerError,
    /// Status 503 with a body that is no JSON, as a load balancer answers; not carried out.
    BareUnavailable,
    /// Status 429 with a body that is no JSON.
    BareTooMany,
    /// Never answered, not carried out.
    Hang,
    /// Carried out, never answered.
    HangAfter,
    /// The connection is reset before anything is carried out.
    ResetBefore,
    /// Carried out; then the connection is reset: the acknowledgement is lost.
    ResetAfter,
    /// Only a part is done: of a `BatchGetItem` one key, the others are unprocessed; of a `Query` a page of one item. Other
    /// requests pass.
    Partial,
    /// Another transaction is in progress: `TransactionCanceledException` with a reason for each write, or
    /// `TransactionConflictException`. Reads pass, and KMS does.
    Conflict,
    /// An eventually consistent read is answered by a replica that lags behind: as the same read was answered first, or as if
    /// nothing had ever been written. Strongly consistent reads, writes and KMS pass.
    Stale,
    /// `ExpiredTokenException`.
    ExpiredCredentials,
    /// `AccessDeniedException`.
    Denied,
    /// The master key is disabled: `DisabledException`. Of KMS, the requests that use a key.
    KeyDisabled,
    /// Carried out and answered, but later.
    Delay(Duration),
}
