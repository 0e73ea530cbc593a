//! The keys of tenants move from one master key to another: one call for each version, and no record of a secret is touched.

use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::{StreamExt, stream};

use super::options::{Mode, RotationOptions};
use super::report::{Finding, Findings};
use super::retry::Backoff;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{MasterKeyId, TenantId};
use crate::persistence::RecordKey;
use crate::tenant::{TenantKeyInfo, TenantKeys};

/// A rotation of tenants' keys to be run; [`Rotator::rotate_master_key_of_tenants`](super::Rotator::rotate_master_key_of_tenants)
/// makes it.
#[derive(Clone, Debug)]
#[must_use = "nothing is rotated until `run`"]
pub struct TenantTierRotation {
    keys: TenantKeys,
    from: MasterKeyId,
    to: MasterKeyId,
    tenants: Vec<TenantId>,
    options: RotationOptions,
}

/// What became of tenants' keys, or would.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct TenantTierReport {
    /// Tenants that were visited.
    pub tenants: u64,
    /// Versions of their keys, destroyed ones included.
    pub versions: u64,
    /// Versions that were moved; in a dry run, that would be.
    pub changed: u64,
    /// Versions that are malformed or do not open: they were not touched.
    pub neither: Findings,
    /// Whether all tenants were visited. False where it was cancelled.
    pub is_finished: bool,
}

impl TenantTierReport {
    /// Whether no version of the tenants' keys is under the old master key any more.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.is_finished && self.neither.is_empty()
    }

    fn add(&mut self, other: &Self) {
        self.tenants += 1;
        self.versions += other.versions;
        self.changed += other.changed;
        other.neither.iter().cloned().for_each(|finding| self.neither.push(finding));
    }
}

impl TenantTierRotation {
    pub(super) fn new(keys: TenantKeys, from: MasterKeyId, to: MasterKeyId) -> Self {
        Self { keys, from, to, tenants: Vec::new(), options: RotationOptions::default() }
    }

    /// Of these tenants. There is no listing of all: the caller must know them.
    pub fn tenants(mut self, tenants: impl IntoIterator<Item = TenantId>) -> Self {
        self.tenants = tenants.into_iter().collect();
        self.tenants.sort();
        self.tenants.dedup();
        self
    }

    /// How it is run: concurrency counts tenants; progress is not called.
    pub fn with_options(mut self, options: RotationOptions) -> Self {
        self.options = options;
        self
    }

    /// Reads all versions and answers what a run would do. Writes nothing and asks for no key.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run) before it writes anything.
    pub async fn dry_run(self) -> Result<TenantTierReport> {
        let census = async {
            self.check()?;
            let mut report = TenantTierReport { is_finished: true, ..TenantTierReport::default() };
            for tenant in &self.tenants {
                let (mut found, left) = self.look_at(tenant).await?;
                found.changed = left.len() as u64;
                report.add(&found);
            }
            Ok(report)
        };
        census.await.map_err(|error: Error| error.with_operation("rotate master key"))
    }

    /// Runs until a look at each tenant has found nothing left. Run it again after an error or a cancellation: what is moved is moved.
    ///
    /// Cancellation: may be dropped anywhere.
    ///
    /// # Errors
    ///
    /// Before anything is written: [`InvalidInput`](ErrorKind::InvalidInput) without a tenant or where this configuration makes new
    /// versions under the old master key, [`KeyNotAllowed`](ErrorKind::KeyNotAllowed) for a tenant or a key outside the allow-lists,
    /// and as the new key's holder says. Otherwise as [`TenantKeys::rewrap_version`], after patience with what may pass.
    pub async fn run(self) -> Result<TenantTierReport> {
        self.move_all().await.map_err(|error| error.with_operation("rotate master key"))
    }

    fn check(&self) -> Result<()> {
        if self.tenants.is_empty() {
            return Err(Error::invalid_input("no tenant is named: say which with `tenants`"));
        }
        if self.from == self.to {
            return Err(Error::invalid_input("a master key cannot take its own place: name another one"));
        }
        self.tenants.iter().try_for_each(|tenant| self.keys.check_move(tenant, &self.from, &self.to))
    }

    async fn move_all(&self) -> Result<TenantTierReport> {
        self.check()?;
        if let Some(tenant) = self.tenants.first() {
            let (keys, context) = self.keys.probe(tenant)?;
            super::probe::probe(&*keys, &self.to, &context).await?;
        }
        let (failed, mut failure) = (AtomicBool::new(false), None);
        let mut report = TenantTierReport { is_finished: true, ..TenantTierReport::default() };
        let failing = &failed;
        // Owned: a closure over borrowed tenants is not general enough for a future that may be sent.
        let moving = self.tenants.iter().cloned().map(|tenant| async move {
            let is_stopped = failing.load(Ordering::Relaxed) || self.options.is_stopped().await;
            if is_stopped { Ok(None) } else { self.move_tenant(&tenant).await.map(Some) }
        });
        let mut moved = Box::pin(stream::iter(moving).buffer_unordered(self.options.concurrency.get()));
        while let Some(outcome) = moved.next().await {
            match outcome {
                Ok(Some(of_tenant)) => report.add(&of_tenant),
                Ok(None) => report.is_finished = false,
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    failure.get_or_insert(error);
                }
            }
        }
        failure.map_or(Ok(report), Err)
    }

    /// Moves what is left of a tenant until nothing is.
    async fn move_tenant(&self, tenant: &TenantId) -> Result<TenantTierReport> {
        let (mut backoff, mut changed, mut broken) = (Backoff::new(), 0, Vec::new());
        loop {
            let (mut report, mut left) = self.look_at(tenant).await?;
            left.retain(|info| !broken.iter().any(|(version, _)| *version == info.version));
            if left.is_empty() {
                report.changed = changed;
                for (version, finding) in broken {
                    tracing::debug!(%version, "a version of a tenant's key does not move");
                    report.neither.push(finding);
                }
                return Ok(report);
            }
            for info in left {
                match self.keys.rewrap_version(&info, &self.to).await {
                    Ok(_) => changed += 1,
                    Err(error) if is_of_record(error.kind()) => {
                        broken
                            .push((info.version, Finding::of_key(self.keys.version_key(tenant, info.version), &error)));
                    }
                    // Somebody else may have moved it, or it landed: the next look tells.
                    Err(error) => backoff.wait(self.keys.clock(), error).await?,
                }
            }
        }
    }

    /// What there is of a tenant, and what of that is under the old master key.
    async fn look_at(&self, tenant: &TenantId) -> Result<(TenantTierReport, Vec<TenantKeyInfo>)> {
        let (mut report, mut left) = (TenantTierReport::default(), Vec::new());
        for (sort, info) in self.keys.each_version(tenant).await? {
            report.versions += 1;
            match info {
                Ok(info) if info.master_key_id.as_ref() == Some(&self.from) => left.push(info),
                Ok(_) => {}
                Err(error) => {
                    let place = RecordKey::new(self.keys.partition(tenant), sort);
                    report.neither.push(Finding::of_key(place, &error));
                }
            }
        }
        Ok((report, left))
    }
}

fn is_of_record(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Integrity | ErrorKind::Unsupported | ErrorKind::InvalidInput | ErrorKind::KeyDestroyed)
}

impl RotationOptions {
    /// Waits while it is paused; whether it is cancelled.
    async fn is_stopped(&self) -> bool {
        self.control().until(|mode| mode != Mode::Paused).await == Mode::Cancelled
    }
}

#[expect(dead_code, reason = "checked when compiled: a run may be spawned on any executor")]
fn runs_on_any_executor(rotation: TenantTierRotation) -> impl Future<Output = Result<TenantTierReport, Error>> + Send {
    rotation.run()
}
