//! The envelope store as an attacker and as a demanding user see it: one file for each danger.

mod support;

mod errors_and_limits;
mod faults;
mod key_cache;
mod legacy;
mod protect_save;
mod rollback;
mod rotation;
mod settings;
mod shredding;
mod swap;
mod tamper;
mod unknown;
mod versions;
mod wraps;
