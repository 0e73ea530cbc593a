//! The roles under test, with everything their policies can grant.

use std::collections::BTreeMap;

use secret_store_core::{StoreId, TenantId};
use secret_store_dynamo::policy::{Auditor, KeyPolicy, Policy, Reader, Role, Rotator, Scope, Writer};
use secret_store_dynamo_emulator::ACCOUNT;
use serde_json::Value;

use crate::grants::{Grants, canonical};
use crate::site::{Keys, PAY, SHOP, STORE, TABLE, TENANT, USERS, name};

/// The roles, by their names in the table of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Reader,
    Writer,
    Rotator,
    /// To another region.
    FarRotator,
    Auditor,
}

impl Kind {
    pub(crate) const ALL: [Self; 5] = [Self::Reader, Self::Writer, Self::Rotator, Self::FarRotator, Self::Auditor];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Reader => "Reader",
            Self::Writer => "Writer",
            Self::Rotator => "Rotator",
            Self::FarRotator => "Rotator to another region",
            Self::Auditor => "Auditor",
        }
    }

    pub(crate) fn arn(self) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role/secret-store/{self:?}")
    }

    /// Whether a statement of a key policy is for this role.
    pub(crate) fn has(self, statement: &Value) -> bool {
        let callers = statement["Condition"]["StringEquals"]["aws:PrincipalArn"].as_array();
        callers.is_some_and(|callers| callers.contains(&Value::from(self.arn())))
    }
}

pub(crate) fn table_arn() -> String {
    format!("arn:aws:dynamodb:{}:{ACCOUNT}:table/{TABLE}", secret_store_dynamo_emulator::REGION)
}

/// One store, two applications under master keys and one under a tenant key.
pub(crate) fn scope(keys: &Keys) -> Scope {
    Scope::new(StoreId::new(STORE).expect("valid"), table_arn())
        .with_key(&keys.main)
        .with_application(name(SHOP))
        .with_application(name(PAY))
        .with_tenant(TenantId::new(TENANT).expect("valid"), [name(USERS)])
}

/// Everything that programs can make use of.
pub(crate) fn full(keys: &Keys) -> Scope {
    scope(keys).with_format_0().with_batches().with_key_lookup().with_table_checks().with_audit_log()
}

pub(crate) fn reader(scope: Scope) -> Reader {
    Reader::new(scope).with_history()
}

pub(crate) fn writer(scope: Scope) -> Writer {
    Writer::new(scope).with_deletes().with_pruning()
}

pub(crate) fn rotator(scope: Scope, keys: &Keys) -> Rotator {
    Rotator::new(scope).with_target_key(&keys.target).with_document_rotation().with_tenant_rotation().with_migration()
}

pub(crate) fn far_rotator(keys: &Keys) -> Rotator {
    Rotator::new(scope(keys)).with_target_key(&keys.far).with_other_region()
}

fn policy(kind: Kind, keys: &Keys) -> Policy {
    let recoverable = full(keys).with_recovery_key(&keys.recovery);
    let policy = match kind {
        Kind::Reader => reader(recoverable).policy(),
        Kind::Writer => writer(recoverable).policy(),
        Kind::Rotator => rotator(full(keys), keys).policy(),
        Kind::FarRotator => far_rotator(keys).policy(),
        Kind::Auditor => Auditor::new(full(keys)).policy(),
    };
    policy.expect("a policy")
}

/// What a role has with everything on: format 0 is not over yet.
pub(crate) fn grants(kind: Kind, keys: &Keys) -> Grants {
    let recoverable = || full(keys).with_recovery_key(&keys.recovery);
    let (reader, writer) = (reader(recoverable()), writer(recoverable()));
    let (rotator, far_rotator) = (rotator(full(keys), keys), far_rotator(keys));
    let arn = |kind: Kind| [kind.arn()];
    let of = |key: &String| KeyPolicy::new(key);
    let main = of(&keys.main).with_role(arn(Kind::Reader), &reader).with_role(arn(Kind::Writer), &writer);
    let main = main.with_role(arn(Kind::Rotator), &rotator).with_role(arn(Kind::FarRotator), &far_rotator);
    let recovery = of(&keys.recovery).with_role(arn(Kind::Reader), &reader).with_role(arn(Kind::Writer), &writer);
    let target = of(&keys.target).with_role(arn(Kind::Rotator), &rotator);
    let far = of(&keys.far).with_role(arn(Kind::FarRotator), &far_rotator);
    let policies = [(&keys.main, main), (&keys.recovery, recovery), (&keys.target, target), (&keys.far, far)];
    let key_policies =
        policies.into_iter().map(|(key, policy)| (key.clone(), canonical(&policy.policy().expect("a policy"))));
    let key_policies: BTreeMap<_, _> = key_policies.collect();
    Grants { identity: canonical(&policy(kind, keys)), key_policies }
}
