//! What the server that takes credentials answers: `PUT /credentials` with the bytes of one, and nothing else. It can neither open
//! nor make any: there is no key provider and no secret store in this file or in the type of its intake.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::routing::put;
use axum::{Json, Router};
use secret_store_transport::Message as _;
use secret_store_transport::credential::{Credential, CredentialIntake};

use super::owner;
use crate::audit::Audit;
use crate::callers::{Callers, SUBMIT};
use crate::problem::Problem;
use crate::request_id;

#[derive(Debug)]
struct Server {
    intake: CredentialIntake,
    audit: Audit,
    callers: Callers,
}

/// All routes.
pub fn router(intake: CredentialIntake, audit: Audit, callers: Callers) -> Router {
    Router::new()
        .route("/credentials", put(ingest))
        .layer(DefaultBodyLimit::max(Credential::MAX_BYTES))
        .with_state(Arc::new(Server { intake, audit, callers }))
}

/// Takes a credential of the caller's own; answers its revision.
async fn ingest(State(server): State<Arc<Server>>, headers: HeaderMap, body: Bytes) -> Result<Json<u64>, Problem> {
    let caller = server.callers.authenticate(&headers)?;
    caller.check(SUBMIT)?;
    let recorder = server.audit.recorder.for_request(&caller.name, request_id()?)?;
    let intake = server.intake.clone().with_audit(recorder);
    // Whose it is says the token, not the message.
    Ok(Json(intake.ingest_bytes(&owner(&caller.name)?, body.into()).await?.revision))
}
