//! The proxy that the tests look and break through.

use std::io::{ErrorKind as IoErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use secret_store_core::{ErrorKind, KeyProvider};
use secret_store_dynamo::{Connection, KmsKeyProvider};
use secret_store_dynamo_emulator::{
    DynamoDbEmulator, Fault, FaultProxy, KeyState, KmsEmulator, Patience, Response, Service,
};

use crate::setup::{Region, client, connection, context, id, provider};

fn kms_client(region: &str, proxy: &FaultProxy) -> aws_sdk_kms::Client {
    let near = connection(&Region::start(region));
    let connection: Connection = near.with_endpoint(proxy.url());
    connection.kms().expect("a complete connection")
}

#[tokio::test]
async fn one_endpoint_serves_an_account() {
    let dynamodb = DynamoDbEmulator::start();
    let (near, far) = (KmsEmulator::start("eu-central-1"), KmsEmulator::start("us-east-1"));
    let (near_key, far_key) = (near.create_key(), far.create_key());
    let proxy = FaultProxy::of_account(&dynamodb, &[&near, &far]);
    for (region, key) in [("eu-central-1", &near_key), ("us-east-1", &far_key)] {
        let described = kms_client(region, &proxy).describe_key().key_id(key).send().await.expect(region);
        assert_eq!(described.key_metadata.expect("metadata").arn(), Some(key.as_str()));
    }
    let tables = Patience::default().dynamodb_client(&proxy.url()).list_tables().send().await.expect("tables");
    assert!(tables.table_names().is_empty());
    kms_client("eu-west-1", &proxy).describe_key().key_id(&near_key).send().await.expect_err("no stand-in there");
    let seen: Vec<_> = proxy.take_exchanges();
    let services: Vec<_> =
        seen.iter().map(|exchange| (exchange.request.service(), exchange.request.action())).collect();
    assert_eq!(services[0], (Some(Service::Kms), "kms:DescribeKey".to_owned()));
    assert_eq!(services[2], (Some(Service::DynamoDb), "dynamodb:ListTables".to_owned()));
    assert_eq!(seen[1].request.region(), Some("us-east-1"));
    assert_eq!(seen[1].request.access_key(), Some("AKIDEXAMPLE"));
    assert!(seen[0].response.is_some() && seen[3].response.is_none());
}

#[tokio::test]
async fn a_gate_refuses_before_anything_is_carried_out() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    kms.proxy.set_gate(|request| {
        let refused = request.operation() == "Encrypt";
        refused.then(|| Response::error(400, "AccessDeniedException", "not by this gate"))
    });
    let keys = provider(&kms, &[&arn]).await;
    let generated = keys.generate_key(&id(&arn), &context("a")).await.expect("passes");
    let key = &generated.document_key;
    let error = keys.wrap_key(&id(&arn), key, &context("a")).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
    let answered = kms.proxy.exchanges()[1].response.as_ref().map(|response| response.status);
    assert_eq!(answered, Some(400), "a refusal is recorded");
}

#[tokio::test]
async fn a_disabled_key_is_that_of_kms() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let generate = || {
        let request = client(&kms).generate_data_key().key_id(&arn).number_of_bytes(32);
        async move { request.send().await.expect_err("disabled").into_service_error().meta().clone() }
    };
    kms.proxy.fail_always(Fault::KeyDisabled);
    let scripted = generate().await;
    client(&kms).describe_key().key_id(&arn).send().await.expect("a description uses no key");
    kms.proxy.heal();
    kms.set_state(&arn, KeyState::Disabled);
    let real = generate().await;
    assert_eq!((scripted.code(), scripted.message()), (real.code(), real.message()));
}

/// As a program sees it whose peer is gone: not an orderly end.
#[test]
fn a_reset_is_a_reset() {
    let kms = KmsEmulator::start("eu-central-1");
    let proxy = FaultProxy::start(kms.address());
    for fault in [Fault::ResetBefore, Fault::ResetAfter] {
        proxy.fail_call(0, &fault);
        let mut stream = TcpStream::connect(proxy.address()).expect("connected");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
        let request = "POST / HTTP/1.1\r\nhost: localhost\r\nx-amz-target: TrentService.DescribeKey\r\ncontent-length: 2\r\n\r\n{}";
        stream.write_all(request.as_bytes()).expect("sent");
        let error = stream.read(&mut [0; 1]).expect_err("no end of file");
        assert_eq!(error.kind(), IoErrorKind::ConnectionReset, "{fault:?}");
    }
    let carried_out: Vec<_> = proxy.take_exchanges().iter().map(|exchange| exchange.response.is_some()).collect();
    assert_eq!(carried_out, [false, true]);
}

/// What a service does not know is no fault of it.
#[tokio::test]
async fn faults_of_the_other_service_pass() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = KmsKeyProvider::builder(client(&kms)).key(&arn).build().await.expect("valid");
    for fault in [Fault::CapacityExceeded, Fault::Partial, Fault::Conflict, Fault::Stale] {
        kms.proxy.fail_always(fault.clone());
        keys.generate_key(&id(&arn), &context("a")).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
    }
}
