//! Requests to DynamoDB.
//!
//! * "Actions, resources, and condition keys for Amazon DynamoDB", Service Authorization Reference: each operation on items is
//!   an action of its own name; a batch is one too, over the keys of all its items.
//! * "Using IAM with DynamoDB transactions", DynamoDB Developer Guide: a transaction is none. Its Put, Update, Delete, Get and
//!   ConditionCheck need `PutItem`, `UpdateItem`, `DeleteItem`, `GetItem` and `ConditionCheckItem`.
//! * "Using IAM policy conditions for fine-grained access control", same guide: `dynamodb:LeadingKeys` are the partition
//!   keys. A Scan has none.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::document::Unknown;
use super::{Asked, Place, text};

const PARTITION_KEY: &str = "ApplicationName";
const LEADING_KEYS: &str = "dynamodb:LeadingKeys";

pub(super) fn asked(operation: &str, body: &Value, place: &Place) -> Result<Vec<Asked>, Unknown> {
    let action = format!("dynamodb:{operation}");
    let of_table = |table: &str| Asked::new(action.clone(), arn(place, table));
    match operation {
        "GetItem" | "DeleteItem" | "UpdateItem" => Ok(vec![one(of_table(text(body, "TableName")?), &body["Key"])?]),
        "PutItem" => Ok(vec![one(of_table(text(body, "TableName")?), &body["Item"])?]),
        "Query" => Ok(vec![of_table(text(body, "TableName")?).with_key(LEADING_KEYS, [queried(body)?])]),
        "BatchGetItem" => batch(body, of_table),
        "TransactWriteItems" | "TransactGetItems" => transaction(operation, body, place),
        "Scan"
        | "CreateTable"
        | "DeleteTable"
        | "UpdateTable"
        | "DescribeTable"
        | "UpdateContinuousBackups"
        | "DescribeContinuousBackups" => Ok(vec![of_table(text(body, "TableName")?)]),
        "ExecuteStatement" => partiql(body, place).map(|asked| vec![asked]),
        _ => Err(format!("{action} is not one that this evaluator knows")),
    }
}

fn arn(place: &Place, table: &str) -> String {
    // A request may name the table by its ARN.
    if table.starts_with("arn:") {
        return table.to_owned();
    }
    format!("arn:aws:dynamodb:{}:{}:table/{table}", place.region, place.account)
}

fn one(asked: Asked, attributes: &Value) -> Result<Asked, Unknown> {
    Ok(asked.with_key(LEADING_KEYS, [partition(attributes)?]))
}

fn partition(attributes: &Value) -> Result<String, Unknown> {
    let key = attributes[PARTITION_KEY]["S"].as_str();
    key.map(str::to_owned).ok_or_else(|| format!("an item has no partition key {PARTITION_KEY}"))
}

fn batch(body: &Value, of_table: impl Fn(&str) -> Asked) -> Result<Vec<Asked>, Unknown> {
    let tables = body["RequestItems"].as_object().ok_or("a batch has no RequestItems")?;
    let mut all = Vec::new();
    for (table, request) in tables {
        let keys = request["Keys"].as_array().ok_or("a batch has no Keys")?;
        let partitions = keys.iter().map(partition).collect::<Result<Vec<_>, _>>()?;
        all.push(of_table(table).with_key(LEADING_KEYS, partitions));
    }
    Ok(all)
}

/// Each item, and all items of one action together. Whether AWS judges items by themselves or an action at once is not
/// documented, so that a policy has to admit both.
fn transaction(operation: &str, body: &Value, place: &Place) -> Result<Vec<Asked>, Unknown> {
    let items = body["TransactItems"].as_array().ok_or("a transaction has no TransactItems")?;
    let mut all = Vec::new();
    let mut together: BTreeMap<(&str, String), Vec<String>> = BTreeMap::new();
    for item in items {
        let (kind, write) = item.as_object().and_then(|item| item.iter().next()).ok_or("a write is empty")?;
        let action = match kind.as_str() {
            "Put" => "dynamodb:PutItem",
            "Update" => "dynamodb:UpdateItem",
            "Delete" => "dynamodb:DeleteItem",
            "Get" => "dynamodb:GetItem",
            "ConditionCheck" => "dynamodb:ConditionCheckItem",
            other => return Err(format!("a transaction has a {other:?}")),
        };
        let table = arn(place, text(write, "TableName")?);
        let partition = partition(if kind == "Put" { &write["Item"] } else { &write["Key"] })?;
        let asked = Asked::new(action, table.clone()).with_key(LEADING_KEYS, [partition.clone()]);
        all.push(asked.with_key("dynamodb:EnclosingOperation", [operation.to_owned()]));
        together.entry((action, table)).or_default().push(partition);
    }
    for ((action, table), partitions) in together.into_iter().filter(|(_, partitions)| partitions.len() > 1) {
        let asked = Asked::new(action, table).with_key(LEADING_KEYS, partitions);
        all.push(asked.with_key("dynamodb:EnclosingOperation", [operation.to_owned()]));
    }
    Ok(all)
}

/// The partition of a query. Of the ways to write a key condition this knows the one of this backend, `#p = :p AND …`.
fn queried(body: &Value) -> Result<String, Unknown> {
    if !body["IndexName"].is_null() {
        return Err("a query of an index is not one that this evaluator knows".to_owned());
    }
    let expression = text(body, "KeyConditionExpression")?;
    let (first, _) = expression.split_once(" AND ").unwrap_or((expression, ""));
    let (name, value) =
        first.split_once(" = ").ok_or_else(|| format!("the key condition {expression:?} is another"))?;
    let name = body["ExpressionAttributeNames"][name].as_str();
    let value = body["ExpressionAttributeValues"][value]["S"].as_str();
    match (name, value) {
        (Some(PARTITION_KEY), Some(value)) => Ok(value.to_owned()),
        _ => Err(format!("the key condition {expression:?} does not begin with the partition key")),
    }
}

/// "IAM security policies with PartiQL for DynamoDB". The leading keys of a statement are not computed; missing ones are what
/// `ForAllValues` is most lenient about.
fn partiql(body: &Value, place: &Place) -> Result<Asked, Unknown> {
    let statement = text(body, "Statement")?;
    let action = match statement.split_whitespace().next().map(str::to_ascii_uppercase).as_deref() {
        Some("SELECT") => "dynamodb:PartiQLSelect",
        Some("INSERT") => "dynamodb:PartiQLInsert",
        Some("UPDATE") => "dynamodb:PartiQLUpdate",
        Some("DELETE") => "dynamodb:PartiQLDelete",
        _ => return Err(format!("the statement {statement:?} is not one that this evaluator knows")),
    };
    let table = statement.split('"').nth(1).ok_or("the statement quotes no table")?;
    Ok(Asked::new(action, arn(place, table)))
}
