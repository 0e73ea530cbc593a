//! Names as they stand in the table and in encryption contexts.

use secret_store_core::{ApplicationName, BlindName, Blinding, BlindingKey, StoreId, TenantId};

/// How names stand there.
#[derive(Clone, Debug)]
pub(super) enum Naming {
    Clear,
    /// Hashed under one key.
    Blind(Blinding),
}

impl Naming {
    pub(super) fn blind(key: &BlindingKey) -> Self {
        Self::Blind(Blinding::new(key))
    }

    pub(super) fn is_blind(&self) -> bool {
        matches!(self, Self::Blind(_))
    }

    pub(super) fn store(&self, store: &StoreId) -> String {
        self.shown(store, store.as_str())
    }

    pub(super) fn application(&self, application: &ApplicationName) -> String {
        self.shown(application, application.as_str())
    }

    pub(super) fn tenant(&self, tenant: &TenantId) -> String {
        self.shown(tenant, tenant.as_str())
    }

    /// A partition of the layers above the store, which is hashed as a whole.
    pub(super) fn partition(&self, partition: String) -> String {
        match self {
            Self::Clear => partition,
            Self::Blind(blinding) => format!("~b~{}", blinding.display(BlindName::Partition(&partition))),
        }
    }

    fn shown<'a>(&self, name: impl Into<BlindName<'a>>, clear: &str) -> String {
        match self {
            Self::Clear => clear.to_owned(),
            Self::Blind(blinding) => blinding.display(name),
        }
    }
}
