//! The ring over mocks, which fail a test with every call that was not expected.

use std::sync::Arc;

use mockall::predicate::{always, eq, function};
use secret_store_core::{
    DocumentKey, Error, ErrorKind, GeneratedKey, KeyProvider, KeyRing, MockKeyProvider, WrappedKey,
};

use super::support::{context, master, refusal, wait};

/// A provider of which nothing but `accepts` may be called.
fn idle(accepted: &'static str) -> MockKeyProvider {
    let mut keys = MockKeyProvider::new();
    keys.expect_accepts().returning(move |id| id.as_str() == accepted);
    keys
}

fn key() -> DocumentKey {
    DocumentKey::from_bytes(&[9; 32]).expect("32 bytes")
}

fn wrapped(id: &str) -> WrappedKey {
    WrappedKey::new(master(id), id.as_bytes())
}

#[test]
fn each_call_reaches_one_member_once_with_its_arguments() {
    let mut first = idle("first");
    first
        .expect_generate_key()
        .with(eq(master("first")), eq(context(1)))
        .once()
        .returning(|_, _| Ok(GeneratedKey { document_key: key(), wrapped: wrapped("first") }));
    let is_key = || function(|key: &DocumentKey| key.expose_secret() == [9; 32]);
    first
        .expect_wrap_key()
        .with(eq(master("first")), is_key(), eq(context(2)))
        .times(2)
        .returning(|_, _, _| Ok(wrapped("first")));
    let rewrap = (eq(wrapped("first")), eq(context(1)), eq(master("first")), eq(context(3)));
    first
        .expect_rewrap_key()
        .with(rewrap.0, rewrap.1, rewrap.2, rewrap.3)
        .once()
        .returning(|_, _, _, _| Ok(wrapped("first")));
    let mut second = idle("second");
    second.expect_unwrap_key().with(eq(wrapped("second")), eq(context(1))).times(2).returning(|_, _| Ok(key()));
    let ring = KeyRing::new(Arc::new(first)).with_unwrapping(Arc::new(second)).with_wrapping(Arc::new(idle("third")));

    wait(ring.generate_key(&master("first"), &context(1))).expect("generates");
    wait(ring.wrap_key(&master("first"), &key(), &context(2))).expect("wraps");
    wait(ring.rewrap_key(&wrapped("first"), &context(1), &master("first"), &context(3))).expect("rewraps within");
    wait(ring.unwrap_key(&wrapped("second"), &context(1))).expect("unwraps");
    wait(ring.rewrap_key(&wrapped("second"), &context(1), &master("first"), &context(2))).expect("rewraps between");
}

/// As a KMS does with aliases: what the member answers is what is answered.
#[test]
fn a_member_may_name_its_key_otherwise() {
    let mut kms = MockKeyProvider::new();
    kms.expect_accepts().returning(|id| ["alias", "arn"].contains(&id.as_str()));
    kms.expect_generate_key()
        .with(eq(master("alias")), always())
        .once()
        .returning(|_, _| Ok(GeneratedKey { document_key: key(), wrapped: wrapped("arn") }));
    kms.expect_unwrap_key().with(eq(wrapped("arn")), always()).once().returning(|_, _| Ok(key()));
    let ring = KeyRing::new(Arc::new(idle("other"))).with_wrapping(Arc::new(kms));
    let generated = wait(ring.generate_key(&master("alias"), &context(1))).expect("generates");
    assert_eq!(generated.wrapped, wrapped("arn"));
    wait(ring.unwrap_key(&generated.wrapped, &context(1))).expect("unwraps");
}

#[test]
fn an_error_keeps_what_it_says() {
    let mut keys = idle("only");
    keys.expect_unwrap_key().once().returning(|_, _| {
        Err(Error::new(ErrorKind::PermissionDenied, "allow kms:Decrypt")
            .with_operation("unwrap key")
            .with_source("403"))
    });
    let error = refusal(wait(KeyRing::new(Arc::new(keys)).unwrap_key(&wrapped("only"), &context(1))));
    assert_eq!(error.to_string(), "unwrap key: member 1 of the key ring: allow kms:Decrypt");
    assert_eq!((error.kind(), error.operation()), (ErrorKind::PermissionDenied, Some("unwrap key")));
    assert!(std::error::Error::source(&error).is_some());
}
