//! Whatever a role may not do is found, alone, and said with the fix.

use secret_store_dynamo::check::{Cause, Finding, Outcome, RoleCheck};
use secret_store_dynamo_emulator::REGION;

use crate::setup::{APPLICATION, Account, TABLE, id, only_failure};

fn complete(role: RoleCheck) -> RoleCheck {
    role.with_history().with_deletes().with_pruning().with_audit_log()
}

/// What stands between `partition "` and `"`, or the ARN.
fn place(finding: &Finding) -> String {
    let resource = finding.resource();
    let name = resource.split('"').nth(1).or_else(|| resource.split(' ').nth(2));
    name.expect("a partition or a key").to_owned()
}

/// Each right, taken away by itself.
#[tokio::test]
async fn every_missing_right_is_named() {
    let account = Account::new().await;
    let mut tried = 0;
    for role in account.roles().map(complete) {
        let well = role.check(&account.records()).await;
        assert!(well.is_ok(), "{well}");
        let described = |finding: &&Finding| finding.action().contains("Describe");
        // Of the sixteen partitions of audit entries, the first and the last.
        let is_alike = |finding: &&Finding| {
            let place = place(finding);
            place.starts_with("~a") && !place.starts_with("~a0") && !place.starts_with("~af")
        };
        for right in well.findings().iter().filter(|finding| !described(finding) && !is_alike(finding)) {
            account.deny(right.action(), &place(right));
            let report = role.check(&account.records()).await;
            let is_right =
                |finding: &&Finding| (finding.action(), finding.resource()) == (right.action(), right.resource());
            let finding = report.findings().iter().find(is_right).expect("tried again");
            assert_eq!((finding.outcome(), finding.cause()), (Outcome::Failed, Some(Cause::NotPermitted)), "{report}");
            assert_names(finding, &place(right));
            assert_eq!(report.is_ok(), !finding.is_required(), "{report}");
            tried += 1;
        }
        account.deny("nothing", "nowhere");
    }
    assert!(tried > 50, "{tried}");
}

fn assert_names(finding: &Finding, place: &str) {
    let said = finding.to_string();
    for name in [finding.action(), place, REGION, "IAM policy", "AWS says: User: arn:aws:iam::111122223333:user/shop"] {
        assert!(said.contains(name), "{name} is not in: {said}");
    }
    match finding.action().split_once(':') {
        Some(("dynamodb", _)) => assert!(said.contains(TABLE) && said.contains("dynamodb:LeadingKeys"), "{said}"),
        _ => assert!(
            said.contains(&format!("ss:application = {APPLICATION:?}")) && said.contains("key policy"),
            "{said}"
        ),
    }
}

/// A partition of another application, or of the history, is another right.
#[tokio::test]
async fn one_missing_partition_is_one_failure() {
    let account = Account::new().await;
    account.deny("dynamodb:PutItem", "~h~");
    let report = account.writer().check(&account.records()).await;
    let failure = only_failure(&report);
    assert!(failure.resource().starts_with("partition \"~h~Shop.Production\" of table Secrets in eu-central-1"));
    assert!(report.to_string().contains("writer of Shop.Production in the store prod: 1 to mend\n"), "{report}");
}

/// Format 0 has no encryption context, which a policy may deny by itself.
#[tokio::test]
async fn the_encryption_context_is_that_of_the_application() {
    let account = Account::new().await;
    account.proxy.set_gate(|request| {
        let context = &request.json()["EncryptionContext"];
        let is_wanted = context["ss:application"] == APPLICATION && context["ss:name"] == "Main";
        let denied = request.operation() == "Decrypt" && !is_wanted;
        denied.then(|| secret_store_dynamo_emulator::Response::error(400, "AccessDeniedException", "no"))
    });
    let role = account.reader().with_secret("Main".parse().expect("valid"));
    assert!(role.check(&account.records()).await.is_ok());
    let report = role.with_format_0().check(&account.records()).await;
    let failure = only_failure(&report);
    assert!(failure.to_string().contains("without an encryption context"), "{failure}");
    let report = account.reader().check(&account.records()).await;
    assert!(only_failure(&report).fix().contains("ss:name = \"check\""), "{report}");
}

/// The two halves of a re-encryption are told apart.
#[tokio::test]
async fn a_rotator_is_told_which_key_lacks_the_right() {
    let account = Account::new().await;
    let target = account.kms.create_key();
    let rotator = account.rotator_to(&target);
    for (action, key) in [("kms:ReEncryptFrom", &account.key), ("kms:ReEncryptTo", &target)] {
        account.deny(action, key);
        let report = rotator.check(&account.records()).await;
        let failure = only_failure(&report);
        assert_eq!((failure.action(), failure.cause()), (action, Some(Cause::NotPermitted)), "{report}");
        assert!(failure.resource().contains(key.as_str()), "{report}");
    }
}

/// What the role works without is no failure: descriptions, and several records in one request.
#[tokio::test]
async fn optional_rights_may_lack() {
    let account = Account::new().await;
    for action in
        ["dynamodb:DescribeTable", "dynamodb:DescribeContinuousBackups", "dynamodb:BatchGetItem", "kms:DescribeKey"]
    {
        account.deny(action, "");
        let report = account.reader().check(&account.records()).await;
        assert!(report.is_ok(), "{report}");
        let noted: Vec<_> = report.findings().iter().filter(|finding| finding.outcome() != Outcome::Passed).collect();
        match action {
            "kms:DescribeKey" => assert!(noted.is_empty(), "{report}"),
            _ => assert!(noted.len() == 1 && noted[0].fix().contains("the role works without it"), "{report}"),
        }
        assert!(report.to_string().contains(": ready\n"), "{report}");
    }
}

/// An alias is looked up by the program itself, which needs the right.
#[tokio::test]
async fn an_alias_needs_the_right_to_look_it_up() {
    let account = Account::new().await;
    account.kms.set_alias("alias/prod", &account.key);
    let reader = || account.reader().with_keys(account.keys().key("alias/prod")).with_master_key(id("alias/prod"));
    assert!(reader().check(&account.records()).await.is_ok());
    account.deny("kms:DescribeKey", "alias/prod");
    let report = reader().check(&account.records()).await;
    let failure = only_failure(&report);
    assert_eq!((failure.action(), failure.cause()), ("kms:DescribeKey", Some(Cause::NotPermitted)));
    assert!(failure.fix().contains("alias/prod in region eu-central-1"), "{failure}");
}
