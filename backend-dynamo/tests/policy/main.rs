//! The generated policies, evaluated on every request of the real backend.
//!
//! `flows` has what each role does. Every flow passes under the policies of its role; without any single part of them a named one
//! fails (`narrower`); what a role must not do is denied (`denied`); no request that is wider than a flow's passes, and no condition
//! can be left out without letting one through (`wider`). The Terraform modules make the same policies (`terraform`).

mod actions;
mod administration;
mod blind;
mod checked;
mod denied;
mod flows;
mod generator;
mod grants;
mod mutants;
mod narrower;
mod roles;
mod site;
mod terraform;
mod wider;
