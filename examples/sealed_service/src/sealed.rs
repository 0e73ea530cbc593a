//! Secrets that clients seal and retrieve.

pub mod client;
pub mod home;
pub mod routes;
