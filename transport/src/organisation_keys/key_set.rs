//! The keys of an organisation as one secret.

use std::time::{Duration, SystemTime};

use secret_store_core::{Clock, Error, ErrorKind, Result, SecretValue};
use zeroize::Zeroizing;

use crate::expiry::{Expiry, now};
use crate::random::random;
use crate::recipient::{MAX_STORED_BYTES, RecipientKeyPair};
use crate::wire::{Kind, Reader, Writer};

/// See the registry in `recipient`.
const PURPOSE: u8 = 5;
/// No pair of its own: each key has its suite.
const SUITE: u8 = 0;
const SEED_BYTES: usize = 32;
const VERSION_HEAD_BYTES: usize = 4 + 8 + 8 + SEED_BYTES;
/// How many versions are held at a time.
pub(super) const MAX_VERSIONS: usize = 8;
const MAX_BYTES: usize = 64 + MAX_VERSIONS * (4 + VERSION_HEAD_BYTES + MAX_STORED_BYTES);

/// One version of an organisation's keys, still in its stored form.
pub(super) struct HeldVersion<'a> {
    pub(super) version: u32,
    pub(super) not_before: Expiry,
    pub(super) expires: Expiry,
    seed: &'a [u8; SEED_BYTES],
    pair: &'a [u8],
}

impl HeldVersion<'_> {
    pub(super) async fn pair(&self) -> Result<RecipientKeyPair> {
        RecipientKeyPair::load(self.pair).await
    }

    pub(super) fn answer_key(&self) -> ed25519_dalek::SigningKey {
        ed25519_dalek::SigningKey::from_bytes(self.seed)
    }

    fn fields(&self) -> Zeroizing<Vec<u8>> {
        let mut field = Zeroizing::new(Vec::with_capacity(VERSION_HEAD_BYTES + self.pair.len()));
        field.extend_from_slice(&self.version.to_be_bytes());
        field.extend_from_slice(&self.not_before.as_millis().to_be_bytes());
        field.extend_from_slice(&self.expires.as_millis().to_be_bytes());
        field.extend_from_slice(self.seed);
        field.extend_from_slice(self.pair);
        field
    }

    fn parse(field: &[u8]) -> Option<HeldVersion<'_>> {
        let (version, rest) = field.split_first_chunk()?;
        let (not_before, rest) = rest.split_first_chunk()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let (seed, pair) = rest.split_first_chunk()?;
        let expiry = |millis: &[u8; 8]| Expiry::from_millis(u64::from_be_bytes(*millis));
        let version = u32::from_be_bytes(*version);
        Some(HeldVersion { version, not_before: expiry(not_before), expires: expiry(expires), seed, pair })
    }
}

/// The versions of an organisation's keys that are held, oldest first; the newest is the one to seal to. Never empty.
pub(super) struct KeySet<'a>(Vec<HeldVersion<'a>>);

impl<'a> KeySet<'a> {
    pub(super) fn parse(stored: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(stored, Kind::StoredKey, MAX_BYTES)?;
        if reader.suite() != SUITE || *reader.array()? != [PURPOSE] {
            return Err(Error::integrity());
        }
        let [count] = *reader.array()?;
        let mut versions = Vec::with_capacity(MAX_VERSIONS);
        for _ in 0..count {
            let field = reader.bytes(VERSION_HEAD_BYTES + MAX_STORED_BYTES)?;
            versions.push(HeldVersion::parse(field).ok_or_else(Error::integrity)?);
        }
        reader.end()?;
        let ascends = versions.is_sorted_by(|one, next| one.version < next.version);
        let fits = (1..=MAX_VERSIONS).contains(&versions.len()) && ascends && versions[0].version > 0;
        if fits { Ok(Self(versions)) } else { Err(Error::integrity()) }
    }

    pub(super) fn versions(&self) -> &[HeldVersion<'a>] {
        &self.0
    }

    pub(super) fn newest(&self) -> &HeldVersion<'a> {
        self.0.last().expect("never empty")
    }

    /// A version that things sealed to it are still taken for.
    pub(super) fn accepted(&self, version: u32, clock: &dyn Clock) -> Result<&HeldVersion<'a>> {
        if version > self.newest().version {
            return Err(Error::new(
                ErrorKind::KeyUnavailable,
                "this version of the organisation's key is not here: see whether this server reads the right store",
            ));
        }
        let held = self.0.iter().find(|held| held.version == version).ok_or_else(retired)?;
        if held.expires.is_older_than(clock, Expiry::SKEW) { Err(retired()) } else { Ok(held) }
    }

    fn write<'v>(versions: impl ExactSizeIterator<Item = &'v HeldVersion<'v>>) -> SecretValue {
        let count = u8::try_from(versions.len()).expect("at most eight");
        let fields: Vec<_> = versions.map(HeldVersion::fields).collect();
        let bytes = 5 + 5 + fields.iter().map(|field| 4 + field.len()).sum::<usize>();
        let writer = Writer::with_capacity(Kind::StoredKey, SUITE, bytes).field(&[PURPOSE]).field(&[count]);
        SecretValue::new(fields.iter().fold(writer, |writer, field| writer.field(field)).finish())
    }

    /// The bytes of what was parsed.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(super) fn encode_again(&self) -> SecretValue {
        Self::write(self.0.iter())
    }

    /// The set with a new newest version, and the number of it.
    pub(super) fn with_new(
        held: Option<&Self>,
        pair: &RecipientKeyPair,
        lifetime: Duration,
        clock: &dyn Clock,
    ) -> Result<(SecretValue, u32)> {
        let versions = held.map_or(&[][..], |set| &set.0);
        if versions.len() == MAX_VERSIONS {
            return Err(Error::invalid_input("eight versions of the organisation's key are held: retire the oldest"));
        }
        let version = versions.last().map_or(0, |newest| newest.version).checked_add(1);
        let version =
            version.ok_or_else(|| Error::too_large("key version", u32::MAX.into(), u64::from(u32::MAX) + 1))?;
        let (seed, stored) = (random()?, pair.to_stored()?);
        let new = HeldVersion {
            version,
            not_before: Expiry::from_millis(now(clock)),
            expires: Expiry::after(clock, lifetime),
            seed: &seed,
            pair: stored.expose_secret(),
        };
        let all: Vec<&HeldVersion<'_>> = versions.iter().chain([&new]).collect();
        Ok((Self::write(all.into_iter()), version))
    }

    /// The set without this version and those before it.
    pub(super) fn without(&self, version: u32) -> Result<Option<SecretValue>> {
        if version >= self.newest().version {
            return Err(Error::invalid_input("the newest version cannot be retired: rotate first"));
        }
        let kept: Vec<_> = self.0.iter().filter(|held| held.version > version).collect();
        Ok((kept.len() < self.0.len()).then(|| Self::write(kept.into_iter())))
    }
}

fn retired() -> Error {
    Error::new(
        ErrorKind::KeyRetired,
        "this version of the organisation's key is retired: fetch the current key record and seal again",
    )
}

/// A time of a version.
pub(super) fn time(at: Expiry) -> Result<SystemTime> {
    crate::time::from_millis(at.as_millis()).ok_or_else(Error::integrity)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FixedClock, vector};

    /// `docs/format.md`, section 16; made by another implementation.
    #[cfg(feature = "rsa")]
    #[test]
    fn the_frozen_key_set_parses_and_is_written_the_same() {
        let frozen = vector("sealed.json", "key-set");
        let set = KeySet::parse(&frozen).expect("a set");
        let found: Vec<_> = set.versions().iter().map(|held| (held.version, held.not_before.as_millis())).collect();
        assert_eq!(found, [(2, 1_767_225_600_000), (3, 1_767_225_600_000)]);
        let suite = |held: &HeldVersion<'_>| futures::executor::block_on(held.pair()).expect("a pair").suite();
        assert_eq!(suite(&set.versions()[0]), crate::Suite::RsaOaep);
        assert_eq!(suite(set.newest()), crate::Suite::HpkeX25519);
        assert_eq!(set.newest().answer_key().to_bytes(), [3; 32]);
        assert_eq!(KeySet::write(set.versions().iter()).expose_secret(), frozen);
    }

    #[test]
    fn versions_that_do_not_ascend_are_refused() {
        let frozen = vector("sealed.json", "key-set");
        let set = KeySet::parse(&frozen).expect("a set");
        for order in [&[1_usize, 0][..], &[1, 1], &[]] {
            let versions: Vec<_> = order.iter().map(|n| &set.versions()[*n]).collect();
            let written = KeySet::write(versions.into_iter());
            assert!(KeySet::parse(written.expose_secret()).is_err(), "{order:?}");
        }
    }

    fn numbered<'a>(held: &HeldVersion<'a>, version: u32) -> HeldVersion<'a> {
        HeldVersion { version, not_before: held.not_before, expires: held.expires, seed: held.seed, pair: held.pair }
    }

    #[test]
    fn versions_count_from_one_to_eight_at_a_time() {
        let frozen = vector("sealed.json", "key-set");
        let set = KeySet::parse(&frozen).expect("a set");
        for (numbers, is_set) in [(1..=8, true), (1..=9, false), (0..=1, false)] {
            let versions: Vec<_> = numbers.clone().map(|number| numbered(set.newest(), number)).collect();
            let written = KeySet::write(versions.iter());
            assert_eq!(KeySet::parse(written.expose_secret()).is_ok(), is_set, "{numbers:?}");
        }
    }

    #[test]
    fn another_suite_or_purpose_is_refused() {
        let frozen = vector("sealed.json", "key-set");
        for at in [4, 9] {
            let mut altered = frozen.clone();
            altered[at] ^= 1;
            assert_eq!(KeySet::parse(&altered).err().map(|error| error.kind()), Some(ErrorKind::Integrity), "{at}");
        }
    }

    #[test]
    fn versions_are_accepted_while_they_are_held_and_in_their_time() {
        let frozen = vector("sealed.json", "key-set");
        let set = KeySet::parse(&frozen).expect("a set");
        let end = time(set.newest().expires).expect("a time") + Expiry::SKEW;
        let at = |version, time| {
            let accepted = set.accepted(version, &FixedClock::at(time));
            accepted.map(|held| held.version).map_err(|error| error.kind())
        };
        assert_eq!(at(3, end), Ok(3));
        assert_eq!(at(3, end + Duration::from_millis(1)), Err(ErrorKind::KeyRetired));
        assert_eq!(at(1, end), Err(ErrorKind::KeyRetired));
        assert_eq!(at(4, end), Err(ErrorKind::KeyUnavailable), "a version that this store has never had");
    }
}
