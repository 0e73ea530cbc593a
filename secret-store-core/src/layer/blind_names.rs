//! Names that the database and the key provider cannot read.

mod address;
mod blinding;
mod commit;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod key;
mod keys;
mod listing;
mod mark;
mod moving;
pub(crate) mod sealed;
mod wraps;

use std::sync::Arc;

use async_trait::async_trait;

pub use blinding::{BlindName, Blinding};
pub use key::{BlindingKey, BlindingKeyId};
pub use keys::BlindedKeys;
pub use moving::{BlindMove, BlindMover, NotMoved};

use crate::error::{Error, ErrorKind, Result};
use crate::persistence::{Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Revision, Stored, Write};
use crate::record::Record;
use address::Partition;
use blinding::{Generation, Scheme};

/// A [`Persistence`] over another, which holds no name that can be read: where a name of a tenant, an application or a secret would
/// stand, there stands its keyed hash (HMAC-SHA256), and the record itself is sealed.
///
/// ```
/// # futures::executor::block_on(async {
/// use secret_store_core::{BlindNames, BlindedKeys, Blinding, BlindingKey, EnvelopeStore, SecretStoreExt};
/// use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};
/// use std::sync::Arc;
///
/// // The bytes are kept where master keys are kept.
/// let (key, _bytes) = BlindingKey::generate()?;
/// let blinding = Blinding::new(&key);
/// let keys = MemoryKeyProvider::new().with_generated(&"main".parse()?)?;
/// let records = BlindNames::open(Arc::new(MemoryPersistence::new()), blinding.clone()).await?;
/// let store = EnvelopeStore::builder(Arc::new(BlindedKeys::new(Arc::new(keys), blinding)), Arc::new(records))
///     .store_id("prod")
///     .master_key("main")
///     .build()?;
/// let app = store.application("YourApp.Production")?;
/// app.put("MainDb", "hunter2").await?;
/// assert_eq!(app.get("MainDb").await?.text()?, "hunter2");
/// # Ok::<(), secret_store_core::Error>(())
/// # }).expect("the example runs");
/// ```
///
/// # What the database sees
///
/// * 64 hexadecimal digits for each application, secret and tenant. The same name within an application is the same digits every
///   time; across applications it is not. Which history, settings and audit partition belong to which application is visible.
/// * The numbers of versions and tenant keys, times and writers of audit entries, and how many records there are: what must stay
///   in order stays in clear.
/// * One attribute, `Sealed`: the whole record (AES-256-GCM), true names and metadata and ids of master keys included, bound to its
///   address. Its length tells in steps of 256 bytes how much is in it; names and other text together tell nothing up to about 490
///   bytes, and then steps of 512.
///
/// Whoever has the [key](BlindingKey) can test guesses of names; nobody else can.
///
/// # Guarantees
///
/// * Those of the persistence beneath, for every key: listings stay complete, sorted by true names, in pages.
/// * A record that was changed, moved to another address or made without the key is [`Integrity`](ErrorKind::Integrity). An older
///   record of the same address is authentic here: [`EnvelopeStore`](crate::EnvelopeStore) detects rollback as before.
/// * Format 0 is [`Unsupported`](ErrorKind::Unsupported): its readers know no blind names.
///
/// # Costs
///
/// A load is a load, with three hashes and one more decryption. A history is a range as before. A page of an *application's* listing
/// reads the whole partition, since hashes have no order, and keeps one page in memory: reading *n* secrets in pages of *p* reads
/// *n²/p* records. So ask for large pages where there are many. A record may have 5 KiB less than beneath.
///
/// While a key is replaced ([`Blinding`]), each load asks for one record in each generation, and absence is made sure of by one more
/// round trip.
#[derive(Clone, Debug)]
pub struct BlindNames {
    inner: Arc<dyn Persistence>,
    blinding: Blinding,
}

impl BlindNames {
    /// Over a persistence that is written under one of these keys, or under none yet: under a wrong key a store looks empty, and what
    /// is put there nobody else finds, so that the database has a mark of the key it is written under. The first to come leaves it.
    ///
    /// Where an older key of those in use has left the mark, it moves on to the one that is written under: by then every process must read
    /// under that one. A role that may not write leaves no mark. Nothing authenticates it: whoever can write to the database can make
    /// this fail.
    ///
    /// # Errors
    ///
    /// [`KeyNotAllowed`](ErrorKind::KeyNotAllowed) naming the key of the mark, when it is none of those in use; otherwise as
    /// [`Persistence`]. A role that may not read the mark is answered as the backend says and needs [`unchecked`](Self::unchecked).
    pub async fn open(inner: Arc<dyn Persistence>, blinding: Blinding) -> Result<Self> {
        let names = Self::unchecked(inner, blinding);
        names.check().await?;
        Ok(names)
    }

    /// As [`open`](Self::open), without looking whether the key is the right one.
    pub fn unchecked(inner: Arc<dyn Persistence>, blinding: Blinding) -> Self {
        Self { inner, blinding }
    }

    /// A name as the database has it, for logs, metrics and access policies.
    #[must_use]
    pub fn display<'a>(&self, name: impl Into<BlindName<'a>>) -> String {
        self.blinding.display(name)
    }

    /// The keys in use.
    #[must_use]
    pub fn blinding(&self) -> &Blinding {
        &self.blinding
    }

    fn blind(&self, generation: Generation, address: &RecordKey) -> Result<RecordKey> {
        match self.blinding.scheme(generation) {
            Scheme::Clear => Ok(address.clone()),
            Scheme::Keyed(key) => address::blind(key, address),
        }
    }

    /// Reads what was found at a blind address: it says itself which record it is.
    fn reveal(&self, generation: Generation, blind: &RecordKey, stored: Stored) -> Result<(RecordKey, Stored)> {
        let revision = self.blinding.tagged(generation, &stored.revision);
        match self.blinding.scheme(generation) {
            Scheme::Clear => {
                // An address in clear that is somebody's hash.
                if sealed::is_sealed(&stored.record) {
                    return Err(Error::integrity());
                }
                check_format(blind, &stored.record)?;
                Ok((blind.clone(), Stored { record: stored.record, revision }))
            }
            Scheme::Keyed(key) => {
                let opened = sealed::open(key, blind, &stored.record)?;
                Ok((opened.address, Stored { record: Arc::new(opened.record), revision }))
            }
        }
    }

    /// Reads what was found where a record stands.
    fn reveal_at(
        &self,
        generation: Generation,
        address: &RecordKey,
        blind: &RecordKey,
        stored: Stored,
    ) -> Result<Stored> {
        let (found, stored) = self.reveal(generation, blind, stored)?;
        if found == *address { Ok(stored) } else { Err(Error::integrity()) }
    }

    async fn load_in(
        &self,
        generation: Generation,
        address: &RecordKey,
        consistency: Consistency,
    ) -> Result<Option<Stored>> {
        let blind = self.blind(generation, address)?;
        let stored = self.inner.load(&blind, consistency).await?;
        stored.map(|stored| self.reveal_at(generation, address, &blind, stored)).transpose()
    }

    /// Reads the generations one after the other, oldest first: records move from older ones to newer ones, so that one which is there
    /// throughout is met. (Back moves only what is put without a condition by a process that still writes under the older key: the
    /// library puts nothing so but marks of which application is whose, which are put again where they are missed.)
    async fn load_in_order(&self, address: &RecordKey) -> Result<Option<Stored>> {
        for generation in self.blinding.generations() {
            if let Some(stored) = self.load_in(generation, address, Consistency::Strong).await? {
                return Ok(Some(stored));
            }
        }
        Ok(None)
    }

    /// One batch of blind addresses, those of one record beside each other.
    async fn load_all(&self, addresses: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let generations: Vec<Generation> = self.blinding.generations().collect();
        let mut blind = Vec::with_capacity(addresses.len() * generations.len());
        for address in addresses {
            for generation in &generations {
                blind.push(self.blind(*generation, address)?);
            }
        }
        let found = self.inner.load_many(&blind, consistency).await?;
        if found.len() != blind.len() {
            let message = "the persistence answered another number of records than asked";
            return Err(Error::new(ErrorKind::Unavailable, message));
        }
        let mut found = found.into_iter();
        let mut opened = Vec::with_capacity(addresses.len());
        for (address, blind) in addresses.iter().zip(blind.chunks(generations.len())) {
            let mut newest = None;
            for ((generation, blind), stored) in generations.iter().zip(blind).zip(found.by_ref()) {
                if let Some(stored) = stored {
                    newest = Some(self.reveal_at(*generation, address, blind, stored)?);
                }
            }
            opened.push(newest);
        }
        Ok(opened)
    }
}

#[async_trait]
impl Persistence for BlindNames {
    fn limits(&self) -> Limits {
        let (limits, count) = (self.inner.limits(), self.blinding.count());
        Limits::DEFAULT
            .with_record_bytes(limits.record_bytes.saturating_sub(sealed::OVERHEAD_BYTES))
            .with_writes_per_commit(limits.writes_per_commit / count)
            .with_batch((limits.batch / count).max(1))
    }

    async fn load(&self, key: &RecordKey, consistency: Consistency) -> Result<Option<Stored>> {
        if self.blinding.count() == 1 {
            return self.load_in(self.blinding.writing(), key, consistency).await;
        }
        let mut found = self.load_many(std::slice::from_ref(key), consistency).await?;
        Ok(found.pop().flatten())
    }

    async fn load_many(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let mut found = self.load_all(keys, consistency).await?;
        if self.blinding.count() > 1 {
            // It may have moved between the moments of which the answers are.
            for (key, stored) in keys.iter().zip(&mut found) {
                if stored.is_none() {
                    *stored = self.load_in_order(key).await?;
                }
            }
        }
        Ok(found)
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        self.list_sorted(query).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        self.commit_blind(writes).await
    }
}

/// Refuses format 0, which has no blind names: whoever reads it looks for names in clear.
fn check_format(address: &RecordKey, record: &Record) -> Result<()> {
    use crate::envelope::protected::attribute::INITIALISATION_VECTOR;
    let of_a_secret =
        matches!(Partition::parse(address.partition()), Partition::Application(_) | Partition::History(_));
    let is_legacy = record.bytes(INITIALISATION_VECTOR).is_some_and(|iv| iv.len() == crate::envelope::legacy::IV_BYTES);
    if of_a_secret && is_legacy {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "format 0 has no blind names: store the secret in format 1 (`Legacy::Off` or `Legacy::Read`) first",
        ));
    }
    Ok(())
}
