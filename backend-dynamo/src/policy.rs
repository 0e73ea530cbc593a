//! Access policies: what each role may do at DynamoDB and KMS, as text for IAM and for keys.
//!
//! A [`Scope`] says what there is: the table, the store, the master keys, the applications. A [`Reader`], [`Writer`],
//! [`Rotator`], [`Auditor`] or one of the [servers](#servers-of-messages-and-credentials) of it has a [`policy`](Role::policy) for an
//! IAM identity, and a [`KeyPolicy`] lets roles use a key.
//!
//! ```
//! use secret_store_core::{ApplicationName, StoreId};
//! use secret_store_dynamo::policy::{KeyPolicy, Reader, Role, Scope, Writer};
//!
//! # fn main() -> secret_store_core::Result<()> {
//! let key = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";
//! let table = "arn:aws:dynamodb:eu-central-1:111122223333:table/Secrets";
//! let scope = Scope::new(StoreId::new("prod")?, table)
//!     .with_key(key)
//!     .with_application(ApplicationName::new("Shop.Production")?);
//!
//! let reader = Reader::new(scope.clone()).with_history();
//! println!("{}", reader.policy()?.to_json());
//!
//! let writer = Writer::new(scope).with_deletes();
//! let policy = KeyPolicy::new(key)
//!     .with_role(["arn:aws:iam::111122223333:role/shop"], &reader)
//!     .with_role(["arn:aws:iam::111122223333:role/shop-deploy"], &writer)
//!     .with_format_0_denied();
//! println!("{}", policy.policy()?.to_json());
//! # Ok(())
//! # }
//! ```
//!
//! # What the policies are made of
//!
//! * **Whole partitions.** Rights on items are bound to full partition keys by `ForAllValues:StringEquals` on
//!   `dynamodb:LeadingKeys`, and by `Null: false` on the same key, because `ForAllValues` holds for a request that has no
//!   leading keys at all ("Set operators for multivalued context keys", IAM User Guide). There is no `Scan` and no PartiQL. The one
//!   pattern, by `ForAllValues:StringLike`, is `~a?~` + application, for the sixteen partitions of its audit entries.
//! * **Encryption contexts.** Rights on keys are bound to the store, the purpose and the application or tenant by
//!   `kms:EncryptionContext:ss:…` ([`EncryptionContext::pairs`](secret_store_core::EncryptionContext::pairs)).
//! * **The actions that are sent, and no others.** A put that IAM sees is `PutItem`, `DeleteItem` and `ConditionCheckItem` on
//!   the items of a transaction ("Using IAM with DynamoDB transactions", DynamoDB Developer Guide). `UpdateItem`,
//!   `BatchWriteItem` and wildcards are not among them.
//! * **Names** that IAM would read as something else (`*`, `?`, `$`) or cannot hold (beyond U+00FF) are refused.
//!
//! # Who needs what
//!
//! `app` stands for an application's partition, `~h~` its history, `~s~` its settings and rotation job, `~k~` a tenant's keys, `~a`
//! the sixteen partitions of its audit entries. Documents are contexts with `ss:purpose` 3 and the application, tenants those with
//! `ss:purpose` 4 and the tenant.
//!
//! | role | DynamoDB | KMS |
//! |---|---|---|
//! | [`Reader`] | `GetItem`, `Query` on `app`, with [history](Reader::with_history) on `~h~`; `GetItem` on `~k~` and, while there is format 0, on `~s~` | `Decrypt` for documents, for tenants |
//! | [`Writer`] | `GetItem` on `app`, `~h~`, `~s~`; `Query` on `~h~`; `PutItem`, `ConditionCheckItem` on `app`, `~h~`; `GetItem`, `PutItem` on `~k~`; [`DeleteItem`](Writer::with_deletes) on `app`, [on](Writer::with_pruning) `~h~` | `GenerateDataKey` for documents; `Encrypt` for documents under [further keys](Scope::with_recovery_key); `GenerateDataKey`, `Decrypt` for tenants |
//! | [`Rotator`] | `Query` on `app`, `~h~`, `~k~`; `GetItem`, `PutItem` on these and `~s~`; `ConditionCheckItem` on `~h~` for a [migration](Rotator::with_migration), on `~k~` for [tenant keys](Rotator::with_tenant_rotation) | `ReEncryptFrom` on the old, `ReEncryptTo` on the new key, for documents and tenants; `GenerateDataKey` and `Decrypt` on the new key for the trial before a rotation alone (version 0); `Decrypt` and `GenerateDataKey` with the options that read |
//! | [`Auditor`] | `Query` on `app`, `~h~`, `~a` | nothing |
//!
//! With [batches](Scope::with_batches) `BatchGetItem` comes to what is read, with an [audit log](Scope::with_audit_log) `PutItem` and
//! `GetItem` on `~a` to whoever records what it does, with [format 0](Scope::with_format_0) calls without any context to reader and writer, with
//! [key lookup](Scope::with_key_lookup) `DescribeKey`, with [table checks](Scope::with_table_checks) `DescribeTable` and
//! `DescribeContinuousBackups`. An application has a tenant tier by [`with_tenant`](Scope::with_tenant), and `~k~` and the contexts
//! of tenants appear in no other policy.
//!
//! Only a rotator writes settings: a writer that could would choose the master key of the others, within their allow-lists.
//!
//! # Servers of messages and credentials
//!
//! For `secret-store-transport`. `~n~` are an application's single-use marks, `~c~` its client-encrypted credentials with the state of
//! the keys that they are under, `keys` the application that holds the keys of organisations (a partition of current secrets).
//!
//! | role | runs | DynamoDB | KMS |
//! |---|---|---|---|
//! | [`Intake`] | `SealedIntake` | `GetItem` on `app`, `~h~`, `~s~`, `keys`; `PutItem` on `app`, `~h~`; `ConditionCheckItem` on `~h~`; `GetItem`, `PutItem` on `~n~`, `~k~`; [`DeleteItem`](Intake::with_pruning) on `~h~` | `GenerateDataKey` for documents, `Decrypt` for documents of `keys`; `Decrypt` for [those that are replaced](Intake::with_expected_versions); for tenants as a writer |
//! | [`Responder`] | `Retrieval` | `GetItem` on `app`, `keys`, `~k~`; `GetItem`, `PutItem` on `~n~` | `Decrypt` for documents, for tenants, for documents of `keys` |
//! | [`Marker`] | `Once` alone, as for a channel | `GetItem`, `PutItem` on `~n~` | nothing |
//! | [`Sweeper`] | `Once::sweep` | `Query`, `DeleteItem` on `~n~` | nothing |
//! | [`CredentialIntake`] | `CredentialIntake`, [`TrialOpenIntake`](CredentialIntake::with_opening) | `GetItem`, `PutItem`, `ConditionCheckItem` on `~c~`; where it opens, `GetItem` on `app`, `~k~` | nothing; where it opens, `Decrypt` for documents, for tenants |
//! | [`CredentialUser`] | `CredentialVault` | `GetItem` on `app`, `~k~`, `~c~`; [`PutItem`](CredentialUser::with_removals) on `~c~` | `Decrypt` for documents, for tenants |
//! | [`CredentialKeeper`] | `CredentialKeys` | `GetItem` on `app`, `~h~`, `~s~`; `Query`, `PutItem` on `app`; `ConditionCheckItem` on `~h~`; `GetItem`, `PutItem` on `~c~`, `~k~`; [for rotation](CredentialKeeper::with_rotation) `Query`, `ConditionCheckItem` on `~c~`, `DeleteItem` on `app`, `Query`, `PutItem`, `DeleteItem` on `~h~` | `GenerateDataKey`, `Decrypt` for documents, for tenants |
//!
//! Where organisations' keys are made and retired (`OrganisationKeys`) is a [`Reader`] and [`Writer`] of `keys`.
//!
//! # Hidden names
//!
//! Under [`BlindNames`](secret_store_core::BlindNames) an application's partition is a hash, and so are the names in contexts. A
//! [scope with the blinding key](Scope::with_blinding_key) is given names as programs have them, and every role of it names their
//! hashes; `~n~` and `~c~` are hashed as a whole there, to `~b~` and 64 digits, which cannot be made of an application's hash.
//! There is no pattern that would do instead: a wildcard after `~b~`, or for an application, is every application. Each role
//! may `GetItem` at `~b`, where the mark of the key is. A [`Mover`] moves records from one naming to another: `Query`, `GetItem`,
//! `DeleteItem` where they stand, `Query`, `PutItem` where they are to stand (`GetItem` as well where wraps are moved), `PutItem` at
//! `~b`, and `ReEncryptFrom` and `ReEncryptTo` for documents and tenants.
//!
//! Hashes have 64 characters: a policy of hidden names has room for two or three applications. [`Role::policies`] makes as many as it
//! takes. A request for records of several applications, which only [`get_many`](secret_store_core::SecretStoreExt::get_many) makes, is
//! allowed at once only if one statement names them all; otherwise it is answered one by one.
//!
//! # Terraform
//!
//! The modules `role` and `key` in the folder `terraform` of this crate make the same documents from the same choices, for names in
//! clear: Terraform cannot hash them under a key.
//!
//! # What policies cannot do
//!
//! * **Whoever may `PutItem` may overwrite**: IAM cannot demand that a write carries a condition. The application sees it: a forged
//!   record does not open, and an older one is a rollback. Nothing authenticates a single-use mark: who may put it could take it
//!   back, so that a message is taken twice within its lifetime.
//! * **Nor does it tell the records of a partition apart.** A [`CredentialIntake`] that was taken over could put back the record of an
//!   older key that the authority signed, and take credentials under it again; they open only where that key is still held.
//! * **Where entries of others stand** a role that appends audit entries cannot find out, as it may not list them; one whose time,
//!   writer and number it knew it could read or replace. The chain shows what was replaced.

mod auditor;
mod credentials;
mod document;
mod intake;
mod key_policy;
mod marks;
mod mover;
mod name;
pub(crate) mod naming;
mod reader;
mod responder;
mod role;
mod rotator;
mod scope;
mod statement;
mod writer;

pub use auditor::Auditor;
pub use credentials::{CredentialIntake, CredentialKeeper, CredentialUser};
pub use document::{KEY_POLICY_BYTES, MANAGED_POLICY_CHARACTERS, Policy};
pub use intake::Intake;
pub use key_policy::KeyPolicy;
pub use marks::{Marker, Sweeper};
pub use mover::Mover;
pub use reader::Reader;
pub use responder::Responder;
pub use role::Role;
pub use rotator::Rotator;
pub use scope::Scope;
pub use writer::Writer;
