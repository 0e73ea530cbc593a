//! The directory of records, as its users and its enemies meet it: names, pages, permissions, crashes, lost syncs, full
//! disks and other processes.

#![cfg(unix)]

mod behaviour;
mod child;
mod counter;
mod crash;
mod failing;
mod frozen;
mod hooked;
mod listing;
mod lost_sync;
mod memory;
mod names;
mod parsers;
mod permissions;
mod readers;
mod scenario;
mod scratch;
