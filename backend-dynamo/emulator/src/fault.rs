//! A proxy in front of a stand-in that records what passes and misbehaves on request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

mod answer;
mod http;
mod rewrite;
mod script;
mod upstream;

use crate::loopback::{Exchange, Request, Response};
use crate::server_thread::ServerThread;
use script::Script;
use upstream::Upstream;

/// How a request to AWS goes wrong on its way.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ProxyFault {
    /// Answered so; the backend never sees it.
    Answer(Response),
    /// `ThrottlingException`.
    Throttled,
    /// `ProvisionedThroughputExceededException`.
    CapacityExceeded,
    /// `InternalServerError`, status 500; not carried out.
    ServerError,
    /// Status 503 with a body that is no JSON, as a load balancer answers; not carried out.
    BareUnavailable,
    /// Status 429 with a body that is no JSON.
    BareTooMany,
    /// Never answered, not carried out.
    Hang,
    /// Carried out, never answered.
    HangAfter,
    /// The connection is closed before anything is carried out.
    CloseBefore,
    /// Carried out; then the connection is closed: the acknowledgement is lost.
    CloseAfter,
    /// Only a part is done: of a `BatchGetItem` one key, the others are unprocessed; of a `Query` a page of one item. Other
    /// requests pass.
    Partial,
    /// Another transaction is in progress: `TransactionCanceledException` with a reason for each write, or
    /// `TransactionConflictException`. Reads pass.
    Conflict,
    /// An eventually consistent read is answered by a replica that lags behind: as the same read was answered first, or as if
    /// nothing had ever been written. Strongly consistent reads and writes pass.
    Stale,
    /// `ExpiredTokenException`.
    ExpiredCredentials,
    /// `AccessDeniedException`.
    Denied,
    /// Carried out and answered, but later.
    Delay(Duration),
}

/// A running proxy on a free port of 127.0.0.1. It stops when it is dropped.
#[derive(Debug)]
pub struct FaultProxy {
    server: ServerThread,
    script: Arc<Script>,
}

impl FaultProxy {
    /// Passes everything on to a stand-in.
    ///
    /// # Panics
    ///
    /// When the machine gives no port or no thread: a test cannot go on without.
    #[must_use]
    pub fn start(target: SocketAddr) -> Self {
        let script = Arc::new(Script::default());
        let shared = Arc::clone(&script);
        Self { server: ServerThread::start(move |listener| accept(listener, target, shared)), script }
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Applies a fault to the request number `call` from now on, from 0, once.
    pub fn fail_call(&self, call: usize, fault: &ProxyFault) {
        self.script.fail_calls(call, 1, fault);
    }

    /// Applies a fault to `count` requests from number `call` on.
    pub fn fail_calls(&self, call: usize, count: usize, fault: &ProxyFault) {
        self.script.fail_calls(call, count, fault);
    }

    /// Applies a fault to every request until [`FaultProxy::heal`].
    pub fn fail_always(&self, fault: ProxyFault) {
        self.script.fail_always(fault);
    }

    /// Applies a fault to every request of one operation (`GetItem`) until [`FaultProxy::heal`].
    pub fn fail_operation(&self, operation: &str, fault: ProxyFault) {
        self.script.fail_operation(operation, fault);
    }

    /// Forgets all faults that have not happened.
    pub fn heal(&self) {
        self.script.heal();
    }

    /// Asks before each request whether it may pass: what the gate answers is answered instead. It is recorded too.
    pub fn set_gate(&self, gate: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) {
        self.script.set_gate(Arc::new(gate));
    }

    /// Everything received since the start or since it was taken last, in order, with what was answered.
    #[must_use]
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        self.script.take_exchanges()
    }

    /// The operations received since the start or since they were taken last, in order.
    #[must_use]
    pub fn take_operations(&self) -> Vec<String> {
        self.take_exchanges().iter().map(|exchange| exchange.request.operation().to_owned()).collect()
    }
}

async fn accept(listener: TcpListener, target: SocketAddr, script: Arc<Script>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, target, Arc::clone(&script)));
        }
    }
}

/// One connection of a client, and one behind it to the stand-in.
async fn serve(stream: TcpStream, target: SocketAddr, script: Arc<Script>) {
    let upstream = Arc::new(Upstream::new(target));
    let service = service_fn(move |request| {
        let (script, upstream) = (Arc::clone(&script), Arc::clone(&upstream));
        async move { respond(request, &script, &upstream).await }
    });
    // An error here is a connection that the client or a fault closed.
    drop(stream.set_nodelay(true));
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

/// Ends the connection without an answer.
#[derive(Debug)]
struct Closed;

impl std::fmt::Display for Closed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the connection is closed without an answer")
    }
}

impl std::error::Error for Closed {}

async fn respond(
    request: hyper::Request<Incoming>,
    script: &Script,
    upstream: &Upstream,
) -> Result<hyper::Response<Full<Bytes>>, Closed> {
    let request = http::received(request).await.map_err(|_| Closed)?;
    let (number, fault) = script.received(&request);
    let refused = script.gate().and_then(|gate| gate(&request));
    let response = match refused {
        Some(response) => Outcome::Answered(response),
        None => faulty(&request, fault, script, upstream).await,
    };
    let (carried, answer) = match response {
        Outcome::Answered(response) => (Some(response.clone()), Ok(response)),
        Outcome::Lost(response) => (response, Err(Closed)),
    };
    if let Some(response) = &carried {
        script.answered(number, response);
    }
    answer.and_then(|response| http::response(response).map_err(|_| Closed))
}

/// What became of a request.
enum Outcome {
    Answered(Response),
    /// Carried out, if there is a response, but the client never hears of it.
    Lost(Option<Response>),
}

async fn faulty(request: &Request, fault: Option<ProxyFault>, script: &Script, upstream: &Upstream) -> Outcome {
    let passed = || async { upstream.forward(request).await.map_or(Outcome::Lost(None), Outcome::Answered) };
    let Some(fault) = fault else { return passed().await };
    match fault {
        ProxyFault::Hang => std::future::pending().await,
        ProxyFault::HangAfter => {
            let _carried_out = upstream.forward(request).await;
            std::future::pending().await
        }
        ProxyFault::CloseBefore => Outcome::Lost(None),
        ProxyFault::CloseAfter => Outcome::Lost(upstream.forward(request).await),
        ProxyFault::Delay(duration) => {
            tokio::time::sleep(duration).await;
            passed().await
        }
        ProxyFault::Partial => match rewrite::partial(request) {
            Some((part, complete)) => match upstream.forward(&part).await {
                Some(response) => Outcome::Answered(complete(response)),
                None => Outcome::Lost(None),
            },
            None => passed().await,
        },
        ProxyFault::Stale => match answer::stale(request, script) {
            Some(response) => Outcome::Answered(response),
            None => passed().await,
        },
        other => match answer::scripted(request, other) {
            Some(response) => Outcome::Answered(response),
            None => passed().await,
        },
    }
}
