//! Who can do what, by which keys are there.

use futures::executor::block_on;
use secret_store_core::{DocumentKey, EncryptionContext, ErrorKind, KeyProvider, WrappedKey};
use secret_store_rsa_file::RsaKeyProvider;

use super::{ENC2048_PUBLIC, Keys, SIGN2048_PUBLIC, assert_refused, context, master, pem, shown, signer};

#[test]
fn generates_wraps_unwraps_and_rewraps() {
    let keys = Keys::both();
    keys.put("encryption/Other.pem", &pem("enc4096"), 0o600);
    let provider = block_on(keys.builder().master_key(master("Other")).build()).expect("builds");
    for context in [context(), EncryptionContext::legacy()] {
        block_on(async {
            let generated = provider.generate_key(&master("Test"), &context).await.expect("generates");
            assert_eq!(generated.document_key.expose_secret().len(), context.key_bytes());
            assert_eq!(generated.wrapped.master_key_id(), &master("Test"));
            let again = provider.wrap_key(&master("Test"), &generated.document_key, &context).await.expect("wraps");
            let moved = provider.rewrap_key(&again, &context, &master("Other"), &context).await.expect("rewraps");
            assert_eq!(moved.master_key_id(), &master("Other"));
            for wrapped in [&generated.wrapped, &again, &moved] {
                let opened = provider.unwrap_key(wrapped, &context).await.expect("unwraps");
                assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
            }
            let other = WrappedKey::new(master("Other"), again.as_bytes());
            assert_refused(provider.unwrap_key(&other, &context).await, ErrorKind::Integrity, &["unwrap key"]);
        });
    }
}

#[test]
fn format_1_and_format_0_never_open_as_each_other() {
    let provider = Keys::both().build().expect("builds");
    let (one, zero) = (context(), EncryptionContext::legacy());
    block_on(async {
        let key = DocumentKey::generate(&one).expect("random bytes");
        let wrapped = provider.wrap_key(&master("Test"), &key, &one).await.expect("wraps");
        // `SR1` read as a length is absurd.
        assert_refused(provider.unwrap_key(&wrapped, &zero).await, ErrorKind::InvalidInput, &["key id length"]);
        let legacy = provider.wrap_key(&master("Test"), &key, &zero).await.expect("wraps");
        assert_refused(provider.unwrap_key(&legacy, &one).await, ErrorKind::Integrity, &[]);
    });
}

#[test]
fn a_writer_needs_no_private_master_key_and_a_reader_no_private_signing_key() {
    let writer_keys = Keys::empty();
    writer_keys.put("encryption/Test.pub.pem", ENC2048_PUBLIC, 0o644);
    writer_keys.put("signing/signer.pem", &pem("sign2048"), 0o600);
    let writer = writer_keys.build().expect("builds");
    let reader_keys = Keys::empty();
    reader_keys.put("encryption/Test.pem", &pem("enc2048"), 0o600);
    reader_keys.put("signing/signer.pub.pem", SIGN2048_PUBLIC, 0o644);
    let verifying = RsaKeyProvider::builder()
        .directory(reader_keys.directory())
        .master_key(master("Test"))
        .verifying_key(signer("signer"));
    for reader in [reader_keys.build(), block_on(verifying.build())] {
        let reader = reader.expect("builds");
        for context in [context(), EncryptionContext::legacy()] {
            block_on(async {
                let generated = writer.generate_key(&master("Test"), &context).await.expect("a writer generates");
                let opened = reader.unwrap_key(&generated.wrapped, &context).await.expect("a reader unwraps");
                assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
                assert_refused(
                    writer.unwrap_key(&generated.wrapped, &context).await,
                    ErrorKind::KeyUnavailable,
                    &[
                        "master key Test cannot unwrap",
                        &shown(&writer_keys.path("encryption/Test.pem")),
                        "put it there",
                    ],
                );
                assert_refused(
                    reader.wrap_key(&master("Test"), &opened, &context).await,
                    ErrorKind::KeyUnavailable,
                    &["signing"],
                );
                assert_refused(
                    reader.generate_key(&master("Test"), &context).await,
                    ErrorKind::KeyUnavailable,
                    &["signing"],
                );
            });
        }
    }
    let reader = reader_keys.build().expect("builds");
    let key = DocumentKey::generate(&context()).expect("random bytes");
    let path = shown(&reader_keys.path("signing/signer.pem"));
    let refused = block_on(reader.wrap_key(&master("Test"), &key, &context()));
    assert_refused(refused, ErrorKind::KeyUnavailable, &["signing key signer cannot sign", &path]);
}

/// The public half is read without opening the private file, so that a role that may not read it is well.
#[test]
fn a_verifying_key_leaves_its_private_file_alone() {
    let keys = Keys::both();
    keys.put("signing/former.pem", "not a key, and open to everybody", 0o666);
    keys.put("signing/former.pub.pem", include_str!("../vectors/keys/sign4096.pub.pem"), 0o644);
    block_on(keys.builder().verifying_key(signer("former")).build()).expect("builds");
}

#[test]
fn keys_come_from_memory_too() {
    let provider = RsaKeyProvider::builder()
        .master_key_pem(master("Test"), pem("enc2048"))
        .signing_key_pem(signer("signer"), pem("sign2048"))
        .verifying_key_pem(signer("former"), pem("sign4096"));
    let provider = block_on(provider.build()).expect("builds");
    let reader = RsaKeyProvider::builder()
        .passphrase("correct horse")
        .master_key_pem(master("Test"), include_str!("../vectors/keys/pbes2-scrypt-aes256.pem"))
        .verifying_key_pem(signer("signer"), SIGN2048_PUBLIC);
    let reader = block_on(reader.build()).expect("builds");
    let generated = block_on(provider.generate_key(&master("Test"), &context())).expect("generates");
    let opened = block_on(reader.unwrap_key(&generated.wrapped, &context())).expect("unwraps");
    assert_eq!(opened.expose_secret(), generated.document_key.expose_secret());
    let writer = RsaKeyProvider::builder()
        .master_key_pem(master("Test"), ENC2048_PUBLIC)
        .signing_key_pem(signer("signer"), pem("sign2048"));
    let writer = block_on(writer.build()).expect("builds");
    let refused = block_on(writer.unwrap_key(&generated.wrapped, &context()));
    assert_refused(refused, ErrorKind::KeyUnavailable, &["only its public half was given"]);
}

/// A key that lies in the directory and is not named is never opened: it would be refused for its rights.
#[test]
fn only_named_keys_are_opened() {
    let keys = Keys::both();
    keys.put("encryption/Unnamed.pem", &pem("enc4096"), 0o666);
    let provider = keys.build().expect("the unnamed key is not looked at");
    assert!(provider.accepts(&master("Test")) && !provider.accepts(&master("Unnamed")));
    block_on(async {
        let key = DocumentKey::generate(&context()).expect("random bytes");
        let other = master("Unnamed");
        let wrapped = WrappedKey::new(other.clone(), &b"SR1"[..]);
        let not_allowed = ErrorKind::KeyNotAllowed;
        assert_refused(provider.generate_key(&other, &context()).await, not_allowed, &["Unnamed", "allow-list"]);
        assert_refused(provider.wrap_key(&other, &key, &context()).await, not_allowed, &["Unnamed"]);
        assert_refused(provider.unwrap_key(&wrapped, &context()).await, not_allowed, &["Unnamed"]);
    });
}

#[test]
fn an_unnamed_signer_is_refused_with_the_fix() {
    let keys = Keys::both();
    let writer = RsaKeyProvider::builder()
        .master_key_pem(master("Test"), pem("enc2048"))
        .signing_key_pem(signer("an\u{202e}other"), pem("sign4096"));
    let writer = block_on(writer.build()).expect("builds");
    let wrapped = block_on(writer.generate_key(&master("Test"), &context())).expect("generates").wrapped;
    let refused = block_on(keys.build().expect("builds").unwrap_key(&wrapped, &context()));
    // Foreign text is escaped.
    assert_refused(refused, ErrorKind::KeyNotAllowed, &["an\\u{202e}other", "add it to verify with"]);
}

#[test]
fn debug_shows_ids_and_no_keys() {
    let keys = Keys::both();
    let builder = keys.builder().passphrase("hunter2").verifying_key_pem(signer("former"), pem("sign4096"));
    let text = format!("{builder:?}");
    assert!(!text.contains("hunter2") && !text.contains("BEGIN"), "{text}");
    let provider = block_on(builder.build()).expect("builds");
    assert_eq!(
        format!("{provider:?}"),
        "RsaKeyProvider { master_keys: [\"Test\"], unwrapping_master_keys: [\"Test\"], signing_key: Some(\"signer\"), \
         verifying_keys: [\"former\", \"signer\"] }"
    );
}

#[test]
fn any_id_has_its_file() {
    let ids = ["arn:aws:kms:eu-west-1:123456123456:key/abcd", "../../etc/passwd", "Clé-マスター / 🔑", "a.pub", "CON"];
    for id in ids {
        let keys = Keys::both();
        let path = keys.directory().master_key_file(&master(id));
        assert_eq!(path.parent(), Some(keys.path("encryption").as_path()), "{id}");
        std::fs::rename(keys.path("encryption/Test.pem"), &path).expect("the name is a good one");
        let provider =
            RsaKeyProvider::builder().directory(keys.directory()).master_key(master(id)).signing_key(signer("signer"));
        let provider = block_on(provider.build()).expect(id);
        block_on(async {
            let generated = provider.generate_key(&master(id), &context()).await.expect("generates");
            provider.unwrap_key(&generated.wrapped, &context()).await.expect("unwraps");
        });
    }
    let longest = "é".repeat(127);
    let path = Keys::both().directory().master_key_file(&master(&longest));
    assert!(path.file_name().expect("a name").len() <= 255);
}
