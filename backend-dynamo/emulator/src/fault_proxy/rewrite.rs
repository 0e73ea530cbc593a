//! Requests of which only a part is done.

use serde_json::{Value, json};

use crate::exchange::{Request, Response};

/// Makes the answer to the whole request from the answer to its part.
type Complete = Box<dyn FnOnce(Response) -> Response + Send>;

/// The part to do, and how its answer says so; `None` where nothing can be left out.
pub(super) fn partial(request: &Request) -> Option<(Request, Complete)> {
    let mut body = request.json();
    match request.operation() {
        "BatchGetItem" => {
            let mut unprocessed = serde_json::Map::new();
            for (table, keys) in body["RequestItems"].as_object_mut()? {
                let rest = keys["Keys"].as_array_mut()?.split_off(1);
                if !rest.is_empty() {
                    let mut left = keys.clone();
                    left["Keys"] = Value::Array(rest);
                    unprocessed.insert(table.clone(), left);
                }
            }
            let complete = move |response: Response| with_unprocessed(&response, unprocessed);
            Some((with_body(request, &body), Box::new(complete)))
        }
        "Query" => {
            body["Limit"] = json!(1);
            Some((with_body(request, &body), Box::new(|response| response)))
        }
        _ => None,
    }
}

fn with_body(request: &Request, body: &Value) -> Request {
    Request { body: body.to_string().into_bytes(), ..request.clone() }
}

/// Without the checksum header, which was of another body.
fn with_unprocessed(response: &Response, unprocessed: serde_json::Map<String, Value>) -> Response {
    let mut body: Value = serde_json::from_slice(&response.body).unwrap_or_default();
    body["UnprocessedKeys"] = Value::Object(unprocessed);
    Response::json(response.status, &body)
}
