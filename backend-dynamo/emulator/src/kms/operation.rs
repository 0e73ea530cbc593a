//! The operations of KMS (AWS KMS API Reference, one page each).

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::asymmetric::RsaKey;
use super::ciphertext::{Ciphertext, Materials};
use super::fields::{Fields, base64};
use super::key::{Key, Secrets, random};
use super::refusal::Refusal;
use super::region::Region;
use crate::exchange::{Request, Response};

/// "Service quotas" aside, the sizes that the API Reference gives for `Plaintext` and `CiphertextBlob`.
const MAX_PLAINTEXT: usize = 4096;
const MAX_CIPHERTEXT: usize = 6144;
const SYMMETRIC: &str = "SYMMETRIC_DEFAULT";
const OAEP: &str = "RSAES_OAEP_SHA_256";

type Context = BTreeMap<String, String>;

/// Carries a request out.
pub(super) fn answer(region: &mut Region, request: &Request) -> Response {
    let target = request.header("x-amz-target").unwrap_or_default();
    let outcome = match target.strip_prefix("TrentService.") {
        Some("DescribeKey") => describe_key(region, &request.body),
        Some("GenerateDataKey") => generate_data_key(region, &request.body, "kms:GenerateDataKey"),
        Some("GenerateDataKeyWithoutPlaintext") => {
            generate_data_key(region, &request.body, "kms:GenerateDataKeyWithoutPlaintext")
        }
        Some("Encrypt") => encrypt(region, &request.body),
        Some("Decrypt") => decrypt(region, &request.body),
        Some("ReEncrypt") => re_encrypt(region, &request.body),
        Some("RotateKeyOnDemand") => rotate(region, &request.body),
        Some("GetPublicKey") => get_public_key(region, &request.body),
        _ => Err(Refusal::unsupported(&format!("the target {target:?}"))),
    };
    outcome.map_or_else(Refusal::into_response, |body| Response::json(200, &body))
}

fn describe_key(region: &Region, body: &[u8]) -> Result<Value, Refusal> {
    let fields = Fields::parse(body, &["KeyId"])?;
    let key = region.find(fields.required("KeyId")?)?;
    let arn = region.arn(key);
    region.check_allowed("kms:DescribeKey", &arn)?;
    let (spec, algorithm) = match key.secrets {
        Secrets::Symmetric(_) => (SYMMETRIC, SYMMETRIC),
        Secrets::Rsa(_) => ("RSA_2048", OAEP),
    };
    let mut metadata = json!({
        "AWSAccountId": super::ACCOUNT,
        "Arn": arn,
        "CreationDate": 1_700_000_000,
        "Enabled": key.state == super::KeyState::Enabled,
        "EncryptionAlgorithms": [algorithm],
        "KeyId": key.id,
        "KeyManager": "CUSTOMER",
        "KeySpec": spec,
        "KeyState": key.state.name(),
        "KeyUsage": "ENCRYPT_DECRYPT",
        "MultiRegion": key.is_multi_region(),
        "Origin": "AWS_KMS",
    });
    if key.is_multi_region() {
        let kind = if key.primary { "PRIMARY" } else { "REPLICA" };
        metadata["MultiRegionConfiguration"] = json!({ "MultiRegionKeyType": kind });
    }
    Ok(json!({ "KeyMetadata": metadata }))
}

fn generate_data_key(region: &Region, body: &[u8], action: &str) -> Result<Value, Refusal> {
    let fields = Fields::parse(body, &["KeyId", "KeySpec", "NumberOfBytes", "EncryptionContext", "DryRun"])?;
    let key = region.usable(fields.required("KeyId")?, action)?;
    let materials = symmetric(key)?;
    let context = fields.context("EncryptionContext")?;
    let size = match (fields.text("KeySpec"), fields.number("NumberOfBytes")) {
        (Some("AES_128"), None) => 16,
        (Some("AES_256"), None) => 32,
        (None, Some(bytes @ 1..=1024)) => usize::try_from(bytes).expect("at most 1,024"),
        _ => return Err(Refusal::new("ValidationException", "Please specify either number of bytes or key spec.")),
    };
    check_dry_run(&fields)?;
    let plaintext = &random::<1024>()[..size];
    let ciphertext = materials.seal(&key.id, &context, plaintext);
    let mut answer = json!({ "KeyId": region.arn(key), "CiphertextBlob": base64(&ciphertext) });
    if action == "kms:GenerateDataKey" {
        answer["Plaintext"] = base64(plaintext);
    }
    Ok(answer)
}

fn encrypt(region: &Region, body: &[u8]) -> Result<Value, Refusal> {
    let fields = Fields::parse(body, &["KeyId", "Plaintext", "EncryptionContext", "EncryptionAlgorithm", "DryRun"])?;
    let plaintext = fields.bytes("Plaintext", MAX_PLAINTEXT)?;
    let key = region.usable(fields.required("KeyId")?, "kms:Encrypt")?;
    let algorithm = fields.text("EncryptionAlgorithm").unwrap_or(SYMMETRIC);
    let context = fields.context("EncryptionContext")?;
    let ciphertext = encrypt_under(key, algorithm, &context, &plaintext)?;
    check_dry_run(&fields)?;
    Ok(json!({
        "KeyId": region.arn(key), "CiphertextBlob": base64(&ciphertext), "EncryptionAlgorithm": algorithm,
    }))
}

fn encrypt_under(key: &Key, algorithm: &str, context: &Context, plaintext: &[u8]) -> Result<Vec<u8>, Refusal> {
    match (&key.secrets, algorithm) {
        (Secrets::Symmetric(materials), SYMMETRIC) => Ok(lock(materials).seal(&key.id, context, plaintext)),
        (Secrets::Rsa(rsa), OAEP) => {
            check_no_context(context)?;
            rsa.encrypt(plaintext)
                .ok_or_else(|| Refusal::validation("plaintext", "have length less than or equal to 190"))
        }
        _ => Err(wrong_usage(key)),
    }
}

fn decrypt(region: &Region, body: &[u8]) -> Result<Value, Refusal> {
    let known = ["KeyId", "CiphertextBlob", "EncryptionContext", "EncryptionAlgorithm", "DryRun", "DryRunModifiers"];
    let fields = Fields::parse(body, &known)?;
    if ignores_ciphertext(&fields)? {
        drop(symmetric(region.usable(fields.required("KeyId")?, "kms:Decrypt")?)?);
        drop(fields.context("EncryptionContext")?);
        return Err(would_succeed());
    }
    let ciphertext = fields.bytes("CiphertextBlob", MAX_CIPHERTEXT)?;
    let algorithm = fields.text("EncryptionAlgorithm").unwrap_or(SYMMETRIC);
    let context = fields.context("EncryptionContext")?;
    let opened = open(region, fields.text("KeyId"), algorithm, &ciphertext, &context, "kms:Decrypt")?;
    check_dry_run(&fields)?;
    Ok(json!({
        "KeyId": region.arn(opened.key), "Plaintext": base64(&opened.plaintext), "EncryptionAlgorithm": algorithm,
    }))
}

struct Opened<'a> {
    key: &'a Key,
    plaintext: Vec<u8>,
}

/// "Decrypt": a symmetric ciphertext names its key, so `KeyId` is optional and, where given, has to be that key. An RSA
/// ciphertext names none.
fn open<'a>(
    region: &'a Region,
    name: Option<&str>,
    algorithm: &str,
    ciphertext: &[u8],
    context: &Context,
    action: &str,
) -> Result<Opened<'a>, Refusal> {
    let pinned = name.map(|name| region.usable(name, action)).transpose()?;
    if algorithm != SYMMETRIC {
        let key = pinned.ok_or_else(|| Refusal::validation("keyId", "not be null"))?;
        let plaintext = open_rsa(key, algorithm, context, ciphertext)?;
        return Ok(Opened { key, plaintext });
    }
    if let Some(key) = pinned {
        drop(symmetric(key)?);
    }
    let ciphertext = Ciphertext::parse(ciphertext).ok_or_else(Refusal::invalid_ciphertext)?;
    if pinned.is_some_and(|key| key.id != ciphertext.key_id) {
        return Err(Refusal::incorrect_key());
    }
    let key = region.by_id(ciphertext.key_id).ok_or_else(Refusal::foreign_ciphertext)?;
    region.check_usable(key, action)?;
    let plaintext = symmetric(key)?.open(&ciphertext, context).ok_or_else(Refusal::invalid_ciphertext)?;
    Ok(Opened { key, plaintext })
}

fn open_rsa(key: &Key, algorithm: &str, context: &Context, ciphertext: &[u8]) -> Result<Vec<u8>, Refusal> {
    check_no_context(context)?;
    let rsa = rsa(key)?;
    if algorithm != OAEP {
        return Err(wrong_usage(key));
    }
    rsa.decrypt(ciphertext).ok_or_else(Refusal::invalid_ciphertext)
}

fn re_encrypt(region: &Region, body: &[u8]) -> Result<Value, Refusal> {
    let known = [
        "CiphertextBlob",
        "SourceKeyId",
        "SourceEncryptionContext",
        "SourceEncryptionAlgorithm",
        "DestinationKeyId",
        "DestinationEncryptionContext",
        "DestinationEncryptionAlgorithm",
        "DryRun",
        "DryRunModifiers",
    ];
    let fields = Fields::parse(body, &known)?;
    if ignores_ciphertext(&fields)? {
        drop(symmetric(region.usable(fields.required("SourceKeyId")?, "kms:ReEncryptFrom")?)?);
        drop(symmetric(region.usable(fields.required("DestinationKeyId")?, "kms:ReEncryptTo")?)?);
        return Err(would_succeed());
    }
    let ciphertext = fields.bytes("CiphertextBlob", MAX_CIPHERTEXT)?;
    let source_algorithm = fields.text("SourceEncryptionAlgorithm").unwrap_or(SYMMETRIC);
    let source_context = fields.context("SourceEncryptionContext")?;
    let destination = region.usable(fields.required("DestinationKeyId")?, "kms:ReEncryptTo")?;
    let source = fields.text("SourceKeyId");
    let opened = open(region, source, source_algorithm, &ciphertext, &source_context, "kms:ReEncryptFrom")?;
    let algorithm = fields.text("DestinationEncryptionAlgorithm").unwrap_or(SYMMETRIC);
    let context = fields.context("DestinationEncryptionContext")?;
    let ciphertext = encrypt_under(destination, algorithm, &context, &opened.plaintext)?;
    check_dry_run(&fields)?;
    Ok(json!({
        "KeyId": region.arn(destination),
        "SourceKeyId": region.arn(opened.key),
        "CiphertextBlob": base64(&ciphertext),
        "SourceEncryptionAlgorithm": source_algorithm,
        "DestinationEncryptionAlgorithm": algorithm,
    }))
}

fn rotate(region: &Region, body: &[u8]) -> Result<Value, Refusal> {
    let fields = Fields::parse(body, &["KeyId"])?;
    let name = fields.required("KeyId")?;
    let key = region.usable(name, "kms:RotateKeyOnDemand")?;
    if key.is_multi_region() && !key.primary {
        return Err(Refusal::new(
            "UnsupportedOperationException",
            "You cannot rotate a replica key, rotate its primary key instead.",
        ));
    }
    let Secrets::Symmetric(materials) = &key.secrets else { return Err(wrong_usage(key)) };
    lock(materials).rotate();
    Ok(json!({ "KeyId": region.arn(key) }))
}

fn get_public_key(region: &Region, body: &[u8]) -> Result<Value, Refusal> {
    let fields = Fields::parse(body, &["KeyId"])?;
    let key = region.usable(fields.required("KeyId")?, "kms:GetPublicKey")?;
    let rsa = rsa(key).map_err(|_| {
        let message = format!("{} key type is not supported for this operation.", region.arn(key));
        Refusal::new("UnsupportedOperationException", message)
    })?;
    Ok(json!({
        "KeyId": region.arn(key),
        "PublicKey": base64(&rsa.public_der()),
        "KeySpec": "RSA_2048",
        "KeyUsage": "ENCRYPT_DECRYPT",
        "EncryptionAlgorithms": [OAEP],
    }))
}

/// "Testing your permissions": with `DryRun`, what would have succeeded is this error.
fn check_dry_run(fields: &Fields) -> Result<(), Refusal> {
    if fields.flag("DryRun") { Err(would_succeed()) } else { Ok(()) }
}

fn would_succeed() -> Refusal {
    Refusal::new("DryRunOperationException", "The request would have succeeded, but the DryRun option is set.")
}

/// "Decrypt", "ReEncrypt": with `IGNORE_CIPHERTEXT` a dry run has no ciphertext and names its keys.
fn ignores_ciphertext(fields: &Fields) -> Result<bool, Refusal> {
    let modifiers = fields.texts("DryRunModifiers")?;
    match (fields.flag("DryRun"), modifiers.as_slice()) {
        (_, []) => Ok(false),
        (true, ["IGNORE_CIPHERTEXT"]) => Ok(true),
        (_, other) => Err(Refusal::unsupported(&format!("the dry run modifiers {other:?} here"))),
    }
}

fn check_no_context(context: &Context) -> Result<(), Refusal> {
    if context.is_empty() {
        return Ok(());
    }
    Err(Refusal::new("ValidationException", "EncryptionContext is not supported with asymmetric keys."))
}

fn symmetric(key: &Key) -> Result<MutexGuard<'_, Materials>, Refusal> {
    match &key.secrets {
        Secrets::Symmetric(materials) => Ok(lock(materials)),
        Secrets::Rsa(_) => Err(wrong_usage(key)),
    }
}

fn rsa(key: &Key) -> Result<&RsaKey, Refusal> {
    match &key.secrets {
        Secrets::Rsa(rsa) => Ok(rsa),
        Secrets::Symmetric(_) => Err(wrong_usage(key)),
    }
}

fn wrong_usage(key: &Key) -> Refusal {
    let message = format!("{} key usage or key spec does not allow this operation.", key.id);
    Refusal::new("InvalidKeyUsageException", message)
}

fn lock(materials: &Mutex<Materials>) -> MutexGuard<'_, Materials> {
    materials.lock().unwrap_or_else(PoisonError::into_inner)
}
