//! The decision about one action: default deny, an explicit deny wins.
//!
//! "Policy evaluation logic", IAM User Guide; "Key policies in AWS KMS" and "Default key policy", KMS Developer Guide.

use super::asked::{Asked, Keys};
use super::document::{Document, Effect, Principal, Statement};

/// Why an action is allowed or not.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// By these statements: of an identity's policy, of a key policy, or of both.
    Allowed(Vec<String>),
    /// By this statement of a policy.
    ExplicitlyDenied(String),
    /// By no statement of the caller's policies.
    NotAllowedByIdentity,
    /// By no statement of the key policy, whatever the caller's policies say.
    NotAllowedByKeyPolicy,
}

/// A caller with its own policies.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) arn: String,
    pub(super) account: String,
    pub(super) policies: Vec<Document>,
}

/// `key_policy`: of a KMS key, which has always one; a table has none here.
pub(super) fn decide(caller: &Caller, key_policy: Option<&Document>, asked: &Asked) -> Verdict {
    let mut keys = asked.keys.clone();
    keys.insert("aws:principalarn".to_owned(), vec![caller.arn.clone()]);
    let identity = caller.policies.iter().flat_map(Document::statements).filter(|one| applies(one, asked, &keys));
    let identity: Vec<_> = identity.collect();
    let of_key = key_policy.map(Document::statements).unwrap_or_default().iter();
    let of_key: Vec<_> = of_key.filter(|one| applies(one, asked, &keys) && is_addressed(one, caller)).collect();
    let denied = identity.iter().chain(&of_key).find(|statement| statement.effect == Effect::Deny);
    if let Some(statement) = denied {
        return Verdict::ExplicitlyDenied(statement.sid.clone());
    }
    let names = |statements: &[&Statement]| statements.iter().map(|one| one.sid.clone()).collect::<Vec<_>>();
    if key_policy.is_none() {
        return if identity.is_empty() { Verdict::NotAllowedByIdentity } else { Verdict::Allowed(names(&identity)) };
    }
    // A key policy that names the identity itself is enough. One that names the account leaves it to the account's IAM policies.
    let direct = of_key.iter().filter(|one| is_addressed_directly(one, caller)).copied().collect::<Vec<_>>();
    match (direct.is_empty(), of_key.is_empty(), identity.is_empty()) {
        (false, _, _) => Verdict::Allowed(names(&direct)),
        (true, true, _) => Verdict::NotAllowedByKeyPolicy,
        (true, false, true) => Verdict::NotAllowedByIdentity,
        (true, false, false) => Verdict::Allowed([names(&identity), names(&of_key)].concat()),
    }
}

fn applies(statement: &Statement, asked: &Asked, keys: &Keys) -> bool {
    statement.is_about(&asked.action, &asked.resource) && statement.condition.holds(keys)
}

fn is_addressed(statement: &Statement, caller: &Caller) -> bool {
    let by_account = |principal: &Principal| *principal == Principal::Account(caller.account.clone());
    is_addressed_directly(statement, caller) || statement.principals.iter().any(by_account)
}

fn is_addressed_directly(statement: &Statement, caller: &Caller) -> bool {
    statement.principals.iter().any(|principal| match principal {
        Principal::Everyone => true,
        Principal::Identity(arn) => *arn == caller.arn,
        Principal::Account(_) => false,
    })
}
