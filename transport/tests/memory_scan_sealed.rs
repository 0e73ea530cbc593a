//! No decrypted byte is left in memory after a sealed submission and after a retrieval: on success, on refusal and on cancellation.

#[path = "shared/yielding.rs"]
mod yielding;

use std::sync::Arc;
use std::time::Duration;

use futures::executor::block_on;
use secret_store_conformance::memory_scan::{self, Canaries, Expect};
use secret_store_core::audit::{AuditRecorder, TracingSink};
use secret_store_core::{ApplicationName, EnvelopeStore, SecretName, SystemClock};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use secret_store_transport::{
    AnswerKey, AuthorityKey, Freshness, KeySpec, Message as _, Once, OrganisationKeys, OrganisationRecords, Places,
    Retrieval, SealedIntake, SealedRequest, SealingKey, Target, Trust,
};
use yielding::{Paused, Yielding};

const NAMES: [&str; 3] = ["short", "longer", "longest"];
const SIZES: [usize; 3] = [16, 300, 20_000];
const LIFETIME: Duration = Duration::from_secs(86_400);

struct Scene {
    records: Arc<Yielding>,
    store: Arc<EnvelopeStore>,
    intake: SealedIntake,
    retrieval: Retrieval,
    sealing: SealingKey,
    answers: AnswerKey,
}

fn target(name: &str) -> Target {
    Target::parse("acme", "prod", name).expect("valid")
}

impl Scene {
    async fn new(spec: KeySpec) -> Self {
        let records = Arc::new(Yielding::new(Arc::new(MemoryPersistence::new())));
        let master = MemoryKeyProvider::new().with_generated(&"main".parse().expect("valid")).expect("random");
        let builder = EnvelopeStore::builder(Arc::new(master), records.clone()).store_id("scanned").master_key("main");
        let store = Arc::new(builder.build().expect("valid"));
        let keys = OrganisationKeys::new(store.clone(), ApplicationName::new("sealing-keys").expect("valid"));
        let acme = target("any").place.organisation;
        keys.create(&acme, spec, LIFETIME).await.expect("creates");
        let authority = AuthorityKey::generate().expect("random");
        let trust = Trust::Authority(authority.public_key());
        let OrganisationRecords { sealing, answers, .. } = keys.records(&acme, &authority).await.expect("records");
        let application = ApplicationName::new("acme.prod").expect("valid");
        let places = Places::new().with(target("any").place, application).expect("free");
        let recorder = AuditRecorder::builder(Arc::new(TracingSink)).environment("prod").actor("server");
        let (recorder, once) = (recorder.build().expect("a recorder"), Once::new(records.clone()));
        let clock = Arc::new(SystemClock);
        Self {
            intake: SealedIntake::new(store.clone(), keys.clone(), places.clone(), once.clone(), recorder.clone()),
            retrieval: Retrieval::new(store.clone(), keys, places, once, recorder),
            sealing: SealingKey::from_record(&sealing, &trust, &acme, clock.clone()).expect("trusted"),
            answers: AnswerKey::from_record(&answers, &trust, &acme, clock).expect("trusted"),
            records,
            store,
        }
    }

    fn scan(&self, canaries: &Canaries, name: &str, values: Expect) {
        // Its ready ciphers are keys that the store keeps on purpose.
        self.store.purge_keys();
        canaries.scan(name, [values, Expect::Absent, Expect::Held]);
    }

    async fn seal(&self, canaries: &Canaries, name: &str, size: usize) -> SealedRequest {
        let nonce = self.intake.issue_nonce(&target(name).place).await.expect("issues");
        let value = canaries.value(size);
        SealedRequest::new(self.sealing.seal(&target(name), &Freshness::Nonce(nonce), &value).expect("seals"))
    }
}

async fn submit(scene: &Scene, canaries: &Canaries) {
    for (name, size) in NAMES.into_iter().zip(SIZES) {
        let request = scene.seal(canaries, name, size).await;
        scene.intake.put_sealed(&target(name), request).await.expect("stored");
        // Refused after it was opened: its nonce is used up.
        let request = scene.seal(canaries, name, size).await;
        let text = serde_json::to_string(&request).expect("serialises");
        scene.intake.put_sealed(&target(name), request).await.expect("stored");
        let again = serde_json::from_str(&text).expect("a request");
        scene.intake.put_sealed(&target(name), again).await.expect_err("replayed");
        let other = scene.seal(canaries, name, size).await;
        scene.intake.put_sealed(&target("other"), other).await.expect_err("for another name");
    }
}

/// Dropped at every pause of the database, in turn.
async fn cancel(scene: &Scene, canaries: &Canaries) {
    let (mut dropped, mut holding) = (0, 0);
    for pause in 0.. {
        let request = scene.seal(canaries, NAMES[1], SIZES[1]).await;
        let of = target(NAMES[1]);
        let mut put = Box::pin(scene.intake.put_sealed(&of, request));
        match scene.records.poll_to_pause(put.as_mut(), pause) {
            Paused::Ended(outcome) => {
                outcome.expect("nothing fails");
                break;
            }
            Paused::In(partition) => {
                dropped += 1;
                // It opened the seal, and is about to use the nonce up.
                if partition.starts_with("~n~") {
                    scene.scan(canaries, "control-held-by-a-waiting-submission", Expect::Present);
                    holding += 1;
                }
            }
        }
    }
    // The organisation's keys, the nonce, the secret: before and after each call.
    assert!(dropped >= 8 && holding >= 4, "{dropped} were dropped, {holding} of them with the value in clear");
}

async fn retrieve(scene: &Scene, canaries: &Canaries, spec: KeySpec) {
    let names = NAMES.map(|name| SecretName::new(name).expect("valid"));
    let (request, pending) = scene.answers.request(&target("any").place, names, spec).await.expect("asks");
    let bundle = scene.retrieval.answer(&request).await.expect("answers");
    scene.scan(canaries, "answered", Expect::Absent);
    let secrets = pending.open(&bundle).await.expect("opens");
    scene.scan(canaries, "control-held-by-the-client", Expect::Present);
    drop(secrets);
    let mut altered = bundle.as_bytes().to_vec();
    *altered.last_mut().expect("not empty") ^= 1;
    let altered = secret_store_transport::Bundle::from_bytes(altered).expect("well formed");
    pending.open(&altered).await.expect_err("altered");
}

fn scenario(spec: KeySpec) -> impl Fn(&Canaries) {
    move |canaries| {
        block_on(async {
            let scene = Scene::new(spec).await;
            submit(&scene, canaries).await;
            scene.scan(canaries, "submitted", Expect::Absent);
            cancel(&scene, canaries).await;
            scene.scan(canaries, "cancelled", Expect::Absent);
            retrieve(&scene, canaries, spec).await;
            scene.scan(canaries, "retrieved", Expect::Absent);
        });
    }
}

#[test]
fn nothing_sealed_is_left_with_hpke() {
    memory_scan::run_scenario("nothing_sealed_is_left_with_hpke", scenario(KeySpec::X25519));
}

#[cfg(feature = "rsa")]
#[test]
fn nothing_sealed_is_left_with_rsa() {
    memory_scan::run_scenario("nothing_sealed_is_left_with_rsa", scenario(KeySpec::Rsa3072));
}
