//! Blind names: what the database and the key provider see, what an attacker gains, and how a blinding key is replaced.

mod attacks;
mod blindness;
mod costs;
mod eyes;
mod moving;
mod obligations;
mod recorded;
mod support;
mod together;
mod vectors;
