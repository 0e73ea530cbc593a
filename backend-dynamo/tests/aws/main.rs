//! Records in DynamoDB under master keys in KMS: both in this process, behind one endpoint.

mod batches;
mod blind_names;
mod canaries;
mod conformance;
mod costs;
mod errors;
mod frozen_items;
mod get_all;
mod hostile_records;
mod keys;
mod persistence_faults;
mod races;
mod retries;
mod rotation;
mod shared_table;
mod store_faults;
mod support;
mod tables;
mod trial;
mod two_regions;
