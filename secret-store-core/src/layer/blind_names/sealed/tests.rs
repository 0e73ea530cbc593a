use super::*;
use crate::layer::blind_names::address;
use crate::layer::blind_names::key::BlindingKey;

fn bytes(value: &serde_json::Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("text")).expect("hex")
}

/// Made by another implementation: the same bytes for the same random ones.
#[test]
fn what_is_sealed_is_frozen() {
    let vector: serde_json::Value =
        serde_json::from_str(include_str!("../../../../tests/vectors/blind_names.json")).expect("the vector parses");
    let key: [u8; 32] = bytes(&vector["key"]).try_into().expect("32 bytes");
    let key = Keyed::new(&BlindingKey::from_bytes(&key));
    let records = vector["records"].as_array().expect("an array");
    assert!(records.len() >= 8);
    for frozen in records {
        let text = |name: &str| frozen[name].as_str().expect("text");
        let address = RecordKey::new(text("partition"), text("sort"));
        let place = RecordKey::new(text("blind_partition"), text("blind_sort"));
        assert_eq!(address::blind(&key, &address).expect("a place"), place);
        let (record, sealed) =
            (Record::from_bytes(&bytes(&frozen["record"])).expect("parses"), bytes(&frozen["sealed"]));
        assert_eq!(hex::encode(encode(&address, &record)), text("content"));
        let random: [u8; SALT_BYTES + NONCE_BYTES] = sealed[SALT_AT..BODY_AT].try_into().expect("as many");
        assert_eq!(hex::encode(&*key.record_key(&random[..SALT_BYTES])), text("record_key"));
        let again = seal_with(&key, &random, &address, &place, &record).expect("seals");
        assert_eq!(hex::encode(again.bytes(SEALED).expect("sealed")), hex::encode(sealed));
    }
}

fn content() -> Vec<u8> {
    let record = Record::new().with("A", "text".into()).with("B", Value::from(7));
    encode(&RecordKey::new("App", "Db"), &record)
}

/// What nobody who keeps to the form writes is refused, though it is authentic.
#[test]
fn content_has_one_form() {
    let honest = content();
    assert_eq!(honest.len(), TEXT_BLOCK + OTHER_BLOCK);
    let opened = decode(&honest).expect("its own bytes");
    assert_eq!((&**opened.address.partition(), &**opened.address.sort(), opened.record.len()), ("App", "Db", 2));
    for length in 0..honest.len() {
        assert!(decode(&honest[..length]).is_err(), "cut to {length}");
    }
    assert!(decode(&[&honest[..], &[0]].concat()).is_err(), "a byte more");
    assert!(decode(&[&honest[..], &[0; OTHER_BLOCK]].concat()).is_err(), "a block more");
    for at in [TEXT_BLOCK - 1, TEXT_BLOCK + OTHER_BLOCK - 1] {
        let mut padded = honest.clone();
        padded[at] = 1;
        assert!(decode(&padded).is_err(), "other padding at {at}");
    }
    let parts = |names: &[u8], other: &[u8]| {
        let mut content = Vec::new();
        append_padded(&mut content, names, TEXT_BLOCK);
        append_padded(&mut content, other, OTHER_BLOCK);
        content
    };
    let text = |record: Record| [b"\x63App\x62Db", &record.to_bytes()[..]].concat();
    let (a, b) = (Record::new().with("A", "text".into()), Record::new().with("B", Value::from(7)));
    assert_eq!(parts(&text(a.clone()), &b.to_bytes()), honest);
    for (what, names, other) in [
        ("a number among texts", text(b.clone()), b.to_bytes()),
        ("text among others", text(a.clone()), a.to_bytes()),
        ("an attribute twice", text(a.clone()), a.with("B", Value::from(7)).to_bytes()),
        ("no names", b"".to_vec(), b.to_bytes()),
        ("one name", b"\x63App".to_vec(), b.to_bytes()),
        ("a name in a longer form", [b"\x78\x03App\x62Db", &b.to_bytes()[..]].concat(), b.to_bytes()),
        ("no record", b"\x63App\x62Db".to_vec(), b.to_bytes()),
        ("more behind it", text(Record::new()), [b.to_bytes(), vec![0]].concat()),
    ] {
        assert!(decode(&parts(&names, &other)).is_err(), "{what}");
    }
    // A length beyond the bytes, also where adding to it would overflow.
    for length in [u32::MAX, u32::MAX - 3, 509, 513] {
        let mut beyond = honest.clone();
        beyond[..4].copy_from_slice(&length.to_be_bytes());
        assert!(decode(&beyond).is_err(), "{length}");
    }
}

/// A later form is told apart from a broken one.
#[test]
fn the_header_says_what_is_not_known_yet() {
    let key = Keyed::new(&BlindingKey::from_bytes(&[1; 32]));
    let address = RecordKey::new("App", "Db");
    let place = address::blind(&key, &address).expect("a place");
    let sealed = seal(&key, &address, &place, &Record::new()).expect("seals");
    let honest = sealed.bytes(SEALED).expect("sealed").to_vec();
    for (at, byte, kind) in [
        (2, b'2', ErrorKind::Unsupported),
        (2, b'9', ErrorKind::Unsupported),
        (2, b'0', ErrorKind::Integrity),
        (2, b'a', ErrorKind::Integrity),
        (3, 2, ErrorKind::Unsupported),
        (3, 0, ErrorKind::Unsupported),
        (0, b's', ErrorKind::Integrity),
        (4, honest[4] ^ 1, ErrorKind::Integrity),
    ] {
        let mut other = honest.clone();
        other[at] = byte;
        let refused = open(&key, &place, &Record::new().with(SEALED, Value::from(other))).expect_err("not this form");
        assert_eq!(refused.kind(), kind, "byte {at} is {byte}");
    }
}
