//! Client-encrypted credentials as their users, their servers and attackers see them: one file for each danger.

mod support;
#[path = "../shared/yielding.rs"]
mod yielding;

mod audit;
mod frozen;
mod importing;
mod ingesting;
mod keys;
mod message;
mod rotating;
mod rotation_faults;
mod shared_store;
mod shredding;
mod using;
