//! Blind names: what the database and the key provider see, what an attacker gains, and how a blinding key is replaced.

mod attacks;
mod blindness;
mod moving;
mod obligations;
mod support;
