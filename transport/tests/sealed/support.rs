//! Two servers on one store, a client, and a clock that moves when told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use secret_store_core::audit::{AuditEntry, AuditFilter, AuditLog, AuditRecorder, AuditSink, PersistenceSink};
use secret_store_core::{
    ApplicationName, Clock, EnvelopeStore, ErrorKind, Limits, Result, SecretId, SecretName, SecretStore, TenantId,
};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
use secret_store_transport::{
    AnswerKey, AuthorityKey, Freshness, KeySpec, Once, OrganisationKeys, Place, Places, Retrieval, SealedIntake,
    SealedRequest, SealedSecret, SealingKey, Target, Trust,
};

#[derive(Debug)]
pub(crate) struct ManualClock(AtomicU64);

impl ManualClock {
    fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU64::new(1_800_000_000_000)))
    }

    pub(crate) fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).expect("a short time"), Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        // Far beyond every test.
        if duration < Duration::from_secs(1) {
            return;
        }
        std::future::pending::<()>().await;
    }
}

pub(crate) const DAY: Duration = Duration::from_secs(86_400);
pub(crate) const KEYS: &str = "sealing-keys";

/// The suites of this build.
pub(crate) fn specs() -> Vec<KeySpec> {
    if cfg!(feature = "rsa") { vec![KeySpec::X25519, KeySpec::Rsa3072] } else { vec![KeySpec::X25519] }
}

pub(crate) fn tenant(name: &str) -> TenantId {
    TenantId::new(name).expect("valid")
}

pub(crate) fn place(organisation: &str, environment: &str) -> Place {
    Place::parse(organisation, environment).expect("valid")
}

pub(crate) fn target(name: &str) -> Target {
    place("acme", "prod").secret(SecretName::new(name).expect("valid"))
}

pub(crate) fn id(application: &str, name: &str) -> SecretId {
    SecretId::parse(application, name).expect("valid")
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.expect_err("refused").kind()
}

pub(crate) struct World {
    pub(crate) records: Arc<MemoryPersistence>,
    pub(crate) log: Arc<MemoryPersistence>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<EnvelopeStore>,
    pub(crate) keys: OrganisationKeys,
    pub(crate) authority: AuthorityKey,
}

impl World {
    /// `acme` and `evil` have keys of this kind.
    pub(crate) async fn new(spec: KeySpec) -> Self {
        let limits = Limits::DEFAULT.with_record_bytes(4 * 1024 * 1024);
        let records = Arc::new(MemoryPersistence::new().with_limits(limits));
        let clock = ManualClock::new();
        let master = MemoryKeyProvider::new().with_generated(&"main".parse().expect("valid")).expect("random");
        let store = EnvelopeStore::builder(Arc::new(master), Arc::clone(&records) as _)
            .store_id("demo")
            .master_key("main")
            .max_value_bytes(2 * 1024 * 1024)
            .clock(Arc::clone(&clock) as _)
            .build()
            .expect("a store");
        let store = Arc::new(store);
        let application = ApplicationName::new(KEYS).expect("valid");
        let keys = OrganisationKeys::new(Arc::clone(&store) as _, application).with_clock(Arc::clone(&clock) as _);
        for organisation in ["acme", "evil"] {
            assert_eq!(keys.create(&tenant(organisation), spec, 90 * DAY).await.expect("creates"), 1);
        }
        let authority = AuthorityKey::generate().expect("random");
        Self { records, log: Arc::default(), clock, store, keys, authority }
    }

    pub(crate) fn clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock) as _
    }

    fn places() -> Places {
        [("acme", "prod"), ("acme", "dev"), ("evil", "prod")].into_iter().fold(Places::new(), |places, (of, at)| {
            let application = ApplicationName::new(format!("{of}.{at}")).expect("valid");
            places.with(place(of, at), application).expect("free")
        })
    }

    pub(crate) fn once(&self) -> Once {
        Once::new(Arc::clone(&self.records) as _).with_clock(self.clock())
    }

    pub(crate) fn recorder(&self, sink: Arc<dyn AuditSink>) -> AuditRecorder {
        let recorder = AuditRecorder::builder(sink).environment("prod").actor("server").clock(self.clock());
        recorder.build().expect("a recorder")
    }

    pub(crate) fn sink(&self) -> Arc<dyn AuditSink> {
        Arc::new(PersistenceSink::new(Arc::clone(&self.log) as _))
    }

    /// One of any number of servers on the store.
    pub(crate) fn intake(&self) -> SealedIntake {
        self.intake_over(Arc::clone(&self.store) as _, self.sink())
    }

    pub(crate) fn intake_over(&self, store: Arc<dyn SecretStore>, sink: Arc<dyn AuditSink>) -> SealedIntake {
        SealedIntake::new(store, self.keys.clone(), Self::places(), self.once(), self.recorder(sink))
            .with_clock(self.clock())
    }

    pub(crate) fn retrieval(&self) -> Retrieval {
        self.retrieval_with(self.sink())
    }

    /// Over something in front of the store.
    pub(crate) fn retrieval_over(&self, store: Arc<dyn SecretStore>) -> Retrieval {
        let recorder = self.recorder(self.sink());
        Retrieval::new(store, self.keys.clone(), Self::places(), self.once(), recorder).with_clock(self.clock())
    }

    pub(crate) fn retrieval_with(&self, sink: Arc<dyn AuditSink>) -> Retrieval {
        let store = Arc::clone(&self.store) as _;
        Retrieval::new(store, self.keys.clone(), Self::places(), self.once(), self.recorder(sink))
            .with_clock(self.clock())
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::Authority(self.authority.public_key())
    }

    /// The client's key for an organisation, by the current record.
    pub(crate) async fn sealing_key(&self, organisation: &str) -> SealingKey {
        let organisation = tenant(organisation);
        let record = self.keys.records(&organisation, &self.authority).await.expect("records").sealing;
        SealingKey::from_record(&record, &self.trust(), &organisation, self.clock()).expect("trusted")
    }

    pub(crate) async fn answer_key(&self, organisation: &str) -> AnswerKey {
        let organisation = tenant(organisation);
        let record = self.keys.records(&organisation, &self.authority).await.expect("records").answers;
        AnswerKey::from_record(&record, &self.trust(), &organisation, self.clock()).expect("trusted")
    }

    pub(crate) async fn nonce(&self, of: &Target) -> Freshness {
        Freshness::Nonce(self.intake().issue_nonce(&of.place).await.expect("issues"))
    }

    /// A secret sealed to its organisation's current key under a new nonce.
    pub(crate) async fn seal(&self, of: &Target, value: &str) -> SealedSecret {
        let key = self.sealing_key(of.place.organisation.as_str()).await;
        key.seal(of, &self.nonce(of).await, &value.into()).expect("seals")
    }

    /// Submits and must be refused, with the store left as it was, to the record.
    pub(crate) async fn refused(&self, of: &Target, request: SealedRequest) -> ErrorKind {
        let before = self.dump();
        let refusal = kind(self.intake().put_sealed(of, request).await);
        assert!(self.dump() == before, "something was stored");
        refusal
    }

    /// Everything in the store: secrets, history, keys, marks.
    pub(crate) fn dump(&self) -> Vec<(String, Vec<u8>)> {
        let snapshot = self.records.snapshot();
        snapshot.iter().map(|(key, stored)| (format!("{key:?}"), stored.record.to_bytes())).collect()
    }

    /// The records of one application's secrets, with their history.
    pub(crate) fn secrets_of(&self, application: &str) -> Vec<(String, Vec<u8>)> {
        let own = [format!("\"{application}\"/"), format!("\"~h~{application}\"/")];
        self.dump().into_iter().filter(|(key, _)| own.iter().any(|own| key.starts_with(own))).collect()
    }

    pub(crate) async fn entries(&self, application: &str) -> Vec<AuditEntry> {
        let log = AuditLog::new(Arc::clone(&self.log) as _);
        let mut reader = log.read(&ApplicationName::new(application).expect("valid"), AuditFilter::new());
        let mut entries = Vec::new();
        while let Some(entry) = reader.next().await.expect("reads") {
            entries.push(entry);
        }
        entries
    }
}

/// A message as it comes over the wire.
pub(crate) fn as_json(request: &SealedRequest) -> String {
    serde_json::to_string(request).expect("serialises")
}

pub(crate) fn from_json(text: &str) -> SealedRequest {
    serde_json::from_str(text).expect("has the shape")
}
