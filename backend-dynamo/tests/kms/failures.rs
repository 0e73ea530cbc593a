//! Every failure of KMS and of the way there, over the real wire: a typed outcome in bounded time.

use std::error::Error as _;
use std::time::{Duration, Instant};

use crate::setup::{Region, client, connection, context, id, provider};
use secret_store_core::{DocumentKey, Error, ErrorKind, KeyProvider, Result, WrappedKey};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo_emulator::{Fault, KeyState, Response};

/// The four calls, each one request.
async fn every_call(keys: &KmsKeyProvider, arn: &str, wrapped: &WrappedKey) -> Vec<Result<()>> {
    let key = DocumentKey::from_bytes(&[1; 32]).expect("32 bytes");
    vec![
        keys.generate_key(&id(arn), &context("a")).await.map(drop),
        keys.wrap_key(&id(arn), &key, &context("a")).await.map(drop),
        keys.unwrap_key(wrapped, &context("a")).await.map(drop),
        keys.rewrap_key(wrapped, &context("a"), &id(arn), &context("a")).await.map(drop),
    ]
}

const ACTIONS: [&str; 4] =
    ["kms:GenerateDataKey", "kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom and kms:ReEncryptTo"];

struct Ready {
    kms: Region,
    arn: String,
    keys: KmsKeyProvider,
    wrapped: WrappedKey,
}

async fn ready() -> Ready {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    let wrapped = keys.generate_key(&id(&arn), &context("a")).await.expect("generated").wrapped;
    Ready { kms, arn, keys, wrapped }
}

impl Ready {
    /// All four calls under one fault.
    async fn under(&self, fault: Fault) -> Vec<Error> {
        self.kms.proxy.fail_always(fault);
        let outcomes = every_call(&self.keys, &self.arn, &self.wrapped).await;
        self.kms.proxy.heal();
        outcomes.into_iter().map(|outcome| outcome.expect_err("a fault")).collect()
    }
}

#[tokio::test]
async fn every_error_code_has_its_kind() {
    let ready = ready().await;
    let cases: &[(ErrorKind, u16, &[&str])] = &[
        (ErrorKind::Integrity, 400, &["InvalidCiphertextException", "IncorrectKeyException"]),
        (ErrorKind::KeyUnavailable, 400, &["DisabledException", "KMSInvalidStateException", "NotFoundException"]),
        (ErrorKind::KeyUnavailable, 500, &["KeyUnavailableException"]),
        (ErrorKind::InvalidInput, 400, &["InvalidKeyUsageException", "ValidationException", "InvalidArnException"]),
        (ErrorKind::InvalidInput, 400, &["SomethingNewException"]),
        (ErrorKind::Unsupported, 400, &["UnsupportedOperationException", "DryRunOperationException"]),
        (ErrorKind::PermissionDenied, 400, &["AccessDeniedException", "InvalidGrantTokenException"]),
        (
            ErrorKind::PermissionDenied,
            400,
            &["ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException"],
        ),
        (
            ErrorKind::PermissionDenied,
            403,
            &["IncompleteSignature", "MissingAuthenticationTokenException", "OptInRequired"],
        ),
        (ErrorKind::Throttled, 400, &["ThrottlingException", "LimitExceededException", "RequestLimitExceeded"]),
        (ErrorKind::Throttled, 429, &["TooManyRequestsException", "SomethingNewException"]),
        (ErrorKind::Unavailable, 500, &["DependencyTimeoutException", "KMSInternalException", "InternalFailure"]),
        (ErrorKind::Unavailable, 503, &["ServiceUnavailableException"]),
    ];
    for (kind, status, codes) in cases {
        for code in *codes {
            let errors = ready.under(Fault::Answer(Response::error(*status, code, "m\u{1b}essage"))).await;
            for (error, action) in errors.iter().zip(ACTIONS) {
                assert_eq!(error.kind(), *kind, "{code} at {action}: {error}");
                let text = error.to_string();
                assert!(!text.contains('\u{1b}') && !text.contains("essage\""), "{text}");
                if *kind == ErrorKind::Integrity {
                    assert!(error.source().is_none(), "{code}");
                } else {
                    assert!(text.contains(&ready.arn) && text.contains("eu-central-1"), "{code}: {text}");
                    assert!(error.source().is_some(), "{code}: the cause is kept");
                }
            }
        }
    }
}

#[tokio::test]
async fn denials_name_action_key_and_fix() {
    let ready = ready().await;
    for error in ready.under(Fault::Answer(Response::error(400, "AccessDeniedException", "no"))).await {
        for word in [ready.arn.as_str(), "IAM policy", "key policy"] {
            assert!(error.to_string().contains(word), "{error}");
        }
        assert!(ACTIONS.iter().any(|action| error.to_string().contains(action)), "{error}");
    }
    for error in ready.under(Fault::Answer(Response::error(400, "ExpiredTokenException", "old"))).await {
        assert!(error.to_string().contains("refresh them"), "{error}");
    }
}

#[tokio::test]
async fn answers_that_are_no_json_have_a_kind_too() {
    let ready = ready().await;
    for (status, kind) in [
        (500, ErrorKind::Unavailable),
        (502, ErrorKind::Unavailable),
        (503, ErrorKind::Unavailable),
        (429, ErrorKind::Throttled),
        (403, ErrorKind::PermissionDenied),
        (200, ErrorKind::Unavailable),
    ] {
        for error in ready.under(Fault::Answer(Response::bare(status))).await {
            assert_eq!(error.kind(), kind, "{status}: {error}");
        }
    }
}

#[tokio::test]
async fn incomplete_answers_are_no_keys() {
    let ready = ready().await;
    let (arn, plaintext) = (&ready.arn, "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
    for body in [
        serde_json::json!({}),
        serde_json::json!({ "KeyId": arn }),
        serde_json::json!({ "KeyId": arn, "SourceKeyId": arn, "CiphertextBlob": "" }),
        serde_json::json!({ "CiphertextBlob": "AAAA" }),
    ] {
        for error in ready.under(Fault::Answer(Response::json(200, &body))).await {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{body}: {error}");
        }
    }
    // Complete, but from a key that was not asked.
    let other = ready.kms.create_key();
    let body = serde_json::json!({
        "KeyId": other, "SourceKeyId": other, "CiphertextBlob": "AAAA", "Plaintext": plaintext,
    });
    for error in ready.under(Fault::Answer(Response::json(200, &body))).await {
        assert_eq!(error.kind(), ErrorKind::KeyUnavailable, "{error}");
    }
    // A generated key that is too short for the context.
    let body = serde_json::json!({ "KeyId": arn, "CiphertextBlob": "AAAA", "Plaintext": "AAAAAAAAAAAAAAAAAAAAAA==" });
    ready.kms.proxy.fail_call(0, &Fault::Answer(Response::json(200, &body)));
    assert!(ready.keys.generate_key(&id(arn), &context("a")).await.is_err());
}

#[tokio::test]
async fn an_unreadable_answer_gives_no_key_away() {
    let ready = ready().await;
    let canary = "Q0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZQ0FOQVJZQ0E=";
    // Cut off after the key, so that no operation can read it.
    let body = format!("{{\"KeyId\": \"{}\", \"Plaintext\": \"{canary}\", \"SourceKeyId\": {{", ready.arn);
    let response = Response { status: 200, headers: Vec::new(), body: body.into_bytes() };
    for error in ready.under(Fault::Answer(response)).await {
        assert!(!format!("{error:?} {error}").contains("Q0FOQVJZ"), "{error:?}");
        assert!(!format!("{error:?}").contains(&format!("{:?}", b"Q0FO")[1..]), "{error:?}");
    }
}

#[tokio::test]
async fn a_server_that_hangs_is_unavailable_in_bounded_time() {
    let ready = ready().await;
    let began = Instant::now();
    for error in ready.under(Fault::Hang).await {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.is_retryable());
    }
    assert!(began.elapsed() < Duration::from_secs(40), "four calls of 2 s each took {:?}", began.elapsed());
}

#[tokio::test]
async fn lost_connections_are_unavailable_and_the_next_call_works() {
    let ready = ready().await;
    for fault in [Fault::ResetBefore, Fault::ResetAfter] {
        for error in ready.under(fault.clone()).await {
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{fault:?}: {error}");
        }
        for outcome in every_call(&ready.keys, &ready.arn, &ready.wrapped).await {
            outcome.expect("healed");
        }
    }
}

#[tokio::test]
async fn nobody_listening_is_unavailable() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let keys = provider(&kms, &[&arn]).await;
    drop(kms);
    let error = keys.generate_key(&id(&arn), &context("a")).await.expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.source().is_some(), "the cause is kept");
}

#[tokio::test]
async fn passing_failures_are_tried_again() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    let patient = connection(&kms).with_max_attempts(3).with_timeouts(secret_store_dynamo::Timeouts::default());
    let builder = KmsKeyProvider::builder(patient.kms().expect("complete"));
    let keys = builder.key(&arn).build().await.expect("valid");
    for fault in [
        Fault::Answer(Response::error(400, "ThrottlingException", "slow down")),
        Fault::Answer(Response::error(500, "KMSInternalException", "again")),
        Fault::Answer(Response::bare(503)),
        Fault::ResetBefore,
        Fault::ResetAfter,
    ] {
        kms.proxy.forget();
        kms.proxy.fail_call(0, &fault);
        kms.proxy.fail_call(1, &fault);
        keys.generate_key(&id(&arn), &context("a")).await.unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(kms.proxy.exchanges().len(), 3, "{fault:?}");
    }
    kms.proxy.forget();
    kms.proxy.fail_call(0, &Fault::Answer(Response::error(400, "AccessDeniedException", "no")));
    keys.generate_key(&id(&arn), &context("a")).await.expect_err("a denial is final");
    assert_eq!(kms.proxy.exchanges().len(), 1);
}

#[tokio::test]
async fn states_of_a_key_are_named_with_the_fix() {
    let ready = ready().await;
    for state in [KeyState::Disabled, KeyState::PendingDeletion, KeyState::PendingDeletionAsDisabled] {
        ready.kms.set_state(&ready.arn, state);
        for outcome in every_call(&ready.keys, &ready.arn, &ready.wrapped).await {
            let error = outcome.expect_err("not usable");
            assert_eq!(error.kind(), ErrorKind::KeyUnavailable);
            for fix in ["pending deletion", "describe-key", "cancel-key-deletion", "enable-key"] {
                assert!(error.to_string().contains(fix), "{state:?}: {error}");
            }
        }
    }
    ready.kms.destroy(&ready.arn);
    for outcome in every_call(&ready.keys, &ready.arn, &ready.wrapped).await {
        assert_eq!(outcome.expect_err("gone").kind(), ErrorKind::KeyUnavailable);
    }
}

#[tokio::test]
async fn missing_credentials_are_a_denial_with_the_fix() {
    let kms = Region::start("eu-central-1");
    let arn = kms.create_key();
    #[derive(Debug)]
    struct Nobody;
    impl aws_sdk_kms::config::ProvideCredentials for Nobody {
        fn provide_credentials<'a>(&'a self) -> aws_credential_types::provider::future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            use aws_credential_types::provider::error::CredentialsError;
            aws_credential_types::provider::future::ProvideCredentials::ready(Err(CredentialsError::not_loaded("none")))
        }
    }
    let nobody = connection(&kms).with_credentials(Nobody).kms().expect("complete");
    let keys = KmsKeyProvider::builder(nobody).key(&arn).build().await.expect("valid");
    let error = keys.generate_key(&id(&arn), &context("a")).await.expect_err("no credentials");
    assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
    assert!(error.to_string().contains("credentials"), "{error}");
    assert!(kms.proxy.exchanges().is_empty());
}

#[tokio::test]
async fn a_dropped_call_leaves_the_provider_usable() {
    let ready = ready().await;
    ready.kms.proxy.fail_call(0, &Fault::Delay(Duration::from_millis(200)));
    let (arn, ctx) = (id(&ready.arn), context("a"));
    let call = ready.keys.generate_key(&arn, &ctx);
    assert!(tokio::time::timeout(Duration::from_millis(30), call).await.is_err(), "still waiting");
    ready.keys.unwrap_key(&ready.wrapped, &context("a")).await.expect("opens");
    drop(client(&ready.kms));
}
