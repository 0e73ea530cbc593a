//! Whether bytes show a name, in any form that a search would try.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secret_store_conformance::fault::KeyCall;
use secret_store_core::EncryptionContext;

use super::support::World;

/// All the forms in which a text may stand in bytes: raw, hexadecimal, base64 at each of its three alignments.
fn forms(name: &str) -> Vec<Vec<u8>> {
    let mut forms =
        vec![name.as_bytes().to_vec(), hex::encode(name).into_bytes(), hex::encode_upper(name).into_bytes()];
    for shift in 0..3 {
        let shifted = [&vec![0; shift][..], name.as_bytes()].concat();
        for encoded in [STANDARD.encode(&shifted), STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            // The first and last digits depend on what stands beside the name.
            let inner = &encoded.trim_end_matches('=').as_bytes()[usize::from(shift > 0) * 4..];
            forms.push(inner[..inner.len() - 2].to_vec());
        }
    }
    forms
}

pub(crate) fn shows(bytes: &[u8], name: &str) -> bool {
    forms(name).iter().any(|form| bytes.windows(form.len()).any(|window| window == &form[..]))
}

#[track_caller]
pub(crate) fn assert_blind(what: &str, bytes: &[u8], names: &[&str]) {
    for name in names {
        assert!(!shows(bytes, name), "{what} shows {name}");
    }
}

/// Everything a database holds, and everything that its servers were asked, as bytes.
pub(crate) fn database(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (key, stored) in world.dump() {
        bytes.extend_from_slice(key.partition().as_bytes());
        bytes.extend_from_slice(key.sort().as_bytes());
        bytes.extend_from_slice(&stored.record.to_bytes());
        bytes.extend_from_slice(stored.revision.as_text().as_bytes());
    }
    let asked = world.records.take().iter().fold(String::new(), |mut text, call| {
        write!(text, "{call:?}").expect("a String takes all");
        text
    });
    bytes.extend_from_slice(asked.as_bytes());
    bytes
}

/// Everything a key provider was told: contexts as bytes and as pairs, wraps.
pub(crate) fn told(world: &World) -> Vec<u8> {
    let mut bytes = Vec::new();
    for call in world.keys.take() {
        let contexts: Vec<EncryptionContext> = match &call {
            KeyCall::Generate { context, .. } | KeyCall::Wrap { context, .. } | KeyCall::Unwrap { context, .. } => {
                vec![context.clone()]
            }
            KeyCall::Rewrap { from, to_context, .. } => vec![from.clone(), to_context.clone()],
            other => panic!("{other:?} is new"),
        };
        for context in contexts {
            bytes.extend_from_slice(context.aead_bytes());
            for (key, value) in context.pairs() {
                bytes.extend_from_slice(key.as_bytes());
                bytes.extend_from_slice(value.as_bytes());
            }
        }
        bytes.extend_from_slice(format!("{call:?}").as_bytes());
    }
    bytes
}
