//! Answers that no stand-in gave, as each service words them.

use serde_json::{Value, json};

use super::fault::Fault;
use super::script::Script;
use crate::exchange::{Request, Response, Service};

const DYNAMODB: &str = "com.amazonaws.dynamodb.v20120810#";
const COMMON: &str = "com.amazon.coral.service#";

/// The answer of a fault that answers by itself; `None` where this request passes.
pub(super) fn scripted(request: &Request, fault: Fault) -> Option<Response> {
    match (fault, request.service()) {
        (Fault::Answer(response), _) => Some(response),
        (Fault::BareUnavailable, _) => Some(Response::bare(503)),
        (Fault::BareTooMany, _) => Some(Response::bare(429)),
        (fault, Some(Service::Kms)) => of_kms(request, &fault),
        (fault, _) => of_dynamodb(request, &fault),
    }
}

/// KMS names its errors without a namespace ("Throttling AWS KMS requests", "Troubleshooting AWS KMS permissions", KMS
/// Developer Guide).
fn of_kms(request: &Request, fault: &Fault) -> Option<Response> {
    let (status, code, message) = match fault {
        Fault::Throttled => (
            400,
            "ThrottlingException",
            "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.".to_owned(),
        ),
        Fault::ServerError => (500, "KMSInternalException", "An internal failure occurred".to_owned()),
        Fault::ExpiredCredentials => (400, "ExpiredTokenException", EXPIRED.to_owned()),
        Fault::Denied => (400, "AccessDeniedException", denial(request)),
        Fault::KeyDisabled if request.operation() != "DescribeKey" => {
            let key = ["KeyId", "DestinationKeyId"]
                .into_iter()
                .find_map(|name| request.json()[name].as_str().map(str::to_owned));
            (400, "DisabledException", format!("{} is disabled.", key.unwrap_or_default()))
        }
        _ => return None,
    };
    Some(Response::error(status, code, &message))
}

fn of_dynamodb(request: &Request, fault: &Fault) -> Option<Response> {
    let (status, namespace, code, message) = match fault {
        Fault::Throttled => {
            (400, COMMON, "ThrottlingException", "Rate of requests exceeds the allowed throughput.".to_owned())
        }
        Fault::CapacityExceeded => (
            400,
            DYNAMODB,
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.".to_owned(),
        ),
        Fault::ServerError => (500, DYNAMODB, "InternalServerError", "The request processing has failed.".to_owned()),
        Fault::ExpiredCredentials => (400, COMMON, "ExpiredTokenException", EXPIRED.to_owned()),
        Fault::Denied => (400, COMMON, "AccessDeniedException", denial(request)),
        Fault::Conflict => return conflict(request),
        _ => return None,
    };
    Some(Response::error(status, &format!("{namespace}{code}"), &message))
}

const EXPIRED: &str = "The security token included in the request is expired";

fn denial(request: &Request) -> String {
    let action = request.action();
    format!("User: arn:aws:iam::111122223333:user/test is not authorized to perform: {action}")
}

fn conflict(request: &Request) -> Option<Response> {
    match request.operation() {
        "TransactWriteItems" => {
            let count = request.json()["TransactItems"].as_array()?.len();
            let mut reasons = vec![json!({ "Code": "None" }); count];
            *reasons.last_mut()? =
                json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" });
            let codes: Vec<_> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
            let message = format!(
                "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                codes.join(", ")
            );
            let kind = format!("{DYNAMODB}TransactionCanceledException");
            Some(Response::json(400, &json!({ "__type": kind, "Message": message, "CancellationReasons": reasons })))
        }
        "PutItem" | "DeleteItem" | "UpdateItem" => {
            let kind = format!("{DYNAMODB}TransactionConflictException");
            Some(Response::error(400, &kind, "Transaction is ongoing for the item"))
        }
        _ => None,
    }
}

/// What a lagging replica answers: the same read's first answer, or nothing; `None` where no replica is asked.
pub(super) fn stale(request: &Request, script: &Script) -> Option<Response> {
    let body = request.json();
    let is_strong = |read: &Value| read["ConsistentRead"] == true;
    let strong = match request.operation() {
        "BatchGetItem" => body["RequestItems"].as_object()?.values().any(is_strong),
        "GetItem" | "Query" => is_strong(&body),
        _ => return None,
    };
    if strong {
        return None;
    }
    Some(script.first_answer(request).unwrap_or_else(|| match request.operation() {
        "GetItem" => Response::json(200, &json!({})),
        "Query" => Response::json(200, &json!({ "Items": [], "Count": 0, "ScannedCount": 0 })),
        _ => Response::json(200, &json!({ "Responses": {}, "UnprocessedKeys": {} })),
    }))
}
