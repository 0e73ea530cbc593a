//! Policy documents, read strictly: what this evaluator does not know, it refuses, as it could only guess at its meaning.
//!
//! "IAM JSON policy elements reference" and "Grammar of the IAM JSON policy language", IAM User Guide.

use serde_json::{Map, Value};

use super::condition::Condition;
use super::pattern;

/// Why a policy or a request cannot be evaluated.
pub(super) type Unknown = String;

/// One policy document.
#[derive(Clone, Debug)]
pub(super) struct Document(Vec<Statement>);

/// Whether a document stands on an identity or on a resource: only the second names principals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attached {
    ToIdentity,
    ToResource,
}

#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) sid: String,
    pub(super) effect: Effect,
    pub(super) principals: Vec<Principal>,
    actions: Vec<String>,
    resources: Vec<String>,
    pub(super) condition: Condition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Allow,
    Deny,
}

/// "AWS JSON policy elements: Principal".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Principal {
    /// `"*"` or `{"AWS": "*"}`.
    Everyone,
    /// `arn:aws:iam::111122223333:root`: whoever that account's IAM policies allow.
    Account(String),
    /// One user or role.
    Identity(String),
}

impl Document {
    pub(super) fn parse(text: &str, attached: Attached) -> Result<Self, Unknown> {
        let value = serde_json::from_str(text).map_err(|error| format!("the policy is no JSON: {error}"))?;
        let mut document = object("the policy", value)?;
        document.remove("Id");
        // The older version, the default, does not know what a `$` begins, so that the same text means something else.
        if document.remove("Version") != Some(Value::from("2012-10-17")) {
            return Err("the policy is not of Version 2012-10-17".to_owned());
        }
        let statements = match document.remove("Statement") {
            Some(Value::Array(statements)) => statements,
            Some(statement) => vec![statement],
            None => return Err("the policy has no Statement".to_owned()),
        };
        nothing_else("the policy", &document)?;
        statements.into_iter().map(|value| Statement::parse(value, attached)).collect::<Result<_, _>>().map(Self)
    }

    pub(super) fn statements(&self) -> &[Statement] {
        &self.0
    }
}

impl Statement {
    fn parse(value: Value, attached: Attached) -> Result<Self, Unknown> {
        let mut statement = object("a statement", value)?;
        let sid = match statement.remove("Sid") {
            None => String::new(),
            Some(Value::String(sid)) => sid,
            Some(_) => return Err("a Sid is no text".to_owned()),
        };
        let effect = match statement.remove("Effect").as_ref().and_then(Value::as_str) {
            Some("Allow") => Effect::Allow,
            Some("Deny") => Effect::Deny,
            other => return Err(format!("statement {sid:?} has the Effect {other:?}")),
        };
        let principals = match (statement.remove("Principal"), attached) {
            (None, Attached::ToIdentity) => Vec::new(),
            (Some(value), Attached::ToResource) => principals(&sid, value)?,
            (Some(_), Attached::ToIdentity) => return Err(format!("statement {sid:?} of an identity has a Principal")),
            (None, Attached::ToResource) => return Err(format!("statement {sid:?} of a resource has no Principal")),
        };
        let parsed = Self {
            actions: texts("Action", statement.remove("Action"))?,
            resources: texts("Resource", statement.remove("Resource"))?,
            condition: Condition::parse(statement.remove("Condition"))?,
            sid,
            effect,
            principals,
        };
        nothing_else("a statement", &statement)?;
        pattern::check_no_variable(parsed.resources.iter().chain(&parsed.actions))?;
        Ok(parsed)
    }

    /// "Actions are not case-sensitive"; `*` and `?` are wildcards in both elements.
    pub(super) fn is_about(&self, action: &str, resource: &str) -> bool {
        let action = action.to_ascii_lowercase();
        self.actions.iter().any(|pattern| pattern::matches(&pattern.to_ascii_lowercase(), &action))
            && self.resources.iter().any(|pattern| pattern::matches(pattern, resource))
    }
}

fn principals(sid: &str, value: Value) -> Result<Vec<Principal>, Unknown> {
    let named = match value {
        Value::String(everyone) if everyone == "*" => return Ok(vec![Principal::Everyone]),
        value => {
            let mut kinds = object("a Principal", value)?;
            let named = texts("AWS", kinds.remove("AWS"))?;
            nothing_else("a Principal", &kinds)?;
            named
        }
    };
    named.into_iter().map(|text| principal(sid, text)).collect()
}

fn principal(sid: &str, text: String) -> Result<Principal, Unknown> {
    let is_account = text.ends_with(":root") || (text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()));
    match text.as_str() {
        "*" => Ok(Principal::Everyone),
        // No wildcard may stand for a part of a name or ARN.
        _ if text.contains(['*', '?']) => Err(format!("statement {sid:?} has a wildcard in the principal {text:?}")),
        _ if is_account => Ok(Principal::Account(pattern::account_of(&text)?)),
        _ if text.starts_with("arn:") => Ok(Principal::Identity(text)),
        _ => Err(format!("statement {sid:?} has the principal {text:?}")),
    }
}

fn object(what: &str, value: Value) -> Result<Map<String, Value>, Unknown> {
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(format!("{what} is no object")),
    }
}

/// One text or several.
pub(super) fn texts(what: &str, value: Option<Value>) -> Result<Vec<String>, Unknown> {
    let values = match value {
        Some(Value::Array(values)) => values,
        Some(value) => vec![value],
        None => return Err(format!("{what} is missing")),
    };
    let text = |value| match value {
        Value::String(text) => Ok(text),
        other => Err(format!("{what} has {other}, which is no text")),
    };
    values.into_iter().map(text).collect()
}

fn nothing_else(what: &str, members: &Map<String, Value>) -> Result<(), Unknown> {
    match members.keys().next() {
        None => Ok(()),
        Some(element) => Err(format!("{what} has the element {element:?}, which this evaluator does not know")),
    }
}
