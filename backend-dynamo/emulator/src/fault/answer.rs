//! Answers that the stand-in did not give, as DynamoDB words them.

use serde_json::{Value, json};

use super::ProxyFault;
use super::script::Script;
use crate::loopback::{Request, Response};

const NAMESPACE: &str = "com.amazonaws.dynamodb.v20120810#";
const COMMON_NAMESPACE: &str = "com.amazon.coral.service#";

/// The answer of a fault that answers by itself; `None` where this request passes.
pub(super) fn scripted(request: &Request, fault: ProxyFault) -> Option<Response> {
    let error = |status, namespace: &str, code: &str, message: &str| {
        Some(Response::json(status, &json!({ "__type": format!("{namespace}{code}"), "message": message })))
    };
    match fault {
        ProxyFault::Answer(response) => Some(response),
        ProxyFault::Throttled => {
            error(400, COMMON_NAMESPACE, "ThrottlingException", "Rate of requests exceeds the allowed throughput.")
        }
        ProxyFault::CapacityExceeded => error(
            400,
            NAMESPACE,
            "ProvisionedThroughputExceededException",
            "The level of configured provisioned throughput for the table was exceeded.",
        ),
        ProxyFault::ServerError => error(500, NAMESPACE, "InternalServerError", "The request processing has failed."),
        ProxyFault::BareUnavailable => Some(Response::bare(503)),
        ProxyFault::BareTooMany => Some(Response::bare(429)),
        ProxyFault::ExpiredCredentials => error(
            400,
            COMMON_NAMESPACE,
            "ExpiredTokenException",
            "The security token included in the request is expired",
        ),
        ProxyFault::Denied => error(
            400,
            COMMON_NAMESPACE,
            "AccessDeniedException",
            "User: arn:aws:iam::111122223333:user/test is not authorized to perform this action",
        ),
        ProxyFault::Conflict => conflict(request),
        _ => None,
    }
}

fn conflict(request: &Request) -> Option<Response> {
    match request.operation() {
        "TransactWriteItems" => {
            let body: Value = serde_json::from_slice(&request.body).ok()?;
            let count = body["TransactItems"].as_array()?.len();
            let mut reasons = vec![json!({ "Code": "None" }); count];
            *reasons.last_mut()? =
                json!({ "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" });
            let codes: Vec<_> = reasons.iter().filter_map(|reason| reason["Code"].as_str()).collect();
            let message = format!(
                "Transaction cancelled, please refer cancellation reasons for specific reasons [{}]",
                codes.join(", ")
            );
            let kind = format!("{NAMESPACE}TransactionCanceledException");
            Some(Response::json(400, &json!({ "__type": kind, "Message": message, "CancellationReasons": reasons })))
        }
        "PutItem" | "DeleteItem" | "UpdateItem" => {
            let kind = format!("{NAMESPACE}TransactionConflictException");
            Some(Response::json(400, &json!({ "__type": kind, "message": "Transaction is ongoing for the item" })))
        }
        _ => None,
    }
}

/// What a lagging replica answers: the same read's first answer, or nothing; `None` where no replica is asked.
pub(super) fn stale(request: &Request, script: &Script) -> Option<Response> {
    let mut body: Value = serde_json::from_slice(&request.body).ok()?;
    let strong = match request.operation() {
        "BatchGetItem" => {
            let tables = body["RequestItems"].as_object()?;
            tables.values().any(|table| table["ConsistentRead"] == true)
        }
        "GetItem" | "Query" => body["ConsistentRead"].take() == true,
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
