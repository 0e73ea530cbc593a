//! Listings in the order of true names.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use super::BlindNames;
use super::address::{Partition, Range};
use super::blinding::{Generation, Scheme};
use super::key::Keyed;
use crate::error::{Error, Result};
use crate::persistence::{Consistency, ListQuery, Order, Page, RecordKey, Stored};

/// Records in one page of a partition that is read whole.
const SCANNED_PAGE: NonZeroUsize = NonZeroUsize::new(500).expect("not zero");

/// The first records of a page, in its order, and one more, which tells that others follow.
struct Collected {
    records: BTreeMap<Arc<str>, Stored>,
    order: Order,
    most: usize,
}

impl Collected {
    fn new(query: &ListQuery) -> Self {
        let most = query.limit().get().saturating_add(1);
        Self { records: BTreeMap::new(), order: query.order(), most }
    }

    /// A record of a newer generation takes the place of an older one.
    fn insert(&mut self, sort: Arc<str>, stored: Stored) {
        self.records.insert(sort, stored);
        if self.records.len() > self.most {
            match self.order {
                Order::Ascending => self.records.pop_last(),
                Order::Descending => self.records.pop_first(),
            };
        }
    }

    fn into_page(self, limit: NonZeroUsize) -> Page<(Arc<str>, Stored)> {
        let items = self.records.into_iter();
        Page::overfetched(
            match self.order {
                Order::Ascending => items.collect(),
                Order::Descending => items.rev().collect(),
            },
            limit,
        )
    }
}

impl BlindNames {
    pub(super) async fn list_sorted(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        if query.is_empty_range() {
            return Ok(Page::default());
        }
        if self.blinding.count() > 1 {
            return self.list_generations(query).await;
        }
        let only = self.blinding.writing();
        if let Some(range) = self.range(only, query) {
            return self.page_of_range(only, query, &range).await;
        }
        if let (true, Scheme::Keyed(key)) = (query.is_in_any_order(), self.blinding.scheme(only)) {
            return self.page_in_any_order(only, key, query).await;
        }
        let mut collected = Collected::new(query);
        self.collect_all(only, query, &mut collected).await?;
        Ok(collected.into_page(query.limit()))
    }

    /// Oldest first, each strongly consistent: what moves on meanwhile is met again, never missed.
    async fn list_generations(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let query = &query.clone().with_consistency(Consistency::Strong);
        let mut collected = Collected::new(query);
        for generation in self.blinding.generations() {
            match self.range(generation, query) {
                Some(range) => self.collect_range(generation, query, &range, &mut collected).await?,
                None => self.collect_all(generation, query, &mut collected).await?,
            }
        }
        Ok(collected.into_page(query.limit()))
    }

    /// One page in the order of blind sort keys, which whoever asks so can do with.
    async fn page_in_any_order(
        &self,
        generation: Generation,
        key: &Keyed,
        query: &ListQuery,
    ) -> Result<Page<(Arc<str>, Stored)>> {
        let parsed = Partition::parse(query.partition());
        let partition = self.blind_partition(generation, query.partition());
        let mut blind = query.with_partition(Arc::clone(&partition)).unbounded();
        if let Some(after) = query.after() {
            blind = blind.with_after(parsed.blind_bound(key, after)?);
        }
        if let Some(before) = query.before() {
            blind = blind.with_before(parsed.blind_bound(key, before)?);
        }
        loop {
            let page = self.inner.list(&blind).await?;
            let mut items = Vec::with_capacity(page.items.len());
            for (sort, stored) in page.items {
                items.push(self.open_listed(generation, query.partition(), &partition, sort, stored)?);
            }
            match (page.next, items.last()) {
                // Where it goes on is told by a true name, which an empty page has none of.
                (Some(next), None) => blind = blind.continued(next),
                (Some(_), Some((last, _))) => {
                    let next = Some(Arc::clone(last));
                    return Ok(Page { items, next });
                }
                (None, _) => return Ok(Page { items, next: None }),
            }
        }
    }

    /// How the records are asked for, if their order is the backend's own.
    fn range(&self, generation: Generation, query: &ListQuery) -> Option<Range> {
        match self.blinding.scheme(generation) {
            Scheme::Clear => Some(Range::default()),
            Scheme::Keyed(key) => {
                let (after, before) = (query.after().map(|sort| &**sort), query.before().map(|sort| &**sort));
                Partition::parse(query.partition()).range(key, after, before)
            }
        }
    }

    fn blind_partition(&self, generation: Generation, partition: &Arc<str>) -> Arc<str> {
        match self.blinding.scheme(generation) {
            Scheme::Clear => Arc::clone(partition),
            Scheme::Keyed(key) => Partition::parse(partition).blind(key).into(),
        }
    }

    async fn page_of_range(
        &self,
        generation: Generation,
        query: &ListQuery,
        range: &Range,
    ) -> Result<Page<(Arc<str>, Stored)>> {
        let partition = self.blind_partition(generation, query.partition());
        let bound = |sort: &Arc<str>| range.to_blind(sort).ok_or_else(Error::integrity);
        let mut blind = query.with_partition(Arc::clone(&partition)).unbounded();
        if let Some(after) = query.after() {
            blind = blind.with_after(bound(after)?);
        }
        if let Some(before) = query.before() {
            blind = blind.with_before(bound(before)?);
        }
        let page = self.inner.list(&blind).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for (sort, stored) in page.items {
            items.push(self.open_listed(generation, query.partition(), &partition, sort, stored)?);
        }
        // Within the range, so it begins as every sort key of the range does.
        let clear = |next: Arc<str>| range.to_clear(&next).map(Arc::from).ok_or_else(Error::integrity);
        Ok(Page { items, next: page.next.map(clear).transpose()? })
    }

    async fn collect_range(
        &self,
        generation: Generation,
        query: &ListQuery,
        range: &Range,
        collected: &mut Collected,
    ) -> Result<()> {
        let mut rest = query.clone();
        let mut left = collected.most;
        while let Some(limit) = NonZeroUsize::new(left) {
            let page = self.page_of_range(generation, &rest.clone().with_limit(limit), range).await?;
            left = left.saturating_sub(page.items.len());
            page.items.into_iter().for_each(|(sort, stored)| collected.insert(sort, stored));
            let Some(next) = page.next else { break };
            rest = rest.continued(next);
        }
        Ok(())
    }

    /// Reads the whole partition; keeps no more than a page of it.
    async fn collect_all(&self, generation: Generation, query: &ListQuery, collected: &mut Collected) -> Result<()> {
        let partition = self.blind_partition(generation, query.partition());
        let mut blind =
            ListQuery::new(Arc::clone(&partition)).with_limit(SCANNED_PAGE).with_consistency(query.consistency());
        loop {
            let page = self.inner.list(&blind).await?;
            for (sort, stored) in page.items {
                let (sort, stored) = self.open_listed(generation, query.partition(), &partition, sort, stored)?;
                if query.admits(&sort) {
                    collected.insert(sort, stored);
                }
            }
            match page.next {
                Some(next) => blind = blind.continued(next),
                None => return Ok(()),
            }
        }
    }

    /// A record of a listing says its own name; it must be that of its place.
    fn open_listed(
        &self,
        generation: Generation,
        partition: &Arc<str>,
        blind_partition: &Arc<str>,
        blind_sort: Arc<str>,
        stored: Stored,
    ) -> Result<(Arc<str>, Stored)> {
        let place = RecordKey::new(Arc::clone(blind_partition), blind_sort);
        let (address, stored) = self.reveal(generation, &place, stored)?;
        if address.partition() != partition || self.blind(generation, &address)? != place {
            return Err(Error::integrity());
        }
        Ok((Arc::clone(address.sort()), stored))
    }
}
