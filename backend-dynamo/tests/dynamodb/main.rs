//! Records in DynamoDB, against an emulator in this process.

mod batches;
mod conformance;
mod costs;
mod errors;
mod keys;
mod persistence_faults;
mod races;
mod retries;
mod shared_table;
mod store_faults;
mod support;
mod tables;
