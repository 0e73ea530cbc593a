//! The actions of each role, and for each one the flow that fails first without it.

use serde_json::Value;

use crate::grants::Grants;
use crate::roles::Kind;

/// Action → flow.
pub(crate) fn needed_for(kind: Kind) -> &'static [(&'static str, &'static str)] {
    match kind {
        Kind::Reader => &[
            ("dynamodb:BatchGetItem", "get several secrets in one request"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "get a secret"),
            ("dynamodb:PutItem", "append audit entries"),
            ("dynamodb:Query", "get all secrets of an application"),
            ("kms:Decrypt", "get a secret"),
            ("kms:DescribeKey", "look up a key by its alias"),
        ],
        Kind::Writer => &[
            ("dynamodb:BatchGetItem", "put a new secret"),
            ("dynamodb:ConditionCheckItem", "put a new secret"),
            ("dynamodb:DeleteItem", "put, and drop the oldest version"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "put a new secret"),
            ("dynamodb:PutItem", "put a new secret"),
            ("dynamodb:Query", "put with a retried token"),
            ("kms:Decrypt", "put a new version"),
            ("kms:DescribeKey", "look up a key by its alias"),
            ("kms:Encrypt", "put under several master keys"),
            ("kms:GenerateDataKey", "put a new secret"),
        ],
        Kind::Rotator => &[
            ("dynamodb:BatchGetItem", "rotate document keys"),
            ("dynamodb:ConditionCheckItem", "replace, retire and destroy a tenant key"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "rotate the master key"),
            ("dynamodb:PutItem", "rotate the master key"),
            ("dynamodb:Query", "rotate the master key"),
            ("kms:Decrypt", "rotate the master key"),
            ("kms:DescribeKey", "look up keys by alias and id"),
            ("kms:GenerateDataKey", "rotate the master key"),
            ("kms:ReEncryptFrom", "rotate the master key"),
            ("kms:ReEncryptTo", "rotate the master key"),
        ],
        Kind::MasterRotator => &[
            ("dynamodb:GetItem", "rotate the master key"),
            ("dynamodb:PutItem", "rotate the master key"),
            ("dynamodb:Query", "rotate the master key"),
            ("kms:Decrypt", "rotate the master key"),
            ("kms:GenerateDataKey", "rotate the master key"),
            ("kms:ReEncryptFrom", "rotate the master key"),
            ("kms:ReEncryptTo", "rotate the master key"),
        ],
        Kind::FarRotator => &[
            ("dynamodb:GetItem", "rotate the master key"),
            ("dynamodb:PutItem", "rotate the master key"),
            ("dynamodb:Query", "rotate the master key"),
            ("kms:Decrypt", "rotate the master key"),
            ("kms:Encrypt", "rotate the master key"),
            ("kms:GenerateDataKey", "rotate the master key"),
            ("kms:ReEncryptFrom", "keep a wrap where the old master key is lost"),
            ("kms:ReEncryptTo", "keep a wrap where the old master key is lost"),
        ],
        Kind::Auditor => &[
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:Query", "list secrets"),
            ("kms:DescribeKey", "look up a key by its alias"),
        ],
        Kind::Intake => &[
            ("dynamodb:BatchGetItem", "take a sealed secret with a nonce"),
            ("dynamodb:ConditionCheckItem", "take a sealed secret with a nonce"),
            ("dynamodb:DeleteItem", "take a sealed secret, and drop the oldest version"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "take a sealed secret with a nonce"),
            ("dynamodb:PutItem", "take a sealed secret with a nonce"),
            ("kms:Decrypt", "take a sealed secret with a nonce"),
            ("kms:DescribeKey", "look up a key by its alias"),
            ("kms:GenerateDataKey", "take a sealed secret with a nonce"),
        ],
        Kind::Responder => &[
            ("dynamodb:BatchGetItem", "answer a request for several secrets"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "answer a request for a secret"),
            ("dynamodb:PutItem", "answer a request for a secret"),
            ("kms:Decrypt", "answer a request for a secret"),
            ("kms:DescribeKey", "look up a key by its alias"),
        ],
        Kind::Marker => &[
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "issue and consume a nonce"),
            ("dynamodb:PutItem", "issue and consume a nonce"),
        ],
        Kind::Sweeper => &[
            ("dynamodb:DeleteItem", "sweep marks"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:Query", "sweep marks"),
        ],
        Kind::CredentialIntake => &[
            ("dynamodb:BatchGetItem", "take a credential"),
            ("dynamodb:ConditionCheckItem", "take a credential"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "take a credential whose answer is lost"),
            ("dynamodb:PutItem", "take a credential"),
        ],
        Kind::OpeningIntake => &[
            ("dynamodb:BatchGetItem", "take a credential by opening it"),
            ("dynamodb:ConditionCheckItem", "take a credential by opening it"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "take a credential by opening it"),
            ("dynamodb:PutItem", "take a credential by opening it"),
            ("kms:Decrypt", "take a credential by opening it"),
            ("kms:DescribeKey", "look up a key by its alias"),
        ],
        Kind::CredentialUser => &[
            ("dynamodb:BatchGetItem", "append audit entries whose answers are lost"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "use a credential"),
            ("dynamodb:PutItem", "use a credential"),
            ("kms:Decrypt", "use a credential"),
            ("kms:DescribeKey", "look up a key by its alias"),
        ],
        Kind::CredentialKeeper => &[
            ("dynamodb:BatchGetItem", "make a user's key"),
            ("dynamodb:ConditionCheckItem", "make a user's key"),
            ("dynamodb:DeleteItem", "rotate a user's key"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "make a user's key"),
            ("dynamodb:PutItem", "make a user's key"),
            ("dynamodb:Query", "hand a user's key out"),
            ("kms:Decrypt", "make a user's key whose answer is lost"),
            ("kms:DescribeKey", "look up a key by its alias"),
            ("kms:GenerateDataKey", "make a user's key"),
        ],
        Kind::Mover => &[
            ("dynamodb:DeleteItem", "move everything of an application"),
            ("dynamodb:DescribeContinuousBackups", "check the table"),
            ("dynamodb:DescribeTable", "check the table"),
            ("dynamodb:GetItem", "move everything of an application"),
            ("dynamodb:PutItem", "move everything of an application"),
            ("dynamodb:Query", "move everything of an application"),
            ("kms:DescribeKey", "look up a key by its alias"),
            ("kms:ReEncryptFrom", "move everything of an application"),
            ("kms:ReEncryptTo", "move everything of an application"),
        ],
    }
}

/// All actions of the identity's policy, sorted.
pub(crate) fn of(grants: &Grants) -> Vec<String> {
    let statements = grants.identity["Statement"].as_array().expect("statements").iter();
    let actions = statements.flat_map(|statement| statement["Action"].as_array().expect("a list"));
    let mut actions: Vec<_> = actions.map(|action| action.as_str().expect("a text").to_owned()).collect();
    actions.sort();
    actions.dedup();
    actions
}

/// The same rights without one action, wherever it stands.
pub(crate) fn without(grants: &Grants, action: &str) -> Grants {
    let mut less = grants.clone();
    let statements = less.identity["Statement"].as_array_mut().expect("statements");
    for statement in &mut *statements {
        statement["Action"].as_array_mut().expect("a list").retain(|one| *one != action);
    }
    statements.retain(|statement| statement["Action"] != Value::Array(Vec::new()));
    less
}
