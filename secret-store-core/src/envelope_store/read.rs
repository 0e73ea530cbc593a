//! Gets and listings.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::config::Legacy;
use super::high_water::Mark;
use super::state::rollback_detected;
use super::{Inner, layout};
use crate::envelope::protected::{ProtectedSecret, stored_id};
use crate::envelope::view::View;
use crate::error::{Error, Result};
use crate::id::{ApplicationName, SecretId, SecretVersion};
use crate::persistence::{Consistency, ListQuery, Page, RecordKey, Revision, Stored};
use crate::record::Record;
use crate::secret::{Secret, SecretInfo};
use crate::store::{GetOptions, ListOptions};

/// How many secrets are opened at the same time.
const CONCURRENT_OPENS: usize = 16;
/// Records asked for in one page of a get-all; the backend may answer fewer.
const GET_ALL_PAGE: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");

impl Inner {
    pub(super) async fn get(&self, id: &SecretId, options: &GetOptions) -> Result<Secret> {
        if let Some(version) = options.version {
            return Box::pin(self.get_version(id, version, options)).await;
        }
        let mark = self.marks.of(id);
        let loaded = self.records.load(&mark.place(id), options.consistency).await;
        if let Ok(Some(stored)) = &loaded
            && let Some(answer) = self.open_usual(id, stored, &mark, options)
        {
            return answer;
        }
        // Boxed, so that the future of the usual read is small.
        Box::pin(self.judge_current(id, loaded?, &mark, options)).await
    }

    /// Opens what a read usually finds: a record that is no older than it may be, and its key ready.
    fn open_usual(&self, id: &SecretId, stored: &Stored, mark: &Mark, options: &GetOptions) -> Option<Result<Secret>> {
        let answer = self.open_at_once(id, stored, lowest(mark, options))?;
        if let Ok(secret) = &answer {
            mark.raise(&self.marks, id, secret.info().version);
        }
        Some(answer)
    }

    /// Goes by what was loaded as the current record, or loads it again where it looks too old.
    async fn judge_current(
        &self,
        id: &SecretId,
        stored: Option<Stored>,
        mark: &Mark,
        options: &GetOptions,
    ) -> Result<Secret> {
        let mut found = Found::parse(id, stored)?;
        if options.consistency == Consistency::Eventual && is_suspicious(found.as_ref(), mark, options) {
            found = Found::parse(id, self.records.load(&layout::current(id), Consistency::Strong).await?)?;
        }
        self.open_current(&found.ok_or_else(Error::not_found)?, mark, options).await
    }

    /// Opens a current record that is no older than it may be.
    async fn open_current(&self, found: &Found, mark: &Mark, options: &GetOptions) -> Result<Secret> {
        let Found { protected, revision } = found;
        if protected.version() < lowest(mark, options) && !self.is_reverted(protected, options)? {
            return Err(rollback_detected());
        }
        let secret = self.open(protected, revision.clone()).await?;
        mark.raise(&self.marks, protected.id(), protected.version());
        Ok(secret)
    }

    /// Whether it is in format 0 where that is written: going back to it there is a reverted migration. A caller's pin holds.
    fn is_reverted(&self, protected: &ProtectedSecret, options: &GetOptions) -> Result<bool> {
        let is_pinned = options.minimum_version.is_some_and(|minimum| minimum > SecretVersion::UNVERSIONED);
        let legacy = self.config.application(protected.id().application())?.legacy;
        Ok(protected.version() == SecretVersion::UNVERSIONED && !is_pinned && legacy == Legacy::ReadWrite)
    }

    /// Opens the current record with a document key that is unwrapped now.
    pub(super) async fn refresh_key(&self, id: &SecretId) -> Result<()> {
        let found = Found::parse(id, self.records.load(&layout::current(id), Consistency::Strong).await?)?;
        let found = found.ok_or_else(Error::not_found)?;
        self.forget_key(&found.protected)?;
        self.open(&found.protected, found.revision).await.map(drop)
    }

    /// Reads one version where it stands: in the current record or in the history.
    async fn get_version(&self, id: &SecretId, version: SecretVersion, options: &GetOptions) -> Result<Secret> {
        if options.minimum_version.is_some_and(|minimum| version < minimum) {
            return Err(Error::invalid_input("the version asked for is below the minimum version"));
        }
        let slot = layout::outgoing(id, version);
        let found = self.records.load_many(&[layout::current(id), slot.clone()], options.consistency).await?;
        for stored in found.into_iter().flatten() {
            let protected = ProtectedSecret::from_record(id, &stored.record)?;
            if protected.version() == version {
                return self.open(&protected, stored.revision).await;
            }
        }
        // The two records may be of different moments, and the version may have moved from the one to the other between them.
        let Some(stored) = self.records.load(&slot, Consistency::Strong).await? else { return Err(Error::not_found()) };
        let protected = ProtectedSecret::from_record(id, &stored.record)?;
        if protected.version() != version {
            return Err(Error::not_found());
        }
        self.open(&protected, stored.revision).await
    }

    pub(super) async fn get_many(&self, ids: &[SecretId], options: &GetOptions) -> Result<Vec<Secret>> {
        check_no_version(options)?;
        // A name may be asked for twice; a record is loaded once.
        let mut positions = HashMap::with_capacity(ids.len());
        let mut keys = Vec::with_capacity(ids.len());
        let positions: Vec<usize> = ids
            .iter()
            .map(|id| {
                *positions.entry(id).or_insert_with(|| {
                    keys.push(layout::current(id));
                    keys.len() - 1
                })
            })
            .collect();
        let marks: Vec<Mark> = ids.iter().map(|id| self.marks.of(id)).collect();
        let found = self.load_in_batches(&keys, options.consistency).await?;
        let mut opened = Vec::with_capacity(ids.len());
        for ((id, mark), position) in ids.iter().zip(marks).zip(positions) {
            let stored = found.get(position).cloned().flatten();
            opened.push(self.open_found(id.clone(), stored, mark, options));
        }
        stream::iter(opened).buffered(CONCURRENT_OPENS).try_collect().await
    }

    async fn load_in_batches(&self, keys: &[RecordKey], consistency: Consistency) -> Result<Vec<Option<Stored>>> {
        let mut found = Vec::with_capacity(keys.len());
        for batch in keys.chunks(self.records.limits().batch.max(1)) {
            found.extend(self.records.load_many(batch, consistency).await?);
        }
        Ok(found)
    }

    /// Opens what a read of several secrets found, or reads this one again where that looks too old.
    async fn open_found(
        &self,
        id: SecretId,
        stored: Option<Stored>,
        mark: Mark,
        options: &GetOptions,
    ) -> Result<Secret> {
        let opened = async {
            if let Some(stored) = &stored
                && let Some(answer) = self.open_usual(&id, stored, &mark, options)
            {
                return answer;
            }
            match Found::parse(&id, stored)? {
                Some(found) if !is_suspicious(Some(&found), &mark, options) => {
                    self.open_current(&found, &mark, options).await
                }
                _ => self.get(&id, &options.clone().with_consistency(Consistency::Strong)).await,
            }
        };
        opened.await.map_err(|error| error.with_secret(&id))
    }

    pub(super) async fn get_all(&self, application: &ApplicationName, options: &GetOptions) -> Result<Vec<Secret>> {
        check_no_version(options)?;
        let mut secrets = Vec::new();
        let mut query = ListQuery::new(Arc::clone(application.as_shared()))
            .with_limit(GET_ALL_PAGE)
            .with_consistency(options.consistency)
            .in_any_order();
        loop {
            let page = self.records.list(&query).await?;
            let opened = page.items.into_iter().map(|(sort, stored)| async move {
                let id = stored_id(application, &sort)?;
                // The mark is taken after the listing: what looks too old is read again, with a mark of its own.
                let mark = self.marks.of(&id);
                self.open_found(id, Some(stored), mark, options).await
            });
            let mut opened = stream::iter(opened).buffered(CONCURRENT_OPENS);
            while let Some(secret) = opened.next().await {
                match secret {
                    Ok(secret) => secrets.push(secret),
                    // Deleted since it was listed.
                    Err(error) if error.kind() == crate::ErrorKind::NotFound => {}
                    Err(error) => return Err(error),
                }
            }
            match page.next {
                Some(next) => query = query.continued(next),
                None => {
                    secrets.sort_by(|a: &Secret, b| a.id().name().cmp(b.id().name()));
                    return Ok(secrets);
                }
            }
        }
    }

    pub(super) async fn list(&self, application: &ApplicationName, options: &ListOptions) -> Result<Page<SecretInfo>> {
        let query = ListQuery::new(Arc::clone(application.as_shared()));
        self.page(query, options, |sort| stored_id(application, sort)).await
    }

    pub(super) async fn history(&self, id: &SecretId, options: &ListOptions) -> Result<Page<SecretInfo>> {
        if options.after.as_ref().is_some_and(|cursor| !layout::history(id).admits(cursor)) {
            return Err(Error::invalid_input("this is no cursor of the secret's history: use a page's `next`"));
        }
        self.page(layout::history(id), options, |_| Ok(id.clone())).await
    }

    async fn page(
        &self,
        query: ListQuery,
        options: &ListOptions,
        id: impl Fn(&Arc<str>) -> Result<SecretId>,
    ) -> Result<Page<SecretInfo>> {
        let query = query.with_limit(options.limit).with_consistency(options.consistency);
        let query = match &options.after {
            Some(after) => query.continued(Arc::clone(after)),
            None => query,
        };
        let page = self.records.list(&query).await?;
        let info = |(sort, stored): (Arc<str>, Stored)| {
            let id = id(&sort)?;
            listed(&id, &stored.record, stored.revision).map_err(|error| error.with_secret(&id))
        };
        Ok(Page { items: page.items.into_iter().map(info).collect::<Result<_>>()?, next: page.next })
    }
}

/// What a listing says of a record.
fn listed(id: &SecretId, record: &Record, revision: Revision) -> Result<SecretInfo> {
    let found = View::parse(id, record)?;
    match found.wraps {
        None => Ok(found.info(id, &revision, found.master_key_id(), found.decoded_metadata()?)),
        Some(_) => ProtectedSecret::from_record(id, record)?.info(revision),
    }
}

/// The lowest version a read may answer.
fn lowest(mark: &Mark, options: &GetOptions) -> SecretVersion {
    mark.lowest().max(options.minimum_version.unwrap_or(SecretVersion::UNVERSIONED))
}

/// Whether an answer could be a stale one: older than expected, or nothing where something was seen.
fn is_suspicious(found: Option<&Found>, mark: &Mark, options: &GetOptions) -> bool {
    let lowest = lowest(mark, options);
    found.map_or(lowest > SecretVersion::UNVERSIONED, |found| found.protected.version() < lowest)
}

/// A record that was found under a secret's name, parsed once.
struct Found {
    protected: ProtectedSecret,
    revision: Revision,
}

impl Found {
    fn parse(id: &SecretId, stored: Option<Stored>) -> Result<Option<Self>> {
        stored
            .map(|Stored { record, revision }| {
                Ok(Self { protected: ProtectedSecret::from_current(id, &record)?, revision })
            })
            .transpose()
    }
}

fn check_no_version(options: &GetOptions) -> Result<()> {
    match options.version {
        Some(_) => {
            Err(Error::invalid_input("one version number for several secrets has no meaning: read them one by one"))
        }
        None => Ok(()),
    }
}
