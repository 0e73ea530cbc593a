//! An account with a table and a key, whoever may do what in it, and what went over the wire.

use std::time::Duration;

use aws_credential_types::Credentials;
use secret_store_core::{ApplicationName, MasterKeyId, StoreId, SystemClock};
use secret_store_dynamo::check::{Cause, CheckReport, Finding, Outcome, RoleCheck};
use secret_store_dynamo::{
    Connection, DynamoPersistence, KmsKeyProvider, KmsKeyProviderBuilder, Protection, TableOptions, Timeouts,
    create_table,
};
use secret_store_dynamo_emulator::{DynamoDbEmulator, Fault, FaultProxy, KmsEmulator, REGION, Request, Response};
use serde_json::{Value, json};

pub(crate) const TABLE: &str = "Secrets";
pub(crate) const APPLICATION: &str = "Shop.Production";
/// Which holds the keys of organisations.
pub(crate) const SEALING: &str = "Sealing.Production";

/// The stand-ins, behind one endpoint.
pub(crate) struct Account {
    pub(crate) dynamodb: DynamoDbEmulator,
    pub(crate) kms: KmsEmulator,
    pub(crate) proxy: FaultProxy,
    pub(crate) key: String,
}

impl Account {
    /// With a key, and nothing else.
    pub(crate) fn empty() -> Self {
        let (dynamodb, kms) = (DynamoDbEmulator::start(), KmsEmulator::start(REGION));
        let proxy = FaultProxy::of_account(&dynamodb, &[&kms]);
        let key = kms.create_key();
        let account = Self { dynamodb, kms, proxy, key };
        account.backups_are("ENABLED");
        account
    }

    /// With a table that is as it should be.
    pub(crate) async fn new() -> Self {
        Self::with_table(Protection::On).await
    }

    pub(crate) async fn with_table(deletion: Protection) -> Self {
        let account = Self::empty();
        // The emulator knows no backups.
        let options = TableOptions::default().with_point_in_time_recovery(Protection::Off);
        let options = options.with_deletion_protection(deletion);
        create_table(&account.dynamodb.client(), TABLE, &options, &SystemClock).await.expect("a new table");
        account
    }

    /// The emulator knows no backups: this answers as the service documents it.
    pub(crate) fn backups_are(&self, status: &str) {
        let recovery = json!({ "PointInTimeRecoveryStatus": status });
        let backups = json!({ "ContinuousBackupsStatus": "ENABLED", "PointInTimeRecoveryDescription": recovery });
        let answer = Response::json(200, &json!({ "ContinuousBackupsDescription": backups }));
        self.proxy.fail_operation("DescribeContinuousBackups", Fault::Answer(answer));
    }

    pub(crate) fn connection(&self) -> Connection {
        connection(&self.proxy.url())
    }

    pub(crate) fn records(&self) -> DynamoPersistence {
        DynamoPersistence::new(self.connection().dynamodb().expect("a complete connection"), TABLE)
    }

    pub(crate) fn keys(&self) -> KmsKeyProviderBuilder {
        KmsKeyProvider::builder(self.connection().kms().expect("a complete connection"))
    }

    /// Whatever they do besides.
    pub(crate) fn roles(&self) -> [RoleCheck; 4] {
        [self.reader(), self.writer(), self.rotator(), self.auditor()]
    }

    /// Of messages and credentials, with all that they do.
    pub(crate) fn servers(&self) -> [RoleCheck; 8] {
        let keys = || ApplicationName::new(SEALING).expect("valid");
        [
            self.with_key(RoleCheck::intake(store(), application(), keys()).with_opening().with_pruning()),
            self.with_key(RoleCheck::responder(store(), application(), keys())),
            RoleCheck::marker(store(), application()),
            RoleCheck::sweeper(store(), application()),
            RoleCheck::credential_intake(store(), application()),
            self.with_key(RoleCheck::credential_intake(store(), application()).with_opening()),
            self.with_key(RoleCheck::credential_user(store(), application()).with_removals()),
            self.with_key(RoleCheck::credential_keeper(store(), application()).with_key_rotation()),
        ]
    }

    pub(crate) fn reader(&self) -> RoleCheck {
        self.with_key(RoleCheck::reader(store(), application()))
    }

    pub(crate) fn writer(&self) -> RoleCheck {
        self.with_key(RoleCheck::writer(store(), application()))
    }

    pub(crate) fn rotator(&self) -> RoleCheck {
        self.rotator_to(&self.kms.create_key())
    }

    pub(crate) fn rotator_to(&self, target: &str) -> RoleCheck {
        let rotator = RoleCheck::rotator(store(), application());
        let rotator = rotator.with_keys(self.keys().key(&self.key).key(target));
        rotator.with_master_key(id(&self.key)).with_target_key(id(target))
    }

    pub(crate) fn auditor(&self) -> RoleCheck {
        RoleCheck::auditor(store(), application())
    }

    fn with_key(&self, role: RoleCheck) -> RoleCheck {
        role.with_keys(self.keys().key(&self.key)).with_master_key(id(&self.key))
    }

    /// Everything in the table.
    pub(crate) async fn scan(&self) -> String {
        let items = self.dynamodb.client().scan().table_name(TABLE).send().await.expect("a scan").items;
        let mut items: Vec<_> = items.unwrap_or_default().iter().map(|item| format!("{:?}", sorted(item))).collect();
        items.sort();
        items.join("\n")
    }

    /// Denies one action wherever a request needs it on something whose name has this in it.
    pub(crate) fn deny(&self, action: &str, on: &str) {
        let (action, on) = (action.to_owned(), on.to_owned());
        self.proxy.set_gate(move |request| {
            let asked = needed_by(request);
            let denied = asked.iter().find(|(needed, resource)| *needed == action && resource.contains(&on));
            denied.map(|(action, resource)| denial(request, action, resource))
        });
    }

    /// What was needed since the start, or since this was asked for last.
    pub(crate) fn take_needed(&self) -> Vec<(String, String)> {
        self.proxy.take_exchanges().iter().flat_map(|exchange| needed_by(&exchange.request)).collect()
    }
}

fn sorted<V>(item: &std::collections::HashMap<String, V>) -> std::collections::BTreeMap<&String, &V> {
    item.iter().collect()
}

/// One attempt and short waits, over plain HTTP.
pub(crate) fn connection(url: &str) -> Connection {
    let short = Duration::from_millis(1500);
    let timeouts = Timeouts::default().with_connect(short).with_read(short).with_attempt(short).with_operation(short);
    Connection::new(REGION)
        .with_endpoint(url)
        .with_credentials(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .with_http_client(aws_smithy_http_client::Builder::new().build_http())
        .with_timeouts(timeouts)
        .with_max_attempts(1)
}

/// Actions as IAM calls them, each with what it is on: a partition, a table, a key.
pub(crate) fn needed_by(request: &Request) -> Vec<(String, String)> {
    let (body, action) = (request.json(), request.action());
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let partition = |key: &Value| text(&key["ApplicationName"]["S"]);
    match request.operation() {
        "GetItem" => vec![(action, partition(&body["Key"]))],
        "Query" => vec![(action, text(&body["ExpressionAttributeValues"][":p"]["S"]))],
        "BatchGetItem" => {
            let keys = body["RequestItems"][TABLE]["Keys"].as_array().cloned().unwrap_or_default();
            keys.iter().map(|key| (action.clone(), partition(key))).collect()
        }
        "TransactWriteItems" => {
            let items = body["TransactItems"].as_array().cloned().unwrap_or_default();
            items.iter().map(|item| written(item, partition)).collect()
        }
        "ReEncrypt" => vec![
            ("kms:ReEncryptFrom".to_owned(), text(&body["SourceKeyId"])),
            ("kms:ReEncryptTo".to_owned(), text(&body["DestinationKeyId"])),
        ],
        _ if action.starts_with("kms:") => vec![(action, text(&body["KeyId"]))],
        _ => vec![(action, text(&body["TableName"]))],
    }
}

fn written(item: &Value, partition: impl Fn(&Value) -> String) -> (String, String) {
    let (kind, write) = item.as_object().and_then(|item| item.iter().next()).expect("a write");
    let (action, key) = match kind.as_str() {
        "Put" => ("dynamodb:PutItem", &write["Item"]),
        "Delete" => ("dynamodb:DeleteItem", &write["Key"]),
        "ConditionCheck" => ("dynamodb:ConditionCheckItem", &write["Key"]),
        other => panic!("{other} is none of ours"),
    };
    (action.to_owned(), partition(key))
}

/// As both services word it ("Troubleshooting access denied error messages", IAM User Guide).
fn denial(request: &Request, action: &str, resource: &str) -> Response {
    let code = match request.service() {
        Some(secret_store_dynamo_emulator::Service::Kms) => "AccessDeniedException",
        _ => "com.amazon.coral.service#AccessDeniedException",
    };
    let message = format!(
        "User: arn:aws:iam::111122223333:user/shop is not authorized to perform: {action} on resource: {resource} because no \
         identity-based policy allows the {action} action"
    );
    Response::error(400, code, &message)
}

pub(crate) fn store() -> StoreId {
    StoreId::new("prod").expect("valid")
}

pub(crate) fn application() -> ApplicationName {
    ApplicationName::new(APPLICATION).expect("valid")
}

pub(crate) fn id(key: &str) -> MasterKeyId {
    MasterKeyId::new(key).expect("valid")
}

/// What failed and is needed.
pub(crate) fn failures(report: &CheckReport) -> Vec<&Finding> {
    report.problems().filter(|finding| finding.is_required()).collect()
}

/// The one thing that failed; what it blocks may be unchecked.
pub(crate) fn only_failure(report: &CheckReport) -> &Finding {
    let failures = failures(report);
    assert_eq!(failures.len(), 1, "{report}");
    assert!(!report.is_ok(), "{report}");
    let others = report.findings().iter().filter(|finding| finding.outcome() == Outcome::NotChecked);
    assert!(others.into_iter().all(|finding| finding.cause() == Some(Cause::Blocked)), "{report}");
    failures[0]
}
