//! The real programs as processes, over loopback.

mod credentials;
mod credentials_attacks;
mod sealed;
mod sealed_attacks;
mod support;
