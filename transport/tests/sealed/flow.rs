//! What works.

use futures::executor::block_on;
use secret_store_core::{ErrorKind, SecretStoreExt as _, SecretValue};
use secret_store_transport::{Freshness, KeySpec, MAX_SECRET_BYTES, RecipientPublicKey, SealedRequest, Suite};

use super::support::{World, as_json, from_json, id, kind, specs, target, tenant};

#[test]
fn a_sealed_secret_is_stored_where_it_belongs_and_nowhere_in_clear() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            let request = as_json(&SealedRequest::new(world.seal(&target("MainDb"), "hunter2").await));
            assert!(
                request.starts_with("{\"sealed\":true,\"value\":\"U1gxA") && !request.contains("hunter2"),
                "{request}"
            );
            let info = world.intake().put_sealed(&target("MainDb"), from_json(&request)).await.expect("stored");
            assert_eq!((info.id.clone(), info.version.get()), (id("acme.prod", "MainDb"), 1));
            assert_eq!(world.store.get(&info.id).await.expect("reads").text().expect("text"), "hunter2");
            let is_in = |(_, bytes): &(String, Vec<u8>)| bytes.windows(7).any(|window| window == b"hunter2");
            assert!(!world.dump().iter().any(is_in));
        });
    }
}

/// 190 bytes is the most that a bare OAEP block of 2,048 bits carries.
#[test]
fn secrets_of_0_190_191_bytes_and_1_mebibyte_seal() {
    for spec in specs() {
        block_on(async {
            let world = World::new(spec).await;
            let key = world.sealing_key("acme").await;
            for size in [0, 190, 191, MAX_SECRET_BYTES] {
                let value = vec![0xA5; size];
                let nonce = world.nonce(&target("MainDb")).await;
                let sealed = key.seal(&target("MainDb"), &nonce, &SecretValue::new(&value[..])).expect("seals");
                let request = from_json(&as_json(&SealedRequest::new(sealed)));
                let info = world.intake().put_sealed(&target("MainDb"), request).await.expect("stored");
                assert!(world.store.get(&info.id).await.expect("reads").expose_secret() == value, "{size}");
            }
            let too_large = SecretValue::new(vec![0; MAX_SECRET_BYTES + 1]);
            let nonce = world.nonce(&target("MainDb")).await;
            let refusal = kind(key.seal(&target("MainDb"), &nonce, &too_large));
            assert!(matches!(refusal, ErrorKind::TooLarge { .. }));
        });
    }
}

#[test]
fn two_servers_on_one_store_share_nonces() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        let (one, two) = (world.intake(), world.intake());
        let key = world.sealing_key("acme").await;
        let nonce = one.issue_nonce(&target("MainDb").place).await.expect("issues");
        let sealed = key.seal(&target("MainDb"), &Freshness::Nonce(nonce), &"hunter2".into()).expect("seals");
        two.put_sealed(&target("MainDb"), SealedRequest::new(sealed.clone())).await.expect("issued by the other");
        for server in [&one, &two] {
            let again = server.put_sealed(&target("MainDb"), SealedRequest::new(sealed.clone())).await;
            assert_eq!(kind(again), ErrorKind::Replayed);
        }
        // Both at once, of many: one wins.
        for _ in 0..20 {
            let sealed = world.seal(&target("MainDb"), "hunter3").await;
            let put = |server| {
                let server: &secret_store_transport::SealedIntake = server;
                let request = SealedRequest::new(sealed.clone());
                async move { server.put_sealed(&target("MainDb"), request).await }
            };
            let (a, b) = futures::join!(put(&one), put(&two));
            let refusal = match (a, b) {
                (Ok(_), Err(refusal)) | (Err(refusal), Ok(_)) => refusal,
                other => panic!("{other:?}"),
            };
            assert_eq!(refusal.kind(), ErrorKind::Replayed);
        }
        assert_eq!(world.store.get(&id("acme.prod", "MainDb")).await.expect("reads").info().version.get(), 21);
    });
}

/// A nonce is used up by what opens, and by nothing else.
#[test]
fn what_does_not_open_uses_up_no_nonce() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        let sealed = world.seal(&target("MainDb"), "hunter2").await;
        let mut bytes = secret_store_transport::Message::as_bytes(&sealed).to_vec();
        *bytes.last_mut().expect("not empty") ^= 1;
        let altered = SealedRequest::from_parts(true, bytes);
        assert_eq!(world.refused(&target("MainDb"), altered).await, ErrorKind::Integrity);
        world.intake().put_sealed(&target("MainDb"), SealedRequest::new(sealed)).await.expect("still fresh");
    });
}

#[cfg(feature = "rsa")]
#[test]
fn a_bare_oaep_block_is_imported_once_under_its_name_alone() {
    use aws_lc_rs::rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PrivateDecryptingKey};
    use secret_store_transport::BareOaepKey;

    let pkcs8 = include_bytes!("../vectors/rsa-2048.pk8");
    let public = PrivateDecryptingKey::from_pkcs8(pkcs8).expect("a key").public_key();
    let public = OaepPublicEncryptingKey::new(public).expect("a key");
    let encrypt = |message: &[u8]| {
        let mut block = vec![0; 256];
        public.encrypt(&OAEP_SHA256_MGF1SHA256, message, &mut block, None).expect("encrypts");
        block
    };
    block_on(async {
        let world = World::new(specs()[0]).await;
        let (intake, key) = (world.intake(), BareOaepKey::from_pkcs8(pkcs8).expect("a key"));
        for (name, message) in [("Empty", &b""[..]), ("Full", &[7; 190])] {
            let info = intake.import_bare_oaep(&target(name), &key, &encrypt(message)).await.expect("imports");
            assert_eq!(world.store.get(&info.id).await.expect("reads").expose_secret(), message);
        }
        let block = encrypt(b"hunter2");
        intake.import_bare_oaep(&target("MainDb"), &key, &block).await.expect("imports");
        let before = world.dump();
        let again = kind(intake.import_bare_oaep(&target("MainDb"), &key, &block).await);
        assert!(matches!(again, ErrorKind::Conflict | ErrorKind::AlreadyExists), "it never replaces: {again:?}");
        for bit in (0..256 * 8).step_by(61) {
            let mut flipped = block.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(kind(intake.import_bare_oaep(&target("Other"), &key, &flipped).await), ErrorKind::Integrity);
        }
        for length in [0, 1, 255] {
            let cut = intake.import_bare_oaep(&target("Other"), &key, &block[..length]).await;
            assert_eq!(kind(cut), ErrorKind::Integrity);
        }
        // A block is no seal.
        let request = SealedRequest::from_parts(true, block);
        assert_eq!(kind(intake.put_sealed(&target("Other"), request).await), ErrorKind::NotSealed);
        assert!(world.dump() == before);
        assert!(!format!("{key:?}").contains("48, 130"));
    });
}

/// A transcript, written by `docs/format.md`, section 16, and not by the library.
fn transcript(label: &str, fields: &[&[u8]]) -> Vec<u8> {
    let mut out = [b"secret-store/1/transport".as_slice(), &[2, 1, u8::try_from(label.len()).expect("short")]].concat();
    out.extend_from_slice(label.as_bytes());
    out.push(u8::try_from(fields.len()).expect("few"));
    out.extend_from_slice(&framed(fields));
    out
}

fn framed(fields: &[&[u8]]) -> Vec<u8> {
    let field = |field: &&[u8]| [&u32::try_from(field.len()).expect("small").to_be_bytes(), *field].concat();
    fields.iter().flat_map(field).collect()
}

/// The library's client refuses to seal it, another client may not: the frame has room, as RSA's overhead is larger than HPKE's.
#[test]
fn a_server_stores_no_secret_over_a_mebibyte() {
    block_on(async {
        let world = World::new(KeySpec::X25519).await;
        let record = world.keys.records(&tenant("acme"), &world.authority).await.expect("records").sealing;
        let key = RecipientPublicKey::from_bytes(Suite::HpkeX25519, record.claims().public_key()).expect("a key");
        for (size, is_stored) in [(MAX_SECRET_BYTES, true), (MAX_SECRET_BYTES + 1, false)] {
            let Freshness::Nonce(nonce) = world.nonce(&target("MainDb")).await else { panic!("a nonce") };
            let freshness = [&[1], &nonce.as_bytes()[..]].concat();
            let fields = [&b"acme"[..], b"prod", b"MainDb", &[0, 0, 0, 1], &freshness];
            let (info, aad) = (transcript("submission key", &fields), transcript("submission", &fields));
            let sealed = key.seal(&info, &aad, &vec![b'x'; size]).expect("seals");
            let request =
                SealedRequest::from_parts(true, [b"SX1\x02\x01", &framed(&fields)[..], &framed(&[&sealed])].concat());
            if is_stored {
                world.intake().put_sealed(&target("MainDb"), request).await.expect("stored");
            } else {
                let refusal = world.refused(&target("MainDb"), request).await;
                assert!(matches!(refusal, ErrorKind::TooLarge { limit, actual } if actual == limit + 1), "{refusal:?}");
            }
        }
    });
}
