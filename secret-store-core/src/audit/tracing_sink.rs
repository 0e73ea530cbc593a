//! The sink that tells whoever listens.

use async_trait::async_trait;

use super::entry::AuditEntry;
use super::sink::AuditSink;
use super::writer::Hex;
use crate::error::Result;

/// Emits every entry as a [`tracing`] event at level `INFO` with the target `secret_store::audit`, names escaped.
///
/// **It keeps nothing**: it succeeds also when nobody listens, and cannot know what becomes of the event, so alone it makes no
/// read durable. Put it beside a sink that does, by [`FanOut`](super::FanOut). An entry that is sent again appears
/// again. The event has the entry's hash, by which it is found in the log that does keep it.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingSink;

impl TracingSink {
    /// The target of every event.
    pub const TARGET: &'static str = "secret_store::audit";
}

#[async_trait]
impl AuditSink for TracingSink {
    async fn append(&self, entries: &[AuditEntry]) -> Result<()> {
        for entry in entries {
            tracing::info!(
                target: TracingSink::TARGET,
                time = %entry.time(),
                environment = %entry.environment().escape_debug(),
                actor = %entry.actor().escape_debug(),
                request = entry.request_id().map(|request| tracing::field::display(request.escape_debug())),
                action = %entry.action(),
                phase = %entry.phase(),
                outcome = entry.outcome().map(tracing::field::display),
                application = %entry.application(),
                secrets = %Named(entry),
                count = entry.count(),
                writer = %entry.writer(),
                sequence = entry.sequence(),
                operation = entry.operation(),
                hash = %Hex(entry.hash()),
                "audit"
            );
        }
        Ok(())
    }
}

/// The names of an entry, escaped, with their versions.
struct Named<'a>(&'a AuditEntry);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (n, secret) in self.0.secrets().iter().enumerate() {
            write!(f, "{}{}", if n == 0 { "" } else { ", " }, secret.name)?;
            secret.version.map_or(Ok(()), |version| write!(f, " v{version}"))?;
        }
        Ok(())
    }
}
