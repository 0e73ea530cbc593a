//! The KMS stand-in against what AWS documents, through the AWS SDK itself. Each test names its pages: an operation's is
//! `https://docs.aws.amazon.com/kms/latest/APIReference/API_NAME.html`, a chapter's is
//! `https://docs.aws.amazon.com/kms/latest/developerguide/NAME.html`.

use std::collections::HashMap;

use crate::setup::{Region, client};
use aws_sdk_kms::Client;
use aws_sdk_kms::error::ProvideErrorMetadata;
use aws_sdk_kms::primitives::Blob;
use aws_sdk_kms::types::{
    DataKeySpec, DryRunModifierType, EncryptionAlgorithmSpec, KeySpec, KeyState as State, KeyUsageType, RecipientInfo,
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

/// `API_GenerateDataKey`: the size is one of `KeySpec` (`AES_128`, `AES_256`) and `NumberOfBytes` (1 to 1,024), never both and
/// never none. `API_GenerateDataKeyWithoutPlaintext`: the same, without the copy in clear.
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

/// `encrypt_context`: an exact, case-sensitive match; the order of the pairs does not matter. `API_Decrypt`: otherwise
/// `InvalidCiphertextException`.
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

/// `API_Decrypt`: `KeyId` may be left out of a request for a symmetric ciphertext, which names its key; where it is given, no
/// other key is used, and a ciphertext of another one is an `IncorrectKeyException`.
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

/// `API_Encrypt`: `Plaintext` of 1 to 4,096 bytes. `API_Decrypt`: `CiphertextBlob` of 1 to 6,144 bytes.
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

/// `key-state`, its table and the details below it: what uses a disabled key is a `DisabledException`; what uses one that is
/// pending deletion is either that or a `KMSInvalidStateException`; `DescribeKey` works in every state.
#[tokio::test]
async fn states_matter_to_cryptography_and_not_to_description() {
    let kms = Region::start("us-east-1");
    let (arn, client) = (kms.create_key(), client(&kms));
    let blob = encrypted(&client, &arn, &[]).await;
    for (state, expected, name) in [
        (KeyState::Disabled, "DisabledException", State::Disabled),
        (KeyState::PendingDeletion, "KMSInvalidStateException", State::PendingDeletion),
        (KeyState::PendingDeletionAsDisabled, "DisabledException", State::PendingDeletion),
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
    // A ciphertext names its key, and KMS does not tell which keys exist.
    assert_eq!(code!(client.decrypt().ciphertext_blob(blob)), "AccessDeniedException");
}

/// `API_ReEncrypt`: a context for the source and one for the destination, `SourceKeyId` pins, both key ids are answered.
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

/// `rotate-keys`: the key keeps its id, and what earlier material encrypted still opens.
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

/// `multi-region-keys-overview`: the same key id and material; independent states; a ciphertext of one opens with the other;
/// rotation is of the primary and for all. A single-Region key opens nothing elsewhere.
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

/// `API_Encrypt` (190 bytes at most with RSA_2048 and RSAES_OAEP_SHA_256), `API_Decrypt` (`KeyId` and `EncryptionAlgorithm` are
/// required), `API_GetPublicKey` (DER of SubjectPublicKeyInfo), `API_GenerateDataKey` (symmetric keys alone).
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

/// `API_Encrypt`: `KeyId` is a key id, a key ARN, the name of an alias or the ARN of an alias; what is answered is a key ARN.
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

/// `testing-permissions`: `DryRun` answers `DryRunOperationException` where the call would succeed. `policy-evaluation`: a denial
/// names its action.
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

/// "Decrypt", "ReEncrypt", KMS API Reference: with `IGNORE_CIPHERTEXT` a dry run needs no ciphertext, and names its keys.
#[tokio::test]
async fn dry_runs_without_a_ciphertext() {
    let kms = Region::start("us-east-1");
    let (first, second, rsa, client) = (kms.create_key(), kms.create_key(), kms.create_rsa_key(), client(&kms));
    let ignoring = DryRunModifierType::IgnoreCiphertext;
    let decrypt = || client.decrypt().dry_run_modifiers(ignoring.clone());
    assert_eq!(code!(decrypt().key_id(&first).dry_run(true)), "DryRunOperationException");
    assert_eq!(code!(decrypt().dry_run(true)), "ValidationException");
    assert_eq!(code!(decrypt().key_id(&rsa).dry_run(true)), "InvalidKeyUsageException");
    assert_ne!(code!(decrypt().key_id(&first)), "DryRunOperationException");
    assert_eq!(code!(client.decrypt().key_id(&first).dry_run(true)), "ValidationException");

    let move_to =
        |to: &str| client.re_encrypt().destination_key_id(to).dry_run(true).dry_run_modifiers(ignoring.clone());
    assert_eq!(code!(move_to(&second).source_key_id(&first)), "DryRunOperationException");
    assert_eq!(code!(move_to(&second)), "ValidationException");
    for action in ["kms:ReEncryptFrom", "kms:ReEncryptTo"] {
        kms.deny(action);
        let error = move_to(&second).source_key_id(&first).send().await.expect_err("denied").into_service_error();
        assert!(error.message().is_some_and(|text| text.contains(action)), "{action}");
        kms.allow_all();
    }
    kms.set_state(&second, KeyState::Disabled);
    assert_eq!(code!(move_to(&second).source_key_id(&first)), "DisabledException");
    assert_eq!(code!(decrypt().key_id(&second).dry_run(true)), "DisabledException");
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
