//! Takes sealed submissions.

use secret_store_core::{ApplicationName, Result};

use super::role::{
    Rights, append_audit, check_organisation_keys, common, in_order, opens_secrets, reads_organisation_keys, uses_marks,
};
use super::scope::Scope;
use super::statement::Statement;
use super::writer::{Puts, Writer};

/// The server of a `SealedIntake` (`secret-store-transport`): it opens what was sealed to the key of an organisation, uses up its
/// nonce, and stores it. Under master keys it cannot read what is stored; what passes through it, it sees.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct Intake {
    scope: Scope,
    organisation_keys: ApplicationName,
    writer: Writer,
    expected_versions: bool,
}

impl Intake {
    /// A server for the applications of a scope, with the application that holds the keys of the organisations
    /// (`OrganisationKeys::application`): under the master keys of the scope, and none of its applications.
    pub fn new(scope: Scope, organisation_keys: ApplicationName) -> Self {
        Self {
            writer: Writer::that_puts(scope.clone(), Puts::Versions),
            scope,
            organisation_keys,
            expected_versions: false,
        }
    }

    /// It takes submissions that name the version they replace (`Freshness::ExpectedVersion`), for which it reads the current version, and
    /// could read every current one.
    pub fn with_expected_versions(mut self) -> Self {
        self.expected_versions = true;
        self
    }

    /// As [`Writer::with_pruning`](super::Writer::with_pruning).
    pub fn with_pruning(mut self) -> Self {
        self.writer = self.writer.with_pruning();
        self
    }
}

impl Rights for Intake {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "Intake"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()?;
        self.scope.check_keys()?;
        check_organisation_keys(&self.scope, &self.organisation_keys)
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let mut statements = self.writer.writes(scope);
        if self.expected_versions {
            // The rights on records are there; a writer opens tenant keys already.
            statements.extend(opens_secrets(scope).into_iter().take(1));
        }
        statements.extend(reads_organisation_keys(scope, &self.organisation_keys));
        statements.extend(uses_marks(scope));
        statements.push(append_audit(scope));
        let mut statements = in_order(statements);
        statements.extend(common(scope, []));
        statements
    }
}
