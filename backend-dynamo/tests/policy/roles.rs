//! The roles under test, with everything their policies can grant.

use std::collections::BTreeMap;

use secret_store_core::{StoreId, TenantId};
use secret_store_dynamo::policy::{
    Auditor, CredentialIntake, CredentialKeeper, CredentialUser, Intake, KeyPolicy, MANAGED_POLICY_CHARACTERS, Marker,
    Mover, Policy, Reader, Responder, Role, Rotator, Scope, Sweeper, Writer,
};
use secret_store_dynamo_emulator::ACCOUNT;
use serde_json::{Value, json};

use crate::grants::{Grants, canonical};
use crate::site::{APPLICATIONS, Keys, SEALING, STORE, TABLE, TENANT, USERS, blinding_key, name};

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
    /// From names in clear to hidden ones.
    Mover,
}

impl Kind {
    pub(crate) const ALL: [Self; 15] = [
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
        Self::Mover,
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
    scope_of(keys, &APPLICATIONS)
}

fn scope_of(keys: &Keys, applications: &[&'static str]) -> Scope {
    let scope = Scope::new(StoreId::new(STORE).expect("valid"), table_arn()).with_key(&keys.main);
    applications.iter().fold(scope, |scope, application| match *application {
        USERS => scope.with_tenant(TenantId::new(TENANT).expect("valid"), [name(USERS)]),
        application => scope.with_application(name(application)),
    })
}

/// Everything that programs can make use of.
fn full(scope: Scope) -> Scope {
    migrated(scope).with_format_0()
}

/// The same once nothing is in format 0 any more.
pub(crate) fn migrated(scope: Scope) -> Scope {
    scope.with_batches().with_key_lookup().with_table_checks().with_audit_log()
}

/// Names were in clear, and are hidden now.
fn to_blind_names(scope: Scope) -> Scope {
    scope.with_blinding_key(&blinding_key()).with_previous_names_in_clear()
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

/// What a role has with everything on: format 0 is not over yet.
pub(crate) fn grants(kind: Kind, keys: &Keys) -> Grants {
    if kind == Kind::Mover {
        return blind_grants(kind, keys, to_blind_names);
    }
    let all = Roles::new(&scope(keys), full, |rotator| rotator.with_migration(), keys);
    Grants { identity: canonical(&all.policy(kind)), key_policies: all.key_policies(keys, |policy| policy) }
}

/// What a role has after the migration: format 0 is denied by every key.
pub(crate) fn grants_after_migration(kind: Kind, keys: &Keys) -> Grants {
    if kind == Kind::Mover {
        return blind_grants(kind, keys, to_blind_names);
    }
    let all = Roles::new(&scope(keys), migrated, |rotator| rotator, keys);
    let key_policies = all.key_policies(keys, KeyPolicy::with_format_0_denied);
    Grants { identity: canonical(&all.policy(kind)), key_policies }
}

/// What a role has after the migration where names are hidden: hashes are so long that it takes several policies. Each application has
/// its own, as where they belong to different teams.
pub(crate) fn blind_grants(kind: Kind, keys: &Keys, naming: impl Fn(Scope) -> Scope) -> Grants {
    let of_one = |application| Roles::new(&naming(scope_of(keys, &[application])), migrated, |rotator| rotator, keys);
    let all = APPLICATIONS.map(of_one);
    let policies = all.iter().flat_map(|roles| roles.role(kind).policies().expect("policies"));
    let statements = policies.flat_map(|policy| {
        assert!(policy.to_compact_json().chars().count() <= MANAGED_POLICY_CHARACTERS);
        canonical(&policy)["Statement"].as_array().cloned().expect("statements")
    });
    let identity = json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() });
    let key_policy = |key: &String| {
        let empty = KeyPolicy::new(key).with_administrator(ADMINISTRATOR).with_format_0_denied();
        let policy = all.iter().fold(empty, |policy, roles| {
            let with_one = roles.in_key_policy(kind, policy.clone());
            if with_one.policy().is_ok() { with_one } else { policy }
        });
        (key.clone(), canonical(&policy.policy().expect("a policy")))
    };
    let key_policies = [&keys.main, &keys.recovery, &keys.target, &keys.far].map(key_policy);
    Grants { identity, key_policies: key_policies.into_iter().collect() }
}

struct Roles {
    reader: Reader,
    writer: Writer,
    rotator: Rotator,
    master_rotator: Rotator,
    far_rotator: Rotator,
    auditor: Auditor,
    servers: Servers,
    mover: Mover,
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
    /// Of a scope, and of the same with everything that programs can make use of.
    fn new(plain: &Scope, extend: impl Fn(Scope) -> Scope, rotating: impl Fn(Rotator) -> Rotator, keys: &Keys) -> Self {
        let scope = extend(plain.clone());
        let recoverable = scope.clone().with_recovery_key(&keys.recovery);
        Self {
            reader: reader(recoverable.clone()),
            writer: writer(recoverable),
            rotator: rotating(rotator(scope.clone(), keys)),
            master_rotator: Rotator::new(plain.clone()).with_target_key(&keys.target),
            far_rotator: Rotator::new(plain.clone()).with_target_key(&keys.far).with_other_region(),
            auditor: Auditor::new(scope),
            servers: Servers::new(&migrated(plain.clone())),
            mover: Mover::new(migrated(plain.clone())).with_credentials(),
        }
    }

    fn role(&self, kind: Kind) -> &dyn Role {
        match kind {
            Kind::Reader => &self.reader,
            Kind::Writer => &self.writer,
            Kind::Rotator => &self.rotator,
            Kind::MasterRotator => &self.master_rotator,
            Kind::FarRotator => &self.far_rotator,
            Kind::Auditor => &self.auditor,
            Kind::Intake => &self.servers.intake,
            Kind::Responder => &self.servers.responder,
            Kind::Marker => &self.servers.marker,
            Kind::Sweeper => &self.servers.sweeper,
            Kind::CredentialIntake => &self.servers.credential_intake,
            Kind::OpeningIntake => &self.servers.opening_intake,
            Kind::CredentialUser => &self.servers.credential_user,
            Kind::CredentialKeeper => &self.servers.credential_keeper,
            Kind::Mover => &self.mover,
        }
    }

    fn policy(&self, kind: Kind) -> Policy {
        self.role(kind).policy().expect("a policy")
    }

    fn in_key_policy(&self, kind: Kind, policy: KeyPolicy) -> KeyPolicy {
        let arn = [kind.arn()];
        match kind {
            Kind::Reader => policy.with_role(arn, &self.reader),
            Kind::Writer => policy.with_role(arn, &self.writer),
            Kind::Rotator => policy.with_role(arn, &self.rotator),
            Kind::MasterRotator => policy.with_role(arn, &self.master_rotator),
            Kind::FarRotator => policy.with_role(arn, &self.far_rotator),
            Kind::Auditor => policy.with_role(arn, &self.auditor),
            Kind::Intake => policy.with_role(arn, &self.servers.intake),
            Kind::Responder => policy.with_role(arn, &self.servers.responder),
            Kind::Marker => policy.with_role(arn, &self.servers.marker),
            Kind::Sweeper => policy.with_role(arn, &self.servers.sweeper),
            Kind::CredentialIntake => policy.with_role(arn, &self.servers.credential_intake),
            Kind::OpeningIntake => policy.with_role(arn, &self.servers.opening_intake),
            Kind::CredentialUser => policy.with_role(arn, &self.servers.credential_user),
            Kind::CredentialKeeper => policy.with_role(arn, &self.servers.credential_keeper),
            Kind::Mover => policy.with_role(arn, &self.mover),
        }
    }

    fn key_policies(&self, keys: &Keys, ending: impl Fn(KeyPolicy) -> KeyPolicy) -> BTreeMap<String, Value> {
        let Self { reader, writer, rotator, master_rotator, far_rotator, auditor, servers, .. } = self;
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
