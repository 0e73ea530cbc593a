//! New keys.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use futures::executor::block_on;
use secret_store_core::{ErrorKind, KeyProvider};
use secret_store_rsa_file::{GenerateOptions, KeyDirectory, RsaKeyProvider, RsaKeySize};

use super::{Keys, assert_refused, context, master, shown, signer};

fn quick() -> GenerateOptions {
    GenerateOptions::default().with_size(RsaKeySize::Bits2048)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("it is there").permissions().mode() & 0o7777
}

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).expect("a directory");
    let mut names: Vec<_> =
        entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("ASCII")).collect();
    names.sort();
    names
}

#[test]
fn generated_keys_work_and_belong_to_their_owner() {
    let temporary = tempfile::tempdir().expect("a temporary directory");
    let path = temporary.path().join("etc/keys");
    let directory = KeyDirectory::new(&path);
    let id = master("arn:aws:kms:eu-west-1:1:key/ab");
    let public = block_on(directory.generate_master_key(&id, &quick())).expect("generates");
    block_on(directory.generate_signing_key(&signer("signer"), &quick())).expect("generates");

    let stem = "arn%3Aaws%3Akms%3Aeu-west-1%3A1%3Akey%2Fab";
    assert_eq!(names(&path.join("encryption")), [format!("{stem}.pem"), format!("{stem}.pub.pem")]);
    assert_eq!(names(&path.join("signing")), ["signer.pem", "signer.pub.pem"]);
    for (name, expected) in [
        ("", 0o700),
        ("encryption", 0o700),
        ("signing", 0o700),
        ("signing/signer.pem", 0o600),
        ("signing/signer.pub.pem", 0o644),
    ] {
        assert_eq!(mode(&path.join(name)), expected, "{name}");
    }
    let file = directory.master_key_file(&id);
    assert_eq!((mode(&file), fs::metadata(&file).expect("a file").nlink()), (0o600, 1));
    assert_eq!(fs::read_to_string(file.with_extension("pub.pem")).expect("the public half"), public);
    assert!(public.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{public}");

    let builder = RsaKeyProvider::builder().directory(directory).master_key(id.clone()).signing_key(signer("signer"));
    let provider = block_on(builder.build()).expect("builds");
    block_on(async {
        let generated = provider.generate_key(&id, &context()).await.expect("generates");
        provider.unwrap_key(&generated.wrapped, &context()).await.expect("unwraps");
    });
}

#[test]
fn a_new_key_has_3072_bits_unless_told_otherwise() {
    let keys = Keys::empty();
    block_on(keys.directory().generate_master_key(&master("Test"), &GenerateOptions::default())).expect("generates");
    block_on(keys.directory().generate_signing_key(&signer("signer"), &quick())).expect("generates");
    let provider = keys.build().expect("builds");
    let wrapped = block_on(provider.generate_key(&master("Test"), &context())).expect("generates").wrapped;
    // `SR1`, suite, signing key id; then the length of the ciphertext, which is that of the modulus.
    let at = 3 + 1 + 2 + "signer".len();
    assert_eq!(wrapped.as_bytes()[at..at + 2], 384u16.to_be_bytes());
}

#[test]
fn an_existing_key_is_never_overwritten() {
    let keys = Keys::both();
    let before = fs::read(keys.path("encryption/Test.pem")).expect("the key");
    let refused = block_on(keys.directory().generate_master_key(&master("Test"), &quick()));
    let path = shown(&keys.path("encryption/Test.pem"));
    assert_refused(refused, ErrorKind::AlreadyExists, &["generate key file", &path, "choose another id"]);
    assert_eq!(fs::read(keys.path("encryption/Test.pem")).expect("the key"), before);

    // Half a key is one too, and so is a link that leads nowhere.
    keys.put("signing/half.pub.pem", "", 0o644);
    symlink("nowhere", keys.path("signing/link.pem")).expect("links");
    for id in ["half", "link"] {
        let refused = block_on(keys.directory().generate_signing_key(&signer(id), &quick()));
        assert_refused(refused, ErrorKind::AlreadyExists, &[id]);
    }
    assert_eq!(names(&keys.path("signing")), ["half.pub.pem", "link.pem", "signer.pem"]);
}

#[test]
fn of_two_at_once_one_wins_whole() {
    let keys = Keys::empty();
    let made: Vec<_> = std::thread::scope(|scope| {
        let makers: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| block_on(keys.directory().generate_signing_key(&signer("signer"), &quick()))))
            .collect();
        makers.into_iter().map(|maker| maker.join().expect("no panic")).collect()
    });
    let public = fs::read_to_string(keys.path("signing/signer.pub.pem")).expect("the public half");
    let (won, lost): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
    assert_eq!(won.into_iter().map(|public| public.expect("won")).collect::<Vec<_>>(), [public]);
    for refused in lost {
        assert_refused(refused, ErrorKind::AlreadyExists, &["signer"]);
    }
    assert_eq!(names(&keys.path("signing")), ["signer.pem", "signer.pub.pem"]);
    // The two halves belong together: loading compares them.
    keys.put("encryption/Test.pem", &super::pem("enc2048"), 0o600);
    keys.build().expect("builds");
}

#[test]
fn a_passphrase_protects_the_file() {
    let keys = Keys::both();
    keys.remove("encryption/Test.pem");
    let options = quick().with_passphrase("correct horse");
    assert!(!format!("{options:?}").contains("horse"));
    block_on(keys.directory().generate_master_key(&master("Test"), &options)).expect("generates");
    let text = fs::read_to_string(keys.path("encryption/Test.pem")).expect("the key");
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    assert_refused(keys.build(), ErrorKind::KeyUnavailable, &["is encrypted"]);
    block_on(keys.builder().passphrase("correct horse").build()).expect("builds");
}

/// A directory that others may write to gets no key.
#[test]
fn an_open_directory_gets_no_key() {
    let keys = Keys::empty();
    keys.set_mode("encryption", 0o777);
    let refused = block_on(keys.directory().generate_master_key(&master("Test"), &quick()));
    assert_refused(refused, ErrorKind::PermissionDenied, &["chmod 700"]);
    assert!(names(&keys.path("encryption")).is_empty());
    fs::remove_dir(keys.path("encryption")).expect("it is empty");
    keys.put("encryption", "a file", 0o600);
    let refused = block_on(keys.directory().generate_master_key(&master("Test"), &quick()));
    assert_refused(refused, ErrorKind::InvalidInput, &["is no directory", "correct the path"]);
}
