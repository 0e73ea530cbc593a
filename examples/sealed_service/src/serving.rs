//! From a listener to the last answer.

use std::net::Ipv4Addr;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::Failure;
use crate::audit::Audit;

/// Where a server listens, and when it ends.
#[derive(Clone, Debug, clap::Args)]
pub struct ServingOptions {
    /// The port on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    /// Ends when standard input is closed, too: for whoever starts it and may die.
    #[arg(long)]
    pub stop_with_stdin: bool,
}

/// Serves until Ctrl-C or SIGTERM; then requests that have begun are answered and the audit log is verified.
///
/// Prints the address when it can be asked.
///
/// # Errors
///
/// When the port is taken, or the audit log is not intact.
pub async fn run(routes: Router, audit: &Audit, options: &ServingOptions) -> Result<(), Failure> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, options.port)).await?;
    println!("listening on {}", listener.local_addr()?);
    serve(listener, routes, audit, stop(options.stop_with_stdin)?).await
}

/// The same on a listener, until `stop` is ready.
///
/// # Errors
///
/// When the listener fails, or the audit log is not intact.
pub async fn serve(
    listener: TcpListener,
    routes: Router,
    audit: &Audit,
    stop: impl Future<Output = ()> + Send + 'static,
) -> Result<(), Failure> {
    axum::serve(listener, routes).with_graceful_shutdown(stop).await?;
    println!("audit log: {} entries, intact", audit.verify().await?.entries());
    Ok(())
}

fn stop(with_stdin: bool) -> Result<impl Future<Output = ()> + Send, Failure> {
    let terminated = terminated()?;
    Ok(async move {
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = terminated => {}
            () = stdin_closed(), if with_stdin => {}
        }
    })
}

async fn stdin_closed() {
    let (closed, is_closed) = oneshot::channel::<()>();
    // A thread of its own: one of tokio's would keep the process until a line comes.
    std::thread::spawn(move || {
        drop(std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink()));
        drop(closed);
    });
    drop(is_closed.await);
}

#[cfg(unix)]
fn terminated() -> Result<impl Future<Output = ()> + Send, Failure> {
    let mut signals = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        signals.recv().await;
    })
}

#[cfg(not(unix))]
fn terminated() -> Result<impl Future<Output = ()> + Send, Failure> {
    Ok(std::future::pending())
}
