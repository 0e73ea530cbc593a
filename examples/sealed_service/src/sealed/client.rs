//! What clients do: fetch the key records, believe them or not, seal or retrieve.

use std::sync::Arc;

use hyper::Method;
use secret_store_core::{SecretName, SecretValue, SystemClock, TenantId};
use secret_store_transport::{
    AnswerKey, Bundle, Freshness, KeySpec, Nonce, Place, RetrievedSecret, SealedRequest, SealingKey, Target, Trust,
};

use super::home::Published;
use crate::Failure;
use crate::connection::{Connection, segment};

/// Seals a value on this side and has the server store it; answers the version.
///
/// # Errors
///
/// When the key record is not to be trusted, and nothing was sent; or when the server refuses.
pub async fn put(server: &Connection, trust: &Trust, target: &Target, value: &SecretValue) -> Result<u64, Failure> {
    let request = seal(server, trust, target, value).await?;
    submit(server, target, &request).await
}

/// Seals a value, fresh for one submission.
///
/// # Errors
///
/// When the key record is not to be trusted, or the server gives no nonce.
pub async fn seal(
    server: &Connection,
    trust: &Trust,
    target: &Target,
    value: &SecretValue,
) -> Result<SealedRequest, Failure> {
    let published: Published = server.ask(Method::GET, "/keys", Vec::new()).await?;
    let organisation = &target.place.organisation;
    // The trust step: without it, whoever stands in between seals to a key of their own.
    let sealing = SealingKey::from_record(&published.sealing, trust, organisation, Arc::new(SystemClock))?;
    let nonce: String = server.ask(Method::POST, &place_path("nonces", &target.place), Vec::new()).await?;
    let mut bytes = [0; Nonce::BYTES];
    hex::decode_to_slice(nonce, &mut bytes).map_err(|_| "the server's nonce is none")?;
    let sealed = sealing.seal(target, &Freshness::Nonce(Nonce::from_bytes(bytes)), value)?;
    Ok(SealedRequest::new(sealed))
}

/// Submits what was sealed.
///
/// # Errors
///
/// When the server refuses.
pub async fn submit(server: &Connection, target: &Target, request: &SealedRequest) -> Result<u64, Failure> {
    server.ask(Method::PUT, &secret_path(target), serde_json::to_vec(request)?).await
}

/// Retrieves a secret, sealed to a key that is made for this request.
///
/// # Errors
///
/// When the key record is not to be trusted, the server refuses, or its answer is not to this request.
pub async fn get(
    server: &Connection,
    trust: &Trust,
    target: &Target,
    spec: KeySpec,
) -> Result<RetrievedSecret, Failure> {
    let published: Published = server.ask(Method::GET, "/keys", Vec::new()).await?;
    let organisation: &TenantId = &target.place.organisation;
    let answers = AnswerKey::from_record(&published.answers, trust, organisation, Arc::new(SystemClock))?;
    let names: [SecretName; 1] = [target.name.clone()];
    let (request, pending) = answers.request(&target.place, names, spec).await?;
    let bundle: Bundle = server.ask(Method::POST, "/retrievals", serde_json::to_vec(&request)?).await?;
    Ok(pending.open(&bundle).await?.remove(0))
}

/// The path of a secret.
#[must_use]
pub fn secret_path(target: &Target) -> String {
    format!("{}/{}", place_path("secrets", &target.place), segment(target.name.as_str()))
}

fn place_path(what: &str, place: &Place) -> String {
    format!("/{what}/{}/{}", segment(place.organisation.as_str()), segment(place.environment.as_str()))
}
