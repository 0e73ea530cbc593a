//! The way from the proxy to the stand-ins behind it.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::sync::Mutex;

use super::route::Route;
use crate::exchange::{Request, Response};
use crate::http;

/// For one connection of a client: one connection to each stand-in, made when it is first needed and again when it was
/// lost.
pub(super) struct Upstream {
    route: Arc<Route>,
    connections: Mutex<HashMap<SocketAddr, SendRequest<Full<Bytes>>>>,
}

impl Upstream {
    pub(super) fn new(route: Arc<Route>) -> Self {
        Self { route, connections: Mutex::default() }
    }

    /// The stand-in's answer; `None` when it gave none.
    pub(super) async fn forward(&self, request: &Request) -> Option<Response> {
        let target = self.route.target(request)?;
        let mut connections = self.connections.lock().await;
        let mut connection = match connections.remove(&target) {
            Some(connection) if !connection.is_closed() => connection,
            _ => connect(target).await?,
        };
        let answer = connection.send_request(http::request(request).ok()?).await.ok()?;
        let response = http::answered(answer).await.ok()?;
        connections.insert(target, connection);
        Some(response)
    }
}

async fn connect(target: SocketAddr) -> Option<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(target).await.ok()?;
    stream.set_nodelay(true).ok()?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await.ok()?;
    tokio::spawn(connection);
    Some(sender)
}
