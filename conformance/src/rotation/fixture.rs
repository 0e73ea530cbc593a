//! What each case works with: an application with some history, and processes over it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::{Either, select};
use secret_store_core::rotation::{JobState, RotationReport};
use secret_store_core::{
    ApplicationConfig, ApplicationName, Consistency, EnvelopeStore, GetOptions, KeyProvider, ListQuery, MasterKeyId,
    Persistence, Record, RecordKey, SecretId, SecretStore, SecretStoreExt, SecretVersion, TenantId, TenantKeys,
};

use super::instance::Instance;
use crate::case::{Stop, Verdict, ensure};
use crate::idle_time::IdleTime;

const STORE: &str = "conformance";
/// Names with their values, oldest first.
type Secrets = &'static [(&'static str, &'static [&'static str])];
/// The name of one begins the other's; one is deleted in the end.
const ALL: Secrets =
    &[("a", &["a1", "a2", "a3"]), ("a#b", &["ab1", "ab2"]), ("b", &["b1"]), ("gone", &["gone1", "gone2"])];
/// For what is tried many times.
const FEW: Secrets = &[("a", &["a1", "a2"]), ("gone", &["gone1"])];
const GONE: &str = "gone";
/// What a program writes meanwhile.
const WRITTEN: &str = "written";
/// How long it rests between two rounds.
const REST: Duration = Duration::from_secs(25);
/// Records with a document key in the usual place: all versions of all secrets.
pub(super) const RECORDS: u64 = 8;

pub(super) const MASTER_KEY_ID: &str = "MasterKeyId";
pub(super) const DOCUMENT_KEY: &str = "ProtectedDocumentKey";
pub(super) const VALUE: &str = "ProtectedSecretValue";
pub(super) const NONCE: &str = "InitialisationVector";
/// Which re-encryption a record has been through.
const MARK: &str = "Reencrypted";

/// Records by their places.
pub(super) type Records = BTreeMap<RecordKey, Record>;

/// A fresh instance and how to use it.
pub(super) struct Fixture {
    pub(super) instance: Instance,
    pub(super) time: IdleTime,
    pub(super) records: Arc<dyn Persistence>,
    pub(super) keys: Arc<dyn KeyProvider>,
    remaining: Arc<dyn KeyProvider>,
}

/// One application.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) application: ApplicationName,
    /// Whose it is, in the tenant tier.
    pub(super) tenant: TenantId,
    secrets: Secrets,
}

impl Place {
    fn new(name: &str, secrets: Secrets) -> Self {
        let application = ApplicationName::new(name).expect("the applications of cases are valid");
        let tenant = TenantId::new(format!("of-{name}")).expect("the tenants of cases are valid");
        Self { application, tenant, secrets }
    }

    /// With so many records.
    pub(super) fn usual() -> Self {
        Self::new("Conformance.Test", ALL)
    }

    /// With a few records, for one of many trials.
    pub(super) fn small(name: &str) -> Self {
        Self::new(name, FEW)
    }

    pub(super) fn id(&self, name: &str) -> SecretId {
        SecretId::parse(self.application.as_str(), name).expect("the names of cases are valid")
    }
}

impl Fixture {
    pub(super) fn new(instance: Instance) -> Self {
        let time = IdleTime::new();
        Self {
            records: time.records(Arc::clone(&instance.records)),
            keys: time.keys(Arc::clone(&instance.keys)),
            remaining: time.keys(Arc::clone(&instance.remaining)),
            time,
            instance,
        }
    }

    pub(super) fn from(&self) -> &MasterKeyId {
        &self.instance.from
    }

    pub(super) fn to(&self) -> &MasterKeyId {
        &self.instance.to
    }

    /// Runs work to its end; time passes while nothing else does.
    pub(super) async fn drive<T>(&self, work: impl Future<Output = T>) -> T {
        self.time.run(work).await
    }

    /// A process that may use both master keys and is configured with the old one.
    pub(super) fn store(&self, place: &Place) -> Result<EnvelopeStore, Stop> {
        self.store_over(place, Arc::clone(&self.keys), Arc::clone(&self.records))
    }

    pub(super) fn store_over(
        &self,
        place: &Place,
        keys: Arc<dyn KeyProvider>,
        records: Arc<dyn Persistence>,
    ) -> Result<EnvelopeStore, Stop> {
        let builder = EnvelopeStore::builder(keys, records).store_id(STORE).clock(self.time.clock());
        let builder = builder.master_key(self.from()).wrap_with([self.from().clone(), self.to().clone()]);
        Ok(builder.application(place.application.clone(), ApplicationConfig::default()).build()?)
    }

    /// A process that has the new master key alone.
    pub(super) fn remaining_store(&self, place: &Place) -> Result<EnvelopeStore, Stop> {
        let builder = EnvelopeStore::builder(Arc::clone(&self.remaining), Arc::clone(&self.records)).store_id(STORE);
        let builder = builder.clock(self.time.clock()).master_key(self.to()).unwrap_with([self.to().clone()]);
        Ok(builder.application(place.application.clone(), ApplicationConfig::default()).build()?)
    }

    /// Tenant keys of a process, whose new versions are under this master key.
    pub(super) fn tenant_keys(&self, master: &MasterKeyId) -> Result<TenantKeys, Stop> {
        self.tenant_keys_over(master, Arc::clone(&self.keys))
    }

    /// Tenant keys of a process that has the new master key alone.
    pub(super) fn remaining_tenant_keys(&self) -> Result<TenantKeys, Stop> {
        self.tenant_keys_over(self.to(), Arc::clone(&self.remaining))
    }

    fn tenant_keys_over(&self, master: &MasterKeyId, keys: Arc<dyn KeyProvider>) -> Result<TenantKeys, Stop> {
        let builder = TenantKeys::builder(keys, Arc::clone(&self.records)).store_id(STORE);
        Ok(builder.master_key(master).clock(self.time.clock()).build()?)
    }

    /// A process in the tenant tier.
    pub(super) fn tenant_store(&self, place: &Place, keys: &TenantKeys) -> Result<EnvelopeStore, Stop> {
        let builder = EnvelopeStore::builder(Arc::new(keys.clone()), Arc::clone(&self.records)).store_id(STORE);
        let owned = ApplicationConfig::default().with_tenant(place.tenant.clone());
        Ok(builder.clock(self.time.clock()).application(place.application.clone(), owned).build()?)
    }

    /// Stores what all cases begin with.
    pub(super) async fn fill(&self, store: &EnvelopeStore, place: &Place) -> Verdict {
        self.drive(async {
            for (name, values) in place.secrets {
                for value in *values {
                    store.put(&place.id(name), (*value).into()).await?;
                }
            }
            store.delete(&place.id(GONE)).await
        })
        .await?;
        Ok(())
    }

    /// Demands that everything that was stored opens, by the store as it is: keys that it has ready are forgotten first.
    pub(super) async fn opens(&self, store: &EnvelopeStore, place: &Place) -> Verdict {
        self.drive(open_all(store, place)).await
    }

    /// Runs a rotation while a program reads everything and writes, round after round, and demands that all of it goes well, and
    /// that what was written is there in the end.
    pub(super) async fn beside_a_program(
        &self,
        store: &EnvelopeStore,
        place: &Place,
        rotation: impl Future<Output = secret_store_core::Result<RotationReport>>,
    ) -> Result<RotationReport, Stop> {
        let (written, clock) = (AtomicU64::new(0), self.time.clock());
        let program = async {
            loop {
                if let Err(stop) = open_all(store, place).await {
                    return stop;
                }
                let round = written.load(Ordering::SeqCst) + 1;
                let value = format!("{WRITTEN}{round}");
                match store.put(&place.id(WRITTEN), value.as_str().into()).await {
                    Ok(info) if info.version.get() == round => {}
                    Ok(info) => return Stop::failed(format!("write {round} became version {}", info.version)),
                    Err(error) => return error.into(),
                }
                written.store(round, Ordering::SeqCst);
                clock.sleep(REST).await;
            }
        };
        let report = self
            .drive(async {
                match select(pin!(rotation), pin!(program)).await {
                    Either::Left((report, _)) => Ok(report?),
                    Either::Right((stop, _)) => Err(stop),
                }
            })
            .await?;
        let rounds = written.into_inner();
        ensure!(rounds > 2, "the program went round {rounds} times while the rotation took its time");
        // One write may have been under way.
        for round in 1..=rounds {
            self.drive(value_is(store, place, WRITTEN, Some(round), &format!("{WRITTEN}{round}"))).await?;
        }
        Ok(report)
    }

    /// All records of an application and of its tenant, as they are stored; without settings and jobs.
    pub(super) async fn stored(&self, place: &Place) -> Result<Records, Stop> {
        let application = place.application.as_str();
        let partitions = [application.to_owned(), format!("~h~{application}"), format!("~k~{}", place.tenant.as_str())];
        let mut records = Records::new();
        for partition in partitions {
            let mut query = ListQuery::new(partition.as_str()).with_consistency(Consistency::Strong);
            loop {
                let page = self.drive(self.records.list(&query)).await?;
                for (sort, stored) in page.items {
                    records.insert(RecordKey::new(partition.as_str(), sort), Record::clone(&stored.record));
                }
                let Some(next) = page.next else { break };
                query = query.continued(next);
            }
        }
        Ok(records)
    }

    /// Demands that exactly these attributes of every record with a document key have changed, and nothing else anywhere.
    pub(super) async fn only_changed(&self, place: &Place, before: &Records, attributes: &[&'static str]) -> Verdict {
        only_changed(before, &self.stored(place).await?, attributes)
    }

    /// Demands that a rotation is at its proven end.
    pub(super) async fn finished(&self, store: &EnvelopeStore, place: &Place, report: &RotationReport) -> Verdict {
        ensure!(report.is_complete(), "it is not complete: {report:?}");
        let job = self.drive(store.rotator().job(&place.application)).await?;
        ensure!(job.as_ref().is_some_and(|job| job.state == JobState::Finished), "its job is not finished: {job:?}");
        Ok(())
    }
}

async fn open_all(store: &EnvelopeStore, place: &Place) -> Verdict {
    store.purge_keys();
    for (name, values) in place.secrets {
        for (version, value) in (1..).zip(*values) {
            let is_current = version == values.len() as u64;
            if is_current && *name != GONE {
                value_is(store, place, name, None, value).await?;
            }
            value_is(store, place, name, Some(version), value).await?;
        }
    }
    Ok(())
}

async fn value_is(store: &EnvelopeStore, place: &Place, name: &str, version: Option<u64>, expected: &str) -> Verdict {
    let options = GetOptions::default().with_consistency(Consistency::Strong);
    let options = match version.and_then(|number| SecretVersion::new(number).ok()) {
        Some(version) => options.with_version(version),
        None => options,
    };
    let secret = store.get_with(&place.id(name), options).await;
    let secret = secret.map_err(|error| {
        Stop::failed(format!("version {version:?} of {name} does not open: {error} [{:?}]", error.kind()))
    })?;
    ensure!(secret.expose_secret() == expected.as_bytes(), "version {version:?} of {name} answers another value");
    Ok(())
}

/// Demands that exactly these attributes of every record with a document key have changed, and nothing else anywhere.
pub(super) fn only_changed(before: &Records, after: &Records, attributes: &[&'static str]) -> Verdict {
    ensure!(before.keys().eq(after.keys()), "records came or went: {:?} became {:?}", before.keys(), after.keys());
    for (key, then) in before {
        let (mut now, is_secret) = (after[key].clone(), then.get(VALUE).is_some());
        ensure!(is_secret || *then == now, "{key:?} changed");
        for attribute in attributes.iter().filter(|_| is_secret) {
            ensure!(then.get(attribute) != now.get(attribute), "{attribute} of {key:?} did not change");
            if let Some(value) = then.get(attribute) {
                now.set(*attribute, value.clone());
            }
        }
        now.remove(MARK);
        ensure!(*then == now, "{key:?} changed in more than {attributes:?}");
    }
    Ok(())
}
