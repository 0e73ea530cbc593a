//! The Condition element.
//!
//! "IAM JSON policy elements: Condition operators" and "Set operators for multivalued context keys", IAM User Guide.

use std::collections::BTreeMap;

use serde_json::Value;

use super::asked::Keys;
use super::document::{Unknown, texts};
use super::pattern;

/// Everything of it must hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Condition(Vec<Test>);

#[derive(Clone, Debug)]
struct Test {
    operator: Operator,
    /// In lower case: names of context keys are not case-sensitive.
    key: String,
    values: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    StringEquals,
    StringNotEquals,
    Null,
    ForAllValuesStringEquals,
    ForAllValuesStringLike,
    ForAnyValueStringEquals,
}

impl Operator {
    fn parse(name: &str) -> Result<Self, Unknown> {
        Ok(match name {
            "StringEquals" => Self::StringEquals,
            "StringNotEquals" => Self::StringNotEquals,
            "Null" => Self::Null,
            "ForAllValues:StringEquals" => Self::ForAllValuesStringEquals,
            "ForAllValues:StringLike" => Self::ForAllValuesStringLike,
            "ForAnyValue:StringEquals" => Self::ForAnyValueStringEquals,
            _ => return Err(format!("the condition operator {name:?} is not one that this evaluator knows")),
        })
    }

    fn is_of_sets(self) -> bool {
        matches!(self, Self::ForAllValuesStringEquals | Self::ForAllValuesStringLike | Self::ForAnyValueStringEquals)
    }
}

/// The context keys that may have several values in one request.
fn is_multivalued(key: &str) -> bool {
    matches!(key, "dynamodb:leadingkeys" | "dynamodb:attributes" | "kms:encryptioncontextkeys")
}

impl Condition {
    pub(super) fn parse(value: Option<Value>) -> Result<Self, Unknown> {
        let operators: BTreeMap<String, BTreeMap<String, Value>> = match value {
            None => return Ok(Self::default()),
            Some(value) => {
                serde_json::from_value(value).map_err(|error| format!("a Condition is malformed: {error}"))?
            }
        };
        let mut tests = Vec::new();
        for (name, keys) in operators {
            let operator = Operator::parse(&name)?;
            for (key, values) in keys {
                tests.push(Test::parse(operator, &key, values)?);
            }
        }
        Ok(Self(tests))
    }

    pub(super) fn holds(&self, keys: &Keys) -> bool {
        self.0.iter().all(|test| test.holds(keys.get(&test.key)))
    }
}

impl Test {
    fn parse(operator: Operator, key: &str, values: Value) -> Result<Self, Unknown> {
        let key = key.to_ascii_lowercase();
        // "Single-valued vs. multivalued context keys": the other combinations do not mean what they say, and KMS refuses
        // some of them as overly permissive.
        if operator != Operator::Null && operator.is_of_sets() != is_multivalued(&key) {
            return Err(format!("{operator:?} on {key:?}: set operators are for multivalued keys, the others are not"));
        }
        let values = match values {
            Value::Bool(value) if operator == Operator::Null => vec![value.to_string()],
            values => texts("a condition", Some(values))?,
        };
        pattern::check_no_variable(&values)?;
        if operator == Operator::Null && values.iter().any(|value| value != "true" && value != "false") {
            return Err(format!("Null on {key:?} has the values {values:?}"));
        }
        Ok(Self { operator, key, values })
    }

    /// Several values are alternatives. A missing key satisfies nothing but `Null`, the negated operators, and
    /// `ForAllValues`.
    fn holds(&self, found: Option<&Vec<String>>) -> bool {
        let is_named = |value: &String| self.values.contains(value);
        let is_matched = |value: &String| self.values.iter().any(|pattern| pattern::matches(pattern, value));
        match (self.operator, found) {
            (Operator::Null, found) => is_named(&found.is_none().to_string()),
            (Operator::StringEquals, found) => found.is_some_and(|found| found.iter().any(is_named)),
            (Operator::StringNotEquals, found) => !found.is_some_and(|found| found.iter().any(is_named)),
            (Operator::ForAllValuesStringEquals, found) => found.is_none_or(|found| found.iter().all(is_named)),
            (Operator::ForAllValuesStringLike, found) => found.is_none_or(|found| found.iter().all(is_matched)),
            (Operator::ForAnyValueStringEquals, found) => found.is_some_and(|found| found.iter().any(is_named)),
        }
    }
}
