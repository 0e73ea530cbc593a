//! What all roles have in common.

use secret_store_core::Result;

use super::document::Policy;
use super::scope::Scope;
use super::statement::Statement;

pub(super) const GET: &str = "dynamodb:GetItem";
pub(super) const BATCH_GET: &str = "dynamodb:BatchGetItem";
pub(super) const QUERY: &str = "dynamodb:Query";
pub(super) const PUT: &str = "dynamodb:PutItem";
pub(super) const DELETE: &str = "dynamodb:DeleteItem";
pub(super) const CHECK: &str = "dynamodb:ConditionCheckItem";
pub(super) const DECRYPT: &str = "kms:Decrypt";
pub(super) const ENCRYPT: &str = "kms:Encrypt";
pub(super) const GENERATE: &str = "kms:GenerateDataKey";

/// A role: [`Reader`](super::Reader), [`Writer`](super::Writer), [`Rotator`](super::Rotator) or [`Auditor`](super::Auditor).
pub trait Role: Rights {
    /// The role's policy, for an IAM role or user.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a malformed ARN, a scope without an application or
    /// master key, and names with `*`, `?`, `$` or characters beyond U+00FF; [`TooLarge`](secret_store_core::ErrorKind::TooLarge),
    /// in characters, beyond [`MANAGED_POLICY_CHARACTERS`](super::MANAGED_POLICY_CHARACTERS): the message tells how many
    /// applications would fit.
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

/// What any role may need besides, by its scope.
pub(super) fn common<'a>(scope: &'a Scope, keys: impl IntoIterator<Item = &'a String>) -> Vec<Statement> {
    let keys: Vec<String> = keys.into_iter().chain(&scope.keys).chain(&scope.recovery_keys).cloned().collect();
    let look_up =
        (scope.key_lookup && !keys.is_empty()).then(|| Statement::allow("LookUpKeys", &["kms:DescribeKey"], keys));
    let describe = ["dynamodb:DescribeTable", "dynamodb:DescribeContinuousBackups"];
    let check = scope.table_checks.then(|| Statement::allow("CheckTable", &describe, [scope.table.clone()]));
    look_up.into_iter().chain(check).collect()
}

/// Appending audit entries: each is a create, in a transaction.
pub(super) fn append_audit(scope: &Scope) -> Option<Statement> {
    Statement::items("AppendAuditEntries", scope, &[PUT], &[scope.audit_entries()])
}

/// Reads of single items, and of several where that is wanted.
pub(super) fn gets(scope: &Scope) -> Vec<&'static str> {
    if scope.batches { vec![GET, BATCH_GET] } else { vec![GET] }
}
