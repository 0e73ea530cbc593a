//! Moves records to another blinding key.

use secret_store_core::{Error, Result};

use super::role::{DELETE, GET, PUT, QUERY, Rights, common, in_order};
use super::scope::Scope;
use super::statement::{Contexts, Statement};

/// Where a [`BlindMover`](secret_store_core::BlindMover) runs: it moves records from where they stand under a previous blinding key, or
/// in clear, to the new one, and wraps to its contexts inside KMS (`ReEncrypt`), which shows it neither key nor value.
///
/// Its scope has a [blinding key](Scope::with_blinding_key) and what was before: [a key](Scope::with_previous_blinding_key) or
/// [names in clear](Scope::with_previous_names_in_clear). It leaves the mark of the new key.
///
/// KMS authorises the two halves of a `ReEncrypt` one by one, as it does for a [`Rotator`](super::Rotator): give applications with
/// different readers different movers.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct Mover {
    scope: Scope,
    credentials: bool,
}

impl Mover {
    /// Of everything that core keeps of the applications and tenants of a scope.
    pub fn new(scope: Scope) -> Self {
        Self { scope, credentials: false }
    }

    /// Of client-encrypted credentials, too (`BlindMover::partition`). Single-use marks need no move: they are over within a day.
    pub fn with_credentials(mut self) -> Self {
        self.credentials = true;
        self
    }

    /// The partitions of a scope that are moved, save for those without wraps.
    fn with_wraps(scope: &Scope) -> Vec<String> {
        [scope.current(), scope.histories(), scope.tenant_keys()].concat()
    }

    fn moved(&self, scope: &Scope) -> Vec<String> {
        let credentials = if self.credentials { scope.credentials() } else { Vec::new() };
        [Self::with_wraps(scope), scope.settings(), scope.audit_entries(), credentials].concat()
    }
}

impl Rights for Mover {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "Mover"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()?;
        if !self.scope.is_moving() || !self.scope.namings[0].is_blind() {
            return Err(Error::invalid_input(
                "there is nothing to move: give the scope `with_blinding_key`, and a previous key or names in clear",
            ));
        }
        Ok(())
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let (newest, previous) = scope.namings.split_at(1);
        let (new, old) = (scope.named(newest), scope.named(previous));
        let keys = || scope.keys.iter().chain(&scope.recovery_keys);
        let mut statements = vec![
            // Where a record stands already, its wrap may be left behind.
            Statement::items("ListRecords", scope, &[QUERY], &[self.moved(&old), self.moved(&new)]),
            Statement::items("StoreRecords", scope, &[PUT], &[self.moved(&new), scope.blind_mark()]),
            Statement::items("RemoveRecords", scope, &[DELETE], &[self.moved(&old)]),
            // After a race, what stands there tells who won it.
            Statement::items("ReadRecords", scope, &[GET], &[self.moved(&old), Self::with_wraps(&new)]),
        ];
        for (contexts, from, to) in [
            (Contexts::Documents, "RewrapDocumentKeysFrom", "RewrapDocumentKeysTo"),
            (Contexts::Tenants, "RewrapTenantKeysFrom", "RewrapTenantKeysTo"),
        ] {
            statements.push(contexts.allow(from, &old, &["kms:ReEncryptFrom"], keys()));
            statements.push(contexts.allow(to, &new, &["kms:ReEncryptTo"], keys()));
        }
        let mut statements = in_order(statements);
        statements.extend(common(scope, []));
        statements
    }
}
