//! Reads secrets.

use secret_store_core::Result;

use super::role::{QUERY, Rights, append_audit, common, get, gets, opens_secrets};
use super::scope::Scope;
use super::statement::Statement;

/// Gets and lists secrets, and opens their document keys. Writes nothing but audit entries.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct Reader {
    scope: Scope,
    history: bool,
}

impl Reader {
    /// A reader of current secrets.
    pub fn new(scope: Scope) -> Self {
        Self { scope, history: false }
    }

    /// Of earlier versions, too.
    pub fn with_history(mut self) -> Self {
        self.history = true;
        self
    }
}

impl Rights for Reader {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "Reader"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()?;
        self.scope.check_keys()
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        // A get is a GetItem, a listing a Query; several records are a BatchGetItem, also of a current secret and its history.
        let read = [gets(scope), vec![QUERY]].concat();
        let histories = if self.history { scope.histories() } else { Vec::new() };
        let settings = if scope.format_0 { scope.settings() } else { Vec::new() };
        let mut statements = vec![
            Statement::items("ReadSecrets", scope, &read, &[scope.current(), histories]),
            Statement::items("ReadSettings", scope, &get(scope), &[settings]),
            Statement::items("ReadTenantKeys", scope, &get(scope), &[scope.tenant_keys()]),
            append_audit(scope),
        ];
        statements.extend(opens_secrets(scope));
        let mut statements: Vec<_> = statements.into_iter().flatten().collect();
        statements.extend(common(scope, []));
        statements
    }
}
