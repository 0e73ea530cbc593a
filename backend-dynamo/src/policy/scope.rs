//! What a role's rights extend to.

use std::collections::{BTreeMap, BTreeSet};

use secret_store_core::{ApplicationName, BlindingKey, Error, Result, StoreId, TenantId};

use super::name;
use super::naming::Naming;

/// What a role's rights extend to: one store in one table, its master keys, some of its applications, and what the programs of
/// the role make use of.
///
/// Nothing is checked or looked up until a policy is made of it.
#[derive(Clone, Debug)]
#[must_use = "a scope does nothing until a role is made of it"]
pub struct Scope {
    pub(super) store: StoreId,
    pub(super) table: String,
    pub(super) keys: BTreeSet<String>,
    pub(super) recovery_keys: BTreeSet<String>,
    /// Whose document keys are wrapped by master keys.
    pub(super) applications: BTreeSet<ApplicationName>,
    /// Whose document keys are wrapped by tenant keys.
    pub(super) tenants: BTreeMap<TenantId, BTreeSet<ApplicationName>>,
    pub(super) format_0: bool,
    pub(super) batches: bool,
    pub(super) key_lookup: bool,
    pub(super) table_checks: bool,
    pub(super) audit_log: bool,
    /// As names stand in the table and in contexts, the newest first.
    pub(super) namings: Vec<Naming>,
}

impl Scope {
    /// A store in a table, `arn:aws:dynamodb:eu-central-1:111122223333:table/Secrets`.
    pub fn new(store: StoreId, table_arn: impl Into<String>) -> Self {
        Self {
            store,
            table: table_arn.into(),
            keys: BTreeSet::new(),
            recovery_keys: BTreeSet::new(),
            applications: BTreeSet::new(),
            tenants: BTreeMap::new(),
            format_0: false,
            batches: false,
            key_lookup: false,
            table_checks: false,
            audit_log: false,
            namings: vec![Naming::Clear],
        }
    }

    /// A master key, by the ARN of the key itself: rights through an alias would follow the alias. Of a multi-Region key, name
    /// each replica that is called.
    pub fn with_key(mut self, arn: impl Into<String>) -> Self {
        self.keys.insert(arn.into());
        self
    }

    /// A master key under which document keys are wrapped besides, for the day the others are unavailable: readers `Decrypt`
    /// with it, and writers `Encrypt` under it.
    pub fn with_recovery_key(mut self, arn: impl Into<String>) -> Self {
        self.recovery_keys.insert(arn.into());
        self
    }

    /// An application whose document keys are wrapped by a master key.
    pub fn with_application(mut self, application: ApplicationName) -> Self {
        self.applications.insert(application);
        self
    }

    /// Applications whose document keys are wrapped by a tenant's key, which a master key wraps. Tenant keys are symmetric: who
    /// may write may read all that this tenant has.
    pub fn with_tenant(mut self, tenant: TenantId, applications: impl IntoIterator<Item = ApplicationName>) -> Self {
        self.tenants.entry(tenant).or_default().extend(applications);
        self
    }

    /// The applications still have secrets in format 0, whose document keys have no encryption context: such calls are
    /// allowed, and no condition tells them apart by application. Leave it out after the migration.
    pub fn with_format_0(mut self) -> Self {
        self.format_0 = true;
        self
    }

    /// `BatchGetItem`, so that several records are one request. Without it each is a `GetItem`.
    pub fn with_batches(mut self) -> Self {
        self.batches = true;
        self
    }

    /// `DescribeKey`: programs name keys by alias or key id.
    pub fn with_key_lookup(mut self) -> Self {
        self.key_lookup = true;
        self
    }

    /// `DescribeTable` and `DescribeContinuousBackups`: programs call [`check_table`](crate::check_table).
    pub fn with_table_checks(mut self) -> Self {
        self.table_checks = true;
        self
    }

    /// Programs write their audit entries to the same table: whoever reads or writes secrets may append, and auditors read them.
    /// An entry whose answer was lost is looked for where it should stand, so that they may `GetItem` there as well, but no `Query`:
    /// where the entries of others stand they cannot find out.
    pub fn with_audit_log(mut self) -> Self {
        self.audit_log = true;
        self
    }

    /// Programs hide names: their records are behind [`BlindNames`](secret_store_core::BlindNames), their key provider is behind
    /// [`BlindedKeys`](secret_store_core::BlindedKeys), and policies name the hashes that stand in the table and in contexts. The
    /// scope is given names as programs have them.
    ///
    /// Every role may read the mark that tells which key the table is written under, and no role but a [`Mover`](super::Mover) writes it:
    /// who sets the store up opens it once.
    ///
    /// Who has the policy's text has the hashes; nobody makes names of them without the key.
    pub fn with_blinding_key(mut self, key: &BlindingKey) -> Self {
        self.namings = vec![Naming::blind(key)];
        self
    }

    /// The key is being replaced, and this is an older one (or the newer one, as long as this is written under): policies name both
    /// hashes. For as long, who may write may delete what it writes, save for audit entries, since a record that is changed moves.
    pub fn with_previous_blinding_key(mut self, key: &BlindingKey) -> Self {
        self.namings.push(Naming::blind(key));
        self
    }

    /// Names begin to be hidden: what was stored before is read as well. As
    /// [`with_previous_blinding_key`](Self::with_previous_blinding_key).
    pub fn with_previous_names_in_clear(mut self) -> Self {
        self.namings.push(Naming::Clear);
        self
    }

    /// Refuses what a policy cannot name, or would name wrongly.
    pub(super) fn check(&self) -> Result<()> {
        let partition = name::check_table(&self.table)?;
        for key in self.keys.iter().chain(&self.recovery_keys) {
            if name::check_key(key)? != partition {
                return Err(Error::invalid_input(format!(
                    "the key {key} and the table {} are in different partitions of AWS: no role has rights in both",
                    self.table
                )));
            }
        }
        let applications = self.all_applications();
        if applications.is_empty() {
            return Err(Error::invalid_input("the scope has no application: name one with `with_application`"));
        }
        if self.is_blind() && self.format_0 {
            return Err(Error::invalid_input("format 0 has no blind names: migrate, and leave `with_format_0` out"));
        }
        if self.namings.iter().all(Naming::is_blind) {
            return Ok(());
        }
        name::check_name("the store", self.store.as_str())?;
        for tenant in self.tenants.keys() {
            name::check_name("the tenant", tenant.as_str())?;
        }
        applications.iter().try_for_each(|application| name::check_name("the application", application.as_str()))
    }

    /// Refuses a scope without a master key.
    pub(super) fn check_keys(&self) -> Result<()> {
        if self.keys.is_empty() {
            return Err(Error::invalid_input("the scope has no master key: name one with `with_key`"));
        }
        Ok(())
    }

    fn all_applications(&self) -> BTreeSet<&ApplicationName> {
        self.applications.iter().chain(self.tenants.values().flatten()).collect()
    }

    pub(super) fn has(&self, application: &ApplicationName) -> bool {
        self.all_applications().contains(application)
    }

    pub(super) fn count(&self) -> usize {
        self.all_applications().len()
    }

    /// The same with the first applications only, and the tenants that have one of them.
    pub(super) fn with_first(&self, count: usize) -> Self {
        let kept: BTreeSet<ApplicationName> = self.all_applications().into_iter().take(count).cloned().collect();
        let mut scope = self.clone();
        scope.applications.retain(|application| kept.contains(application));
        scope.tenants.values_mut().for_each(|all| all.retain(|application| kept.contains(application)));
        scope.tenants.retain(|_, applications| !applications.is_empty());
        scope
    }

    /// The same of one application under master keys, with nothing but current formats.
    pub(super) fn of_application(&self, application: &ApplicationName) -> Self {
        let applications = BTreeSet::from([application.clone()]);
        Self { applications, tenants: BTreeMap::new(), format_0: false, ..self.clone() }
    }

    /// The same of applications under master keys alone.
    pub(super) fn without_tenants(&self) -> Self {
        Self { tenants: BTreeMap::new(), ..self.clone() }
    }

    /// The same as names stand in some of its namings.
    pub(super) fn named(&self, namings: &[Naming]) -> Self {
        Self { namings: namings.to_vec(), ..self.clone() }
    }

    pub(super) fn is_blind(&self) -> bool {
        self.namings.iter().any(Naming::is_blind)
    }

    /// Whether records move from one naming to another.
    pub(super) fn is_moving(&self) -> bool {
        self.namings.len() > 1
    }

    /// The partitions of current secrets ("One table, any backend" in the design).
    pub(super) fn current(&self) -> Vec<String> {
        self.partitions("")
    }

    /// Earlier versions, and the last numbers of deleted secrets.
    pub(super) fn histories(&self) -> Vec<String> {
        self.partitions("~h~")
    }

    /// Settings and rotation jobs.
    pub(super) fn settings(&self) -> Vec<String> {
        self.partitions("~s~")
    }

    /// Audit entries: sixteen partitions for each application, by writer, as one pattern.
    pub(super) fn audit_entries(&self) -> Vec<String> {
        if self.audit_log { self.partitions("~a?~") } else { Vec::new() }
    }

    /// Single-use marks.
    pub(super) fn marks(&self) -> Vec<String> {
        self.others("~n~")
    }

    /// Credentials that clients encrypt, and which of their keys are in use.
    pub(super) fn credentials(&self) -> Vec<String> {
        self.others("~c~")
    }

    /// Tenant keys.
    pub(super) fn tenant_keys(&self) -> Vec<String> {
        let named = self.namings.iter().flat_map(|naming| self.tenants.keys().map(|tenant| naming.tenant(tenant)));
        named.map(|tenant| format!("~k~{tenant}")).collect()
    }

    /// The mark of the blinding key.
    pub(super) fn blind_mark(&self) -> Vec<String> {
        if self.is_blind() { vec!["~b".to_owned()] } else { Vec::new() }
    }

    /// The store as contexts name it.
    pub(super) fn store_names(&self) -> Vec<String> {
        self.namings.iter().map(|naming| naming.store(&self.store)).collect()
    }

    /// Applications under master keys as contexts name them.
    pub(super) fn application_names(&self) -> Vec<String> {
        let named = |naming: &Naming| self.applications.iter().map(|name| naming.application(name)).collect::<Vec<_>>();
        self.namings.iter().flat_map(named).collect()
    }

    /// Tenants as contexts name them.
    pub(super) fn tenant_names(&self) -> Vec<String> {
        let named = |naming: &Naming| self.tenants.keys().map(|tenant| naming.tenant(tenant)).collect::<Vec<_>>();
        self.namings.iter().flat_map(named).collect()
    }

    fn partitions(&self, prefix: &str) -> Vec<String> {
        self.named_applications(|naming, name| format!("{prefix}{}", naming.application(name)))
    }

    /// Partitions of the layers above the store.
    fn others(&self, prefix: &str) -> Vec<String> {
        self.named_applications(|naming, name| naming.partition(format!("{prefix}{}", name.as_str())))
    }

    fn named_applications(&self, partition: impl Fn(&Naming, &ApplicationName) -> String) -> Vec<String> {
        let all = self.all_applications();
        self.namings
            .iter()
            .flat_map(|naming| all.iter().map(|name| partition(naming, name)).collect::<Vec<_>>())
            .collect()
    }
}
