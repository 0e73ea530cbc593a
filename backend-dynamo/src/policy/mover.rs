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

    /// The partitions in which there are wraps under master keys: not under those of tenants, whose contexts no key provider sees.
    fn with_wraps(scope: &Scope) -> Vec<String> {
        let under_master_keys = scope.without_tenants();
        [under_master_keys.current(), under_master_keys.histories(), scope.tenant_keys()].concat()
    }

    /// All partitions but those of audit entries.
    fn moved(&self, scope: &Scope) -> Vec<String> {
        let credentials = if self.credentials { scope.credentials() } else { Vec::new() };
        [scope.current(), scope.histories(), scope.settings(), scope.tenant_keys(), credentials].concat()
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
            // After a race, what stands there tells who won it.
            Statement::items("MoveRecordsFrom", scope, &[QUERY, GET, DELETE], &[self.moved(&old)]),
            // Where a record stands already, its wrap may be left behind.
            Statement::items("MoveRecordsTo", scope, &[QUERY, PUT], &[self.moved(&new)]),
            Statement::items("ReadMovedRecords", scope, &[GET], &[Self::with_wraps(&new)]),
            Statement::audit("MoveAuditEntriesFrom", &old, &[QUERY, GET, DELETE]),
            Statement::audit("MoveAuditEntriesTo", &new, &[QUERY, PUT]),
            Statement::items("LeaveBlindMark", scope, &[PUT], &[scope.blind_mark()]),
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
