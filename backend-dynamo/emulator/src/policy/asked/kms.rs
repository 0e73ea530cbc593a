//! Requests to KMS.
//!
//! * "ReEncrypt", KMS API Reference: authorised twice, as `kms:ReEncryptFrom` on the source key and as `kms:ReEncryptTo` on the
//!   destination key, each with its own encryption context.
//! * "AWS KMS condition keys", KMS Developer Guide: `kms:EncryptionContext:` and the name of a pair has that pair's value, and the
//!   name counts in any case; `kms:EncryptionContextKeys` has all names. Without a context none of them exists.

use serde_json::Value;

use super::super::document::Unknown;
use super::{Asked, Place, text};

pub(super) fn asked(operation: &str, body: &Value, place: &Place) -> Result<Vec<Asked>, Unknown> {
    let on_key = |action: &str, member: &str| -> Result<Asked, Unknown> {
        Ok(Asked::new(format!("kms:{action}"), key(body, member, place)?))
    };
    match operation {
        "DescribeKey" | "GetPublicKey" | "RotateKeyOnDemand" => Ok(vec![on_key(operation, "KeyId")?]),
        "Encrypt" | "Decrypt" | "GenerateDataKey" | "GenerateDataKeyWithoutPlaintext" => {
            Ok(vec![with_context(on_key(operation, "KeyId")?, &body["EncryptionContext"])?])
        }
        "ReEncrypt" => {
            let from = with_context(on_key("ReEncryptFrom", "SourceKeyId")?, &body["SourceEncryptionContext"])?;
            let to = with_context(on_key("ReEncryptTo", "DestinationKeyId")?, &body["DestinationEncryptionContext"])?;
            Ok(vec![from, to])
        }
        _ => Err(format!("kms:{operation} is not one that this evaluator knows")),
    }
}

/// The key itself, whatever a request calls it. A `Decrypt` that pins none is for KMS to resolve, and unknown here.
fn key(body: &Value, member: &str, place: &Place) -> Result<String, Unknown> {
    let name = text(body, member)?;
    if name.starts_with("arn:") && name.contains(":key/") {
        return Ok(name.to_owned());
    }
    place.key_names.get(name).cloned().ok_or_else(|| format!("the key name {name:?} is not one that was declared"))
}

fn with_context(asked: Asked, context: &Value) -> Result<Asked, Unknown> {
    let pairs = match context {
        Value::Null => return Ok(asked),
        Value::Object(pairs) => pairs,
        _ => return Err("an encryption context is no object".to_owned()),
    };
    let mut asked = asked.with_key("kms:EncryptionContextKeys", pairs.keys().cloned());
    for (name, value) in pairs {
        let key = format!("kms:encryptioncontext:{}", name.to_ascii_lowercase());
        if asked.keys.contains_key(&key) {
            return Err(format!("two pairs of an encryption context are called {name:?}, but for the case"));
        }
        let value = value.as_str().ok_or("a pair of an encryption context is no text")?;
        asked = asked.with_key(&key, [value.to_owned()]);
    }
    Ok(asked)
}
