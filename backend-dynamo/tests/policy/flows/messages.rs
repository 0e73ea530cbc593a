//! Servers that take sealed submissions, answer requests for secrets, and use up and sweep single-use marks.

use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use secret_store_core::{
    Clock, EnvelopeStore, ErrorKind, HistoryRetention, Result, SecretId, SecretStoreExt, SecretVersion, SystemClock,
};
use secret_store_transport::{
    AnswerKey, AuthorityKey, Expiry, Freshness, KeySpec, Once, OrganisationKeys, Place, Places, Retrieval,
    RetrievalRequest, SealedIntake, SealedRequest, SealingKey, SingleUse, Trust,
};

use super::{Flow, audit, flows, reader};
use crate::site::{SEALING, Site, name, tenant, value};

const LIFETIME: Duration = Duration::from_secs(60);

/// Signs the records of every key here.
pub(super) fn authority() -> &'static AuthorityKey {
    static AUTHORITY: OnceLock<AuthorityKey> = OnceLock::new();
    AUTHORITY.get_or_init(|| AuthorityKey::generate().expect("random"))
}

pub(super) fn trust() -> Trust {
    Trust::Authority(authority().public_key())
}

pub(super) fn intake_flows() -> Vec<Flow> {
    flows![
        "take a sealed secret with a nonce" => take_with_nonce,
        "take a sealed secret that replaces another" => take_over_another,
        "take a sealed secret for a version that is expected" => take_for_version,
        "take a sealed secret after a delete" => take_after_delete,
        "take a sealed secret, and drop the oldest version" => take_and_prune,
        "take a sealed secret whose answer is lost" => take_without_answer,
        "take a sealed secret over a restored record" => take_over_restored,
        "take a sealed secret where batches are denied" => take_without_batches,
        "detect a rollback" => detect_rollback,
        "refuse a sealed secret for a place that there is not" => refuse_place,
        "begin a tenant" => begin_tenant,
        "look up a key by its alias" => super::auditor::look_up,
        "check the table" => reader::check,
        "append audit entries" => audit::append,
        "append audit entries whose answers are lost" => audit::append_without_answer,
        "append refusals" => audit::append_refusals,
        "append refusals whose answers are lost" => audit::append_refusals_without_answer,
    ]
}

pub(super) fn responder_flows() -> Vec<Flow> {
    flows![
        "answer a request for a secret" => answer_one,
        "answer a request for several secrets" => answer_several,
        "answer a request once" => answer_once,
        "refuse a request for a place that there is not" => refuse_request,
        "look up a key by its alias" => super::auditor::look_up,
        "check the table" => reader::check,
        "append audit entries" => audit::append,
        "append audit entries whose answers are lost" => audit::append_without_answer,
        "append refusals" => audit::append_refusals,
        "append refusals whose answers are lost" => audit::append_refusals_without_answer,
    ]
}

pub(super) fn marker_flows() -> Vec<Flow> {
    flows![
        "issue and consume a nonce" => consume,
        "mark a message once" => mark,
        "check the table" => reader::check,
    ]
}

pub(super) fn sweeper_flows() -> Vec<Flow> {
    flows!["sweep marks" => sweep, "check the table" => reader::check]
}

/// The environment of an application has its name, but for the case.
fn place(application: &str) -> Place {
    Place::parse(tenant().as_str(), application).expect("valid")
}

pub(super) fn places(site: &Site) -> Places {
    let with = |places: Places, application| places.with(place(application), name(application)).expect("free");
    site.applications().into_iter().fold(Places::new(), with)
}

fn keys_in(store: &Arc<EnvelopeStore>) -> OrganisationKeys {
    OrganisationKeys::new(Arc::clone(store) as _, name(SEALING))
}

/// Past the gate: the organisation has keys.
async fn organisation_keys(site: &Site) -> OrganisationKeys {
    let keys = keys_in(&Arc::new(site.admin().await));
    if keys.versions(&tenant()).await.is_err() {
        keys.create(&tenant(), KeySpec::X25519, Duration::from_secs(86_400)).await.expect("keys");
    }
    keys
}

/// As the caller.
fn intake_over(site: &Site, store: EnvelopeStore) -> SealedIntake {
    let store = Arc::new(store);
    let (keys, once) = (keys_in(&store), Once::new(site.records()));
    SealedIntake::new(store, keys, places(site), once, audit::recorder_of(site))
}

/// Past the gate: a client that seals a value for a secret.
pub(super) async fn sealed(site: &Site, id: &SecretId, freshness: &Freshness) -> SealedRequest {
    let record = organisation_keys(site).await.records(&tenant(), authority()).await.expect("records").sealing;
    let sealing = SealingKey::from_record(&record, &trust(), &tenant(), Arc::new(SystemClock)).expect("trusted");
    let target = place(id.application().as_str()).secret(id.name().clone());
    SealedRequest::new(sealing.seal(&target, freshness, &value("sealed")).expect("sealed"))
}

/// As the caller: takes a sealed secret with a nonce that it issues.
async fn take(site: &Site, store: EnvelopeStore, id: &SecretId) -> Result<()> {
    let intake = intake_over(site, store);
    let target = place(id.application().as_str()).secret(id.name().clone());
    let nonce = intake.issue_nonce(&target.place).await?;
    let request = sealed(site, id, &Freshness::Nonce(nonce)).await;
    let info = intake.put_sealed(&target, request).await?;
    assert_eq!(site.admin().await.get(&info.id).await.expect("it opens").text().expect("text"), "sealed");
    Ok(())
}

async fn stored(site: &Site, application: &str, versions: usize) -> SecretId {
    let id = site.fresh(application);
    for number in 0..versions {
        site.admin().await.put(&id, value(&number.to_string())).await.expect("a put");
    }
    id
}

async fn take_with_nonce(site: &Site) -> Result<()> {
    for application in site.applications() {
        take(site, site.store().await, &site.fresh(application)).await?;
    }
    Ok(())
}

async fn take_over_another(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = stored(site, application, 1).await;
        take(site, site.store().await, &id).await?;
    }
    Ok(())
}

async fn take_for_version(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = stored(site, application, 1).await;
        let expiry = Expiry::after(&SystemClock, LIFETIME);
        let freshness = Freshness::ExpectedVersion { version: SecretVersion::FIRST, expiry };
        let request = sealed(site, &id, &freshness).await;
        let target = place(application).secret(id.name().clone());
        intake_over(site, site.store().await).put_sealed(&target, request).await?;
    }
    Ok(())
}

async fn take_after_delete(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = stored(site, application, 2).await;
        site.admin().await.delete(&id).await.expect("a delete");
        take(site, site.store().await, &id).await?;
    }
    Ok(())
}

async fn take_and_prune(site: &Site) -> Result<()> {
    let one = HistoryRetention::Versions(std::num::NonZeroU64::MIN);
    for application in site.applications() {
        let id = stored(site, application, 2).await;
        take(site, site.store_keeping(one).await, &id).await?;
    }
    Ok(())
}

async fn take_without_answer(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = site.fresh(application);
        let store = site.store().await;
        let target = place(application).secret(id.name().clone());
        let intake = intake_over(site, store);
        let nonce = intake.issue_nonce(&target.place).await?;
        let request = sealed(site, &id, &Freshness::Nonce(nonce)).await;
        site.losing_answers_to("TransactWriteItems", intake.put_sealed(&target, request)).await?;
    }
    Ok(())
}

async fn take_over_restored(site: &Site) -> Result<()> {
    use secret_store_core::{Persistence, Precondition, RecordKey, Write};
    for application in site.applications() {
        let id = stored(site, application, 1).await;
        let key = RecordKey::new(application, id.name().as_str());
        let records = site.admin_records();
        let first = records.load(&key, Default::default()).await.expect("a read").expect("there");
        site.admin().await.put(&id, value("second")).await.expect("a put");
        let restored = Write::put(key, first.record, Precondition::Any);
        records.commit(vec![restored]).await.expect("a restore of one record");
        take(site, site.store().await, &id).await?;
    }
    Ok(())
}

async fn take_without_batches(site: &Site) -> Result<()> {
    site.without_batches(take_with_nonce(site)).await
}

/// The server itself has stored a later version.
async fn detect_rollback(site: &Site) -> Result<()> {
    use secret_store_core::{Persistence, Precondition, RecordKey, Write};
    for application in site.applications() {
        let id = stored(site, application, 1).await;
        let key = RecordKey::new(application, id.name().as_str());
        let records = site.admin_records();
        let first = records.load(&key, Default::default()).await.expect("a read").expect("there");
        let intake = intake_over(site, site.store().await);
        let target = place(application).secret(id.name().clone());
        let take = || async {
            let nonce = intake.issue_nonce(&target.place).await?;
            intake.put_sealed(&target, sealed(site, &id, &Freshness::Nonce(nonce)).await).await
        };
        take().await?;
        let restored = Write::put(key, first.record, Precondition::Any);
        records.commit(vec![restored]).await.expect("a restore of one record");
        refused(take().await, ErrorKind::RollbackDetected)?;
    }
    Ok(())
}

/// It is what the flow is about that the refusal could be recorded.
fn refused<T>(outcome: Result<T>, kind: ErrorKind) -> Result<()> {
    match outcome {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(error),
        Ok(_) => panic!("this is to be refused"),
    }
}

async fn refuse_place(site: &Site) -> Result<()> {
    let id = site.fresh("elsewhere");
    let expiry = Expiry::after(&SystemClock, LIFETIME);
    let request = sealed(site, &id, &Freshness::ExpectedVersion { version: SecretVersion::FIRST, expiry }).await;
    let target = place("elsewhere").secret(id.name().clone());
    refused(intake_over(site, site.store().await).put_sealed(&target, request).await, ErrorKind::PermissionDenied)
}

async fn begin_tenant(site: &Site) -> Result<()> {
    site.forget_tenant().await;
    take(site, site.store().await, &site.fresh(crate::site::USERS)).await
}

async fn retrieval(site: &Site) -> Retrieval {
    let store = Arc::new(site.store().await);
    let (keys, once) = (keys_in(&store), Once::new(site.records()));
    Retrieval::new(store, keys, places(site), once, audit::recorder_of(site))
}

/// Past the gate: a client that asks for secrets.
pub(super) async fn request(site: &Site, application: &str, ids: &[SecretId]) -> RetrievalRequest {
    let record = organisation_keys(site).await.records(&tenant(), authority()).await.expect("records").answers;
    let answers = AnswerKey::from_record(&record, &trust(), &tenant(), Arc::new(SystemClock)).expect("trusted");
    let names = ids.iter().map(|id| id.name().clone()).collect::<Vec<_>>();
    answers.request(&place(application), names, KeySpec::X25519).await.expect("a request").0
}

async fn answer_one(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = stored(site, application, 1).await;
        let request = request(site, application, &[id]).await;
        retrieval(site).await.answer(&request).await?;
    }
    Ok(())
}

async fn answer_several(site: &Site) -> Result<()> {
    for application in site.applications() {
        let ids = [stored(site, application, 1).await, stored(site, application, 1).await];
        let request = request(site, application, &ids).await;
        retrieval(site).await.answer(&request).await?;
    }
    Ok(())
}

/// What stands there tells that it is not this call's mark.
async fn answer_once(site: &Site) -> Result<()> {
    for application in site.applications() {
        let id = stored(site, application, 1).await;
        let request = request(site, application, &[id]).await;
        retrieval(site).await.answer(&request).await?;
        refused(retrieval(site).await.answer(&request).await, ErrorKind::Replayed)?;
    }
    Ok(())
}

async fn refuse_request(site: &Site) -> Result<()> {
    let request = request(site, "elsewhere", &[site.fresh("elsewhere")]).await;
    refused(retrieval(site).await.answer(&request).await, ErrorKind::PermissionDenied)
}

async fn consume(site: &Site) -> Result<()> {
    let once = Once::new(site.records());
    for application in site.applications() {
        let nonce = once.issue(&name(application), SingleUse::Channel, LIFETIME).await?;
        once.consume(&name(application), SingleUse::Channel, &nonce).await?;
        refused(once.consume(&name(application), SingleUse::Channel, &nonce).await, ErrorKind::Replayed)?;
    }
    Ok(())
}

async fn mark(site: &Site) -> Result<()> {
    let once = Once::new(site.records());
    for application in site.applications() {
        let (id, expiry) =
            (site.fresh(application).name().to_string() + "-long-enough", Expiry::after(&SystemClock, LIFETIME));
        let mark = || async { once.mark(&name(application), SingleUse::Channel, id.as_bytes(), expiry).await };
        mark().await?;
        refused(mark().await, ErrorKind::Replayed)?;
    }
    Ok(())
}

/// What was issued a day ago is over.
#[derive(Debug)]
struct Yesterday;

#[async_trait]
impl Clock for Yesterday {
    fn now(&self) -> SystemTime {
        SystemClock.now() - Duration::from_secs(86_400)
    }

    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }

    async fn sleep(&self, duration: Duration) {
        SystemClock.sleep(duration).await;
    }
}

async fn sweep(site: &Site) -> Result<()> {
    let issuing = Once::new(site.admin_records()).with_clock(Arc::new(Yesterday));
    for application in site.applications() {
        let application = name(application);
        for _ in 0..2 {
            issuing.issue(&application, SingleUse::Submission, LIFETIME).await.expect("issued");
        }
        let swept = Once::new(site.records()).sweep(&application, NonZeroUsize::MAX).await?;
        assert!(swept.removed >= 2 && !swept.more, "{swept:?}");
    }
    Ok(())
}
