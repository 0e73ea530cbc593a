//! What handlers share.

use std::sync::Arc;

use crate::database::Pool;
use crate::secrets::Secrets;

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The secrets of this service.
    pub secrets: Secrets,
    /// Connections to its database.
    pub pool: Arc<Pool>,
}
