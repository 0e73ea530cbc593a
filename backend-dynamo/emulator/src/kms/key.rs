//! A key and its state.

use std::sync::{Arc, Mutex};

use super::asymmetric::RsaKey;
use super::ciphertext::Materials;

/// The states of a key that matter to its callers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyState {
    /// Usable.
    Enabled,
    /// Every cryptographic operation is a `DisabledException`.
    Disabled,
    /// Every cryptographic operation is a `KMSInvalidStateException`.
    PendingDeletion,
    /// The same state, of which KMS may as well say it with a `DisabledException` ("Key states of AWS KMS keys", KMS
    /// Developer Guide: either).
    PendingDeletionAsDisabled,
}

impl KeyState {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion | Self::PendingDeletionAsDisabled => "PendingDeletion",
        }
    }
}

/// What a key encrypts with.
#[derive(Clone, Debug)]
pub(super) enum Secrets {
    /// Shared with the replicas of a multi-Region key, as its rotations are.
    Symmetric(Arc<Mutex<Materials>>),
    Rsa(Arc<RsaKey>),
}

/// One key of one region.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) state: KeyState,
    pub(super) secrets: Secrets,
    pub(super) primary: bool,
}

impl Key {
    pub(super) fn new(id: String, secrets: Secrets) -> Self {
        Self { id, state: KeyState::Enabled, secrets, primary: true }
    }

    pub(super) fn replica(&self) -> Self {
        Self { state: KeyState::Enabled, primary: false, ..self.clone() }
    }

    pub(super) fn is_multi_region(&self) -> bool {
        self.id.starts_with("mrk-")
    }
}

/// 32 random hexadecimal digits, as multi-Region keys have them.
pub(super) fn random_digits() -> String {
    random::<16>().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same in the groups of a UUID, as all other keys have them.
pub(super) fn random_uuid() -> String {
    let digits = random_digits();
    [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]].join("-")
}

/// Bytes of the operating system's generator.
pub(super) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}
