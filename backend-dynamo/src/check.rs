//! Diagnosis: what a role of a program may do, tried before the program needs it.

use std::fmt;

use secret_store_core::{ApplicationName, BlindingKey, MasterKeyId, SecretName, StoreId};

use crate::key_provider::KmsKeyProviderBuilder;
use crate::persistence::DynamoPersistence;
use crate::policy::naming::Naming;

mod cause;
mod dry_run;
mod keys;
mod need;
mod report;
mod server;
mod table;

pub use cause::Cause;
pub use report::{CheckReport, Finding, Outcome};

use need::{ItemAction, ItemNeed, KeyNeed, Partition};

/// Tries what one role needs on one application, request by request, and tells what is missing and how to mend it.
///
/// Nothing is read that a secret could be in, and nothing is written:
///
/// * **DynamoDB**: reads ask for a sort key that no secret can have. Writes are transactions of one item under a condition
///   that no item meets; DynamoDB authorises each item of a transaction before it looks at conditions.
/// * **KMS**: dry runs ("Testing your permissions", KMS Developer Guide), for `Decrypt` and `ReEncrypt` without a ciphertext
///   (`IGNORE_CIPHERTEXT`). Keys outside the allow-list are not called.
///
/// It takes about one request for each finding of the report, which AWS bills and logs as any other. The clients' timeouts and
/// retries hold; what ends one service's checks (no credentials, no way there, no table) is tried once. Dropping the call leaves
/// nothing behind.
///
/// ```no_run
/// # async fn example(connection: secret_store_dynamo::Connection) -> secret_store_core::Result<()> {
/// use secret_store_core::{ApplicationName, MasterKeyId, StoreId};
/// use secret_store_dynamo::check::RoleCheck;
/// use secret_store_dynamo::{DynamoPersistence, KmsKeyProvider};
///
/// let records = DynamoPersistence::new(connection.dynamodb()?, "secrets");
/// let report = RoleCheck::writer(StoreId::new("prod")?, ApplicationName::new("Shop.Production")?)
///     .with_keys(KmsKeyProvider::builder(connection.kms()?).key("alias/prod"))
///     .with_master_key(MasterKeyId::new("alias/prod")?)
///     .with_deletes()
///     .check(&records)
///     .await;
/// println!("{report}");
/// # Ok(())
/// # }
/// ```
///
/// Not checked: tenant keys, moving to another blinding key, what a rotation of document keys and a migration need besides, and whether a role may do more than it
/// needs.
#[derive(Clone, Debug)]
#[must_use = "nothing is tried until `check`"]
pub struct RoleCheck {
    role: Role,
    store: StoreId,
    application: ApplicationName,
    secret: SecretName,
    keys: Option<KmsKeyProviderBuilder>,
    master_keys: Vec<MasterKeyId>,
    target_keys: Vec<MasterKeyId>,
    recovery_keys: Vec<MasterKeyId>,
    items: Vec<ItemNeed>,
    format_0: Format0,
    /// The application that holds the keys of organisations.
    organisation_keys: Option<ApplicationName>,
    opening: Opening,
    naming: Naming,
}

/// Whether a server opens secrets of the application for which it would not have to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Opening {
    No,
    Yes,
}

/// Who is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Reader,
    Writer,
    Rotator,
    Auditor,
    Intake,
    Responder,
    Marker,
    Sweeper,
    CredentialIntake,
    CredentialUser,
    CredentialKeeper,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Reader => "reader",
            Self::Writer => "writer",
            Self::Rotator => "rotator",
            Self::Auditor => "auditor",
            Self::Intake => "intake",
            Self::Responder => "responder",
            Self::Marker => "marker",
            Self::Sweeper => "sweeper",
            Self::CredentialIntake => "credential intake",
            Self::CredentialUser => "credential user",
            Self::CredentialKeeper => "credential keeper",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format0 {
    Unused,
    Used,
}

impl RoleCheck {
    /// Of a role that gets and lists current secrets.
    pub fn reader(store: StoreId, application: ApplicationName) -> Self {
        Self::new(Role::Reader, store, application)
    }

    /// Of a role that stores secrets.
    pub fn writer(store: StoreId, application: ApplicationName) -> Self {
        Self::new(Role::Writer, store, application)
    }

    /// Of a role that moves document keys from [master keys](Self::with_master_key) to [others](Self::with_target_key).
    pub fn rotator(store: StoreId, application: ApplicationName) -> Self {
        Self::new(Role::Rotator, store, application)
    }

    /// Of a role that lists what there is. It needs no key.
    pub fn auditor(store: StoreId, application: ApplicationName) -> Self {
        Self::new(Role::Auditor, store, application)
    }

    fn new(role: Role, store: StoreId, application: ApplicationName) -> Self {
        Self {
            role,
            store,
            application,
            secret: SecretName::new("check").expect("a valid name"),
            keys: None,
            master_keys: Vec::new(),
            target_keys: Vec::new(),
            recovery_keys: Vec::new(),
            items: need::items_of(role),
            format_0: Format0::Unused,
            organisation_keys: None,
            opening: Opening::No,
            naming: Naming::Clear,
        }
    }

    /// The key provider as the program configures it: clients and allow-list.
    pub fn with_keys(mut self, keys: KmsKeyProviderBuilder) -> Self {
        self.keys = Some(keys);
        self
    }

    /// A master key of the application, as the program's configuration names it.
    pub fn with_master_key(mut self, id: MasterKeyId) -> Self {
        self.master_keys.push(id);
        self
    }

    /// A master key under which document keys are wrapped besides: readers decrypt with it, writers encrypt under it.
    pub fn with_recovery_key(mut self, id: MasterKeyId) -> Self {
        self.recovery_keys.push(id);
        self
    }

    /// A master key that a rotator moves to.
    pub fn with_target_key(mut self, id: MasterKeyId) -> Self {
        self.target_keys.push(id);
        self
    }

    /// The name of the secret in the encryption context, for policies that tell secrets apart; `check` by default.
    pub fn with_secret(mut self, name: SecretName) -> Self {
        self.secret = name;
        self
    }

    /// The role reads earlier versions, too.
    pub fn with_history(self) -> Self {
        self.with_items(Partition::History, &[ItemAction::Get, ItemAction::Query], "reading earlier versions")
    }

    /// The role deletes secrets; their history stays.
    pub fn with_deletes(self) -> Self {
        self.with_items(Partition::Current, &[ItemAction::Delete], "deleting secrets")
    }

    /// The role deletes earlier versions, as a store that keeps a number of them does with every put.
    pub fn with_pruning(self) -> Self {
        self.with_items(Partition::History, &[ItemAction::Delete], "deleting earlier versions")
    }

    /// Audit entries are in the same table: an auditor reads them, everybody else appends, and looks whether its own are there.
    pub fn with_audit_log(mut self) -> Self {
        let (actions, purpose): (&[_], _) = match self.role {
            Role::Auditor => (&[ItemAction::Query], "reading audit entries"),
            Role::Marker | Role::Sweeper => (&[], ""),
            _ => (&[ItemAction::Put, ItemAction::Get], "appending audit entries"),
        };
        for writer in 0..16 {
            self = self.with_items(Partition::Audit(writer), actions, purpose);
            if self.organisation_keys.is_some() {
                self = self.with_items(Partition::Refusals(writer), actions, "recording what is refused");
            }
        }
        self
    }

    /// The program hides names under this key: partitions and contexts are tried by their hashes. The names here, and in the report's
    /// title, are those that the program has.
    pub fn with_blinding_key(mut self, key: &BlindingKey) -> Self {
        self.naming = Naming::blind(key);
        self.with_items(Partition::BlindMark, &[ItemAction::Get], "comparing the blinding key")
    }

    /// The application has secrets in format 0, whose document keys have no encryption context.
    pub fn with_format_0(mut self) -> Self {
        self.format_0 = Format0::Used;
        self.with_items(Partition::Settings, &[ItemAction::Get], "reading settings")
    }

    fn with_items(mut self, partition: Partition, actions: &[ItemAction], purpose: &'static str) -> Self {
        for action in actions {
            let known = self.items.iter().any(|need| need.action == *action && need.partition == partition);
            if !known {
                self.items.push(ItemNeed { action: *action, partition, purpose });
            }
        }
        self
    }

    /// Tries everything. It always comes to an end with a report: what went wrong is in it.
    pub async fn check(&self, records: &DynamoPersistence) -> CheckReport {
        let mut findings = table::check(records, self).await;
        findings.extend(keys::check(self).await);
        CheckReport::new(self.to_string(), findings)
    }

    fn key_needs(&self) -> Vec<KeyNeed> {
        need::keys_of(self)
    }
}

/// `writer of Shop.Production in the store prod`.
impl fmt::Display for RoleCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let role = self.role.name();
        let (application, store) = (self.application.as_str().escape_debug(), self.store.as_str().escape_debug());
        write!(f, "{role} of {application} in the store {store}")
    }
}
