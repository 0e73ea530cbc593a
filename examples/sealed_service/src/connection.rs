//! A client's connection: HTTP with a bearer token.

use std::fmt;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::{Method, Request, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secret_store_core::SecretValue;
use serde::de::DeserializeOwned;

use crate::Failure;
use crate::problem::ProblemBody;

/// More than a bundle as base64.
const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;

/// A server as one caller sees it.
pub struct Connection {
    client: Client<HttpConnector, Full<Bytes>>,
    address: SocketAddr,
    bearer: HeaderValue,
}

/// The server said no.
#[derive(Debug)]
pub struct Refused {
    /// How.
    pub status: StatusCode,
    /// In its words.
    pub word: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refused: {} ({:?})", self.status.as_u16(), self.word)
    }
}

impl std::error::Error for Refused {}

impl Connection {
    /// To a server on this machine.
    ///
    /// # Errors
    ///
    /// For any other address: a token would cross the network in clear, as there is no TLS in this example. And for what cannot be
    /// a token.
    pub fn new(address: SocketAddr, token: &SecretValue) -> Result<Self, Failure> {
        if !address.ip().is_loopback() {
            return Err("this example speaks HTTP without TLS: name an address of this machine".into());
        }
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.text()?.trim_end()))
            .map_err(|_| "the token has characters that no token has")?;
        bearer.set_sensitive(true);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build_http(), address, bearer })
    }

    /// Sends a request and takes the answer, whatever it is.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes), Failure> {
        let request = Request::builder().method(method).uri(format!("http://{}{path}", self.address));
        let request = request.header(AUTHORIZATION, &self.bearer);
        let response = self.client.request(request.body(Full::from(body))?).await?;
        let status = response.status();
        Ok((status, Limited::new(response.into_body(), MAX_ANSWER_BYTES).collect().await?.to_bytes()))
    }

    /// Sends a request and takes the answer of a success.
    ///
    /// # Errors
    ///
    /// [`Refused`] for any other, and where it is not what was expected.
    pub async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T, Failure> {
        let (status, answer) = self.send(method, path, body).await?;
        if status.is_success() {
            return Ok(serde_json::from_slice(&answer).map_err(|_| "the server's answer is not of this protocol")?);
        }
        let word = serde_json::from_slice::<ProblemBody>(&answer).map(|body| body.error).unwrap_or_default();
        Err(Refused { status, word }.into())
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("address", &self.address).finish_non_exhaustive()
    }
}

/// One part of a path, with everything escaped that could end it.
#[must_use]
pub fn segment(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}
