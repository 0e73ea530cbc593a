//! Secrets in and out without plaintext crossing (Crate Secrets).

mod audited;
mod beside_the_keys;
mod between;
mod bundle_limit;
mod expected_version;
mod flow;
mod keys;
mod not_sealed;
mod other_formats;
mod retrieval;
mod retrieval_attacks;
mod rotation;
mod sealed_attacks;
mod support;

use secret_store_transport::retrieval::{Bundle, PendingRetrieval, Retrieval, RetrievalRequest};
use secret_store_transport::{SealedIntake, SealedRequest, Target};

/// Any executor may run them, also one that moves tasks between threads.
#[expect(dead_code, reason = "that it compiles is the test")]
fn futures_are_send(
    (intake, target, submission): (&SealedIntake, &Target, SealedRequest),
    (server, request): (&Retrieval, &RetrievalRequest),
    (client, bundle): (&PendingRetrieval, &Bundle),
) {
    fn is_send(_: impl Send) {}
    is_send(intake.issue_nonce(&target.place));
    is_send(intake.put_sealed(target, submission));
    is_send(server.answer(request));
    is_send(client.open(bundle));
}
