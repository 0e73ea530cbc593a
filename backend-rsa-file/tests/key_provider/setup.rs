//! Bad set-up: each error is one that a newcomer can act on.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};

use futures::executor::block_on;
use secret_store_core::ErrorKind;
use secret_store_rsa_file::{KeyDirectory, RsaKeyProvider, SigningKeyId};

use super::{ENC2048_PUBLIC, Keys, assert_refused, master, pem, shown, signer};

const ENCRYPTED: &str = include_str!("../vectors/keys/pbes2-scrypt-aes256.pem");

#[test]
fn a_missing_key_names_both_files_it_could_have() {
    for (gone, what) in [("encryption/Test.pem", "master key Test"), ("signing/signer.pem", "signing key signer")] {
        let keys = Keys::both();
        keys.remove(gone);
        let (private, public) = (shown(&keys.path(gone)), shown(&keys.path(&gone.replace(".pem", ".pub.pem"))));
        assert_refused(
            keys.build(),
            ErrorKind::KeyUnavailable,
            &["load keys", what, &private, &public, "generate it, copy it there or correct the id"],
        );
    }
}

#[test]
fn a_missing_directory_is_named() {
    let keys = Keys::empty();
    let missing = keys.path("nowhere");
    let builder = RsaKeyProvider::builder()
        .directory(KeyDirectory::new(&missing))
        .master_key(master("Test"))
        .signing_key(signer("signer"));
    let tells = [&*shown(&missing), "does not exist", "correct the path"];
    assert_refused(block_on(builder.build()), ErrorKind::KeyUnavailable, &tells);

    fs::remove_dir(keys.path("encryption")).expect("it is empty");
    assert_refused(keys.build(), ErrorKind::KeyUnavailable, &[&shown(&keys.path("encryption")), "does not exist"]);
    keys.put("encryption", "a file", 0o600);
    assert_refused(keys.build(), ErrorKind::InvalidInput, &[&shown(&keys.path("encryption")), "is no directory"]);
}

#[test]
fn a_passphrase_is_asked_for_and_checked() {
    let keys = Keys::both();
    keys.put("encryption/Test.pem", ENCRYPTED, 0o600);
    let path = shown(&keys.path("encryption/Test.pem"));
    let unavailable = ErrorKind::KeyUnavailable;
    assert_refused(keys.build(), unavailable, &[&path, "is encrypted", "give its passphrase"]);
    let wrong = block_on(keys.builder().passphrase("hunter2").build());
    let error = assert_refused(wrong, unavailable, &[&path, "does not open with this passphrase"]);
    assert!(!format!("{error:?}").contains("hunter2"));
    block_on(keys.builder().passphrase("correct horse").build()).expect("the right one");
}

#[test]
fn a_private_key_that_others_may_touch_is_refused() {
    let keys = Keys::both();
    let path = shown(&keys.path("encryption/Test.pem"));
    for mode in [0o604, 0o602, 0o601, 0o640, 0o620, 0o610, 0o644, 0o666, 0o777, 0o4604] {
        keys.set_mode("encryption/Test.pem", mode);
        let fix = format!("run `chmod 600 {path}`");
        assert_refused(keys.build(), ErrorKind::PermissionDenied, &[&path, &format!("mode {mode:03o}"), &fix]);
    }
    for mode in [0o600, 0o400, 0o700] {
        keys.set_mode("encryption/Test.pem", mode);
        keys.build().expect("its owner alone");
    }
    keys.set_mode("signing/signer.pem", 0o640);
    assert_refused(keys.build(), ErrorKind::PermissionDenied, &[&shown(&keys.path("signing/signer.pem")), "chmod 600"]);
}

#[test]
fn a_public_key_or_directory_that_others_may_change_is_refused() {
    let keys = Keys::both();
    keys.put("encryption/Test.pub.pem", ENC2048_PUBLIC, 0o644);
    keys.build().expect("others may read it");
    for mode in [0o664, 0o646] {
        keys.set_mode("encryption/Test.pub.pem", mode);
        let tells = [&*shown(&keys.path("encryption/Test.pub.pem")), "can be changed by others", "chmod 644"];
        assert_refused(keys.build(), ErrorKind::PermissionDenied, &tells);
    }
    keys.set_mode("encryption/Test.pub.pem", 0o444);
    for folder in ["encryption", "signing", "."] {
        for mode in [0o702, 0o720, 0o777, 0o1777] {
            keys.set_mode(folder, mode);
            assert_refused(keys.build(), ErrorKind::PermissionDenied, &["can be changed by others", "chmod 700"]);
        }
        for mode in [0o755, 0o711, 0o500, 0o700] {
            keys.set_mode(folder, mode);
            keys.build().expect("only its owner may write");
        }
    }
}

/// By its bits: root enters any directory.
#[test]
fn a_directory_that_its_owner_may_not_enter_is_refused() {
    let keys = Keys::both();
    for mode in [0o000, 0o600, 0o400] {
        keys.set_mode("encryption", mode);
        let refused = keys.build();
        keys.set_mode("encryption", 0o700);
        let path = shown(&keys.path("encryption"));
        assert_refused(
            refused,
            ErrorKind::PermissionDenied,
            &[&path, "cannot be entered", &format!("chmod 700 {path}")],
        );
    }
}

/// What a link leads to is what is checked, and a link that leads nowhere is a missing file.
#[test]
fn symbolic_links_are_followed_to_what_is_checked() {
    let keys = Keys::both();
    fs::rename(keys.path("encryption/Test.pem"), keys.path("elsewhere.pem")).expect("moves");
    symlink(keys.path("elsewhere.pem"), keys.path("encryption/Test.pem")).expect("links");
    keys.build().expect("the file behind the link is its owner's alone");
    keys.set_mode("elsewhere.pem", 0o644);
    assert_refused(keys.build(), ErrorKind::PermissionDenied, &["mode 644"]);
    keys.remove("elsewhere.pem");
    assert_refused(keys.build(), ErrorKind::KeyUnavailable, &["has neither a file"]);
    // Whoever may write to the directory of a public key exchanges it.
    fs::create_dir(keys.path("open")).expect("a directory");
    keys.put("open/Test.pub.pem", ENC2048_PUBLIC, 0o644);
    keys.set_mode("open", 0o777);
    symlink(keys.path("open/Test.pub.pem"), keys.path("encryption/Test.pub.pem")).expect("links");
    assert_refused(
        keys.build(),
        ErrorKind::PermissionDenied,
        &[&shown(&keys.path("open")), "can be changed by others"],
    );
    keys.set_mode("open", 0o755);
    keys.remove("encryption/Test.pem");
    keys.build().expect("a public key in a safe place");
}

#[test]
fn what_is_no_file_is_refused_without_waiting() {
    let keys = Keys::both();
    keys.remove("encryption/Test.pem");
    fs::create_dir(keys.path("encryption/Test.pem")).expect("a directory");
    fs::set_permissions(keys.path("encryption/Test.pem"), Permissions::from_mode(0o700)).expect("its owner");
    assert_refused(keys.build(), ErrorKind::InvalidInput, &["is no regular file"]);
    fs::remove_dir(keys.path("encryption/Test.pem")).expect("it is empty");
    let status =
        std::process::Command::new("mkfifo").args(["-m", "600"]).arg(keys.path("encryption/Test.pem")).status();
    assert!(status.expect("mkfifo (coreutils) is needed").success());
    assert_refused(keys.build(), ErrorKind::InvalidInput, &["is no regular file"]);
}

#[test]
fn a_file_beyond_64_kib_is_refused() {
    let keys = Keys::both();
    for size in [65_537, 10 << 20] {
        keys.put("encryption/Test.pem", &" ".repeat(size), 0o600);
        let refused = keys.build();
        let expected = ErrorKind::TooLarge { limit: 65_536, actual: 65_537 };
        assert_refused(refused, expected, &[&shown(&keys.path("encryption/Test.pem")), "at most 65536 bytes"]);
    }
    keys.put("encryption/Test.pem", &format!("{}{}", "\n".repeat(60_000), pem("enc2048")), 0o600);
    keys.build().expect("below the limit");
}

#[test]
fn content_that_is_no_good_key_is_refused() {
    let cases = [
        ("hello", "is not PEM"),
        (include_str!("../vectors/keys/refused-1024.pem"), "has 1024 bits: generate one of at least 2048"),
        (include_str!("../vectors/keys/refused-ec.pem"), "is no RSA key"),
        (ENC2048_PUBLIC, "holds a public key where a private one belongs"),
    ];
    let keys = Keys::both();
    for (content, fix) in cases {
        keys.put("encryption/Test.pem", content, 0o600);
        let path = shown(&keys.path("encryption/Test.pem"));
        assert_refused(keys.build(), ErrorKind::InvalidInput, &[&path, fix]);
    }
}

#[test]
fn a_private_key_in_a_public_file_is_refused() {
    for content in [pem("enc2048"), ENCRYPTED.to_owned(), include_str!("../vectors/keys/pkcs1.pem").to_owned()] {
        let keys = Keys::both();
        keys.put("encryption/Test.pub.pem", &content, 0o644);
        let path = shown(&keys.path("encryption/Test.pub.pem"));
        let tells = [&*path, "holds a private key where a public one belongs", "replace the key if others saw it"];
        assert_refused(keys.build(), ErrorKind::InvalidInput, &tells);
    }
}

#[test]
fn two_files_for_one_id_must_be_one_key() {
    let keys = Keys::both();
    keys.put("encryption/Test.pub.pem", ENC2048_PUBLIC, 0o644);
    keys.build().expect("two halves of one key");
    keys.put("encryption/Test.pem", &pem("enc4096"), 0o600);
    let (private, public) = (shown(&keys.path("encryption/Test.pem")), shown(&keys.path("encryption/Test.pub.pem")));
    assert_refused(keys.build(), ErrorKind::InvalidInput, &[&private, &public, "belong to different keys"]);
}

#[test]
fn what_is_named_must_make_sense() {
    let keys = Keys::both();
    let nothing = RsaKeyProvider::builder().directory(keys.directory());
    let invalid = ErrorKind::InvalidInput;
    assert_refused(block_on(nothing.build()), invalid, &["no master key is named"]);
    let no_signer = RsaKeyProvider::builder().directory(keys.directory()).master_key(master("Test"));
    assert_refused(block_on(no_signer.build()), invalid, &["no signing key is named", "`verifying_key`"]);
    let no_directory = RsaKeyProvider::builder().master_key(master("Te\u{202e}st")).signing_key(signer("signer"));
    assert_refused(block_on(no_directory.build()), invalid, &["Te\\u{202e}st", "none is named: call `directory`"]);
    let twice = keys.builder().master_key_pem(master("Test"), pem("enc4096"));
    assert_refused(block_on(twice.build()), invalid, &["master key Test is named twice"]);
    let both = keys.builder().verifying_key_pem(signer("other"), pem("enc2048"));
    assert_refused(block_on(both.build()), invalid, &["master key Test and signing key other are one RSA key"]);
    let alias = keys.builder().verifying_key_pem(signer("alias"), pem("sign2048"));
    assert_refused(block_on(alias.build()), invalid, &["signing key signer and signing key alias are one RSA key"]);
    // A list of all signing keys may contain the active one.
    block_on(keys.builder().verifying_key(signer("signer")).build()).expect("builds");
}

#[test]
fn a_key_whose_numbers_contradict_each_other_is_refused() {
    let good = pem("enc2048");
    // One character inside the modulus.
    let line = good.lines().nth(4).expect("several lines");
    let bad = good.replace(line, &line.replacen(&line[8..9], if &line[8..9] == "A" { "B" } else { "A" }, 1));
    let keys = Keys::both();
    keys.put("encryption/Test.pem", &bad, 0o600);
    assert_refused(keys.build(), ErrorKind::InvalidInput, &["master key Test is no consistent RSA key"]);
}

#[test]
fn signing_key_ids_have_rules() {
    let longest = "k".repeat(255);
    for good in ["a", "arn:aws:kms:eu-west-1:1:key/ab", "Clé", &longest] {
        assert_eq!(SigningKeyId::new(good).expect("valid").as_str(), good);
    }
    for (bad, rule) in
        [("", "0 bytes"), (&*"k".repeat(256), "256 bytes"), ("~a", "begins with `~`"), ("a\nb", "control")]
    {
        assert_refused(SigningKeyId::new(bad), ErrorKind::InvalidInput, &[rule]);
    }
}
