//! `cargo run --bin axum_service` shows the service and ends; `-- --serve DIRECTORY` runs it.

use std::path::Path;
use std::sync::Arc;

use secret_store_core::{CacheOptions, Precondition, PutOptions, SecretStoreExt, SystemClock, WatchOptions};
use secret_store_example_axum_service::backend::{self, Backend};
use secret_store_example_axum_service::database::Database;
use secret_store_example_axum_service::demonstration;
use secret_store_example_axum_service::secrets::{APPLICATION, DATABASE_PASSWORD, Secrets};
use secret_store_example_axum_service::server::serve;
use tokio::net::TcpListener;
use tracing_subscriber::EnvFilter;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    // One line of JSON for each span that ends and each event. RUST_LOG=secret_store=debug adds the parts of operations.
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt()
        .json()
        .with_env_filter(filter)
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::CLOSE)
        .with_writer(std::io::stderr)
        .init();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => demonstration::run().await,
        ["--serve", home] => run(Path::new(home)).await,
        _ => Err("run it without arguments, or with --serve DIRECTORY".into()),
    }
}

async fn run(home: &Path) -> Result<(), Failure> {
    let Backend { store, sink, audit_key, .. } = backend::open(home).await?;
    // The stand-in forgets its passwords with the process. A real database has the one that is stored.
    let app = store.application(APPLICATION)?;
    let once = PutOptions::default().with_precondition(Precondition::Absent);
    drop(app.put_with(DATABASE_PASSWORD, "change-me", once).await);
    let database = Arc::new(Database::default());
    database.accept(app.get(DATABASE_PASSWORD).await?.text()?);

    let secrets = Secrets::new(Arc::new(store), sink, audit_key, &CacheOptions::default())?;
    let listener = TcpListener::bind("127.0.0.1:8080").await?;
    println!("listening on {}", listener.local_addr()?);
    let shutdown = async { drop(tokio::signal::ctrl_c().await) };
    serve(listener, secrets, database, WatchOptions::default(), Arc::new(SystemClock), shutdown).await
}
