//! What each role needs ("One table, any backend" in the design).

use secret_store_core::{ApplicationName, EncryptionContext, MasterKeyId, SecretId, SecretVersion};

use super::{Format0, Role, RoleCheck};

/// An action on an item, as IAM calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ItemAction {
    Get,
    BatchGet,
    Query,
    Put,
    Delete,
    ConditionCheck,
}

impl ItemAction {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "dynamodb:GetItem",
            Self::BatchGet => "dynamodb:BatchGetItem",
            Self::Query => "dynamodb:Query",
            Self::Put => "dynamodb:PutItem",
            Self::Delete => "dynamodb:DeleteItem",
            Self::ConditionCheck => "dynamodb:ConditionCheckItem",
        }
    }

    /// Without `BatchGetItem` the persistence reads one by one.
    pub(super) fn is_required(self) -> bool {
        self != Self::BatchGet
    }
}

/// Which records of the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Partition {
    Current,
    History,
    Settings,
    /// Of the writers with this first hexadecimal digit.
    Audit(u8),
}

impl Partition {
    pub(super) fn name(self, application: &ApplicationName) -> String {
        let application = application.as_str();
        match self {
            Self::Current => application.to_owned(),
            Self::History => format!("~h~{application}"),
            Self::Settings => format!("~s~{application}"),
            Self::Audit(digit) => format!("~a{digit:x}~{application}"),
        }
    }
}

/// One right on items, and what it is good for.
#[derive(Clone, Copy, Debug)]
pub(super) struct ItemNeed {
    pub(super) action: ItemAction,
    pub(super) partition: Partition,
    pub(super) purpose: &'static str,
}

pub(super) fn items_of(role: Role) -> Vec<ItemNeed> {
    use ItemAction::{BatchGet, ConditionCheck, Get, Put, Query};
    use Partition::{Current, History, Settings};
    let needs: &[(ItemAction, Partition, &'static str)] = match role {
        Role::Reader => &[
            (Get, Current, "getting a secret"),
            (Query, Current, "listing secrets"),
            (BatchGet, Current, "getting several secrets in one request"),
        ],
        Role::Writer => &[
            (Get, Current, "reading the current version's number"),
            (Get, History, "reading the last number of a deleted secret"),
            (Get, Settings, "reading settings"),
            (Query, History, "recognising a repeated put"),
            (Put, Current, "storing a secret"),
            (Put, History, "keeping the version that is replaced"),
            (ConditionCheck, Current, "repairing a secret's number"),
            (ConditionCheck, History, "storing a secret that was deleted before"),
            (BatchGet, Current, "reading what a put depends on in one request"),
        ],
        Role::Rotator => &[
            (Query, Current, "listing what is to be moved"),
            (Query, History, "listing earlier versions that are to be moved"),
            (Get, Current, "reading a record again"),
            (Get, History, "reading an earlier version again"),
            (Get, Settings, "reading settings and the job"),
            (Put, Current, "moving a record"),
            (Put, History, "moving an earlier version"),
            (Put, Settings, "writing settings and the job"),
        ],
        Role::Auditor => &[(Query, Current, "listing secrets"), (Query, History, "listing earlier versions")],
    };
    needs.iter().map(|&(action, partition, purpose)| ItemNeed { action, partition, purpose }).collect()
}

/// What a key is needed for.
#[derive(Clone, Debug)]
pub(super) enum KeyAction {
    GenerateDataKey,
    Encrypt,
    Decrypt,
    /// To another key.
    ReEncrypt(MasterKeyId),
}

impl KeyAction {
    /// As IAM calls them: a re-encryption needs two.
    pub(super) fn names(&self) -> &'static [&'static str] {
        match self {
            Self::GenerateDataKey => &["kms:GenerateDataKey"],
            Self::Encrypt => &["kms:Encrypt"],
            Self::Decrypt => &["kms:Decrypt"],
            Self::ReEncrypt(_) => &["kms:ReEncryptFrom", "kms:ReEncryptTo"],
        }
    }
}

/// One right on a key.
#[derive(Clone, Debug)]
pub(super) struct KeyNeed {
    pub(super) action: KeyAction,
    pub(super) key: MasterKeyId,
    pub(super) context: EncryptionContext,
    pub(super) purpose: &'static str,
}

impl KeyNeed {
    pub(super) fn with_action(&self, action: KeyAction, key: &MasterKeyId) -> Self {
        Self { action, key: key.clone(), ..self.clone() }
    }
}

pub(super) fn keys_of(check: &RoleCheck) -> Vec<KeyNeed> {
    let mut needs = Vec::new();
    let mut add = |action: KeyAction, key: &MasterKeyId, context: &EncryptionContext, purpose| {
        needs.push(KeyNeed { action, key: key.clone(), context: context.clone(), purpose });
    };
    let context = context(check);
    let legacy = (check.format_0 == Format0::Used).then(EncryptionContext::legacy);
    for key in &check.master_keys {
        match check.role {
            Role::Reader => add(KeyAction::Decrypt, key, &context, "opening secrets"),
            Role::Writer => add(KeyAction::GenerateDataKey, key, &context, "storing secrets"),
            Role::Rotator => {
                for target in &check.target_keys {
                    add(KeyAction::ReEncrypt(target.clone()), key, &context, "moving document keys");
                }
            }
            Role::Auditor => {}
        }
        match (check.role, &legacy) {
            (Role::Reader, Some(legacy)) => add(KeyAction::Decrypt, key, legacy, "opening secrets in format 0"),
            (Role::Writer, Some(legacy)) => add(KeyAction::GenerateDataKey, key, legacy, "storing secrets in format 0"),
            _ => {}
        }
    }
    for key in &check.recovery_keys {
        match check.role {
            Role::Reader => add(KeyAction::Decrypt, key, &context, "opening secrets when other keys are unavailable"),
            Role::Writer => add(KeyAction::Encrypt, key, &context, "wrapping document keys for recovery"),
            Role::Rotator | Role::Auditor => {}
        }
    }
    needs
}

/// The context of a secret's first version.
fn context(check: &RoleCheck) -> EncryptionContext {
    let id = SecretId::new(check.application.clone(), check.secret.clone());
    EncryptionContext::document_key(&check.store, &id, SecretVersion::FIRST)
}
