//! The requests to KMS.

use std::collections::HashMap;

use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{DataKeySpec, KeyMetadata};
use secret_store_core::{
    DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, MasterKeyId, Result, WrappedKey,
};
use zeroize::Zeroizing;

use super::allow_list::Replica;
use super::failure::Call;

pub(super) async fn describe(replica: &Replica) -> Result<KeyMetadata> {
    let call = Call::new("kms:DescribeKey", replica);
    let sent = replica.client.describe_key().key_id(replica.arn.as_str()).send().await;
    sent.map_err(|error| call.failed(error))?.key_metadata.ok_or_else(|| call.incomplete())
}

pub(super) async fn generate(replica: &Replica, context: &EncryptionContext) -> Result<GeneratedKey> {
    let call = Call::new("kms:GenerateDataKey", replica);
    let request = replica.client.generate_data_key().key_id(replica.arn.as_str());
    let request = match context.key_bytes() {
        16 => request.key_spec(DataKeySpec::Aes128),
        32 => request.key_spec(DataKeySpec::Aes256),
        bytes => request.number_of_bytes(i32::try_from(bytes).map_err(|_| Error::integrity())?),
    };
    let sent = request.set_encryption_context(pairs(context)).send().await;
    let answer = sent.map_err(|error| call.failed(error))?;
    let plaintext = Zeroizing::new(answer.plaintext.ok_or_else(|| call.incomplete())?.into_inner());
    if plaintext.len() != context.key_bytes() {
        return Err(call.incomplete());
    }
    let wrapped = wrapped(&call, replica, answer.key_id, answer.ciphertext_blob)?;
    Ok(GeneratedKey { document_key: DocumentKey::from_bytes(&plaintext)?, wrapped })
}

pub(super) async fn encrypt(replica: &Replica, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
    let call = Call::new("kms:Encrypt", replica);
    let request = replica.client.encrypt().key_id(replica.arn.as_str()).plaintext(Blob::new(key.expose_secret()));
    let sent = request.set_encryption_context(pairs(context)).send().await;
    let answer = sent.map_err(|error| call.failed(error))?;
    wrapped(&call, replica, answer.key_id, answer.ciphertext_blob)
}

pub(super) async fn decrypt(replica: &Replica, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
    let call = Call::new("kms:Decrypt", replica);
    let request = replica.client.decrypt().key_id(replica.arn.as_str()).ciphertext_blob(Blob::new(key.as_bytes()));
    let sent = request.set_encryption_context(pairs(context)).send().await;
    let answer = sent.map_err(|error| call.failed(error))?;
    let plaintext = Zeroizing::new(answer.plaintext.ok_or_else(|| call.incomplete())?.into_inner());
    check_answered_by(&call, replica, answer.key_id.as_deref())?;
    context.check_key_bytes(plaintext.len())?;
    DocumentKey::from_bytes(&plaintext)
}

pub(super) async fn re_encrypt(
    source: &Replica,
    target: &Replica,
    key: &WrappedKey,
    from: &EncryptionContext,
    to: &EncryptionContext,
) -> Result<WrappedKey> {
    let call = Call::between("kms:ReEncryptFrom and kms:ReEncryptTo", source, target);
    let request = source.client.re_encrypt().ciphertext_blob(Blob::new(key.as_bytes()));
    let request = request.source_key_id(source.arn.as_str()).set_source_encryption_context(pairs(from));
    let request = request.destination_key_id(target.arn.as_str()).set_destination_encryption_context(pairs(to));
    let answer = request.send().await.map_err(|error| call.failed(error))?;
    check_answered_by(&call, source, answer.source_key_id.as_deref())?;
    wrapped(&call, target, answer.key_id, answer.ciphertext_blob)
}

/// `None` for the legacy context: format 0 has no pairs.
pub(crate) fn pairs(context: &EncryptionContext) -> Option<HashMap<String, String>> {
    let pairs = context.pairs();
    let owned = pairs.into_iter().map(|(name, value)| (name.to_owned(), value.into_owned()));
    (!context.is_legacy()).then(|| owned.collect())
}

/// What is stored: the ciphertext and the ARN of the answer, which is the one that was asked.
fn wrapped(call: &Call<'_>, asked: &Replica, arn: Option<String>, ciphertext: Option<Blob>) -> Result<WrappedKey> {
    check_answered_by(call, asked, arn.as_deref())?;
    let arn = MasterKeyId::new(arn.unwrap_or_default())?;
    let ciphertext = ciphertext.map(Blob::into_inner).filter(|bytes| !bytes.is_empty());
    Ok(WrappedKey::new(arn, ciphertext.ok_or_else(|| call.incomplete())?))
}

fn check_answered_by(call: &Call<'_>, asked: &Replica, arn: Option<&str>) -> Result<()> {
    match arn {
        Some(arn) if arn == asked.arn.as_str() => Ok(()),
        Some(_) => Err(Error::new(
            ErrorKind::KeyUnavailable,
            format!("the endpoint of {} answered for another key than {}: check the endpoint", asked.region, asked.arn),
        )),
        None => Err(call.incomplete()),
    }
}
