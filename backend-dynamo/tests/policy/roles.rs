//! The roles under test, with everything their policies can grant.

use std::collections::BTreeMap;

use secret_store_core::{StoreId, TenantId};
use secret_store_dynamo::policy::{
    Auditor, CredentialIntake, CredentialKeeper, CredentialUser, Intake, KeyPolicy, Marker, Policy, Reader, Responder,
    Role, Rotator, Scope, Sweeper, Writer,
};
use secret_store_dynamo_emulator::ACCOUNT;
use serde_json::Value;

use crate::grants::{Grants, canonical};
use crate::site::{Keys, PAY, SEALING, SHOP, STORE, TABLE, TENANT, USERS, name};

/// Who administers the keys.
pub(crate) const ADMINISTRATOR: &str = "arn:aws:iam::111122223333:role/KeyAdministrator";

/// The roles, by their names in the table of the guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Reader,
    Writer,
    /// With every option.
    Rotator,
    /// Of master keys alone.
    MasterRotator,
    /// Of master keys, to another region.
    FarRotator,
    Auditor,
    Intake,
    Responder,
    Marker,
    Sweeper,
    /// By verify keys alone.
    CredentialIntake,
    /// Which opens what it takes.
    OpeningIntake,
    CredentialUser,
    CredentialKeeper,
}

impl Kind {
    pub(crate) const ALL: [Self; 14] = [
        Self::Reader,
        Self::Writer,
        Self::Rotator,
        Self::MasterRotator,
        Self::FarRotator,
        Self::Auditor,
        Self::Intake,
        Self::Responder,
        Self::Marker,
        Self::Sweeper,
        Self::CredentialIntake,
        Self::OpeningIntake,
        Self::CredentialUser,
        Self::CredentialKeeper,
    ];

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
    migrated(keys).with_format_0()
}

/// The same once nothing is in format 0 any more.
pub(crate) fn migrated(keys: &Keys) -> Scope {
    scope(keys).with_batches().with_key_lookup().with_table_checks().with_audit_log()
}

pub(crate) fn reader(scope: Scope) -> Reader {
    Reader::new(scope).with_history()
}

pub(crate) fn writer(scope: Scope) -> Writer {
    Writer::new(scope).with_deletes().with_pruning()
}

pub(crate) fn rotator(scope: Scope, keys: &Keys) -> Rotator {
    Rotator::new(scope).with_target_key(&keys.target).with_document_rotation().with_tenant_rotation()
}

pub(crate) fn far_rotator(keys: &Keys) -> Rotator {
    Rotator::new(scope(keys)).with_target_key(&keys.far).with_other_region()
}

/// What a role has with everything on: format 0 is not over yet.
pub(crate) fn grants(kind: Kind, keys: &Keys) -> Grants {
    let all = Roles::new(full(keys), |rotator| rotator.with_migration(), keys);
    Grants { identity: canonical(&all.policy(kind)), key_policies: all.key_policies(keys, |policy| policy) }
}

/// What a role has after the migration: format 0 is denied by every key.
pub(crate) fn grants_after_migration(kind: Kind, keys: &Keys) -> Grants {
    let all = Roles::new(migrated(keys), |rotator| rotator, keys);
    let key_policies = all.key_policies(keys, KeyPolicy::with_format_0_denied);
    Grants { identity: canonical(&all.policy(kind)), key_policies }
}

struct Roles {
    reader: Reader,
    writer: Writer,
    rotator: Rotator,
    master_rotator: Rotator,
    far_rotator: Rotator,
    auditor: Auditor,
    servers: Servers,
}

/// Of messages and credentials. Nothing of theirs is in format 0.
struct Servers {
    intake: Intake,
    responder: Responder,
    marker: Marker,
    sweeper: Sweeper,
    credential_intake: CredentialIntake,
    opening_intake: CredentialIntake,
    credential_user: CredentialUser,
    credential_keeper: CredentialKeeper,
}

impl Servers {
    fn new(scope: &Scope) -> Self {
        let scope = || scope.clone();
        Self {
            intake: Intake::new(scope(), name(SEALING)).with_expected_versions().with_pruning(),
            responder: Responder::new(scope(), name(SEALING)),
            marker: Marker::new(scope()),
            sweeper: Sweeper::new(scope()),
            credential_intake: CredentialIntake::new(scope()),
            opening_intake: CredentialIntake::new(scope()).with_opening(),
            credential_user: CredentialUser::new(scope()).with_removals(),
            credential_keeper: CredentialKeeper::new(scope()).with_rotation(),
        }
    }

    /// Those that have to do with a key.
    fn in_key_policy(&self, policy: KeyPolicy) -> KeyPolicy {
        let arn = |kind: Kind| [kind.arn()];
        policy
            .with_role(arn(Kind::Intake), &self.intake)
            .with_role(arn(Kind::Responder), &self.responder)
            .with_role(arn(Kind::OpeningIntake), &self.opening_intake)
            .with_role(arn(Kind::CredentialUser), &self.credential_user)
            .with_role(arn(Kind::CredentialKeeper), &self.credential_keeper)
    }
}

impl Roles {
    fn new(scope: Scope, rotating: impl Fn(Rotator) -> Rotator, keys: &Keys) -> Self {
        let recoverable = scope.clone().with_recovery_key(&keys.recovery);
        Self {
            reader: reader(recoverable.clone()),
            writer: writer(recoverable),
            rotator: rotating(rotator(scope.clone(), keys)),
            master_rotator: Rotator::new(self::scope(keys)).with_target_key(&keys.target),
            far_rotator: far_rotator(keys),
            auditor: Auditor::new(scope),
            servers: Servers::new(&migrated(keys)),
        }
    }

    fn policy(&self, kind: Kind) -> Policy {
        let policy = match kind {
            Kind::Reader => self.reader.policy(),
            Kind::Writer => self.writer.policy(),
            Kind::Rotator => self.rotator.policy(),
            Kind::MasterRotator => self.master_rotator.policy(),
            Kind::FarRotator => self.far_rotator.policy(),
            Kind::Auditor => self.auditor.policy(),
            Kind::Intake => self.servers.intake.policy(),
            Kind::Responder => self.servers.responder.policy(),
            Kind::Marker => self.servers.marker.policy(),
            Kind::Sweeper => self.servers.sweeper.policy(),
            Kind::CredentialIntake => self.servers.credential_intake.policy(),
            Kind::OpeningIntake => self.servers.opening_intake.policy(),
            Kind::CredentialUser => self.servers.credential_user.policy(),
            Kind::CredentialKeeper => self.servers.credential_keeper.policy(),
        };
        policy.expect("a policy")
    }

    fn key_policies(&self, keys: &Keys, ending: impl Fn(KeyPolicy) -> KeyPolicy) -> BTreeMap<String, Value> {
        let Self { reader, writer, rotator, master_rotator, far_rotator, auditor, servers } = self;
        let arn = |kind: Kind| [kind.arn()];
        // Whoever administers it is named: otherwise the IAM policies of the account decide, also for a role.
        let of = |key: &String| KeyPolicy::new(key).with_administrator(ADMINISTRATOR);
        let main = of(&keys.main).with_role(arn(Kind::Reader), reader).with_role(arn(Kind::Writer), writer);
        let main = main.with_role(arn(Kind::Rotator), rotator).with_role(arn(Kind::MasterRotator), master_rotator);
        let main = main.with_role(arn(Kind::FarRotator), far_rotator);
        // It has no right but to look the key up.
        let main = servers.in_key_policy(main.with_role(arn(Kind::Auditor), auditor));
        let recovery = of(&keys.recovery).with_role(arn(Kind::Reader), reader).with_role(arn(Kind::Writer), writer);
        let target = of(&keys.target).with_role(arn(Kind::Rotator), rotator);
        let target = target.with_role(arn(Kind::MasterRotator), master_rotator);
        let far = of(&keys.far).with_role(arn(Kind::FarRotator), far_rotator);
        let all = [(&keys.main, main), (&keys.recovery, recovery), (&keys.target, target), (&keys.far, far)];
        let policies = all.into_iter().map(|(key, policy)| (key.clone(), ending(policy).policy().expect("a policy")));
        policies.map(|(key, policy)| (key, canonical(&policy))).collect()
    }
}
