//! Sees what there is, and no value.

use secret_store_core::Result;

use super::role::{QUERY, Rights, common};
use super::scope::Scope;
use super::statement::Statement;

/// Lists secrets, their histories and the audit entries: names, versions, times and metadata. It gets ciphertext with them, and
/// has no right on any key.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct Auditor {
    scope: Scope,
}

impl Auditor {
    /// An auditor. Its scope needs no master key.
    pub fn new(scope: Scope) -> Self {
        Self { scope }
    }
}

impl Rights for Auditor {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "Auditor"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let listed = [scope.current(), scope.histories()];
        let records = Statement::items("ListRecords", scope, &[QUERY], &listed);
        let entries = Statement::audit("ReadAuditEntries", scope, &[QUERY]);
        let mut statements: Vec<_> = records.into_iter().chain(entries).collect();
        statements.extend(common(scope, []));
        statements
    }
}
