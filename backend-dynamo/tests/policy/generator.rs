//! The generated texts.

use secret_store_core::{ApplicationName, ErrorKind, Result, StoreId, TenantId};
use secret_store_dynamo::policy::{
    Auditor, KeyPolicy, MANAGED_POLICY_CHARACTERS, Policy, Reader, Role, Rotator, Scope, Writer,
};
use serde_json::{Value, json};

const TABLE: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/Secrets";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab";

fn scope() -> Scope {
    let store = StoreId::new("prod").expect("valid");
    Scope::new(store, TABLE).with_key(KEY).with_application(ApplicationName::new("Shop").expect("valid"))
}

fn parsed(policy: &Policy) -> Value {
    let value: Value = serde_json::from_str(&policy.to_json()).expect("JSON");
    assert_eq!(value, serde_json::from_str::<Value>(&policy.to_compact_json()).expect("JSON"));
    assert_eq!(policy.to_string(), policy.to_json());
    value
}

/// As a reader of the guide sees it.
#[test]
fn the_policy_of_a_reader() {
    let policy = Reader::new(scope()).policy().expect("a policy");
    let expected = json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "ReadSecrets",
                "Effect": "Allow",
                "Action": ["dynamodb:GetItem", "dynamodb:Query"],
                "Resource": TABLE,
                "Condition": {
                    "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": "Shop" },
                    "Null": { "dynamodb:LeadingKeys": "false" },
                },
            },
            {
                "Sid": "UnwrapDocumentKeys",
                "Effect": "Allow",
                "Action": "kms:Decrypt",
                "Resource": KEY,
                "Condition": { "StringEquals": {
                    "kms:EncryptionContext:ss:application": "Shop",
                    "kms:EncryptionContext:ss:purpose": "3",
                    "kms:EncryptionContext:ss:store": "prod",
                } },
            },
        ],
    });
    assert_eq!(parsed(&policy), expected);
}

/// With a tenant, the keys of that tenant and their contexts come to it, and nothing of another.
#[test]
fn tenants_add_their_partition_and_their_contexts() {
    let tenant = TenantId::new("acme").expect("valid");
    let scope = scope().with_tenant(tenant, [ApplicationName::new("Users").expect("valid")]);
    for (policy, sids) in [
        (Reader::new(scope.clone()).policy(), ["ReadTenantKeys", "UnwrapTenantKeys"].as_slice()),
        (Writer::new(scope).policy(), ["KeepTenantKeys", "MakeTenantKeys", "UnwrapTenantKeys"].as_slice()),
    ] {
        let policy = parsed(&policy.expect("a policy"));
        let statements = policy["Statement"].as_array().expect("statements");
        let of_tenants = statements.iter().filter(|statement| statement.to_string().contains("acme"));
        let of_tenants: Vec<_> = of_tenants.collect();
        let found: Vec<_> = of_tenants.iter().map(|statement| statement["Sid"].as_str().expect("a Sid")).collect();
        assert_eq!(found, sids);
        let partition = &of_tenants[0]["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"];
        assert_eq!(partition, "~k~acme");
        let context = &of_tenants[1]["Condition"]["StringEquals"];
        assert_eq!(context["kms:EncryptionContext:ss:tenant"], "acme");
        assert_eq!(context["kms:EncryptionContext:ss:purpose"], "4");
        assert!(context["kms:EncryptionContext:ss:application"].is_null());
    }
}

#[test]
fn a_writer_of_the_master_tier_has_no_right_to_decrypt() {
    let everything = || scope().with_format_0().with_batches().with_key_lookup().with_table_checks().with_audit_log();
    let writer = Writer::new(everything().with_recovery_key(KEY)).with_deletes().with_pruning();
    let policy = writer.policy().expect("a policy").to_json();
    assert!(!policy.contains("Decrypt") && !policy.contains("ReEncrypt"), "{policy}");
    assert!(!Auditor::new(everything()).policy().expect("a policy").to_json().contains("crypt"));
}

/// It opens what it made itself, for a version that there is not, and nothing can be moved there.
#[test]
fn a_rotator_of_master_keys_opens_nothing_but_its_trial() {
    const VERSION: &str = "kms:EncryptionContext:ss:version";
    let scope = scope().with_batches().with_key_lookup().with_table_checks().with_audit_log();
    let policy = parsed(&Rotator::new(scope).with_target_key(KEY).policy().expect("a policy"));
    let statements = policy["Statement"].as_array().expect("statements");
    let with = |action: &str| {
        let has = move |statement: &&Value| statement["Action"].to_string().contains(&format!("\"kms:{action}\""));
        statements.iter().filter(has).collect::<Vec<_>>()
    };
    assert!(with("Encrypt").is_empty());
    for action in ["Decrypt", "GenerateDataKey"] {
        assert_eq!(with(action).len(), 1, "{action}");
        assert_eq!(with(action)[0]["Condition"]["StringEquals"][VERSION], "0", "{action}");
    }
    let documents = with("ReEncryptTo")[0];
    assert_eq!(documents["Condition"]["StringEquals"]["kms:EncryptionContext:ss:purpose"], "3");
    assert_eq!(documents["Condition"]["StringNotEquals"][VERSION], "0");
}

#[test]
fn nothing_in_a_policy_is_a_pattern_but_a_digit() {
    let everything = || scope().with_format_0().with_batches().with_key_lookup().with_table_checks().with_audit_log();
    let policies: [Result<Policy>; 4] = [
        Reader::new(everything()).with_history().policy(),
        Writer::new(everything()).with_deletes().with_pruning().policy(),
        Rotator::new(everything()).with_target_key(KEY).with_document_rotation().with_migration().policy(),
        Auditor::new(everything()).policy(),
    ];
    for policy in policies {
        // Save for the digit of the partitions of audit entries.
        let policy = policy.expect("a policy").to_json();
        assert_eq!((policy.matches("StringLike").count(), policy.matches("~a?~Shop").count()), (1, 1), "{policy}");
        let policy = policy.replace("ForAllValues:StringLike", "").replace("~a?~", "");
        for pattern in ["*", "?", "$", "Like", "Scan", "PartiQL", "UpdateItem", "BatchWrite"] {
            assert!(!policy.contains(pattern), "{pattern}: {policy}");
        }
    }
}

#[test]
fn too_many_applications_are_refused_with_the_number_that_fits() {
    let with = |count: usize| {
        let names = (0..count).map(|number| ApplicationName::new(format!("Application-{number:03}")).expect("valid"));
        Reader::new(names.fold(scope(), Scope::with_application)).with_history().policy()
    };
    let error = with(300).expect_err("too many");
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 6_144, actual } if actual > 6_144), "{error}");
    let words: Vec<_> = error.to_string().split(' ').map(str::to_owned).collect();
    let fits = words.iter().position(|word| word == "applications").map(|at| words[at - 1].clone());
    let fits: usize = fits.expect("a number").parse().expect("a number");
    // The scope has one more.
    let most = with(fits - 1).expect("it fits").to_compact_json().chars().count();
    assert!(most <= MANAGED_POLICY_CHARACTERS && with(fits).is_err(), "{fits}");
}

/// Nothing is lost or added, and each is one that IAM takes.
#[test]
fn several_policies_are_the_same_rights() {
    let names = |count: usize| {
        let names = (0..count).map(|number| ApplicationName::new(format!("Application-{number:03}")).expect("valid"));
        Writer::new(names.fold(scope().with_audit_log(), Scope::with_application))
    };
    let statements = |policy: &Policy| parsed(policy)["Statement"].as_array().cloned().expect("statements");
    let (one, several) = (names(10).policy().expect("one policy"), names(10).policies().expect("policies"));
    assert_eq!(several, [one]);
    assert!(names(60).policy().is_err());
    let several = names(60).policies().expect("policies");
    assert!(several.len() > 1);
    let sids: Vec<_> = several.iter().flat_map(statements).map(|statement| statement["Sid"].clone()).collect();
    let of_one: Vec<_> =
        statements(&names(10).policy().expect("one policy")).iter().map(|it| it["Sid"].clone()).collect();
    assert_eq!(sids, of_one);
    for policy in &several {
        assert!(policy.to_compact_json().chars().count() <= MANAGED_POLICY_CHARACTERS);
    }
    let error = names(2000).policies().expect_err("one statement alone is too long");
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 6_144, .. }), "{error}");
}

#[test]
fn a_key_that_too_many_roles_share_is_refused() {
    let role = |number: usize| format!("arn:aws:iam::111122223333:role/Reader-{number:04}");
    let reader = Reader::new(scope());
    let policy =
        |count: usize| (0..count).fold(KeyPolicy::new(KEY), |policy, number| policy.with_role([role(number)], &reader));
    assert!(policy(10).policy().is_ok());
    let error = policy(200).policy().expect_err("too many");
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 32_768, .. }), "{error}");
}
