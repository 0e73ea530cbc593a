//! What the service answers.

use axum::extract::{MatchedPath, Path, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use hmac::{Hmac, KeyInit, Mac};
use secret_store_core::SecretStoreExt;
use serde_json::{Value, json};
use sha2::Sha256;
use tracing::Instrument;

use crate::caller::{Caller, REQUEST_HEADER};
use crate::problem::Problem;
use crate::state::AppState;

/// All routes.
pub fn router(state: AppState) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/orders", get(orders))
        .route("/partners/{partner}/links/{document}", get(link))
        .layer(from_fn(traced))
        .with_state(state)
}

/// Says which version of the password is in use, which is no secret.
async fn health(State(state): State<AppState>) -> Json<Value> {
    let version = state.pool.password_version().get();
    Json(json!({ "status": "ok", "password_version": version, "draining": state.pool.draining() }))
}

async fn orders(State(state): State<AppState>, _: Caller) -> Result<Json<Value>, Problem> {
    let connection = state.pool.lease().map_err(|_| Problem::NO_DATABASE)?;
    Ok(Json(json!({ "orders": connection.orders() })))
}

/// A link that a partner can check: signed with a key that is read for each request, from the cache most of the time.
async fn link(
    State(state): State<AppState>,
    caller: Caller,
    Path((partner, document)): Path<(String, String)>,
) -> Result<Json<Value>, Problem> {
    let key = state.secrets.of_request(&caller)?.get(&state.secrets.partner_key(&partner)?).await?;
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).expect("any length is a key of HMAC");
    mac.update(document.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    Ok(Json(json!({ "document": document, "signature": signature })))
}

/// A span around each request, around those of the store. The route as it is written, not as it is asked for: no name in it.
async fn traced(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map_or("unknown", MatchedPath::as_str);
    let request_id = request.headers().get(REQUEST_HEADER).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let span =
        tracing::info_span!("request", method = %request.method(), route, request_id, status = tracing::field::Empty);
    let response = next.run(request).instrument(span.clone()).await;
    span.record("status", response.status().as_u16());
    response
}
