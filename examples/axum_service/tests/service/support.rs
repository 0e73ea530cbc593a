//! A service without a socket, over a store in memory, at a time that the test sets.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use secret_store_core::audit::{AuditKey, AuditSink, PersistenceSink};
use secret_store_core::{
    Application, CacheOptions, Clock, EnvelopeStore, MockSecretStore, SecretStore, SecretStoreExt,
};
use secret_store_example_axum_service::caller::{REQUEST_HEADER, USER_HEADER};
use secret_store_example_axum_service::database::{Database, Pool};
use secret_store_example_axum_service::reload::open_pool;
use secret_store_example_axum_service::routes::router;
use secret_store_example_axum_service::secrets::{APPLICATION, DATABASE_PASSWORD, Secrets};
use secret_store_example_axum_service::state::AppState;
use secret_store_memory::MemoryPersistence;
use tower::ServiceExt;

pub(crate) const PASSWORD: &str = "canary-password-one";
pub(crate) const PARTNER_KEY: &str = "canary-partner-key";
pub(crate) const LINK: &str = "/partners/acme/links/7";
/// The life of an entry, with its jitter.
pub(crate) const LIFETIME: Duration = Duration::from_secs(60);

/// A clock that the test moves. What sleeps wakes when its time has come.
#[derive(Debug, Default)]
pub(crate) struct ManualClock {
    millis: AtomicU64,
    sleepers: Mutex<Vec<Waker>>,
}

impl ManualClock {
    pub(crate) fn advance(&self, by: Duration) {
        self.millis.fetch_add(u64::try_from(by.as_millis()).expect("a short time"), Ordering::SeqCst);
        let sleepers = std::mem::take(&mut *self.sleepers.lock().expect("no panic under this lock"));
        sleepers.into_iter().for_each(Waker::wake);
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_700_000_000) + self.monotonic()
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.millis.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.monotonic() + duration;
        std::future::poll_fn(|context| {
            self.sleepers.lock().expect("no panic under this lock").push(context.waker().clone());
            if self.monotonic() >= until { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }
}

/// Everything around one service.
pub(crate) struct World {
    pub(crate) app: Application<EnvelopeStore>,
    pub(crate) database: Arc<Database>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) audit: Arc<MemoryPersistence>,
    pub(crate) audit_key: Arc<AuditKey>,
}

impl World {
    /// With a password that the database accepts, and a partner.
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let store = secret_store_memory::store("test").expect("valid");
        let app = store.application(APPLICATION).expect("valid");
        app.put(DATABASE_PASSWORD, PASSWORD).await.expect("stored");
        app.put("PartnerKey#acme", PARTNER_KEY).await.expect("stored");
        let database = Arc::new(Database::default());
        database.accept(PASSWORD);
        let (key, _) = AuditKey::generate().expect("random");
        Self { app, database, clock, audit: Arc::default(), audit_key: Arc::new(key) }
    }

    pub(crate) fn store(&self) -> Arc<dyn SecretStore> {
        Arc::new(self.app.store().clone())
    }

    /// A mock that answers reads as the store does, so that a test adds the failures alone.
    pub(crate) fn answering(&self, times: usize) -> MockSecretStore {
        let (mut mock, store) = (MockSecretStore::new(), self.store());
        // The memory backend waits for nothing.
        let answer = move |id: &_, options| futures_util::FutureExt::now_or_never(store.get_with(id, options));
        mock.expect_get_with().times(times).returning(move |id, options| answer(id, options).expect("answers at once"));
        mock
    }

    pub(crate) fn secrets(&self, store: Arc<dyn SecretStore>, sink: Arc<dyn AuditSink>) -> Secrets {
        let cache = CacheOptions::default().with_clock(self.clock.clone());
        Secrets::new(store, sink, self.audit_key.clone(), &cache).expect("valid")
    }

    pub(crate) async fn service(&self) -> Service {
        self.service_over(self.store(), Arc::new(PersistenceSink::new(self.audit.clone()))).await
    }

    pub(crate) async fn service_over(&self, store: Arc<dyn SecretStore>, sink: Arc<dyn AuditSink>) -> Service {
        let secrets = self.secrets(store, sink);
        let (pool, seen) = open_pool(&secrets, self.database.clone()).await.expect("a password is there");
        let routes = router(AppState { secrets: secrets.clone(), pool: pool.clone() });
        Service { routes, secrets, pool, seen }
    }
}

pub(crate) struct Service {
    pub(crate) routes: Router,
    pub(crate) secrets: Secrets,
    pub(crate) pool: Arc<Pool>,
    pub(crate) seen: secret_store_core::SecretInfo,
}

impl Service {
    pub(crate) async fn get(&self, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).header(USER_HEADER, "alice@example.com").header(REQUEST_HEADER, "request-17");
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    pub(crate) async fn send(&self, request: Request<Body>) -> (StatusCode, String) {
        let response = self.routes.clone().oneshot(request).await.expect("every request is answered");
        let status = response.status();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            assert!(response.headers().contains_key("retry-after"));
        }
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }

    pub(crate) async fn status(&self, path: &str) -> StatusCode {
        self.get(path).await.0
    }
}
