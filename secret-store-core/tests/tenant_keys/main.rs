//! Tenant keys as an attacker and as a demanding user see them: one file for each danger.

mod support;

mod attacks;
mod caches;
mod calls;
mod concurrency;
mod configuration;
mod faults;
mod lifecycle;
mod moving;
mod rollback;
mod several_wraps;
mod shredding;
mod store;
mod vectors;
