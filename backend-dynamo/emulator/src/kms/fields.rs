//! The members of a request.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::refusal::Refusal;

/// The members of one request, none of them unknown to the operation.
pub(super) struct Fields(Map<String, Value>);

impl Fields {
    /// Refuses what is no JSON object, and members that the operation does not implement: a stand-in that ignored them
    /// would answer something else than KMS.
    pub(super) fn parse(body: &[u8], known: &[&str]) -> Result<Self, Refusal> {
        let Ok(Value::Object(members)) = serde_json::from_slice(body) else {
            return Err(Refusal::new("SerializationException", "the body is no JSON object"));
        };
        match members.keys().find(|name| !known.contains(&name.as_str())) {
            Some(unknown) => Err(Refusal::unsupported(&format!("the parameter {unknown}"))),
            None => Ok(Self(members)),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    pub(super) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.text(name).ok_or_else(|| Refusal::validation(name, "not be null"))
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.0.get(name)?.as_u64()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    /// A list of texts; empty when there is none.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<&str>, Refusal> {
        let Some(list) = self.0.get(name) else { return Ok(Vec::new()) };
        let texts: Option<Vec<_>> = list.as_array().and_then(|list| list.iter().map(Value::as_str).collect());
        texts.ok_or_else(|| Refusal::new("SerializationException", "no list of texts"))
    }

    /// Required bytes, in base64, of 1 to `limit`.
    pub(super) fn bytes(&self, name: &str, limit: usize) -> Result<Vec<u8>, Refusal> {
        let text = self.required(name)?;
        let bytes = STANDARD.decode(text).map_err(|_| Refusal::new("SerializationException", "no base64"))?;
        match bytes.len() {
            0 => Err(Refusal::validation(name, "have length greater than or equal to 1")),
            length if length > limit => {
                Err(Refusal::validation(name, &format!("have length less than or equal to {limit}")))
            }
            _ => Ok(bytes),
        }
    }

    /// An encryption context; empty when there is none.
    pub(super) fn context(&self, name: &str) -> Result<BTreeMap<String, String>, Refusal> {
        let Some(context) = self.0.get(name) else { return Ok(BTreeMap::new()) };
        serde_json::from_value(context.clone()).map_err(|_| Refusal::new("SerializationException", "no map of texts"))
    }
}

/// Bytes as a JSON value.
pub(super) fn base64(bytes: &[u8]) -> Value {
    STANDARD.encode(bytes).into()
}
