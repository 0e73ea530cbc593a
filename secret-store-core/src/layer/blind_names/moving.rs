//! Moving what was written under an older blinding key, or in clear.

use std::sync::Arc;

use super::BlindNames;
use super::address::Partition;
use super::blinding::{Generation, Scheme};
use super::keys::{BlindedKeys, generation_of};
use super::wraps::{Owner, StoredWraps};
use crate::context::EncryptionContext;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{ApplicationName, StoreId, TenantId};
use crate::key::WrappedKey;
use crate::key_provider::KeyProvider;
use crate::persistence::{Consistency, ListQuery, Persistence, Precondition, RecordKey, Stored, Write};
use crate::record::Record;

/// One pass after another, until one finds nothing more to do. Writers move what they change, so that each finds less.
const MOST_PASSES: u32 = 16;
/// How many of those that could not be moved are named.
const MOST_NAMED: usize = 100;

/// Moves the records of an application or a tenant to the newest blinding key, and their wraps to its contexts.
///
/// Beside readers and writers, which meet each record in its old place or its new one: each moves in one commit, on the
/// condition that it is unchanged. Nothing else is kept of the work: what is left is what still stands in an old place, so that it is
/// resumed anywhere by calling it again, also after a crash and by another process. A dropped call has moved each record wholly
/// or not at all.
///
/// Run it when every process writes under the new key (step 2 of [`Blinding`](crate::Blinding)): whatever an older process writes
/// later is found by calling it again.
#[derive(Debug)]
#[must_use = "nothing moves until an application or a tenant is named"]
pub struct BlindMover<'a> {
    names: &'a BlindNames,
    keys: Option<(&'a BlindedKeys, &'a StoreId)>,
}

/// What a [`BlindMover`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlindMove {
    /// Records that were moved.
    pub moved: u64,
    /// Records whose wrap was moved where they stand.
    pub rewrapped: u64,
    /// How many records could not be moved. Nothing of them was touched.
    pub left: u64,
    /// The first hundred of these.
    pub not_moved: Vec<NotMoved>,
    /// Whether the last pass, strongly consistent and over everything, found nothing to do.
    pub finished: bool,
}

/// A record that could not be moved.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotMoved {
    /// Its true address, or where it stands if it does not open.
    pub address: RecordKey,
    /// Why: [`Integrity`](ErrorKind::Integrity) if it does not open, [`Conflict`](ErrorKind::Conflict) if a record stands in its new
    /// place already, [`Unsupported`](ErrorKind::Unsupported) in format 0, or what the key provider says.
    pub reason: ErrorKind,
}

impl BlindNames {
    /// Begins to move what was written under an older key.
    pub fn mover(&self) -> BlindMover<'_> {
        BlindMover { names: self, keys: None }
    }
}

impl<'a> BlindMover<'a> {
    /// Also moves the wraps: where the key provider is behind [`BlindedKeys`], whose contexts change with the key. `store_id` is the
    /// store's.
    pub fn with_keys(mut self, keys: &'a BlindedKeys, store_id: &'a StoreId) -> Self {
        self.keys = Some((keys, store_id));
        self
    }

    /// Moves everything of an application: secrets, their history, settings and audit entries.
    ///
    /// # Errors
    ///
    /// As [`Persistence`] and [`KeyProvider`] where they are not to be had; call it again. What cannot be moved is told in the answer.
    pub async fn application(&self, application: &ApplicationName) -> Result<BlindMove> {
        let name = application.as_str();
        // Current records first: a put moves its predecessor from the first to the second.
        let mut partitions = vec![name.to_owned(), format!("~h~{name}"), format!("~s~{name}")];
        partitions.extend("0123456789abcdef".chars().map(|part| format!("~a{part}~{name}")));
        self.partitions(&partitions).await
    }

    /// Moves everything of a tenant: the versions of its key, and which applications it owns.
    ///
    /// # Errors
    ///
    /// As [`application`](Self::application).
    pub async fn tenant(&self, tenant: &TenantId) -> Result<BlindMove> {
        self.partitions(&[format!("~k~{}", tenant.as_str())]).await
    }

    /// Moves everything of a partition that is none of the library's own.
    ///
    /// # Errors
    ///
    /// As [`application`](Self::application).
    pub async fn partition(&self, partition: &str) -> Result<BlindMove> {
        self.partitions(&[partition.to_owned()]).await
    }

    async fn partitions(&self, partitions: &[String]) -> Result<BlindMove> {
        let mut all = BlindMove::default();
        for _ in 0..MOST_PASSES {
            let pass = self.pass(partitions).await?;
            all.moved += pass.moved;
            all.rewrapped += pass.rewrapped;
            all.left = pass.left;
            all.not_moved = pass.not_moved;
            if pass.moved + pass.rewrapped + pass.lost == 0 {
                all.finished = all.left == 0;
                break;
            }
        }
        Ok(all)
    }

    async fn pass(&self, partitions: &[String]) -> Result<Pass> {
        let mut pass = Pass::default();
        let writing = self.names.blinding().writing();
        for generation in self.names.blinding().generations().filter(|generation| *generation <= writing) {
            // Where records stand already, wraps may be left behind: a put copies its predecessor's to the history.
            if generation == writing && self.keys.is_none() {
                continue;
            }
            for partition in partitions {
                self.visit(generation, partition, &mut pass).await?;
            }
        }
        Ok(pass)
    }

    async fn visit(&self, generation: Generation, partition: &str, pass: &mut Pass) -> Result<()> {
        let names = self.names;
        let blind: Arc<str> = match names.blinding().scheme(generation) {
            Scheme::Clear => partition.into(),
            Scheme::Keyed(key) => Partition::parse(partition).blind(key).into(),
        };
        let mut query = ListQuery::new(Arc::clone(&blind)).with_consistency(Consistency::Strong);
        loop {
            let page = names.inner.list(&query).await?;
            for (sort, stored) in page.items {
                let place = RecordKey::new(Arc::clone(&blind), sort);
                self.record(generation, partition, &place, stored, pass).await?;
            }
            match page.next {
                Some(next) => query = query.continued(next),
                None => return Ok(()),
            }
        }
    }

    async fn record(
        &self,
        generation: Generation,
        partition: &str,
        place: &RecordKey,
        stored: Stored,
        pass: &mut Pass,
    ) -> Result<()> {
        let revision = stored.revision.clone();
        let (address, record) = match self.names.reveal(generation, place, stored) {
            Ok((address, stored)) if **address.partition() == *partition => (address, stored.record),
            Ok(_) => return pass.leave(place, Error::integrity()),
            Err(error) => return pass.leave(place, error),
        };
        let rewrapped = match self.rewrapped(&address, &record).await {
            Ok(rewrapped) => rewrapped,
            Err(error) => return pass.leave(&address, error),
        };
        let writing = self.names.blinding().writing();
        let was_rewrapped = rewrapped.is_some();
        if generation == writing && !was_rewrapped {
            return Ok(());
        }
        let record = rewrapped.map_or(record, Arc::new);
        let unchanged = Precondition::Revision(revision.clone());
        let writes = if generation == writing {
            vec![self.names.put(writing, &address, &record, unchanged)?]
        } else {
            let put = self.names.put(writing, &address, &record, Precondition::Absent)?;
            vec![put, Write::delete(place.clone(), unchanged)]
        };
        match self.names.inner.commit(writes).await {
            Ok(_) if generation == writing => pass.rewrapped += 1,
            Ok(_) => pass.moved += 1,
            Err(error) if matches!(error.kind(), ErrorKind::Conflict | ErrorKind::Contention) => {
                let found = self.names.inner.load(place, Consistency::Strong).await?;
                let is_unchanged = found.is_some_and(|stored| stored.revision == revision);
                // Unchanged, and still it could not move: something stands in its new place.
                if is_unchanged && error.kind() == ErrorKind::Conflict {
                    return pass.leave(&address, error);
                }
                pass.lost += 1;
            }
            Err(error) => return pass.leave(&address, error),
        }
        Ok(())
    }

    /// The record with its wraps under the newest contexts, if it has one that is not.
    async fn rewrapped(&self, address: &RecordKey, record: &Record) -> Result<Option<Record>> {
        let Some((keys, store)) = self.keys else { return Ok(None) };
        let Some(owner) = Owner::of(address)? else { return Ok(None) };
        let Some(wraps) = StoredWraps::of(owner.attribute(), record)? else { return Ok(None) };
        let context = owner.context(store, record)?;
        let (mut moved, mut all) = (false, Vec::with_capacity(wraps.all.len()));
        for wrap in &wraps.all {
            let newer = self.rewrap(keys, wrap, &context).await?;
            moved |= newer.is_some();
            all.push(newer.unwrap_or_else(|| wrap.clone()));
        }
        moved.then(|| wraps.replaced(record, all)).transpose()
    }

    /// One wrap under the newest context, unless it is.
    async fn rewrap(
        &self,
        keys: &BlindedKeys,
        wrap: &WrappedKey,
        context: &EncryptionContext,
    ) -> Result<Option<WrappedKey>> {
        // Under a tenant's key it has no context that a key provider sees.
        if wrap.master_key_id().tenant().is_some() {
            return Ok(None);
        }
        let blinding = self.names.blinding();
        if generation_of(blinding, wrap.as_bytes()).ok_or_else(Error::integrity)? >= blinding.writing() {
            return Ok(None);
        }
        keys.rewrap_key(wrap, context, wrap.master_key_id(), context).await.map(Some)
    }
}

#[derive(Debug, Default)]
struct Pass {
    moved: u64,
    rewrapped: u64,
    /// Races with writers: the record is to be looked at again.
    lost: u64,
    left: u64,
    not_moved: Vec<NotMoved>,
}

impl Pass {
    /// Leaves a record as it is, unless the whole pass cannot go on.
    fn leave(&mut self, address: &RecordKey, error: Error) -> Result<()> {
        if matches!(error.kind(), ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::PermissionDenied) {
            return Err(error);
        }
        self.left += 1;
        if self.not_moved.len() < MOST_NAMED {
            self.not_moved.push(NotMoved { address: address.clone(), reason: error.kind() });
        }
        Ok(())
    }
}
