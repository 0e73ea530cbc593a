//! Names as they stand in the table and in encryption contexts.

use secret_store_core::{ApplicationName, BlindName, Blinding, BlindingKey, SecretId, StoreId, TenantId};

/// How names stand there.
#[derive(Clone, Debug)]
pub(crate) enum Naming {
    Clear,
    /// Hashed under one key.
    Blind(Blinding),
}

impl Naming {
    pub(crate) fn blind(key: &BlindingKey) -> Self {
        Self::Blind(Blinding::new(key))
    }

    pub(crate) fn is_blind(&self) -> bool {
        matches!(self, Self::Blind(_))
    }

    pub(crate) fn store(&self, store: &StoreId) -> String {
        self.shown(store, store.as_str())
    }

    pub(crate) fn application(&self, application: &ApplicationName) -> String {
        self.shown(application, application.as_str())
    }

    pub(crate) fn tenant(&self, tenant: &TenantId) -> String {
        self.shown(tenant, tenant.as_str())
    }

    /// A partition of the layers above the store, which is hashed as a whole.
    pub(crate) fn partition(&self, partition: String) -> String {
        match self {
            Self::Clear => partition,
            Self::Blind(blinding) => format!("~b~{}", blinding.display(BlindName::Partition(&partition))),
        }
    }

    /// The same where a name is asked for.
    pub(crate) fn named_store(&self, store: &StoreId) -> StoreId {
        StoreId::new(self.store(store)).expect("a name, or hexadecimal digits")
    }

    /// The same where a name is asked for.
    pub(crate) fn named_secret(&self, id: &SecretId) -> SecretId {
        match self {
            Self::Clear => id.clone(),
            Self::Blind(blinding) => blinding.secret(id),
        }
    }

    fn shown<'a>(&self, name: impl Into<BlindName<'a>>, clear: &str) -> String {
        match self {
            Self::Clear => clear.to_owned(),
            Self::Blind(blinding) => blinding.display(name),
        }
    }
}
