//! Typed configuration out of secrets, and files of settings into them.
//!
//! ```
//! # futures::executor::block_on(async {
//! use secret_store_config::{Loader, SecretField};
//! use secret_store_core::SecretStoreExt;
//! use serde::Deserialize;
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "PascalCase")]
//! struct Settings {
//!     port: u16,
//!     db: Database,
//!     #[serde(default)]
//!     verbose: bool,
//! }
//!
//! #[derive(Deserialize)]
//! #[serde(rename_all = "PascalCase")]
//! struct Database {
//!     host: String,
//!     password: SecretField,
//! }
//!
//! let app = secret_store_memory::store("demo")?.application("YourApp.Production")?;
//! for (name, value) in [("Port", "8080"), ("Db__Host", "db.internal"), ("Db__Password", "hunter2")] {
//!     app.put(name, value).await?;
//! }
//! let settings: Settings = Loader::new(app.store(), app.name()).load().await?;
//! assert_eq!((settings.port, &*settings.db.host, settings.verbose), (8080, "db.internal", false));
//! assert_eq!(settings.db.password.text()?, "hunter2");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).expect("the example runs");
//! ```
//!
//! * [`Loader`] reads an application's secrets into any type with `Deserialize`.
//! * [`SecretField`] holds a value that is wiped, where a `String` would not be.
//! * [`import`] stores what a `.env` or JSON file has.
//!
//! # Features
//!
//! * `config`: `SecretSource`, a source for the [`config`](https://docs.rs/config) crate. Values are plain strings there.

pub mod import;

mod de;
mod error;
mod field;
mod load;
mod tree;

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "config")]
mod source;

pub use error::{LoadError, LoadErrorKind};
pub use field::SecretField;
pub use load::Loader;
#[cfg(feature = "config")]
pub use source::SecretSource;
