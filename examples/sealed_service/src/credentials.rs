//! Credentials that users' clients encrypt. Three programs, which share the records and nothing else:
//!
//! | program | has |
//! |---|---|
//! | `credential_server` | the records, the authority's public key |
//! | `credential_agent` | the records, the master key, the authority's key |
//! | `credential_client` | its user's key |

pub mod agent;
pub mod client;
pub mod routes;

use secret_store_core::{ApplicationName, Result, TenantId};
use secret_store_transport::credential::CredentialOwner;

/// Whose credentials are where: a tenant and an application for each user.
///
/// # Errors
///
/// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for what cannot be a name.
pub fn owner(user: &str) -> Result<CredentialOwner> {
    Ok(CredentialOwner::new(TenantId::new(user)?, ApplicationName::new(format!("{APPLICATIONS}{user}"))?))
}

const APPLICATIONS: &str = "vault.";
