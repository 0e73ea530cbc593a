//! A proxy in front of stand-ins that records what passes and misbehaves on request.

use std::net::SocketAddr;
use std::sync::Arc;

mod answer;
mod fault;
mod rewrite;
mod route;
mod script;
mod upstream;

pub use fault::Fault;

use crate::dynamodb::DynamoDbEmulator;
use crate::exchange::{Exchange, Request, Response};
use crate::http;
use crate::kms::KmsEmulator;
use crate::server_thread::ServerThread;
use route::Route;
use script::Script;
use upstream::Upstream;

/// A running proxy on a free port of 127.0.0.1. It stops when it is dropped.
///
/// Requests are counted as they arrive, over all services behind it: the call number 3 of a test is its fourth request,
/// wherever it goes. Of the faults for one request, that of its number comes first, then that of its operation, then that
/// of its region, then [`fail_always`](Self::fail_always). A gate is asked before any of them.
#[derive(Debug)]
pub struct FaultProxy {
    server: ServerThread,
    script: Arc<Script>,
}

impl FaultProxy {
    /// Passes everything on to one server.
    ///
    /// # Panics
    ///
    /// When the machine gives no port or no thread: a test cannot go on without.
    #[must_use]
    pub fn start(target: SocketAddr) -> Self {
        Self::routing(Route::One(target))
    }

    /// One endpoint for an account: by their signatures, requests to KMS go to the stand-in of their region, and those to
    /// DynamoDB go to its stand-in, whatever the region. Where a region has none, the connection is reset.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn of_account(dynamodb: &DynamoDbEmulator, kms: &[&KmsEmulator]) -> Self {
        let kms = kms.iter().map(|kms| (kms.region(), kms.address())).collect();
        Self::routing(Route::Account { dynamodb: dynamodb.address(), kms })
    }

    fn routing(route: Route) -> Self {
        let (route, script) = (Arc::new(route), Arc::new(Script::default()));
        let shared = Arc::clone(&script);
        let connection = move || {
            let (script, upstream) = (Arc::clone(&shared), Arc::new(Upstream::new(Arc::clone(&route))));
            move |request| {
                let (script, upstream) = (Arc::clone(&script), Arc::clone(&upstream));
                async move { respond(request, &script, &upstream).await }
            }
        };
        Self { server: ServerThread::start(move |listener| http::serve(listener, connection)), script }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Applies a fault to the request number `call` from now on, from 0, once.
    pub fn fail_call(&self, call: usize, fault: &Fault) {
        self.script.fail_calls(call, 1, fault);
    }

    /// Applies a fault to `count` requests from number `call` on.
    pub fn fail_calls(&self, call: usize, count: usize, fault: &Fault) {
        self.script.fail_calls(call, count, fault);
    }

    /// Applies a fault to every request until [`heal`](Self::heal).
    pub fn fail_always(&self, fault: Fault) {
        self.script.fail_always(fault);
    }

    /// Applies a fault to every request of one operation (`GetItem`, `Decrypt`) until [`heal`](Self::heal).
    pub fn fail_operation(&self, operation: &str, fault: Fault) {
        self.script.fail_operation(operation, fault);
    }

    /// Applies a fault to every request to KMS in one region until [`heal`](Self::heal).
    pub fn fail_kms_of(&self, region: &str, fault: Fault) {
        self.script.fail_kms_of(region, fault);
    }

    /// Forgets all faults that have not happened. The gate stays.
    pub fn heal(&self) {
        self.script.heal();
    }

    /// Asks before each request whether it may pass: what the gate answers is answered instead. It is recorded too.
    pub fn set_gate(&self, gate: impl Fn(&Request) -> Option<Response> + Send + Sync + 'static) {
        self.script.set_gate(Arc::new(gate));
    }

    /// Everything received since the start or since it was taken or forgotten last, in order, with what was answered.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.script.exchanges()
    }

    /// The same, which is then forgotten.
    #[must_use]
    pub fn take_exchanges(&self) -> Vec<Exchange> {
        self.script.take_exchanges()
    }

    /// The operations of [`exchanges`](Self::exchanges).
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        operations(&self.exchanges())
    }

    /// The operations of [`take_exchanges`](Self::take_exchanges).
    #[must_use]
    pub fn take_operations(&self) -> Vec<String> {
        operations(&self.take_exchanges())
    }

    /// Forgets what was received so far; faults and the gate stay.
    pub fn forget(&self) {
        drop(self.take_exchanges());
    }
}

fn operations(exchanges: &[Exchange]) -> Vec<String> {
    exchanges.iter().map(|exchange| exchange.request.operation().to_owned()).collect()
}

/// `None` where the connection is to be reset.
async fn respond(request: Request, script: &Script, upstream: &Upstream) -> Option<Response> {
    let (number, fault) = script.received(&request);
    let refused = script.gate().and_then(|gate| gate(&request));
    let outcome = match refused {
        Some(response) => Outcome::Answered(response),
        None => faulty(&request, fault, script, upstream).await,
    };
    let carried_out = match &outcome {
        Outcome::Answered(response) => Some(response),
        Outcome::Lost(response) | Outcome::Withheld(response) => response.as_ref(),
    };
    if let Some(response) = carried_out {
        script.answered(number, response);
    }
    match outcome {
        Outcome::Answered(response) => Some(response),
        Outcome::Lost(_) => None,
        Outcome::Withheld(_) => std::future::pending().await,
    }
}

/// What became of a request, with the response where it was carried out.
enum Outcome {
    Answered(Response),
    /// The connection is reset.
    Lost(Option<Response>),
    /// The connection stays open, and nothing comes.
    Withheld(Option<Response>),
}

async fn faulty(request: &Request, fault: Option<Fault>, script: &Script, upstream: &Upstream) -> Outcome {
    let passed = || async {
        let response = match script.standing_answer(request) {
            Some(response) => Some(response),
            None => upstream.forward(request).await,
        };
        response.map_or(Outcome::Lost(None), Outcome::Answered)
    };
    let Some(fault) = fault else { return passed().await };
    match fault {
        Fault::Hang => Outcome::Withheld(None),
        Fault::HangAfter => Outcome::Withheld(upstream.forward(request).await),
        Fault::ResetBefore => Outcome::Lost(None),
        Fault::ResetAfter => Outcome::Lost(upstream.forward(request).await),
        Fault::Delay(duration) => {
            tokio::time::sleep(duration).await;
            passed().await
        }
        Fault::Partial => match rewrite::partial(request) {
            Some((part, complete)) => match upstream.forward(&part).await {
                Some(response) => Outcome::Answered(complete(response)),
                None => Outcome::Lost(None),
            },
            None => passed().await,
        },
        Fault::Stale => match answer::stale(request, script) {
            Some(response) => Outcome::Answered(response),
            None => passed().await,
        },
        other => match answer::scripted(request, other) {
            Some(response) => Outcome::Answered(response),
            None => passed().await,
        },
    }
}
