//! What each role needs ("One table, any backend" in the design).

use secret_store_core::{ApplicationName, EncryptionContext, MasterKeyId, SecretId, SecretVersion};

use super::{Format0, Opening, Role, RoleCheck};

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
    /// Single-use marks.
    Marks,
    /// Client-encrypted credentials.
    Credentials,
    /// Which are secrets of another application.
    OrganisationKeys,
    /// Audit entries of that application, of the writers with this first hexadecimal digit.
    Refusals(u8),
    /// Of the whole table.
    BlindMark,
}

impl Partition {
    pub(super) fn name(self, check: &RoleCheck) -> String {
        let naming = &check.naming;
        let application = || naming.application(&check.application);
        let keys = || check.organisation_keys.as_ref().map_or_else(String::new, |keys| naming.application(keys));
        let other = |prefix: &str| naming.partition(format!("{prefix}{}", check.application.as_str()));
        match self {
            Self::Current => application(),
            Self::History => format!("~h~{}", application()),
            Self::Settings => format!("~s~{}", application()),
            Self::Audit(digit) => format!("~a{digit:x}~{}", application()),
            Self::Marks => other("~n~"),
            Self::Credentials => other("~c~"),
            Self::OrganisationKeys => keys(),
            Self::Refusals(digit) => format!("~a{digit:x}~{}", keys()),
            Self::BlindMark => "~b".to_owned(),
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
    use ItemAction::{BatchGet, ConditionCheck, Delete, Get, Put, Query};
    use Partition::{Credentials, Current, History, Marks, OrganisationKeys, Settings};
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
        Role::Intake => &[
            (Get, Current, "reading the current version's number"),
            (Get, History, "reading the last number of a deleted secret"),
            (Get, Settings, "reading settings"),
            (Put, Current, "storing a secret"),
            (Put, History, "keeping the version that is replaced"),
            (ConditionCheck, History, "storing a secret that was deleted before"),
            (Get, OrganisationKeys, "opening what is sealed"),
            (Get, Marks, "reading a nonce"),
            (Put, Marks, "issuing a nonce and using it up"),
            (BatchGet, Current, "reading what a put depends on in one request"),
        ],
        Role::Responder => &[
            (Get, Current, "getting a secret"),
            (Get, OrganisationKeys, "signing answers"),
            (Get, Marks, "recognising a request that was answered"),
            (Put, Marks, "marking a request as answered"),
            (BatchGet, Current, "getting several secrets in one request"),
        ],
        Role::Marker => &[(Get, Marks, "reading a nonce"), (Put, Marks, "issuing a nonce and using it up")],
        Role::Sweeper => {
            &[(Query, Marks, "listing marks that are over"), (Delete, Marks, "removing marks that are over")]
        }
        Role::CredentialIntake => &[
            (Get, Credentials, "reading the state of a user's key"),
            (Put, Credentials, "storing a credential"),
            (ConditionCheck, Credentials, "storing a credential under a key that is in use"),
            (BatchGet, Credentials, "reading what a credential depends on in one request"),
        ],
        Role::CredentialUser => &[(Get, Current, "reading a user's key"), (Get, Credentials, "reading a credential")],
        Role::CredentialKeeper => &[
            (Get, Current, "reading a user's key"),
            (Query, Current, "listing the versions of a user's key"),
            (Get, History, "reading the last number of a deleted key"),
            (Get, Settings, "reading settings"),
            (Put, Current, "storing a user's key"),
            (ConditionCheck, History, "storing a key that was deleted before"),
            (Get, Credentials, "reading the state of a user's key"),
            (Put, Credentials, "keeping the state of a user's key"),
            (BatchGet, Current, "reading what a put depends on in one request"),
        ],
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
    let context = context(check, &check.application);
    let legacy = (check.format_0 == Format0::Used).then(EncryptionContext::legacy);
    for key in &check.master_keys {
        if makes_keys(check.role) {
            add(KeyAction::GenerateDataKey, key, &context, "storing secrets");
        }
        if opens(check) {
            add(KeyAction::Decrypt, key, &context, "opening secrets");
        }
        if check.role == Role::Rotator {
            for target in &check.target_keys {
                add(KeyAction::ReEncrypt(target.clone()), key, &context, "moving document keys");
            }
        }
        match (check.role, &legacy) {
            (Role::Reader, Some(legacy)) => add(KeyAction::Decrypt, key, legacy, "opening secrets in format 0"),
            (Role::Writer, Some(legacy)) => add(KeyAction::GenerateDataKey, key, legacy, "storing secrets in format 0"),
            _ => {}
        }
    }
    for key in &check.recovery_keys {
        if makes_keys(check.role) {
            add(KeyAction::Encrypt, key, &context, "wrapping document keys for recovery");
        }
        if opens(check) {
            add(KeyAction::Decrypt, key, &context, "opening secrets when other keys are unavailable");
        }
    }
    if let Some(keys) = &check.organisation_keys {
        let context = self::context(check, keys);
        for key in &check.master_keys {
            add(KeyAction::Decrypt, key, &context, "opening the keys of organisations");
        }
    }
    needs
}

fn makes_keys(role: Role) -> bool {
    matches!(role, Role::Writer | Role::Intake | Role::CredentialKeeper)
}

fn opens(check: &RoleCheck) -> bool {
    match check.role {
        Role::Reader | Role::Responder | Role::CredentialUser | Role::CredentialKeeper => true,
        Role::Intake | Role::CredentialIntake => check.opening == Opening::Yes,
        Role::Writer | Role::Rotator | Role::Auditor | Role::Marker | Role::Sweeper => false,
    }
}

/// Whether it has nothing to do with keys.
pub(super) fn is_keyless(check: &RoleCheck) -> bool {
    match check.role {
        Role::Auditor | Role::Marker | Role::Sweeper => true,
        Role::CredentialIntake => check.opening == Opening::No,
        _ => false,
    }
}

/// The context of a secret's first version.
fn context(check: &RoleCheck, application: &ApplicationName) -> EncryptionContext {
    let id = SecretId::new(application.clone(), check.secret.clone());
    let (store, id) = (check.naming.named_store(&check.store), check.naming.named_secret(&id));
    EncryptionContext::document_key(&store, &id, SecretVersion::FIRST)
}
