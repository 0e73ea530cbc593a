//! The way from the proxy to the stand-in behind it.

use std::net::SocketAddr;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::http;
use crate::loopback::{Request, Response};

/// One connection, made when it is first needed and again when it was lost.
pub(super) struct Upstream {
    target: SocketAddr,
    connection: Mutex<Option<SendRequest<Full<Bytes>>>>,
}

impl Upstream {
    pub(super) fn new(target: SocketAddr) -> Self {
        Self { target, connection: Mutex::new(None) }
    }

    /// The stand-in's answer; `None` when it gave none.
    pub(super) async fn forward(&self, request: &Request) -> Option<Response> {
        let mut connection = self.connection.lock().await;
        if connection.as_ref().is_none_or(SendRequest::is_closed) {
            *connection = self.connect().await;
        }
        let answer = connection.as_mut()?.send_request(http::request(request).ok()?).await.ok()?;
        http::answered(answer).await.ok()
    }

    async fn connect(&self) -> Option<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(self.target).await.ok()?;
        stream.set_nodelay(true).ok()?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
        tokio::spawn(connection);
        Some(sender)
    }
}
