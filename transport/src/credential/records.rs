//! Where credentials and the public halves of their keys stand, and how they are written.

use std::sync::Arc;

use secret_store_core::{
    Consistency, Error, ErrorKind, ListQuery, Persistence, Precondition, Record, RecordKey, Result, Stored, Value,
    Write,
};

use super::message::Credential;
use super::place::{CredentialKeyVersion, CredentialOwner, CredentialPlace};
use crate::key_record::KeyRecord;
use crate::wire::Message as _;

/// So often a version that somebody else goes on changing is retired again.
const MAX_ATTEMPTS: usize = 16;
const SEPARATOR: char = '\u{1f}';
const KEY: &str = "KEY";
const CREDENTIAL: &str = "CREDENTIAL";

const STATE: &str = "State";
const ACCEPTED: u64 = 1;
const RETIRED: u64 = 2;
const KEY_RECORD: &str = "KeyRecord";
const MESSAGE: &str = "Credential";
const REMOVED: &str = "Removed";

fn partition(owner: &CredentialOwner) -> String {
    format!("~c~{}", owner.application().as_str())
}

/// The record that says whether credentials under this version of the key are taken.
pub(super) fn key_at(owner: &CredentialOwner, version: CredentialKeyVersion) -> RecordKey {
    RecordKey::new(partition(owner), format!("{KEY}{SEPARATOR}{:010}", version.get()))
}

pub(super) fn credential_at(owner: &CredentialOwner, place: &CredentialPlace) -> RecordKey {
    let (id, field) = (place.id().as_str(), place.field().as_str());
    RecordKey::new(partition(owner), format!("{CREDENTIAL}{SEPARATOR}{id}{SEPARATOR}{field}"))
}

/// All of a user's credentials.
pub(super) fn credentials(owner: &CredentialOwner) -> ListQuery {
    ListQuery::new(partition(owner))
        .with_after(format!("{CREDENTIAL}{SEPARATOR}"))
        // The character after the separator.
        .with_before(format!("{CREDENTIAL} "))
        .with_consistency(Consistency::Strong)
}

/// The states of the versions of a user's key below this one.
fn keys_below(owner: &CredentialOwner, version: CredentialKeyVersion) -> ListQuery {
    ListQuery::new(partition(owner))
        .with_after(format!("{KEY}{SEPARATOR}"))
        .with_before(Arc::clone(key_at(owner, version).sort()))
        .with_consistency(Consistency::Strong)
}

/// Which version a sort key is of.
fn version_of(sort: &str) -> Option<CredentialKeyVersion> {
    let digits = sort.strip_prefix(KEY)?.strip_prefix(SEPARATOR)?;
    let version = CredentialKeyVersion::new(digits.parse().ok()?).ok()?;
    (digits == format!("{:010}", version.get())).then_some(version)
}

/// Which field a sort key is of.
pub(super) fn place_of(sort: &str) -> Option<CredentialPlace> {
    let rest = sort.strip_prefix(CREDENTIAL)?.strip_prefix(SEPARATOR)?;
    let (id, field) = rest.split_once(SEPARATOR)?;
    CredentialPlace::parse(id, field).ok()
}

/// What a key's record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KeyState {
    /// Credentials under it are taken; verified by this key record, or by opening them where there is none.
    Accepted(Option<KeyRecord>),
    /// They are not taken any more. The public half is gone.
    Retired,
}

impl KeyState {
    pub(super) fn parse(record: &Record) -> Result<Self> {
        match (record.number(STATE), record.bytes(KEY_RECORD)) {
            (Some(ACCEPTED), Some(bytes)) => KeyRecord::from_bytes(bytes.to_vec()).map(Some).map(Self::Accepted),
            (Some(ACCEPTED), None) => Ok(Self::Accepted(None)),
            (Some(RETIRED), None) => Ok(Self::Retired),
            _ => Err(Error::integrity()),
        }
    }

    pub(super) fn to_record(&self) -> Record {
        let (state, key) = match self {
            Self::Accepted(key) => (ACCEPTED, key.as_ref()),
            Self::Retired => (RETIRED, None),
        };
        let record = Record::with_capacity(2);
        let record = match key {
            Some(key) => record.with(KEY_RECORD, Value::from(key.as_bytes())),
            None => record,
        };
        record.with(STATE, Value::Number(state))
    }
}

/// What stands in a field's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The bytes that were submitted.
    Credential(Credential),
    /// It was removed; its last revision, so that the next one goes on above it.
    Removed(u64),
}

impl Slot {
    /// # Errors
    ///
    /// `Integrity` for anything else, `Unsupported` for a message of a later release.
    pub(super) fn parse(record: &Record) -> Result<Self> {
        match (record.bytes(MESSAGE), record.number(REMOVED)) {
            (Some(bytes), None) => match Credential::from_bytes(bytes.to_vec()) {
                Err(error) if error.kind() != ErrorKind::Unsupported => Err(Error::integrity()),
                parsed => parsed.map(Self::Credential),
            },
            (None, Some(revision)) => Ok(Self::Removed(revision)),
            _ => Err(Error::integrity()),
        }
    }

    pub(super) fn to_record(&self) -> Record {
        match self {
            Self::Credential(credential) => Record::new().with(MESSAGE, Value::from(credential.as_bytes())),
            Self::Removed(revision) => Record::new().with(REMOVED, Value::Number(*revision)),
        }
    }

    /// The number that the next value must be above.
    pub(super) fn revision(&self) -> u64 {
        match self {
            Self::Credential(credential) => credential.info().revision,
            Self::Removed(revision) => *revision,
        }
    }
}

/// A condition that holds as long as the record is as it was found.
pub(super) fn unchanged(found: Option<&Stored>) -> Precondition {
    found.map_or(Precondition::Absent, |stored| Precondition::Revision(stored.revision.clone()))
}

/// The records of credentials in a persistence.
#[derive(Clone, Debug)]
pub(super) struct CredentialRecords(pub(super) Arc<dyn Persistence>);

impl CredentialRecords {
    /// What there is of a version of the key, and of a field: strongly consistent, in one round trip.
    pub(super) async fn load(
        &self,
        owner: &CredentialOwner,
        version: CredentialKeyVersion,
        place: &CredentialPlace,
    ) -> Result<(Option<Stored>, Option<Stored>)> {
        let keys = [key_at(owner, version), credential_at(owner, place)];
        let mut found = self.0.load_many(&keys, Consistency::Strong).await?.into_iter();
        match (found.next(), found.next()) {
            (Some(key), Some(credential)) => Ok((key, credential)),
            _ => {
                Err(Error::new(ErrorKind::Unavailable, "the persistence answered fewer records than it was asked for"))
            }
        }
    }

    pub(super) async fn load_slot(
        &self,
        owner: &CredentialOwner,
        place: &CredentialPlace,
    ) -> Result<Option<(Slot, Stored)>> {
        let found = self.0.load(&credential_at(owner, place), Consistency::Strong).await?;
        found.map(|stored| Ok((Slot::parse(&stored.record)?, stored))).transpose()
    }

    pub(super) async fn load_key(
        &self,
        owner: &CredentialOwner,
        version: CredentialKeyVersion,
    ) -> Result<Option<(KeyState, Stored)>> {
        let found = self.0.load(&key_at(owner, version), Consistency::Strong).await?;
        found.map(|stored| Ok((KeyState::parse(&stored.record)?, stored))).transpose()
    }

    /// Sees to it that no credential under a version below this one is taken: retires what is not. Answers which versions there are,
    /// oldest first.
    ///
    /// The commit that accepts a version retires the one before; a backup that was put back in parts, or a persistence that tears
    /// commits, can have left that one accepted.
    pub(super) async fn retire_below(
        &self,
        owner: &CredentialOwner,
        version: CredentialKeyVersion,
    ) -> Result<Vec<CredentialKeyVersion>> {
        let (mut query, mut versions) = (keys_below(owner, version), Vec::new());
        loop {
            let page = self.0.list(&query).await?;
            for (sort, stored) in page.items {
                let Some(version) = version_of(&sort) else { continue };
                // What says something else, of a later release or of nobody, says so no longer: that is the safe side.
                if !matches!(KeyState::parse(&stored.record), Ok(KeyState::Retired)) {
                    self.retire(owner, version, stored).await?;
                }
                versions.push(version);
            }
            match page.next {
                Some(next) => query = query.continued(next),
                None => return Ok(versions),
            }
        }
    }

    async fn retire(&self, owner: &CredentialOwner, version: CredentialKeyVersion, mut found: Stored) -> Result<()> {
        for _ in 0..MAX_ATTEMPTS {
            let retired = KeyState::Retired.to_record();
            let put = Write::put(key_at(owner, version), retired, unchanged(Some(&found)));
            let Err(error) = self.0.commit(vec![put]).await else { return Ok(()) };
            // Renewed meanwhile, or retired: by somebody else, or by this commit, whose answer was lost.
            match self.load_key(owner, version).await {
                Ok(None | Some((KeyState::Retired, _))) => return Ok(()),
                Ok(Some((_, renewed))) if error.kind() == ErrorKind::Conflict => found = renewed,
                _ => return Err(error),
            }
        }
        Err(Error::conflict(0, Some(found.revision)))
    }

    /// Puts a slot, as long as the field and the state of the key are as they were found: a retired key's credential never lands,
    /// however late its commit is.
    pub(super) async fn replace(
        &self,
        owner: &CredentialOwner,
        place: &CredentialPlace,
        slot: &Slot,
        current: Option<&Stored>,
        fence: Option<(CredentialKeyVersion, &Stored)>,
    ) -> Result<()> {
        let put = Write::put(credential_at(owner, place), slot.to_record(), unchanged(current));
        let check = fence.map(|(version, key)| Write::check(key_at(owner, version), unchanged(Some(key))));
        match self.0.commit([put].into_iter().chain(check).collect()).await {
            // It may have landed: then it stands there.
            Err(error) if error.kind() == ErrorKind::Unavailable => match self.load_slot(owner, place).await {
                Ok(Some((found, _))) if found == *slot => Ok(()),
                _ => Err(error),
            },
            outcome => outcome.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use secret_store_core::{ApplicationName, TenantId};

    use super::*;

    fn owner() -> CredentialOwner {
        let tenant = TenantId::new("alice").expect("valid");
        CredentialOwner::new(tenant, ApplicationName::new("Vault.alice").expect("valid"))
    }

    #[test]
    fn places_are_as_documented_and_can_be_told_back() {
        let place = CredentialPlace::parse("github", "password").expect("valid");
        let key = credential_at(&owner(), &place);
        assert_eq!((&**key.partition(), &**key.sort()), ("~c~Vault.alice", "CREDENTIAL\u{1f}github\u{1f}password"));
        assert_eq!(place_of(key.sort()), Some(place));
        let version = key_at(&owner(), CredentialKeyVersion::FIRST);
        assert_eq!((&**version.partition(), &**version.sort()), ("~c~Vault.alice", "KEY\u{1f}0000000001"));
        assert!(credentials(&owner()).admits(key.sort()) && !credentials(&owner()).admits(version.sort()));
        let below = keys_below(&owner(), CredentialKeyVersion::new(2).expect("valid"));
        assert!(below.admits(version.sort()) && !below.admits(key.sort()) && !below.admits("KEY\u{1f}0000000002"));
        assert_eq!(version_of(version.sort()), Some(CredentialKeyVersion::FIRST));
        for sort in ["KEY\u{1f}1", "KEY\u{1f}0000000000", "KEY\u{1f}+000000001", "KEY0000000001", &**key.sort()] {
            assert_eq!(version_of(sort), None, "{sort}");
        }
        for sort in
            ["CREDENTIAL\u{1f}github", "CREDENTIAL\u{1f}a\u{1f}b\u{1f}c", "CREDENTIALgithub", "KEY\u{1f}0000000001"]
        {
            assert_eq!(place_of(sort), None, "{sort}");
        }
    }

    #[test]
    fn records_that_say_two_things_or_nothing_are_refused() {
        for state in [KeyState::Accepted(None), KeyState::Retired] {
            assert_eq!(KeyState::parse(&state.to_record()).expect("its own"), state);
        }
        assert_eq!(Slot::parse(&Slot::Removed(7).to_record()).expect("its own"), Slot::Removed(7));
        let retired_with_key = KeyState::Retired.to_record().with(KEY_RECORD, Value::from(&[1_u8][..]));
        let other = KeyState::Retired.to_record().with(STATE, Value::Number(3));
        for record in [retired_with_key, other, Record::new()] {
            assert!(KeyState::parse(&record).is_err());
            assert!(Slot::parse(&record).is_err());
        }
        let both = Slot::Removed(1).to_record().with(MESSAGE, Value::from(&[1_u8][..]));
        assert!(Slot::parse(&both).is_err());
    }
}
