//! What all roles have in common.

use secret_store_core::{ApplicationName, Error, Result};

use super::document::Policy;
use super::scope::Scope;
use super::statement::{Contexts, Statement};

pub(super) const GET: &str = "dynamodb:GetItem";
pub(super) const BATCH_GET: &str = "dynamodb:BatchGetItem";
pub(super) const QUERY: &str = "dynamodb:Query";
pub(super) const PUT: &str = "dynamodb:PutItem";
pub(super) const DELETE: &str = "dynamodb:DeleteItem";
pub(super) const CHECK: &str = "dynamodb:ConditionCheckItem";
pub(super) const DECRYPT: &str = "kms:Decrypt";
pub(super) const ENCRYPT: &str = "kms:Encrypt";
pub(super) const GENERATE: &str = "kms:GenerateDataKey";

/// A role: [`Reader`](super::Reader), [`Writer`](super::Writer), [`Rotator`](super::Rotator), [`Auditor`](super::Auditor) of
/// secrets; [`Intake`](super::Intake), [`Responder`](super::Responder), [`Marker`](super::Marker), [`Sweeper`](super::Sweeper) of
/// servers that take and answer sealed messages; [`CredentialIntake`](super::CredentialIntake),
/// [`CredentialUser`](super::CredentialUser), [`CredentialKeeper`](super::CredentialKeeper) of client-encrypted credentials;
/// [`Mover`](super::Mover) of blind names.
pub trait Role: Rights {
    /// The role's policy, for an IAM role or user.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a malformed ARN, a scope without an application or
    /// master key, and names with `*`, `?`, `$` or characters beyond U+00FF; [`TooLarge`](secret_store_core::ErrorKind::TooLarge),
    /// in characters, beyond [`MANAGED_POLICY_CHARACTERS`](super::MANAGED_POLICY_CHARACTERS): the message tells how many
    /// applications would fit. [`policies`](Self::policies) makes several.
    fn policy(&self) -> Result<Policy> {
        self.check()?;
        let scope = self.scope();
        let of = |scope: &Scope| Policy::new(self.statements(scope));
        let policy = of(scope);
        policy.check_characters(self.name(), || {
            let fits = |count: &usize| {
                of(&scope.with_first(*count)).characters() <= super::document::MANAGED_POLICY_CHARACTERS
            };
            (1..scope.count()).take_while(fits).last().unwrap_or(0)
        })?;
        Ok(policy)
    }

    /// The same rights as several policies, as many as it takes, all for the same IAM role or user: for many applications, and for
    /// hidden names, whose hashes are long. IAM attaches ten managed policies to a role, unless that quota was raised.
    ///
    /// # Errors
    ///
    /// As [`policy`](Self::policy); [`TooLarge`](secret_store_core::ErrorKind::TooLarge) only where one statement does not fit alone.
    fn policies(&self) -> Result<Vec<Policy>> {
        self.check()?;
        let mut all: Vec<Policy> = Vec::new();
        for statement in self.statements(self.scope()) {
            let longer = all.last().map(|last| last.with(statement.clone()));
            match (longer.filter(Policy::fits), all.last_mut()) {
                (Some(longer), Some(last)) => *last = longer,
                _ => all.push(Policy::new(vec![statement])),
            }
        }
        all.iter().try_for_each(|policy| policy.check_characters(self.name(), || 0))?;
        Ok(all)
    }
}

impl<R: Rights> Role for R {}

/// The rights behind a role. Not nameable outside, so that there are no others.
pub trait Rights {
    fn scope(&self) -> &Scope;
    fn name(&self) -> &'static str;
    fn check(&self) -> Result<()>;
    /// Of another scope than the own one, too.
    fn statements(&self, scope: &Scope) -> Vec<Statement>;
}

/// Rights on items before rights on keys.
pub(super) fn in_order(statements: Vec<Option<Statement>>) -> Vec<Statement> {
    let (on_items, on_keys): (Vec<_>, Vec<_>) = statements.into_iter().flatten().partition(Statement::is_of_items);
    on_items.into_iter().chain(on_keys).collect()
}

/// What any role may need besides, by its scope.
pub(super) fn common<'a>(scope: &'a Scope, keys: impl IntoIterator<Item = &'a String>) -> Vec<Statement> {
    let keys: Vec<String> = keys.into_iter().chain(&scope.keys).chain(&scope.recovery_keys).cloned().collect();
    let look_up =
        (scope.key_lookup && !keys.is_empty()).then(|| Statement::allow("LookUpKeys", &["kms:DescribeKey"], keys));
    look_up.into_iter().chain(without_keys(scope)).collect()
}

/// The same of a role that has nothing to do with keys.
pub(super) fn without_keys(scope: &Scope) -> Vec<Statement> {
    let describe = ["dynamodb:DescribeTable", "dynamodb:DescribeContinuousBackups"];
    let check = scope.table_checks.then(|| Statement::allow("CheckTable", &describe, [scope.table.clone()]));
    // Whoever opens a table with blind names compares its mark with the key.
    let mark = Statement::items("ReadBlindMark", scope, &[GET], &[scope.blind_mark()]);
    check.into_iter().chain(mark).collect()
}

/// Appending audit entries: each is a create, in a transaction. Where its answer is lost, and where something stands in its place,
/// what is there is read: otherwise a chain whose answer was lost could never go on.
pub(super) fn append_audit(scope: &Scope) -> Option<Statement> {
    let elsewhere = if scope.is_moving() { vec![CHECK] } else { Vec::new() };
    let actions = [vec![PUT], gets(scope), elsewhere].concat();
    Statement::audit("AppendAuditEntries", scope, &actions)
}

/// Reads of single items, and of several where that is wanted.
pub(super) fn gets(scope: &Scope) -> Vec<&'static str> {
    if scope.batches { vec![GET, BATCH_GET] } else { vec![GET] }
}

/// Reads of what is never read together, save where it may stand in one of two places.
pub(super) fn get(scope: &Scope) -> Vec<&'static str> {
    if scope.is_moving() { gets(scope) } else { vec![GET] }
}

/// While a blinding key is replaced, a record that is changed moves, and one that is created may be in no other place.
pub(super) fn moves(scope: &Scope, written: &[Vec<String>]) -> Option<Statement> {
    let written = if scope.is_moving() { written } else { &[] };
    Statement::items("MoveRecords", scope, &[CHECK, DELETE], written)
}

/// Reading one current secret after the other, and opening them; nothing is listed.
pub(super) fn reads_secrets(scope: &Scope) -> Vec<Option<Statement>> {
    let mut statements = vec![
        Statement::items("ReadSecrets", scope, &get(scope), &[scope.current()]),
        Statement::items("ReadTenantKeys", scope, &get(scope), &[scope.tenant_keys()]),
    ];
    statements.extend(opens_secrets(scope));
    statements
}

/// Opening secrets.
pub(super) fn opens_secrets(scope: &Scope) -> Vec<Option<Statement>> {
    let keys = || scope.keys.iter().chain(&scope.recovery_keys);
    vec![
        Contexts::Documents.allow("UnwrapDocumentKeys", scope, &[DECRYPT], keys()),
        Contexts::Tenants.allow("UnwrapTenantKeys", scope, &[DECRYPT], keys()),
        Contexts::Nothing.allow("UnwrapFormat0", scope, &[DECRYPT], &scope.keys),
    ]
}

/// Reading the keys of organisations, which are secrets of an application of their own.
pub(super) fn reads_organisation_keys(scope: &Scope, keys: &ApplicationName) -> Vec<Option<Statement>> {
    let of_keys = scope.of_application(keys);
    let all_keys = || scope.keys.iter().chain(&scope.recovery_keys);
    vec![
        Statement::items("ReadOrganisationKeys", scope, &get(scope), &[of_keys.current()]),
        Contexts::Documents.allow("OpenOrganisationKeys", &of_keys, &[DECRYPT], all_keys()),
        // What is refused for want of a place is recorded there.
        append_audit(&of_keys).map(|statement| statement.called("AppendRefusals")),
    ]
}

/// Using single-use marks up: one is read and put, or put where there is none; what stands there tells whose it is.
pub(super) fn uses_marks(scope: &Scope) -> Vec<Option<Statement>> {
    let marks = || scope.marks();
    vec![
        Statement::items("UseMarks", scope, &[get(scope), vec![PUT]].concat(), &[marks()]),
        moves(scope, &[marks()]).map(|statement| statement.called("MoveMarks")),
    ]
}

/// Refuses organisation keys that are in an application of the scope, or under a name that policies cannot hold.
pub(super) fn check_organisation_keys(scope: &Scope, keys: &ApplicationName) -> Result<()> {
    scope.of_application(keys).check()?;
    if scope.has(keys) {
        return Err(Error::invalid_input(format!(
            "{keys} holds the keys of organisations and is in the scope as well: give them an application of their own"
        )));
    }
    Ok(())
}
