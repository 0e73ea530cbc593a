//! An HTTP/1.1 server on 127.0.0.1, on a thread of its own, that records and misbehaves on request.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

mod exchange;
mod fault;

pub use exchange::{Exchange, Request, Response};
pub use fault::Fault;

use fault::Script;

type Answer = dyn Fn(&Request) -> Response + Send + Sync;

/// A running server. It listens on a free port of 127.0.0.1 and stops when it is dropped.
pub struct Loopback {
    address: SocketAddr,
    served: Arc<Served>,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

struct Served {
    answer: Box<Answer>,
    script: Script,
}

impl Loopback {
    /// Serves `answer`, which is called once for each request that no fault swallows.
    ///
    /// # Panics
    ///
    /// When the machine gives no port or no thread: a test cannot go on without.
    #[must_use]
    pub fn start(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> Self {
        let served = Arc::new(Served { answer: Box::new(answer), script: Script::default() });
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port on 127.0.0.1");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let address = listener.local_addr().expect("a bound socket has an address");
        let (stop, stopped) = oneshot::channel();
        let shared = Arc::clone(&served);
        let thread = std::thread::spawn(move || run(listener, &shared, stopped));
        Self { address, served, stop: Some(stop), thread: Some(thread) }
    }

    /// `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Applies a fault to the request number `call` from now on, from 0. Each applies once.
    pub fn fail_call(&self, call: usize, fault: Fault) {
        self.served.script.fail_call(call, fault);
    }

    /// Applies a fault to every request until [`Loopback::heal`].
    pub fn fail_always(&self, fault: Fault) {
        self.served.script.fail_always(fault);
    }

    /// Forgets all faults that have not happened.
    pub fn heal(&self) {
        self.served.script.heal();
    }

    /// Everything received so far, in order, with what was answered.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.served.script.exchanges()
    }

    /// Forgets what was recorded.
    pub fn forget(&self) {
        self.served.script.forget();
    }
}

impl std::fmt::Debug for Loopback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Loopback").field(&self.address).finish()
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic of the server was seen by the client as a lost connection already.
            drop(thread.join());
        }
    }
}

/// On a runtime of its own, so that clients may block theirs.
fn run(listener: std::net::TcpListener, served: &Arc<Served>, stopped: oneshot::Receiver<Infallible>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener).expect("a listening socket");
        tokio::select! {
            () = accept(&listener, served) => {}
            _ = stopped => {}
        }
    });
}

async fn accept(listener: &TcpListener, served: &Arc<Served>) {
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(served)));
        }
    }
}

async fn serve(stream: TcpStream, served: Arc<Served>) {
    let service = service_fn(move |request| {
        let served = Arc::clone(&served);
        async move { served.respond(request).await }
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
        f.write_str("the connection is to be closed without an answer")
    }
}

impl std::error::Error for Closed {}

impl Served {
    async fn respond(&self, request: hyper::Request<Incoming>) -> Result<hyper::Response<Full<Bytes>>, Closed> {
        let request = Request::read(request).await.map_err(|_| Closed)?;
        let (index, fault) = self.script.received(&request);
        let answer = || {
            let response = (self.answer)(&request);
            self.script.answered(index, &response);
            response
        };
        match fault {
            None => Ok(answer().into_http()),
            Some(Fault::Reply(response)) => {
                self.script.answered(index, &response);
                Ok(response.into_http())
            }
            Some(Fault::CloseBefore) => Err(Closed),
            Some(Fault::CloseAfter) => {
                answer();
                Err(Closed)
            }
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Delay(duration)) => {
                tokio::time::sleep(duration).await;
                Ok(answer().into_http())
            }
        }
    }
}

impl Request {
    async fn read(request: hyper::Request<Incoming>) -> Result<Self, hyper::Error> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let headers = head.headers.iter();
        let headers = headers.map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into()));
        Ok(Self { path: head.uri.path().to_owned(), headers: headers.collect(), body: body.to_vec() })
    }
}

impl Response {
    fn into_http(self) -> hyper::Response<Full<Bytes>> {
        let mut response = hyper::Response::builder().status(self.status);
        for (name, value) in &self.headers {
            response = response.header(name, value);
        }
        response.body(Full::from(self.body)).expect("a status and headers that the test wrote")
    }
}
