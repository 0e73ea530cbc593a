//! Policies as text, within the limits of AWS.

use std::fmt;

use secret_store_core::{Error, ErrorKind, Result};

use super::statement::Statement;

/// "IAM and AWS STS quotas": the characters of a managed policy. Spaces and line feeds between its elements do not count.
pub const MANAGED_POLICY_CHARACTERS: usize = 6_144;
/// "Resource quotas", KMS Developer Guide: the bytes of a key policy.
pub const KEY_POLICY_BYTES: usize = 32_768;

/// A policy document: what IAM and KMS take as text.
///
/// The same rights are the same text: every list is sorted and has no duplicates.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    statement: Vec<Statement>,
}

impl Policy {
    pub(super) fn new(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }

    /// The document, indented.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("texts and lists have a JSON form")
    }

    /// The document in as few characters as it takes: what IAM counts.
    #[must_use]
    pub fn to_compact_json(&self) -> String {
        serde_json::to_string(self).expect("texts and lists have a JSON form")
    }

    /// What counts against [`MANAGED_POLICY_CHARACTERS`]. Spaces inside names are counted, to be on the safe side.
    pub(super) fn characters(&self) -> usize {
        self.to_compact_json().chars().count()
    }

    pub(super) fn with(&self, statement: Statement) -> Self {
        let mut longer = self.clone();
        longer.statement.push(statement);
        longer
    }

    pub(super) fn fits(&self) -> bool {
        self.characters() <= MANAGED_POLICY_CHARACTERS
    }

    /// Refuses an identity's policy that IAM would refuse. `fits`: so many applications would be few enough.
    pub(super) fn check_characters(&self, role: &str, fits: impl FnOnce() -> usize) -> Result<()> {
        let (limit, actual) = (MANAGED_POLICY_CHARACTERS, self.characters());
        if actual <= limit {
            return Ok(());
        }
        let advice = match fits() {
            0 => "use shorter names".to_owned(),
            fits => format!(
                "give each policy {fits} applications at most, and a role several policies (or use several roles)"
            ),
        };
        let message = format!("the {role} policy has {actual} characters and IAM takes {limit}: {advice}");
        Err(Error::new(ErrorKind::TooLarge { limit: limit as u64, actual: actual as u64 }, message))
    }

    /// Refuses a key policy that KMS would refuse.
    pub(super) fn check_bytes(&self) -> Result<()> {
        let (limit, actual) = (KEY_POLICY_BYTES, self.to_json().len());
        if actual <= limit {
            return Ok(());
        }
        let message = format!(
            "the key policy has {actual} bytes and KMS takes {limit}: let fewer roles and applications share this key, best \
             one application a key"
        );
        Err(Error::new(ErrorKind::TooLarge { limit: limit as u64, actual: actual as u64 }, message))
    }
}

/// As [`Policy::to_json`].
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}
