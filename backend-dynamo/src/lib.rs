//! The production backend of secret-store: AWS KMS holds the master keys, DynamoDB the records.
//!
//! [`KmsKeyProvider`] takes the caller's own `aws_sdk_kms::Client`, or one that a [`Connection`] makes from explicit
//! configuration:
//!
//! ```no_run
//! # async fn example() -> secret_store_core::Result<()> {
//! use secret_store_dynamo::{Connection, KmsKeyProvider};
//!
//! # let credentials = aws_credential_types::Credentials::new("id", "secret", None, None, "example");
//! let connection = Connection::new("eu-central-1").with_credentials(credentials);
//! let keys = KmsKeyProvider::builder(connection.kms()?).key("alias/prod").build().await?;
//! # drop(keys);
//! # Ok(())
//! # }
//! ```
//!
//! [`DynamoPersistence`] keeps the records in one table, which the original Secret Store can share; [`create_table`] makes it,
//! [`check_table`] tells what is wrong with an existing one, and [`check::RoleCheck`] what a role lacks.
//!
//! # Features
//!
//! * `tls` (default): the HTTPS client for clients made by a [`Connection`], and AES-GCM by aws-lc-rs. Without it a
//!   [`Connection`] needs an HTTP client of the caller's; the caller's own SDK clients need nothing.
//! * `config`: region and credentials as the AWS command line finds them, by `Connection::from_env`.

pub mod check;
mod connection;
mod key_provider;
mod persistence;
pub mod policy;
mod repetition;
mod table;

pub use connection::{Connection, Timeouts};
pub use key_provider::{KmsKeyProvider, KmsKeyProviderBuilder};
pub use persistence::DynamoPersistence;
pub use table::{Protection, TableOptions, TableProblem, check_table, create_table};
