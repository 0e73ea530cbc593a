//! What may be done with the keys.

use std::collections::BTreeSet;
use std::error::Error as StdError;
use std::sync::Arc;

use aws_sdk_kms::operation::describe_key::DescribeKeyError;
use secret_store_core::{EncryptionContext, Error, ErrorKind, MasterKeyId};

use super::cause::{Cause, Trouble};
use super::dry_run;
use super::need::{self, KeyAction, KeyNeed};
use super::report::{Finding, Need, Trial};
use super::{Role, RoleCheck};
use crate::key_provider::{KmsKeyProvider, Replica};

pub(super) async fn check(role: &RoleCheck) -> Vec<Finding> {
    let needs = role.key_needs();
    if needs.is_empty() {
        return if need::is_keyless(role) { Vec::new() } else { vec![unnamed(role.role)] };
    }
    let Some(builder) = &role.keys else { return vec![without_provider()] };
    let keys = match builder.clone().build().await {
        Ok(keys) => keys,
        Err(error) => return vec![unbuilt(&error)],
    };
    let mut session = Session { keys: &keys, lost: BTreeSet::new(), findings: Vec::new() };
    for need in &needs {
        session.check(need).await;
    }
    session.findings
}

/// What was found so far.
struct Session<'a> {
    keys: &'a KmsKeyProvider,
    /// Regions in which every request would meet the same.
    lost: BTreeSet<Arc<str>>,
    findings: Vec<Finding>,
}

impl<'a> Session<'a> {
    async fn check(&mut self, need: &KeyNeed) {
        let Some(replicas) = self.allowed(&need.key, need) else { return };
        let KeyAction::ReEncrypt(target) = &need.action else { return self.on_all(replicas, need).await };
        let Some(targets) = self.allowed(target, need) else { return };
        let pairs = self.keys.in_one_region(&need.key, target);
        if pairs.is_empty() {
            // As the provider does it between regions.
            self.on_all(replicas, &need.with_action(KeyAction::Decrypt, &need.key)).await;
            self.on_all(targets, &need.with_action(KeyAction::Encrypt, target)).await;
        }
        for (index, (source, target)) in pairs.into_iter().enumerate() {
            self.re_encrypt(source, target, need, preference(index)).await;
        }
    }

    /// The places of a key that may be called. Another one is not called.
    fn allowed(&mut self, key: &MasterKeyId, need: &KeyNeed) -> Option<&'a [Replica]> {
        let replicas = self.keys.replicas(key);
        if replicas.is_none() {
            let trial = trial(need.action.names()[0], &format!("master key {key}"), need, Need::Required);
            self.findings.push(trial.met(Cause::KeyNotAllowed));
        }
        replicas
    }

    async fn on_all(&mut self, replicas: &[Replica], need: &KeyNeed) {
        for (index, key) in replicas.iter().enumerate() {
            let trial = trial(need.action.names()[0], &place(key), need, preference(index));
            if self.lost.contains(&key.region) {
                self.findings.push(trial.met(Cause::Blocked));
                continue;
            }
            let outcome = match &need.action {
                KeyAction::GenerateDataKey => dry_run::generate_data_key(key, &need.context).await,
                KeyAction::Encrypt => dry_run::encrypt(key, &need.context).await,
                KeyAction::Decrypt | KeyAction::ReEncrypt(_) => dry_run::decrypt(key, &need.context).await,
            };
            let outcome = match outcome {
                Ok(()) => Ok(()),
                Err(trouble) => Err(self.looked_into(trouble, key).await),
            };
            self.findings.push(trial.concluded(outcome));
        }
    }

    async fn re_encrypt(&mut self, source: &Replica, target: &Replica, need: &KeyNeed, preference: Need) {
        let [from, to] = [("kms:ReEncryptFrom", source), ("kms:ReEncryptTo", target)]
            .map(|(action, key)| trial(action, &place(key), need, preference));
        if self.lost.contains(&source.region) {
            self.findings.extend([from.met(Cause::Blocked), to.met(Cause::Blocked)]);
            return;
        }
        let findings = match dry_run::re_encrypt(source, target, &need.context).await {
            Ok(()) => [from.passed(), to.passed()],
            Err(trouble) if trouble.names("kms:ReEncryptTo") || trouble.names(target.arn.as_str()) => {
                [from.met(Cause::Blocked), to.met(self.looked_into(trouble, target).await)]
            }
            Err(trouble) => [from.met(self.looked_into(trouble, source).await), to.met(Cause::Blocked)],
        };
        self.findings.extend(findings);
    }

    /// KMS may call a key disabled that is pending deletion, and names other states in words alone.
    async fn looked_into(&mut self, trouble: Trouble, key: &Replica) -> Trouble {
        let cause = match trouble.cause {
            Cause::KeyDisabled | Cause::KeyUnavailable => dry_run::state(key).await.unwrap_or(trouble.cause),
            cause => cause,
        };
        if cause.is_of_service() {
            self.lost.insert(Arc::clone(&key.region));
        }
        Trouble { cause, ..trouble }
    }
}

/// The provider turns to another region when the first is unavailable.
fn preference(index: usize) -> Need {
    if index == 0 { Need::Required } else { Need::Optional }
}

fn place(key: &Replica) -> String {
    format!("master key {} in {}", key.arn, key.region)
}

fn trial(action: &'static str, resource: &str, need: &KeyNeed, required: Need) -> Trial {
    let context = described(&need.context);
    let condition = format!("allow {action} on it in the identity's IAM policy and in the key policy, {context}");
    Trial { action, resource: resource.to_owned(), purpose: need.purpose, need: required, condition }
}

/// What conditions on `kms:EncryptionContext` see.
fn described(context: &EncryptionContext) -> String {
    if context.is_legacy() {
        return "without an encryption context, which format 0 does not have".to_owned();
    }
    let pairs = context.pairs().into_iter().map(|(name, value)| format!("{name} = {value:?}"));
    format!("for the encryption context {}", pairs.collect::<Vec<_>>().join(", "))
}

/// Nothing can be tried with any key.
fn untried(trouble: impl Into<Trouble>, fix: impl Into<String>) -> Finding {
    let trial = Trial {
        action: "kms:DescribeKey",
        resource: "the master keys".to_owned(),
        purpose: "finding the keys that may be called",
        need: Need::Required,
        condition: String::new(),
    };
    Finding { fix: fix.into(), ..trial.met(trouble) }
}

fn unnamed(role: Role) -> Finding {
    let fix = match role {
        Role::Rotator => {
            "the check names no keys: give it those to move from by `with_master_key` and those to move to by `with_target_key`"
        }
        _ => "the check names no key: give it the application's by `with_master_key`",
    };
    untried(Cause::Configuration, fix)
}

fn without_provider() -> Finding {
    untried(Cause::Configuration, "the check has no key provider: give it the program's by `with_keys`")
}

/// The provider tells which key, where, and the fix.
fn unbuilt(error: &Error) -> Finding {
    let answered = error.source().and_then(Trouble::of_source::<DescribeKeyError>);
    let cause = match error.kind() {
        ErrorKind::Unavailable => Cause::Unreachable,
        ErrorKind::Throttled => Cause::Throttled,
        _ => Cause::Configuration,
    };
    untried(answered.unwrap_or_else(|| cause.into()), error.to_string())
}
