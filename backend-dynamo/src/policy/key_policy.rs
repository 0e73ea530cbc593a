//! Who may use and administer a key.

use std::collections::BTreeSet;

use secret_store_core::{Error, Result};

use super::document::Policy;
use super::name;
use super::role::Role;
use super::statement::{Effect, Statement};

/// Everything that uses a symmetric key, by which format 0 would be read or written.
const CRYPTOGRAPHIC: [&str; 8] = [
    "kms:Decrypt",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyPair",
    "kms:GenerateDataKeyPairWithoutPlaintext",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
];

/// "Allows key administrators to administer the KMS key", KMS Developer Guide, without what uses the key, and without `CreateGrant`: a
/// grant would let somebody use the key whom this policy does not name.
const ADMINISTRATIVE: [&str; 24] = [
    "kms:CancelKeyDeletion",
    "kms:CreateAlias",
    "kms:DeleteAlias",
    "kms:DescribeKey",
    "kms:DisableKey",
    "kms:DisableKeyRotation",
    "kms:EnableKey",
    "kms:EnableKeyRotation",
    "kms:GetKeyPolicy",
    "kms:GetKeyRotationStatus",
    "kms:ListGrants",
    "kms:ListKeyPolicies",
    "kms:ListKeyRotations",
    "kms:ListResourceTags",
    "kms:PutKeyPolicy",
    "kms:ReplicateKey",
    "kms:RevokeGrant",
    "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion",
    "kms:TagResource",
    "kms:UntagResource",
    "kms:UpdateAlias",
    "kms:UpdateKeyDescription",
    "kms:UpdatePrimaryRegion",
];

/// The policy of one master key.
///
/// * A **role** may do with the key what its own [`policy`](Role::policy) says: both are needed, and both are bound to
///   applications. The statements name the role's account and, by `aws:PrincipalArn`, the role. So neither an IAM policy that is
///   too wide nor this one alone opens anything, and a role that is deleted and made again is the same.
/// * **Administrators** manage the key and cannot use it; but who may change this policy can change that.
/// * [`with_format_0_denied`](KeyPolicy::with_format_0_denied) shuts out format 0 for good.
///
/// Grants, which this policy lets nobody create, stand beside a key policy; an explicit deny holds for them as well.
#[derive(Clone, Debug)]
#[must_use = "a key policy does nothing until `policy`"]
pub struct KeyPolicy {
    key: String,
    administrators: BTreeSet<String>,
    roles: Vec<Granted>,
    format_0_denied: bool,
}

#[derive(Clone, Debug)]
struct Granted {
    arns: BTreeSet<String>,
    name: &'static str,
    statements: Vec<Statement>,
    checked: std::result::Result<(), String>,
}

impl KeyPolicy {
    /// A policy of a key, by its ARN. Without administrators, the IAM policies of its account decide who administers it.
    pub fn new(key_arn: impl Into<String>) -> Self {
        Self { key: key_arn.into(), administrators: BTreeSet::new(), roles: Vec::new(), format_0_denied: false }
    }

    /// Lets a role or user administer the key, and the account's root user, so that the key stays manageable; nobody else.
    pub fn with_administrator(mut self, arn: impl Into<String>) -> Self {
        self.administrators.insert(arn.into());
        self
    }

    /// Lets IAM roles or users, by their ARNs, use the key as a role does. Their IAM policies have to allow it, too.
    pub fn with_role(mut self, arns: impl IntoIterator<Item = impl Into<String>>, role: &impl Role) -> Self {
        self.roles.push(Granted {
            arns: arns.into_iter().map(Into::into).collect(),
            name: role.name(),
            statements: role.statements(role.scope()),
            checked: role.check().map_err(|error| error.to_string()),
        });
        self
    }

    /// Denies everybody, whatever else allows it, every use of the key without the encryption context of a store: format 0 has none.
    /// For after the migration.
    pub fn with_format_0_denied(mut self) -> Self {
        self.format_0_denied = true;
        self
    }

    /// The policy.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a malformed ARN, a role that is refused by itself or has
    /// no right on this key, and a role with format 0 where that is denied;
    /// [`TooLarge`](secret_store_core::ErrorKind::TooLarge) beyond [`KEY_POLICY_BYTES`](super::KEY_POLICY_BYTES).
    pub fn policy(&self) -> Result<Policy> {
        let mut statements = vec![self.administration()?];
        for (number, granted) in self.roles.iter().enumerate() {
            let again = self.roles[..number].iter().filter(|earlier| earlier.name == granted.name).count();
            statements.extend(self.granted(granted, again)?);
        }
        if self.format_0_denied {
            statements.push(denied_without_context());
        }
        let policy = Policy::new(statements);
        policy.check_bytes()?;
        Ok(policy)
    }

    fn administration(&self) -> Result<Statement> {
        let partition = name::check_key(&self.key)?;
        let account = self.key.split(':').nth(4).unwrap_or_default();
        let root = format!("arn:{partition}:iam::{account}:root");
        let statement =
            Statement::allow("AdministerKey", &ADMINISTRATIVE, ["*".to_owned()]).for_principals([root.clone()]);
        if self.administrators.is_empty() {
            return Ok(statement);
        }
        self.administrators.iter().try_for_each(|arn| name::check_principal(arn).map(drop))?;
        let administrators = self.administrators.iter().cloned().chain([root]);
        Ok(statement.when("StringEquals", "aws:PrincipalArn", administrators))
    }

    /// The role's statements on this key. In a key policy the resource `*` is the key itself.
    fn granted(&self, granted: &Granted, again: usize) -> Result<Vec<Statement>> {
        let Granted { arns, name, statements, checked } = granted;
        checked.clone().map_err(Error::invalid_input)?;
        let on_key = |statement: &&Statement| statement.resource.contains(&self.key);
        if self.format_0_denied && statements.iter().filter(on_key).any(Statement::is_of_format_0) {
            return Err(Error::invalid_input(format!(
                "the {name} uses format 0, which the key policy denies: migrate, and leave `with_format_0` out of its scope"
            )));
        }
        let mut accounts = BTreeSet::new();
        for arn in arns {
            let (partition, account) = name::check_principal(arn)?;
            accounts.insert(format!("arn:{partition}:iam::{account}:root"));
        }
        let numbered = if again == 0 { String::new() } else { (again + 1).to_string() };
        let own = statements.iter().filter(on_key).map(|statement| {
            let mut statement = statement.clone();
            statement.sid = format!("{name}{numbered}{}", statement.sid);
            statement.resource = BTreeSet::from(["*".to_owned()]);
            let statement = statement.for_principals(accounts.clone());
            statement.when("StringEquals", "aws:PrincipalArn", arns.iter().cloned())
        });
        let own: Vec<_> = own.collect();
        if arns.is_empty() || own.is_empty() {
            return Err(Error::invalid_input(format!(
                "the {name} has no role ARN, or no right on the key {}: name both, or leave the {name} out",
                self.key
            )));
        }
        Ok(own)
    }
}

/// Every context of a store has `ss:store`.
fn denied_without_context() -> Statement {
    let mut statement =
        Statement::allow("DenyFormat0", &CRYPTOGRAPHIC, ["*".to_owned()]).for_principals(["*".to_owned()]);
    statement.effect = Effect::Deny;
    statement.when("Null", "kms:EncryptionContext:ss:store", ["true".to_owned()])
}
