//! Frames and transcripts, written.

use super::{HEADER_BYTES, Kind, MAGIC};

/// Writes a frame.
#[derive(Debug)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn new(kind: Kind, suite: u8) -> Self {
        Self::with_capacity(kind, suite, 0)
    }

    /// Sized once, where the fields are secret: growing would leave copies behind.
    pub(crate) fn with_capacity(kind: Kind, suite: u8, field_bytes: usize) -> Self {
        let mut out = Vec::with_capacity(HEADER_BYTES + field_bytes);
        out.extend_from_slice(MAGIC);
        out.extend_from_slice(&[kind as u8, suite]);
        Self(out)
    }

    /// Appends a field.
    ///
    /// # Panics
    ///
    /// For 4 GiB and more; the size of what is sealed was checked before.
    pub(crate) fn field(mut self, bytes: &[u8]) -> Self {
        put(&mut self.0, bytes);
        self
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).expect("a field is shorter than 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}

/// What is authenticated (associated data, HPKE's info, the bytes under a signature):
/// `"secret-store/1/transport" | u8 kind | u8 suite | u8 label length | label | u8 field count | (u32 BE length | bytes)*`.
///
/// The label tells the uses within one kind apart. Unambiguous by construction.
pub(crate) fn transcript(kind: Kind, suite: u8, label: &'static str, fields: &[&[u8]]) -> Vec<u8> {
    const PREFIX: &[u8] = b"secret-store/1/transport";
    let field_bytes: usize = fields.iter().map(|field| 4 + field.len()).sum();
    let mut out = Vec::with_capacity(PREFIX.len() + 4 + label.len() + field_bytes);
    out.extend_from_slice(PREFIX);
    out.extend_from_slice(&[kind as u8, suite, u8::try_from(label.len()).expect("a short label")]);
    out.extend_from_slice(label.as_bytes());
    out.push(u8::try_from(fields.len()).expect("few fields"));
    for field in fields {
        put(&mut out, field);
    }
    out
}
