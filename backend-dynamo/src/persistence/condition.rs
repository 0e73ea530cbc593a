//! Preconditions as condition expressions.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use secret_store_core::{Record, Revision};

use super::item::{self, PARTITION, REVISION, SORT};

/// A condition expression with the names and values it uses.
#[derive(Debug, Default)]
pub(super) struct Condition {
    pub(super) expression: Option<String>,
    pub(super) names: Option<HashMap<String, String>>,
    pub(super) values: Option<HashMap<String, AttributeValue>>,
}

impl Condition {
    /// No item is there.
    pub(super) fn absent() -> Self {
        Self {
            expression: Some("attribute_not_exists(#p)".to_owned()),
            names: Some(HashMap::from([("#p".to_owned(), PARTITION.to_owned())])),
            values: None,
        }
    }

    /// The item carries this revision.
    pub(super) fn revision(revision: &Revision) -> Self {
        Self {
            expression: Some("#r = :r".to_owned()),
            names: Some(HashMap::from([("#r".to_owned(), REVISION.to_owned())])),
            values: Some(HashMap::from([(":r".to_owned(), AttributeValue::S(revision.as_text().into_owned()))])),
        }
    }

    /// The item carries no revision, and each of its attributes is still this record's.
    pub(super) fn attributes(record: &Record) -> Self {
        let names = [("#p".to_owned(), PARTITION.to_owned()), ("#r".to_owned(), REVISION.to_owned())];
        let mut names = HashMap::from(names);
        let mut values = HashMap::new();
        let mut expression = "attribute_exists(#p) AND attribute_not_exists(#r)".to_owned();
        // The item is found by its key attributes, so these are as they were.
        let others = record.iter().filter(|(name, _)| *name != PARTITION && *name != SORT);
        for (n, (name, value)) in others.enumerate() {
            expression.push_str(&format!(" AND #{n} = :{n}"));
            names.insert(format!("#{n}"), item::stored_name(name));
            values.insert(format!(":{n}"), item::attribute(value));
        }
        let values = Some(values).filter(|values| !values.is_empty());
        Self { expression: Some(expression), names: Some(names), values }
    }
}
