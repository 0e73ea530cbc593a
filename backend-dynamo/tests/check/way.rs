//! Nobody there, nobody known, nobody patient: each is told apart, once for each service, in bounded time.

use std::time::{Duration, Instant};

use aws_credential_types::provider::ProvideCredentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::future::ProvideCredentials as Provided;
use secret_store_dynamo::check::{Cause, CheckReport, Outcome, RoleCheck};
use secret_store_dynamo::{Connection, DynamoPersistence, KmsKeyProvider};
use secret_store_dynamo_emulator::{Fault, Response};

use crate::setup::{Account, TABLE, application, connection, failures, id, store};

async fn reader_over(account: &Account, connection: &Connection) -> CheckReport {
    let keys = KmsKeyProvider::builder(connection.kms().expect("a complete connection")).key(&account.key);
    let records = DynamoPersistence::new(connection.dynamodb().expect("a complete connection"), TABLE);
    let reader = RoleCheck::reader(store(), application()).with_keys(keys).with_master_key(id(&account.key));
    reader.check(&records).await
}

/// One failure of each service, both of this cause, and everything else is left out.
fn assert_both(report: &CheckReport, cause: Cause, fix: &str) {
    let failures = failures(report);
    let services: Vec<_> = failures.iter().filter_map(|finding| finding.action().split(':').next()).collect();
    assert_eq!(services, ["dynamodb", "kms"], "{report}");
    for failure in &failures {
        assert_eq!(failure.cause(), Some(cause), "{report}");
        assert!(failure.fix().contains(fix), "{report}");
    }
    assert!(!report.is_ok(), "{report}");
    assert!(report.not_checked().all(|finding| finding.cause() == Some(Cause::Blocked)), "{report}");
    assert_eq!(report.findings().iter().filter(|finding| finding.outcome() == Outcome::Passed).count(), 0, "{report}");
}

#[tokio::test]
async fn an_endpoint_that_nobody_listens_at() {
    let account = Account::new().await;
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    drop(listener);
    let report = reader_over(&account, &connection(&url)).await;
    assert_both(&report, Cause::Unreachable, "check the network, the region, the endpoint");
    assert!(report.to_string().contains("in eu-central-1"), "{report}");
}

#[tokio::test]
async fn connections_that_break_or_hang() {
    for (fault, allowed) in [(Fault::ResetBefore, 2), (Fault::Hang, 8)] {
        let account = Account::new().await;
        account.proxy.fail_always(fault);
        account.proxy.fail_operation("DescribeContinuousBackups", Fault::ResetBefore);
        let began = Instant::now();
        let report = reader_over(&account, &account.connection()).await;
        assert_both(&report, Cause::Unreachable, "check the network, the region, the endpoint");
        assert!(began.elapsed() < Duration::from_secs(allowed) + Duration::from_secs(2), "{:?}", began.elapsed());
        assert_eq!(account.proxy.operations(), ["DescribeTable", "Decrypt"], "each service is tried once");
    }
}

#[tokio::test]
async fn credentials_that_are_not_accepted() {
    let expired = Fault::ExpiredCredentials;
    let refused =
        |code| Fault::Answer(Response::error(400, code, "The security token included in the request is invalid."));
    let cases = [
        (expired, Cause::ExpiredCredentials, "have expired: renew them"),
        (refused("UnrecognizedClientException"), Cause::RefusedCredentials, "does not accept the credentials"),
        (refused("InvalidSignatureException"), Cause::RefusedCredentials, "the machine's clock"),
    ];
    for (fault, cause, fix) in cases {
        let account = Account::new().await;
        account.proxy.fail_always(fault);
        let report = reader_over(&account, &account.connection()).await;
        assert_both(&report, cause, fix);
        assert!(report.to_string().contains("AWS says: The security token"), "{report}");
    }
}

#[derive(Debug)]
struct Nobody;

impl ProvideCredentials for Nobody {
    fn provide_credentials<'a>(&'a self) -> Provided<'a>
    where
        Self: 'a,
    {
        Provided::ready(Err(CredentialsError::not_loaded("no profile")))
    }
}

#[tokio::test]
async fn no_credentials_at_all() {
    let account = Account::new().await;
    let report = reader_over(&account, &account.connection().with_credentials(Nobody)).await;
    assert_both(&report, Cause::NoCredentials, "there are no AWS credentials: set a profile");
    assert_eq!(account.proxy.operations(), [""; 0], "nothing was sent");
}

/// The same where an alias has to be looked up first.
#[tokio::test]
async fn an_alias_that_cannot_be_looked_up() {
    let mut account = Account::new().await;
    account.key = "alias/prod".to_owned();
    account.proxy.fail_always(Fault::ExpiredCredentials);
    let report = reader_over(&account, &account.connection()).await;
    let found: Vec<_> = failures(&report).iter().map(|finding| (finding.action(), finding.cause())).collect();
    let cause = Some(Cause::ExpiredCredentials);
    assert_eq!(found, [("dynamodb:DescribeTable", cause), ("kms:DescribeKey", cause)], "{report}");
    let report = reader_over(&account, &account.connection().with_credentials(Nobody)).await;
    assert!(failures(&report).iter().all(|finding| finding.cause() == Some(Cause::NoCredentials)), "{report}");
    account.proxy.fail_always(Fault::ResetBefore);
    let report = reader_over(&account, &account.connection()).await;
    assert!(failures(&report).iter().all(|finding| finding.cause() == Some(Cause::Unreachable)), "{report}");
}

/// They tell nothing about permissions: neither good nor bad is concluded.
#[tokio::test]
async fn an_outage_is_no_finding() {
    for (fault, cause) in [
        (Fault::Throttled, Cause::Throttled),
        (Fault::BareTooMany, Cause::Throttled),
        (Fault::ServerError, Cause::ServiceFailed),
        (Fault::BareUnavailable, Cause::ServiceFailed),
    ] {
        let account = Account::new().await;
        account.proxy.heal();
        account.proxy.fail_always(fault);
        let report = reader_over(&account, &account.connection()).await;
        assert!(!report.is_ok() && report.problems().count() == 0, "{report}");
        assert!(report.findings().iter().all(|finding| finding.outcome() == Outcome::NotChecked), "{report}");
        assert!(report.findings().iter().all(|finding| finding.cause() == Some(cause)), "{report}");
        assert!(report.to_string().contains(": nothing failed, 3 not checked\n"), "{report}");
    }
}

/// What AWS says is foreign text.
#[tokio::test]
async fn what_aws_says_is_made_safe_to_print() {
    let account = Account::new().await;
    let said = format!("\u{1b}[2Jgone\n{}", "x".repeat(5000));
    account.proxy.fail_always(Fault::Answer(Response::error(400, "AccessDeniedException", &said)));
    let text = reader_over(&account, &account.connection()).await.to_string();
    assert!(text.contains("\\u{1b}[2Jgone\\nxxx") && !text.contains('\u{1b}'), "{text}");
    assert!(text.lines().all(|line| line.chars().count() < 1100));
}
