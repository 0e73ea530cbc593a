//! The generated policies, evaluated on every request of the real backend.
//!
//! `flows` has what each role does. Every flow passes under the policies of its role; without any single part of them a named one
//! fails (`narrower`).

mod flows;
mod grants;
mod narrower;
mod roles;
mod site;
