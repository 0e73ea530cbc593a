//! Between hyper's messages and those that are recorded.

use http_body_util::{BodyExt, Full};
use hyper::HeaderMap;
use hyper::body::{Bytes, Incoming};

use crate::loopback::{Request, Response};

pub(super) async fn received(request: hyper::Request<Incoming>) -> Result<Request, hyper::Error> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes().to_vec();
    Ok(Request { path: head.uri.path().to_owned(), headers: headers(&head.headers), body })
}

pub(super) async fn answered(response: hyper::Response<Incoming>) -> Result<Response, hyper::Error> {
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

pub(super) fn request(request: &Request) -> hyper::http::Result<hyper::Request<Full<Bytes>>> {
    let mut message = hyper::Request::post(&request.path);
    for (name, value) in &request.headers {
        message = message.header(name, value);
    }
    message.body(Full::from(request.body.clone()))
}

pub(super) fn response(response: Response) -> hyper::http::Result<hyper::Response<Full<Bytes>>> {
    let mut message = hyper::Response::builder().status(response.status);
    for (name, value) in &response.headers {
        message = message.header(name, value);
    }
    message.body(Full::from(response.body))
}
