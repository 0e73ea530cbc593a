//! What the server of sealed secrets answers.
//!
//! | request | who | answer |
//! |---|---|---|
//! | `GET /keys` | anybody | the key records, as JSON |
//! | `POST /nonces/{organisation}/{environment}` | who may put | a nonce, hexadecimal |
//! | `PUT /secrets/{organisation}/{environment}/{name}` | who may put | takes `{"sealed": true, "value": …}`, answers the version |
//! | `POST /retrievals` | who may get | takes a request, answers a bundle, both base64url |

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::HeaderMap;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use secret_store_transport::{Bundle, Message as _, Place, RetrievalRequest, SealedRequest, SealedSecret, Target};

use super::home::{Home, Published};
use crate::callers::{self, Callers};
use crate::problem::Problem;
use crate::request_id;

/// The largest body: a sealed secret as base64 in JSON.
const MAX_BODY_BYTES: usize = SealedSecret::MAX_BYTES.div_ceil(3) * 4 + 1024;

#[derive(Debug)]
struct Server {
    home: Home,
    callers: Callers,
}

/// All routes.
pub fn router(home: Home, callers: Callers) -> Router {
    Router::new()
        .route("/keys", get(keys))
        .route("/nonces/{organisation}/{environment}", post(nonce))
        .route("/secrets/{organisation}/{environment}/{name}", put(put_sealed))
        .route("/retrievals", post(retrieve))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .with_state(Arc::new(Server { home, callers }))
}

async fn keys(State(server): State<Arc<Server>>) -> Json<Published> {
    Json(server.home.published.clone())
}

async fn nonce(
    State(server): State<Arc<Server>>,
    Path((organisation, environment)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<String>, Problem> {
    let caller = server.callers.authenticate(&headers)?;
    let place = Place::parse(&organisation, &environment)?;
    caller.check(&callers::put(&place))?;
    Ok(Json(hex::encode(server.home.intake.issue_nonce(&place).await?.as_bytes())))
}

async fn put_sealed(
    State(server): State<Arc<Server>>,
    Path((organisation, environment, name)): Path<(String, String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<u64>, Problem> {
    let caller = server.callers.authenticate(&headers)?;
    let target = Target::parse(&organisation, &environment, &name)?;
    caller.check(&callers::put(&target.place))?;
    // What is no JSON at all is not sealed either: the intake records that, and the reason, which could quote it, is dropped.
    let request = serde_json::from_slice(&body).unwrap_or_else(|_| SealedRequest::from_parts(false, Vec::new()));
    let intake = server.home.intake.for_request(&caller.name, request_id()?)?;
    Ok(Json(intake.put_sealed(&target, request).await?.version.get()))
}

async fn retrieve(State(server): State<Arc<Server>>, headers: HeaderMap, body: Bytes) -> Result<Json<Bundle>, Problem> {
    let caller = server.callers.authenticate(&headers)?;
    let request: RetrievalRequest = serde_json::from_slice(&body).map_err(|_| Problem::BAD_REQUEST)?;
    // Here a server can be stricter, by `request.names()`.
    caller.check(&callers::get(&request.place()))?;
    let retrieval = server.home.retrieval.for_request(&caller.name, request_id()?)?;
    Ok(Json(retrieval.answer(&request).await?))
}
