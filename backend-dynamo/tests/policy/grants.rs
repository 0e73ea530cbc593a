//! Policies as values: rights one by one, and policies with one part less.

use std::collections::{BTreeMap, BTreeSet};

use secret_store_dynamo::policy::Policy;
use serde_json::Value;

/// What a caller has: the policy of the identity, and those of the keys.
#[derive(Clone, Debug)]
pub(crate) struct Grants {
    pub(crate) identity: Value,
    pub(crate) key_policies: BTreeMap<String, Value>,
}

/// One document of some grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Document {
    Identity,
    Key(String),
}

/// A policy as JSON in which everything that may be one or several is a list.
pub(crate) fn canonical(policy: &Policy) -> Value {
    canonical_json(serde_json::from_str(&policy.to_json()).expect("JSON"))
}

/// Lists everywhere, sorted.
pub(crate) fn canonical_json(mut policy: Value) -> Value {
    for statement in policy["Statement"].as_array_mut().expect("statements") {
        for element in ["Action", "Resource"] {
            listed(&mut statement[element]);
        }
        if let Some(principal) = statement.get_mut("Principal") {
            listed(&mut principal["AWS"]);
        }
        for keys in statement.get_mut("Condition").and_then(Value::as_object_mut).into_iter().flatten() {
            keys.1.as_object_mut().expect("context keys").values_mut().for_each(listed);
        }
    }
    policy
}

fn listed(value: &mut Value) {
    let texts = match value.take() {
        Value::Array(values) => values,
        one => vec![one],
    };
    let texts = texts.iter().map(|text| text.as_str().expect("a text").to_owned()).collect::<BTreeSet<_>>();
    *value = texts.into_iter().collect();
}

/// One part of a document: where it stands, and what it is called in messages.
#[derive(Clone, Debug)]
pub(crate) struct Part {
    pub(crate) document: Document,
    pub(crate) sid: String,
    /// A JSON pointer to it.
    pub(crate) pointer: String,
    pub(crate) value: String,
}

impl Grants {
    pub(crate) fn document(&self, document: &Document) -> &Value {
        match document {
            Document::Identity => &self.identity,
            Document::Key(key) => &self.key_policies[key],
        }
    }

    pub(crate) fn document_mut(&mut self, document: &Document) -> &mut Value {
        match document {
            Document::Identity => &mut self.identity,
            Document::Key(key) => self.key_policies.get_mut(key).expect("a key with a policy"),
        }
    }

    pub(crate) fn documents(&self) -> Vec<Document> {
        [Document::Identity].into_iter().chain(self.key_policies.keys().cloned().map(Document::Key)).collect()
    }

    /// The same without one part.
    pub(crate) fn without(&self, part: &Part) -> Self {
        let mut less = self.clone();
        let (list, index) = part.pointer.rsplit_once('/').expect("a pointer into a list");
        let list = less.document_mut(&part.document).pointer_mut(list).and_then(Value::as_array_mut).expect("a list");
        let removed = list.remove(index.parse().expect("an index"));
        assert_eq!(removed, part.value.as_str(), "{part:?}");
        less
    }

    /// Every single action, resource, principal and condition value of the identity's policy and of every statement of a
    /// key policy that `is_of` the caller.
    pub(crate) fn parts(&self, is_of: impl Fn(&Value) -> bool) -> Vec<Part> {
        let mut parts = Vec::new();
        for document in self.documents() {
            let statements = self.document(&document)["Statement"].as_array().expect("statements");
            for (number, statement) in statements.iter().enumerate() {
                let sid = statement["Sid"].as_str().expect("a Sid");
                if document == Document::Identity || is_of(statement) {
                    collect(statement, &format!("/Statement/{number}"), &mut |pointer, value| {
                        let (document, sid) = (document.clone(), sid.to_owned());
                        parts.push(Part { document, sid, pointer, value: value.to_owned() });
                    });
                }
            }
        }
        parts
    }
}

/// Every text in a list below.
fn collect(value: &Value, pointer: &str, found: &mut impl FnMut(String, &str)) {
    match value {
        Value::Array(values) => {
            for (index, value) in values.iter().enumerate() {
                found(format!("{pointer}/{index}"), value.as_str().expect("a text"));
            }
        }
        Value::Object(members) => {
            // One value less is a wider right there, not a narrower one.
            for (name, value) in members.iter().filter(|(name, _)| *name != "StringNotEquals") {
                // A pointer escapes the `/` and `~` of a name (RFC 6901, section 3).
                collect(value, &format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        _ => {}
    }
}
