//! Requests by which KMS tells what it would do, without doing it ("Testing your permissions", KMS Developer Guide).

use std::error::Error as StdError;

use aws_sdk_kms::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, DryRunModifierType, KeyState};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use secret_store_core::EncryptionContext;

use super::cause::{Cause, Trouble};
use crate::key_provider::{Replica, context_pairs};

/// As large as a document key, and none.
const ZEROS: [u8; 32] = [0; 32];

type Outcome = Result<(), Trouble>;

pub(super) async fn generate_data_key(key: &Replica, context: &EncryptionContext) -> Outcome {
    let spec = if context.is_legacy() { DataKeySpec::Aes128 } else { DataKeySpec::Aes256 };
    let request = key.client.generate_data_key().key_id(key.arn.as_str()).key_spec(spec);
    outcome(request.set_encryption_context(context_pairs(context)).dry_run(true).send().await)
}

pub(super) async fn encrypt(key: &Replica, context: &EncryptionContext) -> Outcome {
    let plaintext = Blob::new(&ZEROS[..context.key_bytes()]);
    let request = key.client.encrypt().key_id(key.arn.as_str()).plaintext(plaintext);
    outcome(request.set_encryption_context(context_pairs(context)).dry_run(true).send().await)
}

/// Without a ciphertext, so that there is nothing to be opened.
pub(super) async fn decrypt(key: &Replica, context: &EncryptionContext) -> Outcome {
    let request = key.client.decrypt().key_id(key.arn.as_str()).set_encryption_context(context_pairs(context));
    outcome(request.dry_run(true).dry_run_modifiers(DryRunModifierType::IgnoreCiphertext).send().await)
}

/// Needs two permissions; which one is missing stands in the answer.
pub(super) async fn re_encrypt(source: &Replica, target: &Replica, context: &EncryptionContext) -> Outcome {
    let request = source.client.re_encrypt().source_key_id(source.arn.as_str());
    let request = request.destination_key_id(target.arn.as_str());
    let request = request.set_source_encryption_context(context_pairs(context));
    let request = request.set_destination_encryption_context(context_pairs(context));
    outcome(request.dry_run(true).dry_run_modifiers(DryRunModifierType::IgnoreCiphertext).send().await)
}

/// A dry run that would succeed fails as such.
fn outcome<T, E>(sent: Result<T, SdkError<E, HttpResponse>>) -> Outcome
where
    E: ProvideErrorMetadata + StdError + 'static,
{
    match sent {
        // What answers carries out what it was not to.
        Ok(_) => Err(Cause::NotSupported.into()),
        Err(error) => match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some("DryRunOperationException") => Ok(()),
            _ => Err(Trouble::of(&error)),
        },
    }
}

/// Tells the state of a key that cannot be used, where the role may look.
pub(super) async fn state(key: &Replica) -> Option<Cause> {
    let described = key.client.describe_key().key_id(key.arn.as_str()).send().await.ok()?;
    match described.key_metadata()?.key_state()? {
        KeyState::Disabled => Some(Cause::KeyDisabled),
        KeyState::PendingDeletion | KeyState::PendingReplicaDeletion => Some(Cause::KeyPendingDeletion),
        _ => None,
    }
}
