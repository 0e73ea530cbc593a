//! Moves keys.

use std::collections::BTreeSet;

use secret_store_core::{Error, Result};

use super::name;
use super::role::{BATCH_GET, CHECK, DECRYPT, ENCRYPT, GENERATE, GET, PUT, QUERY, Rights, append_audit, common, moves};
use super::scope::Scope;
use super::statement::{Contexts, Statement};

/// A rotation makes a key under its target and opens it, with a context of version 0, which no version of a secret has.
const VERSION: &str = "kms:EncryptionContext:ss:version";

/// Moves document keys and tenant keys from the master keys of its scope to others, inside KMS (`ReEncrypt`), which shows it
/// neither key nor value. The other kinds of rotation are options, and read keys or values.
///
/// KMS authorises the two halves of a `ReEncrypt` one by one, each with its own context. A rotator of several applications could
/// therefore move a key from one application's context to another's, whose readers could then open it: give applications with
/// different readers different rotators.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct Rotator {
    scope: Scope,
    targets: BTreeSet<String>,
    between_regions: bool,
    documents: bool,
    tenant_keys: bool,
    migration: bool,
}

impl Rotator {
    /// A rotator that may move keys to nowhere yet.
    pub fn new(scope: Scope) -> Self {
        Self {
            scope,
            targets: BTreeSet::new(),
            between_regions: false,
            documents: false,
            tenant_keys: false,
            migration: false,
        }
    }

    /// A master key to move to, by its ARN. Rights to wrap anew are on these; without any, on the scope's own keys.
    pub fn with_target_key(mut self, arn: impl Into<String>) -> Self {
        self.targets.insert(arn.into());
        self
    }

    /// The target is in another region, where no `ReEncrypt` reaches: keys are decrypted in the one and encrypted in the other,
    /// and the rotator could read them.
    pub fn with_other_region(mut self) -> Self {
        self.between_regions = true;
        self
    }

    /// Gives versions new document keys, for which it has to read the values.
    pub fn with_document_rotation(mut self) -> Self {
        self.documents = true;
        self
    }

    /// Gives tenants new keys, moves their document keys to these, and retires and destroys old ones. Tenant keys are symmetric: it
    /// could read what these tenants have.
    pub fn with_tenant_rotation(mut self) -> Self {
        self.tenant_keys = true;
        self
    }

    /// Migrates format 0 to format 1, for which it has to read the values. The scope has
    /// [`format 0`](Scope::with_format_0), too.
    pub fn with_migration(mut self) -> Self {
        self.migration = true;
        self
    }

    fn rewraps(&self, scope: &Scope) -> Vec<Option<Statement>> {
        const FROM: &str = "kms:ReEncryptFrom";
        const TO: &str = "kms:ReEncryptTo";
        if self.targets.is_empty() {
            return Vec::new();
        }
        // To documents' targets belongs more: a record may have a wrap there already. Where the old key is lost, that one stays, after
        // a `ReEncrypt` in place has proved that it opens.
        let (from, to, to_or_proof) = if self.between_regions {
            (DECRYPT, ENCRYPT, &[ENCRYPT, FROM, TO][..])
        } else {
            (FROM, TO, &[FROM, TO][..])
        };
        let (documents, tenants) = (Contexts::Documents, Contexts::Tenants);
        let version_0 = ["0".to_owned()];
        // "ReEncrypt", KMS API Reference: authorised on the source key and on the destination key.
        let rewrapped = documents.allow("RewrapDocumentKeysTo", scope, to_or_proof, &self.targets);
        let mut statements = vec![
            documents.allow("RewrapDocumentKeysFrom", scope, &[from], &scope.keys),
            // What could be moved into the context of a trial could be opened there.
            rewrapped.map(|statement| statement.when("StringNotEquals", VERSION, version_0.clone())),
            tenants.allow("RewrapTenantKeysFrom", scope, &[from], &scope.keys),
            tenants.allow("RewrapTenantKeysTo", scope, &[to], &self.targets),
        ];
        // A target is tried before anything depends on it. Whoever reads values may make and open any document key there.
        if !self.documents {
            let tried: &[_] = if self.migration { &[DECRYPT] } else { &[DECRYPT, GENERATE] };
            let tried = documents.allow("TryTargets", scope, tried, &self.targets);
            statements.push(tried.map(|statement| statement.when("StringEquals", VERSION, version_0)));
        }
        statements
    }

    fn reads_values(&self, scope: &Scope) -> Vec<Option<Statement>> {
        let wrapping = if self.targets.is_empty() { &scope.keys } else { &self.targets };
        let old_and_new = || scope.keys.iter().chain(&self.targets);
        let mut statements = Vec::new();
        if self.documents {
            statements.push(Contexts::Documents.allow("UnwrapDocumentKeys", scope, &[DECRYPT], old_and_new()));
        }
        if self.documents || self.migration {
            statements.push(Contexts::Documents.allow("MakeDocumentKeys", scope, &[GENERATE], wrapping));
        }
        if self.documents || self.migration || self.tenant_keys {
            // Also to wrap: a tenant's key is symmetric.
            statements.push(Contexts::Tenants.allow("UnwrapTenantKeys", scope, &[DECRYPT], old_and_new()));
        }
        if self.migration || self.tenant_keys {
            statements.push(Contexts::Tenants.allow("MakeTenantKeys", scope, &[GENERATE], wrapping));
        }
        if self.migration {
            statements.push(Contexts::Nothing.allow("UnwrapFormat0", scope, &[DECRYPT], &scope.keys));
        }
        statements
    }
}

impl Rights for Rotator {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "Rotator"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()?;
        self.scope.check_keys()?;
        for target in &self.targets {
            let (target_in, table_in) = (name::check_key(target)?, name::check_table(&self.scope.table)?);
            if target_in != table_in {
                return Err(Error::invalid_input(format!(
                    "the key {target} is in another partition of AWS than the table"
                )));
            }
        }
        if self.migration && !self.scope.format_0 {
            return Err(Error::invalid_input(
                "a migration opens secrets in format 0: give its scope `with_format_0`, and take it away afterwards",
            ));
        }
        Ok(())
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let (current, histories) = (scope.current(), scope.histories());
        let listed = [current.clone(), histories.clone(), scope.tenant_keys()];
        let rewritten = [current, histories.clone(), scope.tenant_keys(), scope.settings()];
        let batched = if scope.batches { rewritten.to_vec() } else { Vec::new() };
        // In a migration a record's number depends on the last number, and a version of a tenant's key is retired while another is
        // active: both are checked in the same transaction.
        let numbers = if self.migration { histories } else { Vec::new() };
        let active = if self.tenant_keys { scope.tenant_keys() } else { Vec::new() };
        let mut statements = vec![
            Statement::items("ListRecords", scope, &[QUERY], &listed),
            Statement::items("ReadSeveralRecords", scope, &[BATCH_GET], &batched),
            // The records, and with the settings the job.
            Statement::items("RewriteRecords", scope, &[GET, PUT], &rewritten),
            Statement::items("CheckRecords", scope, &[CHECK], &[numbers, active]),
            moves(scope, &rewritten),
            append_audit(scope),
        ];
        statements.extend(self.rewraps(scope));
        statements.extend(self.reads_values(scope));
        let mut statements: Vec<_> = statements.into_iter().flatten().collect();
        statements.extend(common(scope, &self.targets));
        statements
    }
}
