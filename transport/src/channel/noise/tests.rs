//! Known answers of two other implementations for `Noise_NK_25519_AESGCM_SHA256`: of cacophony (Haskell) and of snow, as published
//! with the latter. The messages after the handshake check the two keys of `Split`, in turns, by numbered nonces as Noise has them.

use secret_store_core::ErrorKind;

use super::*;

struct Vector {
    prologue: &'static str,
    server: &'static str,
    server_public: &'static str,
    client_ephemeral: &'static str,
    server_ephemeral: &'static str,
    handshake: Option<&'static str>,
    messages: &'static [(&'static str, &'static str)],
}

const VECTORS: [Vector; 2] = [
    // cacophony
    Vector {
        prologue: "4a6f686e2047616c74",
        server: "4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893",
        server_public: "31e0303fd6418d2f8c0e78b91f22e8caed0fbe48656dcf4767e4834f701b8f62",
        client_ephemeral: "893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a",
        server_ephemeral: "bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b",
        handshake: Some("f8a87aa8add4fea6e33365b89637486c2f6564546ce29d1df9ce9abf78c507d7"),
        messages: &[
            (
                "4c756477696720766f6e204d69736573",
                "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c794475ab4d66d222457dd414bc5f296bc7b4078cc7d72af5192628b68bca7d28844b",
            ),
            (
                "4d757272617920526f746862617264",
                "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f14480884303c7d89310502baa8299520ba451624c3c0492e2698f8d457c32400b91fd8a",
            ),
            ("462e20412e20486179656b", "304f70c37c93573099228016d54cb15213af94eb598d1b17df1153"),
            ("4361726c204d656e676572", "a1bf6c954529f29b31d8ae9f67d2c18dbd332aa1a0918690c6d80b"),
            (
                "4a65616e2d426170746973746520536179",
                "2e8f3e51888360b2b2d83a64dde9943c7dd3c5e84ac7c4b4e2d5cfc025b6c854d3",
            ),
            (
                "457567656e2042f6686d20766f6e2042617765726b",
                "8498bf41212a8b87c9eeb408274c75b3558fd0530865b5a7932d4b3af812d85b3df27e6f33",
            ),
        ],
    },
    // snow
    Vector {
        prologue: "5468657265206973206e6f20726967687420616e642077726f6e672e2054686572652773206f6e6c792066756e20616e6420626f72696e672e",
        server: "6769f07983e44fe6ff82ace61b5b5a13ca6be7dde385dea6ccd7f3cfe535cec6",
        server_public: "64c1c425f047a6d90a7fd1ea6756fc9adfc197748d72cd1f015be61f504d9527",
        client_ephemeral: "02e04d1bed1c50a9be7d958d9c06ddec76881ef39b762f1601901b25ff1e46a4",
        server_ephemeral: "aaf5caca88dd39acb6c84795812854f62ded2ae0c67d648f312394257a32113f",
        handshake: None,
        messages: &[
            (
                "69ae4e493d11522fcb749a055877fdac2ac17e94cf960acc3a2e53e577c92d5a",
                "270f4f126d1d152350b0059ab9b9fb21bfa96e0c762be7ce026e814b252ad92b699ecc4a8fb66c33a683410766c1ed0b2d28fafd448d627dd0b09224b9a91b9606eddd56213fdbd7ba6cc07065a7c49f",
            ),
            (
                "ee2a0bd186b6afba4a0337a55a4c77d3226f17b8e0b7ea7c3baeea30c3dc9f25",
                "9a176f6eaf3ebf725cec49c53352f57c7efe3b1cd5ea3853ad8992f82f53522352b0330096bb06541120b58e228a62ec2f3cc07d60c66d62492637a16692919b6e2608911f782d39425864e7c2c3621b",
            ),
            (
                "4020fe66c7cb638c46097b36326ef50fb1635c04c1e73531eb0c3a46a13b51a5",
                "9ef5f71dabe587067b48c5f18e2251218cb85926c512da4ecf307350f49977ca1a71458f345cd530596225da2c0b3660",
            ),
            (
                "48960984defe32c0a68782f3204eccece590409f2c0e5b95b1f0aa4fd0078a36",
                "ca4b7f6f48f52282737c3e54b9801e815a03a746ef074e23be1e2c9efb7173f18bebeb6201c87f6fcde4fece6e2c8761",
            ),
        ],
    },
];

fn bytes(hexadecimal: &str) -> Vec<u8> {
    hex::decode(hexadecimal).expect("hexadecimal")
}

fn private(hexadecimal: &str) -> Box<StaticSecret> {
    Box::new(StaticSecret::from(<[u8; 32]>::try_from(bytes(hexadecimal)).expect("32 bytes")))
}

fn public(hexadecimal: &str) -> PublicKey {
    PublicKey::from(<[u8; 32]>::try_from(bytes(hexadecimal)).expect("32 bytes"))
}

/// Section 5.1: `CipherState` with a counter.
fn numbered(key: &Key, number: u64, payload: &[u8]) -> Vec<u8> {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    let mut message = payload.to_vec();
    let cipher = Aes256Gcm::new((&**key).into());
    let tag = cipher.encrypt_inout_detached(&nonce.into(), &[], message.as_mut_slice().into()).expect("encrypts");
    message.extend_from_slice(&tag);
    message
}

#[test]
fn known_answers_of_other_implementations() {
    for vector in VECTORS {
        let (prologue, server) = (bytes(vector.prologue), private(vector.server));
        let server_public = public(vector.server_public);
        assert_eq!(PublicKey::from(&*server), server_public);
        let [(payload, hello), (answer_payload, answer), rest @ ..] = vector.messages else { panic!("two at least") };

        let ephemeral = private(vector.client_ephemeral);
        let (client, message) =
            Initiator::start(&prologue, &server_public, ephemeral, &bytes(payload)).expect("starts");
        assert_eq!(hex::encode(&message), *hello);
        let (responder, read) = Responder::read(&prologue, &server, &server_public, &message).expect("reads");
        assert_eq!(hex::encode(read), *payload);
        let (at_server, message) =
            responder.write(&private(vector.server_ephemeral), &bytes(answer_payload)).expect("writes");
        assert_eq!(hex::encode(&message), *answer);
        let (at_client, read) = client.finish(&message).expect("finishes");
        assert_eq!(hex::encode(read), *answer_payload);

        assert_eq!((at_client.hash, &at_client.keys), (at_server.hash, &at_server.keys));
        if let Some(handshake) = vector.handshake {
            assert_eq!(hex::encode(at_client.hash), handshake);
        }
        for (index, (payload, message)) in rest.iter().enumerate() {
            let number = u64::try_from(index / 2).expect("few");
            assert_eq!(hex::encode(numbered(&at_client.keys[index % 2], number, &bytes(payload))), *message);
        }
    }
}

#[test]
fn points_of_low_order_are_refused_by_both_ends() {
    let server = private(VECTORS[0].server);
    let server_public = PublicKey::from(&*server);
    for low in LOW_ORDER {
        let low = public(low);
        let start = Initiator::start(b"", &low, private(VECTORS[0].client_ephemeral), b"");
        assert_eq!(start.err().expect("no such server").kind(), ErrorKind::Integrity);
        // The strongest attacker there is: it knows the shared secret of zeros, and goes on as the protocol says.
        let mut forged = Symmetric::new(b"", &server_public);
        forged.mix_hash(low.as_bytes());
        let [ck, k] = forged.hkdf(&[0; 32]);
        (forged.ck, forged.k) = (ck, k);
        let mut hello = low.as_bytes().to_vec();
        forged.encrypt_and_hash(b"", &mut hello).expect("encrypts");
        let read = Responder::read(b"", &server, &server_public, &hello);
        assert_eq!(read.err().expect("no such client").kind(), ErrorKind::Integrity);

        let (client, _) =
            Initiator::start(b"", &server_public, private(VECTORS[0].client_ephemeral), b"").expect("starts");
        let mut answer = Symmetric { h: client.symmetric.h, ck: client.symmetric.ck.clone(), k: Zeroizing::default() };
        answer.mix_hash(low.as_bytes());
        let [ck, k] = answer.hkdf(&[0; 32]);
        (answer.ck, answer.k) = (ck, k);
        let mut message = low.as_bytes().to_vec();
        answer.encrypt_and_hash(b"", &mut message).expect("encrypts");
        assert_eq!(client.finish(&message).err().expect("no such server").kind(), ErrorKind::Integrity);
    }
}

/// The points of low order of Curve25519 and their second encodings.
const LOW_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];
