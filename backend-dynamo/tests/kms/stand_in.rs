//! The KMS stand-in against what AWS documents, through the AWS SDK itself. Each test names its page.

use std::collections::HashMap;

use crate::setup::{Region, client};
use aws_sdk_kms::Client;
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{
    DataKeySpec, EncryptionAlgorithmSpec, KeySpec, KeyState as State, KeyUsageType, RecipientInfo,
};
use secret_store_dynamo_emulator::{ACCOUNT, KeyState};

fn pairs(pairs: &[(&str, &str)]) -> Option<HashMap<String, String>> {
    Some(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
}

/// The error code of a refused call.
macro_rules! code {
    ($call:expr) => {
        $call.send().await.expect_err("refused").into_service_error().code().expect("a code").to_owned()
    };
}

async fn encrypted(client: &Client, key: &str, context: &[(&str, &str)]) -> Blob {
    let request = client.encrypt().key_id(key).plaintext(Blob::new("text")).set_encryption_context(pairs(context));
    request.send().await.expect("encrypted").ciphertext_blob.expect("a ciphertext")
}

/// KMS API Reference, `GenerateDataKey`: "AES_128 (16 bytes), AES_256 (32 bytes)"; "you must specify either the KeySpec or the
/// NumberOfBytes parameters (but not both)"; `GenerateDataKeyWithoutPlaintext`: "returns … only an encrypted copy".
#[tokio::test]
async fn data_keys_come_in_clear_and_encrypted() {
    let kms = Region::start("us-east-1");
    let (arn, client) = (kms.create_key(), client(&kms));
    let request = client.generate_data_key().key_id(&arn);
    for (request, size) in [
        (request.clone().key_spec(DataKeySpec::Aes128), 16),
        (request.clone().key_spec(DataKeySpec::Aes256), 32),
        (request.clone().number_of_bytes(24), 24),
    ] {
        let answer = request.send().await.expect("generated");
        assert_eq!(answer.key_id(), Some(&*arn));
        let plaintext = answer.plaintext.expect("a plaintext").into_inner();
        assert_eq!(plaintext.len(), size);
        let opened = client.decrypt().ciphertext_blob(answer.ciphertext_blob.expect("a ciphertext")).send().await;
        assert_eq!(opened.expect("decrypted").plaintext.expect("a plaintext").into_inner(), plaintext);
    }
    assert_eq!(code!(request.clone()), "ValidationException");
    assert_eq!(code!(request.clone().key_spec(DataKeySpec::Aes128).number_of_bytes(1)), "ValidationException");
    assert_eq!(code!(request.number_of_bytes(1025)), "ValidationException");
    let without = client.generate_data_key_without_plaintext().key_id(&arn).key_spec(DataKeySpec::Aes256);
    let blob = without.send().await.expect("generated").ciphertext_blob.expect("a ciphertext");
    let answer = kms.proxy.exchanges().last().and_then(|exchange| exchange.response.clone()).expect("answered");
    assert!(!String::from_utf8_lossy(&answer.body).contains("Plaintext"));
    let opened = client.decrypt().ciphertext_blob(blob).send().await.expect("decrypted");
    assert_eq!(opened.plaintext.expect("a plaintext").into_inner().len(), 32);
}

/// KMS Developer Guide, "Encryption context": an exact, case-sensitive match; the order of the pairs does not matter.
/// KMS API Reference, `Decrypt`: `InvalidCiphertextException`.
#[tokio::test]
async fn the_encryption_context_is_bound() {
    let kms = Region::start("us-east-1");
    let (arn, client) = (kms.create_key(), client(&kms));
    let blob = encrypted(&client, &arn, &[("a", "1"), ("b", "2")]).await;
    let decrypt = |context: &[(&str, &str)]| {
        client.decrypt().ciphertext_blob(blob.clone()).set_encryption_context(pairs(context))
    };
    decrypt(&[("b", "2"), ("a", "1")]).send().await.expect("another order");
    for other in
        [&[][..], &[("a", "1")], &[("a", "1"), ("b", "3")], &[("A", "1"), ("b", "2")], &[("a", "1b"), ("", "2")]]
    {
        assert_eq!(code!(decrypt(other)), "InvalidCiphertextException");
    }
    let mut altered = blob.clone().into_inner();
    *altered.last_mut().expect("not empty") ^= 1;
    let request =
        client.decrypt().ciphertext_blob(Blob::new(altered)).set_encryption_context(pairs(&[("a", "1"), ("b", "2")]));
    assert_eq!(code!(request), "InvalidCiphertextException");
    assert_eq!(code!(client.decrypt().ciphertext_blob(Blob::new("none of KMS"))), "InvalidCiphertextException");
}

/// KMS API Reference, `Decrypt`: "This parameter [KeyId] is required only when the ciphertext was encrypted under an asymmetric KMS
/// key"; "If you specify a KeyId value … KMS throws an IncorrectKeyException".
#[tokio::test]
async fn a_pinned_key_has_to_be_the_one() {
    let kms = Region::start("us-east-1");
    let (arn, other, client) = (kms.create_key(), kms.create_key(), client(&kms));
    kms.set_alias("alias/it", &arn);
    let blob = encrypted(&client, &arn, &[]).await;
    let decrypt = || client.decrypt().ciphertext_blob(blob.clone());
    let answer = decrypt().send().await.expect("the ciphertext names its key");
    assert_eq!(answer.key_id(), Some(&*arn));
    for name in [arn.as_str(), "alias/it", arn.rsplit('/').next().expect("an id")] {
        decrypt().key_id(name).send().await.expect(name);
    }
    assert_eq!(code!(decrypt().key_id(&other)), "IncorrectKeyException");
}

/// KMS API Reference, `Encrypt`: `Plaintext` of 1 to 4,096 bytes; `Decrypt`: `CiphertextBlob` of 1 to 6,144 bytes.
#[tokio::test]
async fn sizes_are_limited() {
    let kms = Region::start("us-east-1");
    let (arn, client) = (kms.create_key(), client(&kms));
    let encrypt = |size| client.encrypt().key_id(&arn).plaintext(Blob::new(vec![1; size]));
    let largest = encrypt(4096).send().await.expect("4,096 bytes fit").ciphertext_blob.expect("a ciphertext");
    assert!(largest.as_ref().len() <= 6144);
    client.decrypt().ciphertext_blob(largest).send().await.expect("and open");
    assert_eq!(code!(encrypt(4097)), "ValidationException");
    assert_eq!(code!(encrypt(0)), "ValidationException");
    assert_eq!(code!(client.decrypt().ciphertext_blob(Blob::new(vec![1; 6145]))), "ValidationException");
    assert_eq!(code!(client.decrypt().ciphertext_blob(Blob::new(vec![1; 6144]))), "InvalidCiphertextException");
}

/// KMS Developer Guide, "Key states of AWS KMS keys": `DisabledException`, `KMSInvalidStateException`; `DescribeKey` works in
/// every state.
#[tokio::test]
async fn states_matter_to_cryptography_and_not_to_description() {
    let kms = Region::start("us-east-1");
    let (arn, client) = (kms.create_key(), client(&kms));
    let blob = encrypted(&client, &arn, &[]).await;
    for (state, expected, name) in [
        (KeyState::Disabled, "DisabledException", State::Disabled),
        (KeyState::PendingDeletion, "KMSInvalidStateException", State::PendingDeletion),
    ] {
        kms.set_state(&arn, state);
        assert_eq!(code!(client.decrypt().ciphertext_blob(blob.clone())), expected);
        assert_eq!(code!(client.encrypt().key_id(&arn).plaintext(Blob::new("x"))), expected);
        assert_eq!(code!(client.generate_data_key().key_id(&arn).key_spec(DataKeySpec::Aes256)), expected);
        let request = client.re_encrypt().ciphertext_blob(blob.clone()).destination_key_id(&arn);
        assert_eq!(code!(request), expected);
        let metadata = client.describe_key().key_id(&arn).send().await.expect("described").key_metadata.expect("it");
        assert_eq!((metadata.key_state(), metadata.enabled()), (Some(&name), false));
    }
    kms.destroy(&arn);
    assert_eq!(code!(client.describe_key().key_id(&arn)), "NotFoundException");
    assert_eq!(code!(client.describe_key().key_id("alias/none")), "NotFoundException");
    // "AccessDeniedException … does not exist in this region, or you are not allowed to access."
    assert_eq!(code!(client.decrypt().ciphertext_blob(blob)), "AccessDeniedException");
}

/// KMS API Reference, `ReEncrypt`: source and destination contexts, `SourceKeyId` pinned, both key ids answered.
#[tokio::test]
async fn re_encryption_moves_key_and_context() {
    let kms = Region::start("us-east-1");
    let (old, new, client) = (kms.create_key(), kms.create_key(), client(&kms));
    let blob = encrypted(&client, &old, &[("a", "1")]).await;
    let request = client.re_encrypt().ciphertext_blob(blob).destination_key_id(&new);
    let right = request.clone().set_source_encryption_context(pairs(&[("a", "1")]));
    let answer = right.clone().source_key_id(&old).send().await.expect("moved");
    assert_eq!((answer.source_key_id(), answer.key_id()), (Some(&*old), Some(&*new)));
    let opened =
        client.decrypt().key_id(&new).ciphertext_blob(answer.ciphertext_blob.expect("a ciphertext")).send().await;
    assert_eq!(opened.expect("decrypted").plaintext.expect("a plaintext").into_inner(), b"text");
    assert_eq!(code!(request), "InvalidCiphertextException");
    assert_eq!(code!(right.source_key_id(&new)), "IncorrectKeyException");
}

/// KMS Developer Guide, "Rotating AWS KMS keys": the key keeps its id, and what earlier material encrypted still opens.
#[tokio::test]
async fn rotation_keeps_old_ciphertexts_open() {
    let kms = Region::start("us-east-1");
    let (arn, client) = (kms.create_key(), client(&kms));
    let mut blobs = Vec::new();
    for _ in 0..3 {
        blobs.push(encrypted(&client, &arn, &[]).await);
        client.rotate_key_on_demand().key_id(&arn).send().await.expect("rotated");
    }
    for blob in blobs {
        client.decrypt().key_id(&arn).ciphertext_blob(blob).send().await.expect("decrypted");
    }
}

/// KMS Developer Guide, "Multi-Region keys in AWS KMS": the same key id and material; independent states; a ciphertext of one opens
/// with the other; rotation is of the primary and for all. A single-Region key opens nothing elsewhere.
#[tokio::test]
async fn replicas_share_material_and_nothing_else() {
    let (first, second) = (Region::start("us-east-1"), Region::start("eu-west-1"));
    let (arn, single) = (first.create_multi_region_key(), first.create_key());
    let replica = first.replicate(&arn, &second);
    assert_eq!(arn.replace("us-east-1", "eu-west-1"), replica);
    assert!(arn.contains("key/mrk-"));
    let (here, there) = (client(&first), client(&second));
    let blob = encrypted(&here, &arn, &[("a", "1")]).await;
    let decrypt =
        || there.decrypt().key_id(&replica).ciphertext_blob(blob.clone()).set_encryption_context(pairs(&[("a", "1")]));
    assert_eq!(decrypt().send().await.expect("decrypted").key_id(), Some(&*replica));
    first.set_state(&arn, KeyState::Disabled);
    decrypt().send().await.expect("the replica has a state of its own");
    first.set_state(&arn, KeyState::Enabled);
    assert_eq!(code!(there.rotate_key_on_demand().key_id(&replica)), "UnsupportedOperationException");
    here.rotate_key_on_demand().key_id(&arn).send().await.expect("rotated");
    let newer = encrypted(&there, &replica, &[]).await;
    here.decrypt().ciphertext_blob(newer).send().await.expect("rotated for both");
    let alone = encrypted(&here, &single, &[]).await;
    assert_eq!(code!(there.decrypt().ciphertext_blob(alone)), "AccessDeniedException");
    let foreign = there.encrypt().key_id(&arn).plaintext(Blob::new("x"));
    assert_eq!(code!(foreign), "NotFoundException");
}

/// KMS API Reference, `Encrypt` (RSAES_OAEP_SHA_256: 190 bytes with RSA_2048), `Decrypt` (`KeyId` and `EncryptionAlgorithm` required),
/// `GetPublicKey` (DER of SubjectPublicKeyInfo), `GenerateDataKey` ("you cannot use an asymmetric KMS key").
#[tokio::test]
async fn rsa_keys_encrypt_with_oaep() {
    let kms = Region::start("us-east-1");
    let (arn, client) = (kms.create_rsa_key(), client(&kms));
    let algorithm = EncryptionAlgorithmSpec::RsaesOaepSha256;
    let encrypt = |size| {
        client.encrypt().key_id(&arn).plaintext(Blob::new(vec![5; size])).encryption_algorithm(algorithm.clone())
    };
    let blob = encrypt(190).send().await.expect("190 bytes fit").ciphertext_blob.expect("a ciphertext");
    assert_eq!(blob.as_ref().len(), 256);
    assert_eq!(code!(encrypt(191)), "ValidationException");
    let decrypt = || client.decrypt().ciphertext_blob(blob.clone()).encryption_algorithm(algorithm.clone());
    let opened = decrypt().key_id(&arn).send().await.expect("decrypted");
    assert_eq!(opened.plaintext.expect("a plaintext").into_inner(), [5; 190]);
    assert_eq!(code!(decrypt()), "ValidationException");
    let with_context = encrypt(1).set_encryption_context(pairs(&[("a", "1")]));
    assert_eq!(code!(with_context), "ValidationException");
    assert_eq!(
        code!(client.generate_data_key().key_id(&arn).key_spec(DataKeySpec::Aes256)),
        "InvalidKeyUsageException"
    );
    let public = client.get_public_key().key_id(&arn).send().await.expect("public").public_key.expect("a key");
    assert_eq!(public.as_ref().first(), Some(&0x30), "a DER sequence");
    let metadata = client.describe_key().key_id(&arn).send().await.expect("described").key_metadata.expect("it");
    assert_eq!(
        (metadata.key_spec(), metadata.key_usage()),
        (Some(&KeySpec::Rsa2048), Some(&KeyUsageType::EncryptDecrypt))
    );
    let symmetric = kms.create_key();
    assert_eq!(code!(client.get_public_key().key_id(&symmetric)), "UnsupportedOperationException");
}

/// KMS API Reference, "KeyId": "key ID, key ARN, alias name, or alias ARN"; a wrap answers the key ARN.
#[tokio::test]
async fn four_names_for_one_key() {
    let kms = Region::start("us-east-1");
    let (arn, client) = (kms.create_key(), client(&kms));
    kms.set_alias("alias/it", &arn);
    let alias_arn = format!("arn:aws:kms:us-east-1:{ACCOUNT}:alias/it");
    for name in [arn.as_str(), "alias/it", &alias_arn, arn.rsplit('/').next().expect("an id")] {
        let answer = client.encrypt().key_id(name).plaintext(Blob::new("x")).send().await.expect(name);
        assert_eq!(answer.key_id(), Some(&*arn));
    }
}

/// KMS Developer Guide, "Testing your permissions": `DryRun` answers `DryRunOperationException` where the call would succeed.
/// KMS Developer Guide, "Troubleshooting AWS KMS permissions": the words of a denial.
#[tokio::test]
async fn dry_runs_and_denials() {
    let kms = Region::start("us-east-1");
    let (arn, client) = (kms.create_key(), client(&kms));
    let request = client.generate_data_key().key_id(&arn).key_spec(DataKeySpec::Aes256);
    assert_eq!(code!(request.clone().dry_run(true)), "DryRunOperationException");
    kms.deny("kms:GenerateDataKey");
    let error = request.send().await.expect_err("denied").into_service_error();
    assert_eq!(error.code(), Some("AccessDeniedException"));
    assert!(error.message().is_some_and(|text| text.contains("is not authorized to perform: kms:GenerateDataKey")));
    kms.allow_all();
    encrypted(&client, &arn, &[]).await;
}

/// Whatever the stand-in does not implement is refused, so that no test rests on it.
#[tokio::test]
async fn the_unknown_is_refused_loudly() {
    let kms = Region::start("us-east-1");
    let (arn, client) = (kms.create_key(), client(&kms));
    let recipient = RecipientInfo::builder().attestation_document(Blob::new("x")).build();
    let request = client.generate_data_key().key_id(&arn).key_spec(DataKeySpec::Aes256).recipient(recipient);
    let error = request.send().await.expect_err("refused").into_service_error();
    assert_eq!(error.code(), Some("UnsupportedOperationException"));
    assert!(error.message().is_some_and(|text| text.contains("Recipient")));
    assert_eq!(code!(client.list_keys()), "UnsupportedOperationException");
}
