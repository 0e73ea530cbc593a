//! Statements of policies.

use std::collections::{BTreeMap, BTreeSet};

use serde::ser::{Serialize, Serializer};

use super::scope::Scope;

/// All names of an encryption context; missing where there is none.
const CONTEXT_KEYS: &str = "kms:EncryptionContextKeys";

/// One statement. Its elements are sets, so that the same rights are always the same text.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    pub(super) sid: String,
    pub(super) effect: Effect,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) principal: Option<Principal>,
    #[serde(serialize_with = "one_or_several")]
    pub(super) action: BTreeSet<&'static str>,
    #[serde(serialize_with = "one_or_several")]
    pub(super) resource: BTreeSet<String>,
    #[serde(skip_serializing_if = "Condition::is_empty")]
    pub(super) condition: Condition,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub(super) enum Effect {
    Allow,
    Deny,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(super) struct Principal {
    #[serde(serialize_with = "one_or_several")]
    pub(super) aws: BTreeSet<String>,
}

/// Operator → context key → values.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub(super) struct Condition(BTreeMap<&'static str, BTreeMap<&'static str, Values>>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Values(BTreeSet<String>);

impl Serialize for Values {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        one_or_several(&self.0, serializer)
    }
}

/// As policies are usually written.
fn one_or_several<T: Serialize, S: Serializer>(values: &BTreeSet<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match values.iter().next() {
        Some(one) if values.len() == 1 => one.serialize(serializer),
        _ => values.serialize(serializer),
    }
}

impl Statement {
    pub(super) fn allow(sid: &str, action: &[&'static str], resource: impl IntoIterator<Item = String>) -> Self {
        Self {
            sid: sid.to_owned(),
            effect: Effect::Allow,
            principal: None,
            action: action.iter().copied().collect(),
            resource: resource.into_iter().collect(),
            condition: Condition::default(),
        }
    }

    /// Rights on the items of partitions; `None` where there is no partition.
    pub(super) fn items(sid: &str, scope: &Scope, action: &[&'static str], partitions: &[Vec<String>]) -> Option<Self> {
        let partitions: BTreeSet<String> = partitions.iter().flatten().cloned().collect();
        Self::leading("ForAllValues:StringEquals", sid, scope, action, partitions)
    }

    /// Rights on audit entries. The sixteen partitions of an application are one pattern, in which `?` stands for the digit: one by one
    /// they would leave no room for much else. No name in a policy has a character that means something in a pattern.
    pub(super) fn audit(sid: &str, scope: &Scope, action: &[&'static str]) -> Option<Self> {
        let partitions = scope.audit_entries().into_iter().collect();
        Self::leading("ForAllValues:StringLike", sid, scope, action, partitions)
    }

    /// "Using IAM policy conditions for fine-grained access control", DynamoDB Developer Guide: `dynamodb:LeadingKeys` takes
    /// `ForAllValues`, also for actions on one item.
    fn leading(
        operator: &'static str,
        sid: &str,
        scope: &Scope,
        action: &[&'static str],
        partitions: BTreeSet<String>,
    ) -> Option<Self> {
        const LEADING_KEYS: &str = "dynamodb:LeadingKeys";
        let any = !partitions.is_empty();
        any.then(|| {
            Self::allow(sid, action, [scope.table.clone()]).when(operator, LEADING_KEYS, partitions).when(
                "Null",
                LEADING_KEYS,
                ["false".to_owned()],
            )
        })
    }

    pub(super) fn when(
        mut self,
        operator: &'static str,
        key: &'static str,
        values: impl IntoIterator<Item = String>,
    ) -> Self {
        self.condition.0.entry(operator).or_default().insert(key, Values(values.into_iter().collect()));
        self
    }

    pub(super) fn called(mut self, sid: &str) -> Self {
        sid.clone_into(&mut self.sid);
        self
    }

    pub(super) fn for_principals(mut self, arns: impl IntoIterator<Item = String>) -> Self {
        self.principal = Some(Principal { aws: arns.into_iter().collect() });
        self
    }
}

impl Statement {
    pub(super) fn is_of_items(&self) -> bool {
        self.action.iter().any(|action| action.starts_with("dynamodb:"))
    }

    /// Whether it is about keys without an encryption context.
    pub(super) fn is_of_format_0(&self) -> bool {
        self.condition.0.values().any(|keys| keys.contains_key(CONTEXT_KEYS))
    }
}

impl Condition {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The encryption contexts that a right on keys is bound to ("kms:EncryptionContext:context-key", KMS Developer Guide).
#[derive(Clone, Copy, Debug)]
pub(super) enum Contexts {
    /// Of document keys of applications under master keys.
    Documents,
    /// Of tenant keys.
    Tenants,
    /// None at all: format 0.
    Nothing,
}

impl Contexts {
    /// A right on keys with these contexts; `None` where the scope has nothing of the kind, or no key is named.
    pub(super) fn allow<'a>(
        self,
        sid: &str,
        scope: &Scope,
        action: &[&'static str],
        keys: impl IntoIterator<Item = &'a String>,
    ) -> Option<Statement> {
        let statement = Statement::allow(sid, action, keys.into_iter().cloned());
        let store = scope.store_names();
        let is_used = !statement.resource.is_empty()
            && match self {
                Self::Documents => !scope.applications.is_empty(),
                Self::Tenants => !scope.tenants.is_empty(),
                Self::Nothing => scope.format_0,
            };
        // `Purpose`: a document key under a master key is 3, a tenant key 4.
        let of = |statement: Statement, purpose: u8| {
            statement.when("StringEquals", "kms:EncryptionContext:ss:store", store).when(
                "StringEquals",
                "kms:EncryptionContext:ss:purpose",
                [purpose.to_string()],
            )
        };
        is_used.then(|| match self {
            Self::Documents => {
                let applications = scope.application_names();
                of(statement, 3).when("StringEquals", "kms:EncryptionContext:ss:application", applications)
            }
            Self::Tenants => {
                of(statement, 4).when("StringEquals", "kms:EncryptionContext:ss:tenant", scope.tenant_names())
            }
            Self::Nothing => statement.when("Null", CONTEXT_KEYS, ["true".to_owned()]),
        })
    }
}
