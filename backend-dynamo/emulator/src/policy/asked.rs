//! What a request asks for: actions on resources, each with the context keys that conditions look at.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::document::Unknown;
use crate::exchange::Request;

mod dynamodb;
mod kms;

/// Context keys, by their names in lower case.
pub(super) type Keys = BTreeMap<String, Vec<String>>;

/// One action on one resource.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// `dynamodb:GetItem`.
    pub action: String,
    /// The ARN of the table or key.
    pub resource: String,
    /// The context keys of the request, by their names in lower case; all but the caller's.
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Asked {
    /// An action on a resource, without any context key.
    pub fn new(action: impl Into<String>, resource: impl Into<String>) -> Self {
        Self { action: action.into(), resource: resource.into(), keys: Keys::new() }
    }

    /// With a context key, unless it has no value: a key without values is missing.
    #[must_use]
    pub fn with_key(mut self, name: &str, values: impl IntoIterator<Item = String>) -> Self {
        let values: BTreeSet<String> = values.into_iter().collect();
        if !values.is_empty() {
            self.keys.insert(name.to_ascii_lowercase(), values.into_iter().collect());
        }
        self
    }

    /// The values of a context key; none where it is missing.
    #[must_use]
    pub fn values(&self, key: &str) -> &[String] {
        self.keys.get(&key.to_ascii_lowercase()).map_or(&[], Vec::as_slice)
    }
}

/// Where resources are.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) region: String,
    pub(super) account: String,
    /// Alias or key id → ARN.
    pub(super) key_names: BTreeMap<String, String>,
}

/// Everything that a request needs to be allowed.
pub(super) fn asked(request: &Request, place: &Place) -> Result<Vec<Asked>, Unknown> {
    let target = request.header("x-amz-target").unwrap_or_default();
    let body: Value =
        serde_json::from_slice(&request.body).map_err(|error| format!("the request is no JSON: {error}"))?;
    match target.split_once('.') {
        Some(("DynamoDB_20120810", operation)) => dynamodb::asked(operation, &body, place),
        Some(("TrentService", operation)) => kms::asked(operation, &body, place),
        _ => Err(format!("the target {target:?} is of no known service")),
    }
}

fn text<'a>(value: &'a Value, member: &str) -> Result<&'a str, Unknown> {
    value[member].as_str().ok_or_else(|| format!("the request has no {member}"))
}
