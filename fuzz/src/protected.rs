//! Edits of a record that opens: random bytes alone would never get past its names.

use arbitrary::{Arbitrary, Result, Unstructured};
use secret_store_core::{Record, Value, fuzzing};

/// The attributes of a protected secret, and one that no release knows.
const NAMES: [&str; 11] = [
    "ApplicationName",
    "CreatedAt",
    "InitialisationVector",
    "MasterKeyId",
    "Metadata",
    "ProtectedDocumentKey",
    "ProtectedSecretValue",
    "SecretName",
    "Unknown",
    "Version",
    "Wraps",
];

#[derive(Arbitrary)]
enum Edit<'a> {
    Remove,
    SetText(&'a str),
    SetBytes(&'a [u8]),
    SetNumber(u64),
    Flip { at: u8, mask: u8 },
    Truncate { length: u8 },
    Append { byte: u8 },
}

/// Applies the edits that the input encodes and opens what they make; no input makes no edit.
pub fn opens(bytes: &[u8]) -> bool {
    let mut input = Unstructured::new(bytes);
    let mut record = fuzzing::protected_sample();
    while !input.is_empty() {
        if edit(&mut record, &mut input).is_err() {
            break;
        }
    }
    fuzzing::protected(&record)
}

fn edit(record: &mut Record, input: &mut Unstructured<'_>) -> Result<()> {
    let name = *input.choose(&NAMES)?;
    match Edit::arbitrary(input)? {
        Edit::Remove => drop(record.remove(name)),
        Edit::SetText(text) => record.set(name, Value::from(text)),
        Edit::SetBytes(bytes) => record.set(name, Value::from(bytes)),
        Edit::SetNumber(number) => record.set(name, Value::from(number)),
        Edit::Flip { at, mask } => edit_bytes(record, name, |bytes| {
            if let Some(byte) = bytes.get_mut(usize::from(at)) {
                *byte ^= mask;
            }
        }),
        Edit::Truncate { length } => edit_bytes(record, name, |bytes| bytes.truncate(usize::from(length))),
        Edit::Append { byte } => edit_bytes(record, name, |bytes| bytes.push(byte)),
    }
    Ok(())
}

fn edit_bytes(record: &mut Record, name: &'static str, edit: impl FnOnce(&mut Vec<u8>)) {
    if let Some(bytes) = record.bytes(name) {
        let mut bytes = bytes.to_vec();
        edit(&mut bytes);
        record.set(name, Value::from(bytes));
    }
}
