//! What the servers of sealed secrets have in common: intake and retrieval.

use std::sync::Arc;

use secret_store_core::audit::AuditRecorder;
use secret_store_core::{ApplicationName, Clock, Result, SecretStore, SystemClock};

use crate::once::Once;
use crate::organisation_keys::OrganisationKeys;
use crate::place::{Place, Places};

/// A store, whose keys open and sign, where secrets lie, what was used up, and who records it.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) store: Arc<dyn SecretStore>,
    pub(crate) keys: OrganisationKeys,
    pub(crate) places: Places,
    pub(crate) once: Once,
    pub(crate) recorder: AuditRecorder,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Service {
    /// No place is ever led to the application of the keys.
    pub(crate) fn new(
        store: Arc<dyn SecretStore>,
        keys: OrganisationKeys,
        places: Places,
        once: Once,
        recorder: AuditRecorder,
    ) -> Self {
        let places = places.beside(keys.application());
        Self { store, keys, places, once, recorder, clock: Arc::new(SystemClock) }
    }

    pub(crate) fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    pub(crate) fn for_request(&self, actor: impl AsRef<str>, request_id: impl AsRef<str>) -> Result<Self> {
        Ok(Self { recorder: self.recorder.for_request(actor, request_id)?, ..self.clone() })
    }

    /// The application of a place, and the one under which requests for it are recorded: for a place without any, that of the keys.
    pub(crate) fn application(&self, place: &Place) -> (Result<ApplicationName>, ApplicationName) {
        let application = self.places.application(place);
        let recorded_under = application.as_ref().unwrap_or(self.keys.application()).clone();
        (application, recorded_under)
    }
}
