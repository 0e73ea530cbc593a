//! An HTTP/1.1 server over messages that can be recorded.

use std::fmt;
use std::pin::Pin;

use http_body_util::{BodyExt, Full};
use hyper::HeaderMap;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::exchange::{Request, Response};

/// Serves every connection with an answerer of its own. A request without an answer resets its connection.
pub(crate) async fn serve<Connection, Answer, Answering>(listener: TcpListener, connection: Connection)
where
    Connection: Fn() -> Answer,
    Answer: Fn(Request) -> Answering + Send + Sync + 'static,
    Answering: Future<Output = Option<Response>> + Send + 'static,
{
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_one(stream, connection()));
        }
    }
}

async fn serve_one<Answer, Answering>(stream: TcpStream, answer: Answer)
where
    Answer: Fn(Request) -> Answering + Send + Sync + 'static,
    Answering: Future<Output = Option<Response>> + Send + 'static,
{
    drop(stream.set_nodelay(true));
    let answer = &answer;
    let service = service_fn(move |request: hyper::Request<Incoming>| async move {
        let request = received(request).await.map_err(|_| Closed)?;
        let response = answer(request).await.ok_or(Closed)?;
        to_http(response).map_err(|_| Closed)
    });
    let mut served = http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    if Pin::new(&mut served).await.is_err() {
        // Without lingering, closing is a reset (RFC 9293, section 3.6) and no orderly end.
        drop(served.into_parts().io.inner().set_zero_linger());
    }
}

/// Ends the connection without an answer.
#[derive(Debug)]
struct Closed;

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closed without an answer")
    }
}

impl std::error::Error for Closed {}

async fn received(request: hyper::Request<Incoming>) -> Result<Request, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    Ok(Request { path: head.uri.path().to_owned(), headers: headers(&head.headers), body })
}

pub(crate) async fn answered(response: hyper::Response<Incoming>) -> Result<Response, hyper::Error> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    Ok(Response { status: head.status.as_u16(), headers: headers(&head.headers), body })
}

/// Without those about the length: what is passed on may have another body.
fn headers(headers: &HeaderMap) -> Vec<(String, String)> {
    let texts =
        headers.iter().map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
    texts.filter(|(name, _)| name != "content-length" && name != "transfer-encoding").collect()
}

pub(crate) fn request(request: &Request) -> hyper::http::Result<hyper::Request<Full<Bytes>>> {
    let mut message = hyper::Request::post(&request.path);
    for (name, value) in &request.headers {
        message = message.header(name, value);
    }
    message.body(Full::from(request.body.clone()))
}

fn to_http(response: Response) -> hyper::http::Result<hyper::Response<Full<Bytes>>> {
    let mut message = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        message = message.header(name, value);
    }
    message.body(Full::from(response.body))
}
