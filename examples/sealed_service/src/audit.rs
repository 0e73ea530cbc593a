//! The audit log: lines of JSON in a file, each authenticated, verified when a server ends.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secret_store_core::audit::{AuditKey, AuditRecorder, Verification, Verifier};
use secret_store_rsa_file::{JsonLinesLog, JsonLinesSink};

use crate::Failure;
use crate::files::{read_secret, write_private};

const KEY: &str = "audit.key";
const LOG: &str = "audit.jsonl";

/// An audit log in a directory, and what writes to it.
#[derive(Clone, Debug)]
pub struct Audit {
    /// Records who did what. Any number of processes may write to one log.
    pub recorder: AuditRecorder,
    key: Arc<AuditKey>,
    log: PathBuf,
}

/// Makes the key that authenticates entries, unless it is there. Whoever holds it can forge entries: in earnest, export
/// [heads](Verification::head) of the log to a place that the server cannot write to.
///
/// # Errors
///
/// When the file cannot be written.
pub fn make_key(home: &Path) -> Result<(), Failure> {
    let path = home.join(KEY);
    if path.try_exists()? {
        return Ok(());
    }
    let (_, bytes) = AuditKey::generate()?;
    write_private(&path, &*bytes)
}

impl Audit {
    /// Opens the log of a directory in which [`make_key`] has been.
    ///
    /// # Errors
    ///
    /// When there is no key, or the log cannot be opened.
    pub async fn open(home: &Path, environment: &str, actor: &str) -> Result<Self, Failure> {
        let bytes = read_secret(Some(&home.join(KEY)), 32)?;
        let key: &[u8; 32] =
            bytes.expose_secret().try_into().map_err(|_| "the key of the audit log has not 32 bytes")?;
        let (key, log) = (Arc::new(AuditKey::from_bytes(key)), home.join(LOG));
        let sink = Arc::new(JsonLinesSink::open(&log).await?);
        let recorder = AuditRecorder::builder(sink).environment(environment).actor(actor).key(key.clone()).build()?;
        Ok(Self { recorder, key, log })
    }

    /// Sends what the log has not answered for, and verifies all of it.
    ///
    /// # Errors
    ///
    /// When an entry was edited, removed or moved, or the file cannot be read.
    pub async fn verify(&self) -> Result<Verification, Failure> {
        self.recorder.flush().await?;
        let verification = JsonLinesLog::new([&self.log]).verify(Verifier::new().with_key(self.key.clone())).await?;
        verification.check()?;
        Ok(verification)
    }
}
