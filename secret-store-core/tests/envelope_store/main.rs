//! The envelope store as an attacker and as a demanding user see it: one file for each danger.

mod support;

mod swap;
mod tamper;
mod unknown;
