//! Stores secrets.

use secret_store_core::Result;

use super::role::{
    CHECK, DECRYPT, DELETE, ENCRYPT, GENERATE, PUT, QUERY, Rights, append_audit, common, gets, in_order, moves,
};
use super::scope::Scope;
use super::statement::{Contexts, Statement};

/// Puts secrets, and moves the versions they replace to the history, unread: under master keys it has no right to decrypt.
/// Under tenant keys, which are symmetric, it unwraps the tenant's key and could read what that tenant has.
///
/// Restoring an earlier value and keeping a value through `repair` read values: they need a [`Reader`](super::Reader)'s rights
/// beside these.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct Writer {
    scope: Scope,
    deletes: bool,
    prunes: bool,
    puts: Puts,
}

/// What is put, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Puts {
    /// Whatever a store offers: with idempotency tokens, and `repair`.
    Any,
    /// New versions, without tokens.
    Versions,
    /// First versions, without tokens.
    First,
}

impl Writer {
    /// A writer that deletes nothing.
    pub fn new(scope: Scope) -> Self {
        Self { scope, deletes: false, prunes: false, puts: Puts::Any }
    }

    /// One that makes less of a store.
    pub(super) fn that_puts(scope: Scope, puts: Puts) -> Self {
        Self { puts, ..Self::new(scope) }
    }

    /// Deletes secrets; their history stays.
    pub fn with_deletes(mut self) -> Self {
        self.deletes = true;
        self
    }

    /// Deletes earlier versions: what a store that is configured with `HistoryRetention::Versions` does with every put.
    pub fn with_pruning(mut self) -> Self {
        self.prunes = true;
        self
    }
}

impl Writer {
    /// The rights without which nothing is stored.
    pub(super) fn writes(&self, scope: &Scope) -> Vec<Option<Statement>> {
        let (current, histories) = (scope.current(), scope.histories());
        let deleted = if self.deletes { current.clone() } else { Vec::new() };
        let pruned = if self.prunes { histories.clone() } else { Vec::new() };
        let state = [current.clone(), histories.clone(), scope.settings()];
        // For idempotency tokens, and for the number of a format-0 record that moves to the history.
        let queried = if self.puts == Puts::Any || scope.format_0 { histories.clone() } else { Vec::new() };
        // "Using IAM with DynamoDB transactions": each write of a transaction needs the right of its kind. The check is of the last
        // number, when a put depends on it, and of the current record in `repair`.
        let both_partitions = || [current.clone(), histories.clone()].concat();
        let (written, put, checked) = match self.puts {
            Puts::Any => (both_partitions(), Vec::new(), Vec::new()),
            Puts::Versions => (Vec::new(), both_partitions(), histories.clone()),
            Puts::First => (Vec::new(), current.clone(), histories.clone()),
        };
        let both = || scope.keys.iter().chain(&scope.recovery_keys);
        vec![
            // A put begins with the current record, the last number and the settings.
            Statement::items("ReadState", scope, &gets(scope), &state),
            Statement::items("ReadHistory", scope, &[QUERY], &[queried]),
            Statement::items("WriteSecrets", scope, &[PUT, CHECK], &[written]),
            Statement::items("PutSecrets", scope, &[PUT], &[put]),
            Statement::items("CheckNumbers", scope, &[CHECK], &[checked]),
            Statement::items("DeleteRecords", scope, &[DELETE], &[deleted, pruned]),
            // The active version and its key are read together; the first version is made, and applications are recorded.
            Statement::items("KeepTenantKeys", scope, &[gets(scope), vec![PUT]].concat(), &[scope.tenant_keys()]),
            moves(scope, &[current, histories, scope.tenant_keys()]),
            Contexts::Documents.allow("MakeDocumentKeys", scope, &[GENERATE], &scope.keys),
            Contexts::Documents.allow("WrapForRecovery", scope, &[ENCRYPT], &scope.recovery_keys),
            Contexts::Tenants.allow("MakeTenantKeys", scope, &[GENERATE], &scope.keys),
            Contexts::Tenants.allow("UnwrapTenantKeys", scope, &[DECRYPT], both()),
            Contexts::Nothing.allow("MakeFormat0Keys", scope, &[GENERATE], &scope.keys),
        ]
    }
}

impl Rights for Writer {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "Writer"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()?;
        self.scope.check_keys()
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let mut statements = self.writes(scope);
        statements.push(append_audit(scope));
        let mut statements = in_order(statements);
        statements.extend(common(scope, []));
        statements
    }
}
