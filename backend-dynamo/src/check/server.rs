//! The servers of messages and credentials.

use secret_store_core::{ApplicationName, StoreId};

use super::need::{ItemAction, Partition};
use super::{Opening, Role, RoleCheck};

impl RoleCheck {
    /// Of a server that takes sealed submissions ([`policy::Intake`](crate::policy::Intake)). The keys of organisations are in this
    /// application.
    pub fn intake(store: StoreId, application: ApplicationName, organisation_keys: ApplicationName) -> Self {
        Self { organisation_keys: Some(organisation_keys), ..Self::new(Role::Intake, store, application) }
    }

    /// Of a server that answers requests for secrets ([`policy::Responder`](crate::policy::Responder)). The keys of organisations are in
    /// this application.
    pub fn responder(store: StoreId, application: ApplicationName, organisation_keys: ApplicationName) -> Self {
        Self { organisation_keys: Some(organisation_keys), ..Self::new(Role::Responder, store, application) }
    }

    /// Of a server that uses up single-use marks alone ([`policy::Marker`](crate::policy::Marker)). It needs no key.
    pub fn marker(store: StoreId, application: ApplicationName) -> Self {
        Self::new(Role::Marker, store, application)
    }

    /// Of a job that removes marks that are over ([`policy::Sweeper`](crate::policy::Sweeper)). It needs no key.
    pub fn sweeper(store: StoreId, application: ApplicationName) -> Self {
        Self::new(Role::Sweeper, store, application)
    }

    /// Of a server that takes client-encrypted credentials ([`policy::CredentialIntake`](crate::policy::CredentialIntake)). It needs no
    /// key unless it [opens](Self::with_opening) what it takes.
    pub fn credential_intake(store: StoreId, application: ApplicationName) -> Self {
        Self::new(Role::CredentialIntake, store, application)
    }

    /// Of a server that uses credentials ([`policy::CredentialUser`](crate::policy::CredentialUser)).
    pub fn credential_user(store: StoreId, application: ApplicationName) -> Self {
        Self::new(Role::CredentialUser, store, application)
    }

    /// Of where users' keys are made and handed out ([`policy::CredentialKeeper`](crate::policy::CredentialKeeper)).
    pub fn credential_keeper(store: StoreId, application: ApplicationName) -> Self {
        Self::new(Role::CredentialKeeper, store, application)
    }

    /// An intake takes submissions for an expected version, and a credential intake opens what it takes: they read secrets of the
    /// application.
    pub fn with_opening(mut self) -> Self {
        self.opening = Opening::Yes;
        self.with_items(Partition::Current, &[ItemAction::Get], "reading what is opened")
    }

    /// A credential user removes credentials.
    pub fn with_removals(self) -> Self {
        self.with_items(Partition::Credentials, &[ItemAction::Put], "removing a credential")
    }

    /// A credential keeper replaces users' keys, and deletes older ones with their history.
    pub fn with_key_rotation(self) -> Self {
        let rotation = [ItemAction::Query, ItemAction::ConditionCheck];
        let shredding = [ItemAction::Query, ItemAction::Put, ItemAction::Delete];
        self.with_items(Partition::Credentials, &rotation, "encrypting credentials anew")
            .with_items(Partition::Current, &[ItemAction::Delete], "deleting an older key")
            .with_items(Partition::History, &shredding, "deleting an older key's history")
    }
}
