//! The keys and aliases of one region.

use std::collections::{BTreeMap, BTreeSet};

use super::ACCOUNT;
use super::key::{Key, KeyState};
use super::refusal::Refusal;

/// One region.
#[derive(Debug)]
pub(super) struct Region {
    name: String,
    keys: BTreeMap<String, Key>,
    aliases: BTreeMap<String, String>,
    pub(super) denied: BTreeSet<String>,
}

impl Region {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), keys: BTreeMap::new(), aliases: BTreeMap::new(), denied: BTreeSet::new() }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    fn prefix(&self) -> String {
        format!("arn:aws:kms:{}:{ACCOUNT}:", self.name)
    }

    pub(super) fn arn(&self, key: &Key) -> String {
        self.prefix() + "key/" + &key.id
    }

    pub(super) fn add(&mut self, key: Key) -> String {
        let arn = self.arn(&key);
        self.keys.insert(key.id.clone(), key);
        arn
    }

    pub(super) fn remove(&mut self, arn: &str) {
        let id = self.key(arn).map(|key| key.id.clone());
        self.keys.retain(|known, _| id.as_ref() != Some(known));
    }

    pub(super) fn set_alias(&mut self, alias: &str, arn: &str) {
        let id = self.key(arn).expect("a key of this region").id.clone();
        self.aliases.insert(alias.to_owned(), id);
    }

    /// By ARN.
    pub(super) fn key(&self, arn: &str) -> Option<&Key> {
        self.keys.get(arn.strip_prefix(&(self.prefix() + "key/"))?)
    }

    pub(super) fn key_mut(&mut self, arn: &str) -> Option<&mut Key> {
        let prefix = self.prefix() + "key/";
        self.keys.get_mut(arn.strip_prefix(&prefix)?)
    }

    /// By the id that a ciphertext names.
    pub(super) fn by_id(&self, id: &str) -> Option<&Key> {
        self.keys.get(id)
    }

    /// By any of the four ways a request may name a key: id, ARN, alias, alias ARN.
    pub(super) fn find(&self, name: &str) -> Result<&Key, Refusal> {
        let not_found = |message: String| Refusal::new("NotFoundException", message);
        let local = match name.strip_prefix("arn:") {
            None => name,
            Some(_) => match name.strip_prefix(&self.prefix()) {
                Some(local) => local,
                None => return Err(not_found(format!("Invalid arn {name}"))),
            },
        };
        if local.starts_with("alias/") {
            let id = self.aliases.get(local);
            let arn = self.prefix() + local;
            return id.and_then(|id| self.keys.get(id)).ok_or_else(|| not_found(format!("Alias {arn} is not found.")));
        }
        let id = local.strip_prefix("key/").unwrap_or(local);
        let arn = self.prefix() + "key/" + id;
        self.keys.get(id).ok_or_else(|| not_found(format!("Key '{arn}' does not exist")))
    }

    /// A key that may be used now for an action.
    pub(super) fn usable(&self, name: &str, action: &str) -> Result<&Key, Refusal> {
        let key = self.find(name)?;
        self.check_usable(key, action)?;
        Ok(key)
    }

    pub(super) fn check_usable(&self, key: &Key, action: &str) -> Result<(), Refusal> {
        let arn = self.arn(key);
        self.check_allowed(action, &arn)?;
        match key.state {
            KeyState::Enabled => Ok(()),
            KeyState::Disabled => Err(Refusal::new("DisabledException", format!("{arn} is disabled."))),
            KeyState::PendingDeletion => {
                Err(Refusal::new("KMSInvalidStateException", format!("{arn} is pending deletion.")))
            }
            KeyState::PendingDeletionAsDisabled => {
                Err(Refusal::new("DisabledException", format!("{arn} is pending deletion.")))
            }
        }
    }

    pub(super) fn check_allowed(&self, action: &str, arn: &str) -> Result<(), Refusal> {
        if self.denied.contains(action) { Err(Refusal::denied(action, arn)) } else { Ok(()) }
    }
}
