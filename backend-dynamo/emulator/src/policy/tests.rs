//! The evaluator against what AWS documents of policy evaluation.

use serde_json::{Value, json};

use super::document::{Attached, Document};
use super::{Asked, Decision, PolicyGate, Verdict};
use crate::exchange::Request;

const ROLE: &str = "arn:aws:iam::111122223333:role/reader";
const TABLE: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/Secrets";
const KEY: &str = "arn:aws:kms:eu-central-1:111122223333:key/1234";
const ROOT: &str = "arn:aws:iam::111122223333:root";

fn policy(statements: &Value) -> String {
    json!({ "Version": "2012-10-17", "Statement": statements }).to_string()
}

fn get(partitions: &[&str]) -> Asked {
    let partitions = partitions.iter().map(|partition| (*partition).to_owned());
    Asked::new("dynamodb:GetItem", TABLE).with_key("dynamodb:LeadingKeys", partitions)
}

fn allow(condition: &Value) -> Value {
    json!({ "Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE, "Condition": condition })
}

fn decide(statements: &Value, asked: Asked) -> Decision {
    let gate = PolicyGate::new(ROLE);
    gate.set_policies(&[&policy(statements)]).expect("known elements");
    gate.decide(asked)
}

fn is_allowed(condition: &Value, asked: Asked) -> bool {
    decide(&allow(condition), asked).is_allowed()
}

/// "Policy evaluation logic": deny by default; an explicit deny wins over any allow.
#[test]
fn default_deny_and_explicit_deny() {
    let nothing = PolicyGate::new(ROLE);
    assert_eq!(nothing.decide(get(&["App"])).verdict, Verdict::NotAllowedByIdentity);
    let granted = json!({ "Sid": "Read", "Effect": "Allow", "Action": "dynamodb:*", "Resource": "*" });
    let denied = json!({ "Sid": "Not", "Effect": "Deny", "Action": "dynamodb:GetItem", "Resource": TABLE });
    assert_eq!(decide(&granted, get(&["App"])).verdict, Verdict::Allowed(vec!["Read".to_owned()]));
    for both in [json!([granted, denied]), json!([denied, granted])] {
        assert_eq!(decide(&both, get(&["App"])).verdict, Verdict::ExplicitlyDenied("Not".to_owned()));
    }
    let gate = PolicyGate::new(ROLE);
    gate.set_policies(&[&policy(&granted), &policy(&denied)]).expect("known elements");
    assert!(!gate.decide(get(&["App"])).is_allowed(), "also from another policy of the same identity");
}

/// "IAM JSON policy elements: Action": not case-sensitive, `*` and `?` are wildcards. "Resource": case-sensitive.
#[test]
fn actions_and_resources() {
    let with = |action: &str, resource: &str| json!({ "Effect": "Allow", "Action": [action], "Resource": [resource] });
    for (action, resource, expected) in [
        ("dynamodb:GetItem", TABLE, true),
        ("DynamoDB:getitem", TABLE, true),
        ("dynamodb:Get*", TABLE, true),
        ("dynamodb:Get?tem", TABLE, true),
        ("dynamodb:Get?item", TABLE, false),
        ("*", "*", true),
        ("dynamodb:Query", TABLE, false),
        ("kms:*", "*", false),
        ("dynamodb:GetItem", "arn:aws:dynamodb:*:111122223333:table/Secrets", true),
        ("dynamodb:GetItem", "arn:aws:dynamodb:eu-central-1:111122223333:table/secrets", false),
        ("dynamodb:GetItem", "arn:aws:dynamodb:eu-central-1:111122223333:table/Secret", false),
        ("dynamodb:GetItem", "arn:aws:dynamodb:eu-central-1:111122223333:table/Secrets2", false),
    ] {
        assert_eq!(decide(&with(action, resource), get(&["App"])).is_allowed(), expected, "{action} {resource}");
    }
}

/// "Set operators for multivalued context keys": all values of the request must be among the policy's; a missing key is true.
#[test]
fn for_all_values_and_its_gap() {
    let one = json!({ "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["App", "~h~App"] } });
    assert!(is_allowed(&one, get(&["App"])));
    assert!(is_allowed(&one, get(&["App", "~h~App"])));
    assert!(!is_allowed(&one, get(&["Other"])));
    assert!(!is_allowed(&one, get(&["App", "Other"])));
    assert!(!is_allowed(&one, get(&["app"])), "StringEquals is case-sensitive");
    assert!(!is_allowed(&one, get(&["App*"])));
    assert!(is_allowed(&one, get(&[])), "a request without the key passes: why Null has to stand beside it");
    let both = json!({
        "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": ["App"] }, "Null": { "dynamodb:LeadingKeys": "false" },
    });
    assert!(is_allowed(&both, get(&["App"])));
    assert!(!is_allowed(&both, get(&[])));
    assert!(!is_allowed(&both, get(&["Other"])));
    let none = json!({ "ForAllValues:StringEquals": { "dynamodb:LeadingKeys": [] } });
    assert!(!is_allowed(&none, get(&["App"])));
}

/// Same page: one value of the request among the policy's is enough, and a missing key is false.
#[test]
fn for_any_value() {
    let any = json!({ "ForAnyValue:StringEquals": { "dynamodb:LeadingKeys": ["App"] } });
    assert!(is_allowed(&any, get(&["App", "Other"])));
    assert!(!is_allowed(&any, get(&["Other"])));
    assert!(!is_allowed(&any, get(&[])));
}

fn with_context(pairs: &[(&str, &str)]) -> Asked {
    let mut asked = Asked::new("dynamodb:GetItem", TABLE);
    for (name, value) in pairs {
        asked = asked.with_key(name, [(*value).to_owned()]);
    }
    asked
}

/// "Condition operators": a missing key fails `StringEquals` and satisfies `StringNotEquals`. Key names ignore case, values do not.
#[test]
fn string_operators() {
    let equals = json!({ "StringEquals": { "kms:EncryptionContext:ss:application": ["A", "B"] } });
    assert!(is_allowed(&equals, with_context(&[("kms:EncryptionContext:ss:application", "B")])));
    assert!(is_allowed(&equals, with_context(&[("kms:encryptioncontext:SS:APPLICATION", "A")])));
    assert!(!is_allowed(&equals, with_context(&[("kms:EncryptionContext:ss:application", "a")])));
    assert!(!is_allowed(&equals, with_context(&[])));
    let differs = json!({ "StringNotEquals": { "kms:EncryptionContext:ss:application": ["A", "B"] } });
    assert!(!is_allowed(&differs, with_context(&[("kms:EncryptionContext:ss:application", "A")])));
    assert!(is_allowed(&differs, with_context(&[("kms:EncryptionContext:ss:application", "C")])));
    assert!(is_allowed(&differs, with_context(&[])));
    let wildcard = json!({ "StringEquals": { "kms:EncryptionContext:ss:application": "*" } });
    assert!(!is_allowed(&wildcard, with_context(&[("kms:EncryptionContext:ss:application", "A")])), "no wildcard here");
}

/// "Condition operator to check existence of condition keys": true is absent, false is present; as text or as boolean.
#[test]
fn null() {
    let key = "kms:EncryptionContextKeys";
    let with = || Asked::new("dynamodb:GetItem", TABLE).with_key(key, ["ss:store".to_owned()]);
    let without = || Asked::new("dynamodb:GetItem", TABLE);
    for absent in [json!("true"), json!(true)] {
        assert!(is_allowed(&json!({ "Null": { key: absent } }), without()));
        assert!(!is_allowed(&json!({ "Null": { key: absent } }), with()));
    }
    for present in [json!("false"), json!(false)] {
        assert!(is_allowed(&json!({ "Null": { key: present } }), with()));
        assert!(!is_allowed(&json!({ "Null": { key: present } }), without()));
    }
}

/// "Conditions with multiple context keys or values": operators and keys are all to hold, values are alternatives.
#[test]
fn several_tests_must_all_hold() {
    let condition = json!({ "StringEquals": {
        "kms:EncryptionContext:ss:store": "prod", "kms:EncryptionContext:ss:application": ["A", "B"],
    } });
    let of = |store, application| {
        with_context(&[
            ("kms:EncryptionContext:ss:store", store),
            ("kms:EncryptionContext:ss:application", application),
        ])
    };
    assert!(is_allowed(&condition, of("prod", "B")));
    assert!(!is_allowed(&condition, of("prod", "C")));
    assert!(!is_allowed(&condition, of("test", "A")));
}

fn decrypt() -> Asked {
    Asked::new("kms:Decrypt", KEY).with_key("kms:EncryptionContext:ss:application", ["App".to_owned()])
}

fn statement(effect: &str, principal: &Value) -> Value {
    json!({ "Sid": "Key", "Effect": effect, "Principal": principal, "Action": "kms:Decrypt", "Resource": "*" })
}

fn decide_with_key(caller: &str, identity: &Value, key: &Value, asked: Asked) -> Verdict {
    let gate = PolicyGate::new(caller);
    gate.set_policies(&[&policy(identity)]).expect("known elements");
    gate.set_key_policy(KEY, &policy(key)).expect("known elements");
    gate.decide(asked).verdict
}

/// "Default key policy": a key policy that names the account lets its IAM policies decide; without any statement for the caller,
/// IAM policies have no effect; one that names the role itself needs no IAM policy.
#[test]
fn key_policies_and_iam_policies_together() {
    let identity = json!({ "Sid": "Iam", "Effect": "Allow", "Action": "kms:Decrypt", "Resource": KEY });
    let (account, role) = (json!({ "AWS": ROOT }), json!({ "AWS": [ROLE] }));
    let both = Verdict::Allowed(vec!["Iam".to_owned(), "Key".to_owned()]);
    assert_eq!(decide_with_key(ROLE, &identity, &statement("Allow", &account), decrypt()), both);
    let by_number = json!({ "AWS": "111122223333" });
    assert_eq!(decide_with_key(ROLE, &identity, &statement("Allow", &by_number), decrypt()), both);
    let delegated = decide_with_key(ROLE, &json!([]), &statement("Allow", &account), decrypt());
    assert_eq!(delegated, Verdict::NotAllowedByIdentity);
    assert_eq!(decide_with_key(ROLE, &identity, &json!([]), decrypt()), Verdict::NotAllowedByKeyPolicy);
    let direct = decide_with_key(ROLE, &json!([]), &statement("Allow", &role), decrypt());
    assert_eq!(direct, Verdict::Allowed(vec!["Key".to_owned()]));
    let other_role = json!({ "AWS": "arn:aws:iam::111122223333:role/other" });
    let other = decide_with_key(ROLE, &identity, &statement("Allow", &other_role), decrypt());
    assert_eq!(other, Verdict::NotAllowedByKeyPolicy);
    let other_account = json!({ "AWS": "arn:aws:iam::444455556666:root" });
    let other = decide_with_key(ROLE, &identity, &statement("Allow", &other_account), decrypt());
    assert_eq!(other, Verdict::NotAllowedByKeyPolicy);
    let unknown_key = Asked::new("kms:Decrypt", "arn:aws:kms:eu-central-1:111122223333:key/other");
    let unknown = decide_with_key(ROLE, &identity, &statement("Allow", &role), unknown_key);
    assert_eq!(unknown, Verdict::NotAllowedByKeyPolicy);
}

#[test]
fn a_deny_of_the_key_policy_wins_and_may_be_for_everyone() {
    let identity = json!({ "Effect": "Allow", "Action": "kms:*", "Resource": "*" });
    for principal in [json!("*"), json!({ "AWS": "*" }), json!({ "AWS": ROLE }), json!({ "AWS": ROOT })] {
        let key = json!([statement("Allow", &json!({ "AWS": ROOT })), statement("Deny", &principal)]);
        let verdict = decide_with_key(ROLE, &identity, &key, decrypt());
        assert_eq!(verdict, Verdict::ExplicitlyDenied("Key".to_owned()), "{principal}");
    }
}

/// "AWS global condition context keys": for a role `aws:PrincipalArn` is the role's ARN.
#[test]
fn the_caller_is_a_context_key() {
    let mut key = statement("Allow", &json!({ "AWS": ROOT }));
    key["Condition"] = json!({ "StringEquals": { "aws:PrincipalArn": [ROLE] } });
    let identity = json!({ "Effect": "Allow", "Action": "kms:*", "Resource": "*" });
    assert!(matches!(decide_with_key(ROLE, &identity, &key, decrypt()), Verdict::Allowed(_)));
    let other = "arn:aws:iam::111122223333:role/other";
    assert_eq!(decide_with_key(other, &identity, &key, decrypt()), Verdict::NotAllowedByKeyPolicy);
}

#[test]
fn a_pattern_of_leading_keys_matches_all_of_them() {
    let like = json!({ "ForAllValues:StringLike": { "dynamodb:LeadingKeys": ["~a?~App", "~b*"] } });
    assert!(is_allowed(&like, get(&["~a0~App", "~af~App", "~b", "~bc"])));
    for other in ["~a~App", "~a00~App", "~a0~App2", "x~a0~App", "~a0~app", "App"] {
        assert!(!is_allowed(&like, get(&[other])), "{other}");
        assert!(!is_allowed(&like, get(&["~a0~App", other])), "{other} besides");
    }
}

#[test]
fn what_is_not_known_is_refused() {
    let with = |name: &str, value: Value| {
        let mut statement = allow(&json!({}));
        statement[name] = value;
        statement
    };
    let condition = |operator: &str, key: &str| with("Condition", json!({ operator: { key: ["x"] } }));
    for statement in [
        condition("StringLike", "kms:EncryptionContext:a"),
        condition("StringEqualsIfExists", "kms:EncryptionContext:a"),
        condition("ForAnyValue:StringLike", "dynamodb:LeadingKeys"),
        condition("ForAllValues:StringEquals", "kms:EncryptionContext:a"),
        condition("StringEquals", "dynamodb:LeadingKeys"),
        condition("Bool", "aws:SecureTransport"),
        condition("Null", "dynamodb:LeadingKeys"),
        with("Condition", json!({ "StringEquals": { "kms:EncryptionContext:a": "${aws:username}" } })),
        with("Condition", json!({ "StringEquals": { "kms:EncryptionContext:a": 7 } })),
        with("Condition", json!("none")),
        with("NotAction", json!("dynamodb:Scan")),
        with("NotResource", json!("*")),
        with("Principal", json!("*")),
        with("Resource", json!("arn:aws:dynamodb:eu-central-1:111122223333:table/${aws:username}")),
        with("Effect", json!("allow")),
        with("Action", json!(7)),
        with("Action", Value::Null),
        with("Sid", json!(1)),
        json!("Allow"),
    ] {
        let refused = Document::parse(&policy(&statement), Attached::ToIdentity);
        assert!(refused.is_err(), "{statement}");
    }
    for document in [
        json!({ "Version": "2008-10-17", "Statement": [] }),
        json!({ "Statement": [] }),
        json!({ "Version": "2012-10-17" }),
        json!({ "Version": "2012-10-17", "Statement": [], "Other": 1 }),
        json!([]),
    ] {
        assert!(Document::parse(&document.to_string(), Attached::ToIdentity).is_err(), "{document}");
    }
    assert!(Document::parse("no JSON", Attached::ToIdentity).is_err());
    for principal in [
        json!({ "Service": "kms.amazonaws.com" }),
        json!({ "AWS": "arn:aws:iam::111122223333:role/*" }),
        json!("arn"),
        json!({ "AWS": "AROAEXAMPLE" }),
    ] {
        let document = policy(&statement("Allow", &principal));
        assert!(Document::parse(&document, Attached::ToResource).is_err(), "{principal}");
    }
    assert!(Document::parse(&policy(&allow(&json!({}))), Attached::ToResource).is_err(), "no principal");
    assert!(Document::parse(&policy(&json!([])), Attached::ToResource).is_ok());
}

fn request(target: &str, body: &Value) -> Request {
    let headers = vec![("x-amz-target".to_owned(), target.to_owned())];
    Request { path: "/".to_owned(), headers, body: body.to_string().into_bytes() }
}

/// (action, resource's end, leading keys)
fn asked(operation: &str, body: &Value) -> Vec<(String, Vec<String>)> {
    let gate = PolicyGate::new(ROLE);
    let everything = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
    gate.set_policies(&[&policy(&everything)]).expect("known elements");
    let target = format!("DynamoDB_20120810.{operation}");
    assert!(gate.refusal(&request(&target, body)).is_none(), "everything is allowed");
    let asked = gate.take_decisions().into_iter().map(|decision| decision.asked);
    asked.map(|asked| (asked.action.clone(), asked.values("dynamodb:LeadingKeys").to_vec())).collect()
}

fn expected(all: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    all.iter().map(|(action, keys)| (format!("dynamodb:{action}"), owned(keys))).collect()
}

#[test]
fn requests_to_dynamodb_ask_for_their_partitions() {
    let key = |partition: &str| json!({ "ApplicationName": { "S": partition }, "SecretName": { "S": "s" } });
    let one = json!({ "TableName": "Secrets", "Key": key("App"), "Item": key("App") });
    for operation in ["GetItem", "PutItem", "DeleteItem", "UpdateItem"] {
        assert_eq!(asked(operation, &one), expected(&[(operation, &["App"])]));
    }
    let batch = json!({ "RequestItems": { "Secrets": { "Keys": [key("B"), key("A"), key("B")] } } });
    assert_eq!(asked("BatchGetItem", &batch), expected(&[("BatchGetItem", &["A", "B"])]));
    let query = json!({
        "TableName": "Secrets", "KeyConditionExpression": "#p = :p AND #s < :s",
        "ExpressionAttributeNames": { "#p": "ApplicationName", "#s": "SecretName" },
        "ExpressionAttributeValues": { ":p": { "S": "App" }, ":s": { "S": "Other" } },
    });
    assert_eq!(asked("Query", &query), expected(&[("Query", &["App"])]));
    assert_eq!(asked("Scan", &json!({ "TableName": "Secrets" })), expected(&[("Scan", &[])]));
    let partiql = json!({ "Statement": "select * from \"Secrets\" where ApplicationName = 'App'" });
    assert_eq!(asked("ExecuteStatement", &partiql), expected(&[("PartiQLSelect", &[])]));
    let transaction = json!({ "TransactItems": [
        { "Put": { "TableName": "Secrets", "Item": key("A") } },
        { "Put": { "TableName": "Secrets", "Item": key("B") } },
        { "Delete": { "TableName": "Secrets", "Key": key("C") } },
        { "ConditionCheck": { "TableName": "Secrets", "Key": key("D") } },
    ] });
    let all = expected(&[
        ("PutItem", &["A"]),
        ("PutItem", &["B"]),
        ("DeleteItem", &["C"]),
        ("ConditionCheckItem", &["D"]),
        ("PutItem", &["A", "B"]),
    ]);
    assert_eq!(asked("TransactWriteItems", &transaction), all);
}

#[test]
fn requests_that_cannot_be_read_are_refused_and_told() {
    for (target, body) in [
        ("DynamoDB_20120810.GetItem", json!({ "TableName": "Secrets" })),
        ("DynamoDB_20120810.GetItem", json!({ "TableName": "Secrets", "Key": { "ApplicationName": { "B": "QQ==" } } })),
        ("DynamoDB_20120810.Query", json!({ "TableName": "Secrets", "KeyConditionExpression": "a = :a" })),
        ("DynamoDB_20120810.Query", json!({ "TableName": "Secrets", "IndexName": "i" })),
        ("DynamoDB_20120810.ExportTableToPointInTime", json!({})),
        ("DynamoDB_20120810.TransactWriteItems", json!({ "TransactItems": [{ "Other": { "TableName": "Secrets" } }] })),
        ("TrentService.Decrypt", json!({ "CiphertextBlob": "AA==" })),
        ("TrentService.Decrypt", json!({ "KeyId": "alias/unknown" })),
        ("TrentService.Encrypt", json!({ "KeyId": KEY, "EncryptionContext": { "a": "1", "A": "2" } })),
        ("TrentService.Sign", json!({ "KeyId": KEY })),
        ("Other.Thing", json!({})),
    ] {
        let gate = PolicyGate::new(ROLE);
        let everything = json!({ "Effect": "Allow", "Action": "*", "Resource": "*" });
        gate.set_policies(&[&policy(&everything)]).expect("known elements");
        let answer = gate.refusal(&request(target, &body)).expect("refused");
        assert!(String::from_utf8_lossy(&answer.body).contains("UnknownToTheEvaluator"), "{target} {body}");
        let told = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| gate.take_decisions()));
        assert!(told.is_err(), "{target} {body}");
    }
}

/// Each action of a re-encryption has its own key and its own context.
#[test]
fn re_encryption_is_two_actions() {
    let other = "arn:aws:kms:eu-central-1:111122223333:key/5678";
    let gate = PolicyGate::new(ROLE).with_key_name("alias/other", other);
    let everything = json!({ "Effect": "Allow", "Action": "*", "Resource": "*", "Principal": { "AWS": ROLE } });
    for key in [KEY, other] {
        gate.set_key_policy(key, &policy(&everything)).expect("known elements");
    }
    let body = json!({
        "SourceKeyId": KEY, "SourceEncryptionContext": { "ss:name": "from" },
        "DestinationKeyId": "alias/other", "DestinationEncryptionContext": {},
    });
    assert!(gate.refusal(&request("TrentService.ReEncrypt", &body)).is_none());
    let decisions = gate.take_decisions();
    let [from, to] = &decisions[..] else { panic!("two actions: {decisions:?}") };
    assert_eq!((from.asked.action.as_str(), from.asked.resource.as_str()), ("kms:ReEncryptFrom", KEY));
    assert_eq!(from.asked.values("kms:EncryptionContext:ss:name"), ["from"]);
    assert_eq!(from.asked.values("kms:EncryptionContextKeys"), ["ss:name"]);
    assert_eq!((to.asked.action.as_str(), to.asked.resource.as_str()), ("kms:ReEncryptTo", other));
    assert!(to.asked.keys.is_empty(), "an empty context is none");
}

#[test]
fn a_refusal_names_the_action() {
    let gate = PolicyGate::new(ROLE);
    let body = json!({ "TableName": "Secrets", "Key": { "ApplicationName": { "S": "App" } } });
    let answer = gate.refusal(&request("DynamoDB_20120810.GetItem", &body)).expect("refused");
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!((answer.status, body["__type"].as_str()), (400, Some("AccessDeniedException")));
    assert!(body["message"].as_str().is_some_and(|message| message.contains("dynamodb:GetItem")), "{body}");
}
