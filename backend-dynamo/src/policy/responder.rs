//! Answers requests for secrets.

use secret_store_core::{ApplicationName, Result};

use super::role::{
    Rights, append_audit, check_organisation_keys, common, get, gets, in_order, opens_secrets, reads_organisation_keys,
    uses_marks,
};
use super::scope::Scope;
use super::statement::Statement;

/// The server of a `Retrieval` (`secret-store-transport`): it marks a request as used, reads the current secrets that it names, and
/// signs its answer with the key of an organisation. It lists nothing, reads no earlier version and stores nothing but marks.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct Responder {
    scope: Scope,
    organisation_keys: ApplicationName,
}

impl Responder {
    /// A server for the applications of a scope, with the application that holds the keys of the organisations
    /// (`OrganisationKeys::application`): under the master keys of the scope, and none of its applications.
    pub fn new(scope: Scope, organisation_keys: ApplicationName) -> Self {
        Self { scope, organisation_keys }
    }
}

impl Rights for Responder {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "Responder"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()?;
        self.scope.check_keys()?;
        check_organisation_keys(&self.scope, &self.organisation_keys)
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let settings = if scope.format_0 { scope.settings() } else { Vec::new() };
        let mut statements = vec![
            Statement::items("ReadSecrets", scope, &gets(scope), &[scope.current()]),
            Statement::items("ReadSettings", scope, &get(scope), &[settings]),
            Statement::items("ReadTenantKeys", scope, &get(scope), &[scope.tenant_keys()]),
        ];
        statements.extend(opens_secrets(scope));
        statements.extend(reads_organisation_keys(scope, &self.organisation_keys));
        statements.extend(uses_marks(scope));
        statements.push(append_audit(scope));
        let mut statements = in_order(statements);
        statements.extend(common(scope, []));
        statements
    }
}
