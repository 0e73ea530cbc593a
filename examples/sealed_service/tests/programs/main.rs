//! The real programs as processes, over loopback.

mod sealed;
mod sealed_attacks;
mod support;
