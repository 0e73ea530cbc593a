use super::*;

/// Made by Python's `cryptography` as the original's client does: `json.dumps`, AES-256-GCM, `hex`.
const KEY: [u8; 32] = *b"0123456789abcdef0123456789abcdef";

fn vectors() -> Vec<(String, String)> {
    let text = include_str!("../../../tests/vectors/original_credentials.json");
    serde_json::from_str::<Vec<[String; 2]>>(text).expect("vectors").into_iter().map(|[a, b]| (a, b)).collect()
}

#[test]
fn fields_of_the_original_open() {
    let vectors = vectors();
    assert!(vectors.len() >= 4);
    for (field, value) in vectors {
        assert_eq!(import_original(&KEY, &field).expect("opens").text().expect("text"), value);
        assert_eq!(import_original(&[7; 32], &field).expect_err("another key").kind(), ErrorKind::Integrity);
    }
}

#[test]
fn every_flipped_bit_truncation_and_other_spelling_is_refused() {
    let (field, _) = &vectors()[0];
    let bytes = hex::decode(field).expect("hex");
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(import_original(&KEY, &hex::encode(&flipped)).expect_err("flipped").kind(), ErrorKind::Integrity);
    }
    for length in 0..field.len() {
        let error = import_original(&KEY, &field[..length]).expect_err("cut");
        assert!(matches!(error.kind(), ErrorKind::Integrity | ErrorKind::InvalidInput));
    }
    for other in [field.to_uppercase(), format!("0x{field}"), format!("{field}00"), format!(" {field}"), "é".repeat(40)]
    {
        assert!(import_original(&KEY, &other).is_err(), "{other}");
    }
    let long = "00".repeat(MAX_SEALED_BYTES + 1);
    assert!(matches!(import_original(&KEY, &long).expect_err("long").kind(), ErrorKind::TooLarge { .. }));
}
