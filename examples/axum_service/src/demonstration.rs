//! The service shows itself: it is started, asked over HTTP, its password is rotated, and it ends.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Empty};
use hyper::body::Bytes;
use hyper::{Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use secret_store_core::audit::Verifier;
use secret_store_core::{CacheOptions, SecretStoreExt, SystemClock, WatchOptions};
use secret_store_rsa_file::JsonLinesLog;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::backend::{self, Backend};
use crate::caller::{REQUEST_HEADER, USER_HEADER};
use crate::database::Database;
use crate::secrets::{APPLICATION, DATABASE_PASSWORD, Secrets};
use crate::server::serve;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Values that no answer may contain.
const VALUES: [&str; 3] = ["first-password-hunter2", "second-password-hunter3", "partner-key-of-acme"];
const REASONABLE: Duration = Duration::from_secs(30);

/// Runs once from the beginning to the end.
///
/// # Errors
///
/// When anything is not as it should be.
pub async fn run() -> Result<(), Failure> {
    let home = tempfile::tempdir()?;
    let Backend { store, sink, audit_key, audit_log } = backend::open(home.path()).await?;
    let [first, second, partner_key] = VALUES;
    let app = store.application(APPLICATION)?;
    app.put(DATABASE_PASSWORD, first).await?;
    app.put("PartnerKey#acme", partner_key).await?;
    let database = Arc::new(Database::default());
    database.accept(first);

    let secrets = Secrets::new(Arc::new(store.clone()), sink, audit_key.clone(), &CacheOptions::default())?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let visitor = Visitor::of(listener.local_addr()?);
    let (stop, stopped) = oneshot::channel::<()>();
    let watching = WatchOptions::default().with_interval(Duration::from_millis(100));
    let shutdown = async { drop(stopped.await) };
    let service = tokio::spawn(serve(listener, secrets, database.clone(), watching, Arc::new(SystemClock), shutdown));

    visitor.asks("/health", StatusCode::OK).await?;
    visitor.asks("/orders", StatusCode::OK).await?;
    visitor.asks("/partners/acme/links/7", StatusCode::OK).await?;
    visitor.asks("/partners/nobody/links/7", StatusCode::NOT_FOUND).await?;

    println!("… the password is rotated …");
    database.accept(second);
    app.put(DATABASE_PASSWORD, second).await?;
    visitor.waits_for("/health", r#""password_version":2"#).await?;
    database.revoke(first);
    visitor.asks("/orders", StatusCode::OK).await?;

    println!("… and the service is stopped");
    drop(stop);
    service.await??;
    let verification = JsonLinesLog::new([audit_log]).verify(Verifier::new().with_key(audit_key)).await?;
    verification.check()?;
    println!("the audit log has {} entries and is intact", verification.entries());
    Ok(())
}

/// A client over loopback.
struct Visitor {
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Empty<Bytes>>,
    address: SocketAddr,
}

impl Visitor {
    fn of(address: SocketAddr) -> Self {
        Self { client: Client::builder(TokioExecutor::new()).build_http(), address }
    }

    async fn get(&self, path: &str) -> Result<(StatusCode, String), Failure> {
        let request = Request::get(format!("http://{}{path}", self.address));
        let request = request.header(USER_HEADER, "alice@example.com").header(REQUEST_HEADER, "request-17");
        let response = self.client.request(request.body(Empty::new())?).await?;
        let status = response.status();
        let body = String::from_utf8(response.into_body().collect().await?.to_bytes().to_vec())?;
        match VALUES.iter().find(|value| body.contains(*value)) {
            None => Ok((status, body)),
            Some(_) => Err(format!("the answer to {path} contains a secret").into()),
        }
    }

    async fn asks(&self, path: &str, expected: StatusCode) -> Result<(), Failure> {
        let (status, body) = self.get(path).await?;
        println!("GET {path}\n    {status} {body}");
        if status == expected { Ok(()) } else { Err(format!("{path} answered {status}, not {expected}").into()) }
    }

    async fn waits_for(&self, path: &str, text: &str) -> Result<(), Failure> {
        let began = Instant::now();
        while !self.get(path).await?.1.contains(text) {
            if began.elapsed() > REASONABLE {
                return Err(format!("{path} does not come to say {text}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.asks(path, StatusCode::OK).await
    }
}
