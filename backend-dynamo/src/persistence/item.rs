//! Records as items: the original's attribute names, and room for everything else.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use secret_store_core::{Error, Record, RecordKey, Result, Revision, Stored, Value};
use sha2::{Digest, Sha256};

pub(crate) type Item = HashMap<String, AttributeValue>;

/// The table's partition key.
pub(crate) const PARTITION: &str = "ApplicationName";
/// The table's sort key.
pub(crate) const SORT: &str = "SecretName";
/// The id of the write that made the item.
pub(super) const REVISION: &str = "~rev";
/// Set where the key attributes are the item's address alone, and no attributes of the record.
const ADDRESS_ONLY: &str = "~address";
/// Twice in front of a record's attribute whose name is taken, empty, or begins with `~`.
const ESCAPE: char = '~';

/// What the original's items have, all of it.
const ORIGINAL: [&str; 6] =
    [PARTITION, "InitialisationVector", "MasterKeyId", "ProtectedDocumentKey", "ProtectedSecretValue", SORT];

const MAX_PARTITION_BYTES: usize = 2048;
const MAX_SORT_BYTES: usize = 1024;

/// Refuses what DynamoDB cannot hold as a key, before anything is sent.
pub(super) fn check_key(key: &RecordKey) -> Result<()> {
    check_partition(key.partition())?;
    check_sort(key.sort())
}

/// Refuses a partition key that is longer than any in DynamoDB.
pub(super) fn check_partition(partition: &str) -> Result<()> {
    check_length("partition key", MAX_PARTITION_BYTES, partition)
}

/// Refuses a sort key, or a bound, that is longer than any in DynamoDB.
pub(super) fn check_sort(sort: &str) -> Result<()> {
    check_length("sort key", MAX_SORT_BYTES, sort)
}

fn check_length(what: &'static str, limit: usize, text: &str) -> Result<()> {
    let length = stored_key(text).len();
    if length > limit { Err(Error::too_large(what, limit as u64, length as u64)) } else { Ok(()) }
}

/// The key attributes of a record.
pub(crate) fn key(key: &RecordKey) -> Item {
    Item::from([
        (PARTITION.to_owned(), AttributeValue::S(stored_key(key.partition()).into_owned())),
        (SORT.to_owned(), AttributeValue::S(stored_key(key.sort()).into_owned())),
    ])
}

/// A key as it is stored. DynamoDB has no empty one: a key of nothing but NULs gets one NUL more, which keeps every key apart
/// from every other and all of them in their order.
pub(crate) fn stored_key(text: &str) -> Cow<'_, str> {
    if only_nul(text) { Cow::Owned(format!("{text}\0")) } else { Cow::Borrowed(text) }
}

/// The key that is stored so.
pub(super) fn original_key(mut stored: String) -> Arc<str> {
    if only_nul(&stored) {
        stored.pop();
    }
    stored.into()
}

fn only_nul(text: &str) -> bool {
    text.bytes().all(|byte| byte == 0)
}

/// The item of a record and its revision: `write_id`, unless the record has exactly the original's six attributes.
pub(super) fn build(key: &RecordKey, record: &Record, write_id: &str) -> (Item, Revision) {
    let mut item = self::key(key);
    let address_is_of_record = is_text(record, PARTITION, key.partition()) && is_text(record, SORT, key.sort());
    for (name, value) in record.iter() {
        if address_is_of_record && (name == PARTITION || name == SORT) {
            continue;
        }
        item.insert(stored_name(name), attribute(value));
    }
    if !address_is_of_record {
        item.insert(ADDRESS_ONLY.to_owned(), AttributeValue::N("1".to_owned()));
    } else if is_original(record) {
        return (item, digest(record));
    }
    item.insert(REVISION.to_owned(), AttributeValue::S(write_id.to_owned()));
    (item, Revision::new(write_id))
}

fn is_text(record: &Record, name: &str, expected: &str) -> bool {
    record.text(name).is_some_and(|text| **text == *expected)
}

fn is_original(record: &Record) -> bool {
    record.iter().map(|(name, _)| name).eq(ORIGINAL)
}

pub(super) fn stored_name(name: &str) -> String {
    match name {
        "" | PARTITION | SORT => format!("{ESCAPE}{ESCAPE}{name}"),
        _ if name.starts_with(ESCAPE) => format!("{ESCAPE}{ESCAPE}{name}"),
        _ => name.to_owned(),
    }
}

pub(super) fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Text(text) => AttributeValue::S((**text).to_owned()),
        Value::Bytes(bytes) => AttributeValue::B(Blob::new(&**bytes)),
        Value::Number(number) => AttributeValue::N(number.to_string()),
    }
}

/// A record with its address and revision.
///
/// # Errors
///
/// [`Integrity`](secret_store_core::ErrorKind::Integrity) for an attribute of a type no record has, or marks that contradict each other.
pub(super) fn parse(mut item: Item) -> Result<(RecordKey, Stored)> {
    let (Some(AttributeValue::S(partition)), Some(AttributeValue::S(sort))) =
        (item.remove(PARTITION), item.remove(SORT))
    else {
        return Err(Error::integrity());
    };
    let key = RecordKey::new(original_key(partition), original_key(sort));
    let revision = match item.remove(REVISION) {
        Some(AttributeValue::S(write_id)) => Some(Revision::new(write_id)),
        Some(_) => return Err(Error::integrity()),
        None => None,
    };
    let mut record = Record::with_capacity(item.len() + 2);
    if item.remove(ADDRESS_ONLY).is_none() {
        record.set(PARTITION, Value::Text(Arc::clone(key.partition())));
        record.set(SORT, Value::Text(Arc::clone(key.sort())));
    }
    for (name, value) in item {
        let name = match name.strip_prefix("~~") {
            Some(name) => name.to_owned(),
            None if name.starts_with(ESCAPE) => return Err(Error::integrity()),
            None => name,
        };
        record.set(name, parse_attribute(value)?);
    }
    let revision = revision.unwrap_or_else(|| digest(&record));
    Ok((key, Stored { record: Arc::new(record), revision }))
}

fn parse_attribute(value: AttributeValue) -> Result<Value> {
    match value {
        AttributeValue::S(text) => Ok(Value::Text(text.into())),
        AttributeValue::B(bytes) => Ok(Value::Bytes(bytes.into_inner().into())),
        AttributeValue::N(number) => number.parse().map(Value::Number).map_err(|_| Error::integrity()),
        _ => Err(Error::integrity()),
    }
}

/// The revision of an item that carries none.
pub(super) fn digest(record: &Record) -> Revision {
    Revision::new(format!("sha256:{}", hex::encode(Sha256::digest(record.to_bytes()))))
}

/// Whether a revision is of an item that carries none.
pub(super) fn is_digest(revision: &Revision) -> bool {
    revision.as_text().starts_with("sha256:")
}
