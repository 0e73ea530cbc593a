//! What to list, and what comes back.

use std::num::NonZeroUsize;
use std::sync::Arc;

use super::Consistency;

/// The order of a listing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// By the bytes of the sort key, smallest first.
    #[default]
    Ascending,
    /// Largest first.
    Descending,
}

/// One partition, an exclusive range of sort keys, an order, a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuery {
    partition: Arc<str>,
    after: Option<Arc<str>>,
    before: Option<Arc<str>>,
    order: Order,
    limit: NonZeroUsize,
    consistency: Consistency,
    in_any_order: bool,
}

impl ListQuery {
    /// The page size unless [`ListQuery::with_limit`] sets another.
    pub const DEFAULT_LIMIT: NonZeroUsize = NonZeroUsize::new(100).expect("not zero");

    /// The whole partition, ascending, 100 records a page, eventually consistent.
    #[must_use]
    pub fn new(partition: impl Into<Arc<str>>) -> Self {
        Self {
            partition: partition.into(),
            after: None,
            before: None,
            order: Order::Ascending,
            limit: Self::DEFAULT_LIMIT,
            consistency: Consistency::Eventual,
            in_any_order: false,
        }
    }

    /// Only sort keys greater than this.
    #[must_use]
    pub fn with_after(mut self, sort: impl Into<Arc<str>>) -> Self {
        self.after = Some(sort.into());
        self
    }

    /// Only sort keys less than this.
    #[must_use]
    pub fn with_before(mut self, sort: impl Into<Arc<str>>) -> Self {
        self.before = Some(sort.into());
        self
    }

    /// The order of the answer.
    #[must_use]
    pub fn with_order(mut self, order: Order) -> Self {
        self.order = order;
        self
    }

    /// Leaves it to the persistence in which order the pages come, the same for all of one visit: for whoever reads a whole partition and
    /// keeps no order. Each bound must then be the [`next`](Page::next) of a page, or admit a whole range of names by its beginning.
    ///
    /// A hint: it is right to answer in order. [`BlindNames`](crate::BlindNames), which otherwise reads a partition for each of its pages,
    /// reads each record once.
    #[must_use]
    pub fn in_any_order(mut self) -> Self {
        self.in_any_order = true;
        self
    }

    /// The same of another partition.
    pub(crate) fn with_partition(&self, partition: Arc<str>) -> Self {
        Self { partition, ..self.clone() }
    }

    /// The same without bounds.
    pub(crate) fn unbounded(self) -> Self {
        Self { after: None, before: None, ..self }
    }

    /// The largest number of records in a page.
    #[must_use]
    pub fn with_limit(mut self, limit: NonZeroUsize) -> Self {
        self.limit = limit;
        self
    }

    /// How fresh the page must be.
    #[must_use]
    pub fn with_consistency(mut self, consistency: Consistency) -> Self {
        self.consistency = consistency;
        self
    }

    /// The query that goes on after a page's [`next`](Page::next).
    #[must_use]
    pub fn continued(self, next: impl Into<Arc<str>>) -> Self {
        match self.order {
            Order::Ascending => self.with_after(next),
            Order::Descending => self.with_before(next),
        }
    }

    /// The partition.
    #[must_use]
    pub fn partition(&self) -> &Arc<str> {
        &self.partition
    }

    /// Whether the order is left to the persistence.
    #[must_use]
    pub fn is_in_any_order(&self) -> bool {
        self.in_any_order
    }

    /// The exclusive lower bound, if any.
    #[must_use]
    pub fn after(&self) -> Option<&Arc<str>> {
        self.after.as_ref()
    }

    /// The exclusive upper bound, if any.
    #[must_use]
    pub fn before(&self) -> Option<&Arc<str>> {
        self.before.as_ref()
    }

    /// The order of the answer.
    #[must_use]
    pub fn order(&self) -> Order {
        self.order
    }

    /// The largest number of records in a page.
    #[must_use]
    pub fn limit(&self) -> NonZeroUsize {
        self.limit
    }

    /// How fresh the page must be.
    #[must_use]
    pub fn consistency(&self) -> Consistency {
        self.consistency
    }

    /// Whether the bounds admit a sort key: the one definition every persistence shares.
    #[must_use]
    pub fn admits(&self, sort: &str) -> bool {
        self.after.as_deref().is_none_or(|after| sort > after)
            && self.before.as_deref().is_none_or(|before| sort < before)
    }

    /// Whether the bounds admit nothing at all (an ordered map panics on such a range).
    #[must_use]
    pub fn is_empty_range(&self) -> bool {
        matches!((&self.after, &self.before), (Some(after), Some(before)) if after >= before)
    }
}

/// One page of a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The items, in the order asked for.
    pub items: Vec<T>,
    /// Where the next page begins (exclusive), or `None` when this was the last.
    pub next: Option<Arc<str>>,
}

impl<T> Page<(Arc<str>, T)> {
    /// Makes a page of one item more than the limit, as a backend fetches them to learn whether more follows.
    #[must_use]
    pub fn overfetched(mut items: Vec<(Arc<str>, T)>, limit: NonZeroUsize) -> Self {
        let more = items.len() > limit.get();
        items.truncate(limit.get());
        let next = if more { items.last().map(|(sort, _)| Arc::clone(sort)) } else { None };
        Self { items, next }
    }
}

impl<T> Default for Page<T> {
    fn default() -> Self {
        Self { items: Vec::new(), next: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_overfetched_page_points_at_its_own_last_item() {
        let items: Vec<(Arc<str>, u8)> = ["a", "b", "c"].into_iter().map(|sort| (Arc::from(sort), 0)).collect();
        let two = NonZeroUsize::new(2).expect("not zero");
        let page = Page::overfetched(items.clone(), two);
        assert_eq!((page.items.len(), page.next.as_deref()), (2, Some("b")));
        let three = NonZeroUsize::new(3).expect("not zero");
        assert_eq!(Page::overfetched(items, three).next, None);
    }

    #[test]
    fn a_query_continues_in_its_order() {
        let query = ListQuery::new("p").with_after("a").with_before("z");
        assert!(query.admits("b") && !query.admits("a") && !query.admits("z"));
        let up = query.clone().continued("m");
        assert!(!up.admits("m") && up.admits("n") && !up.admits("b"));
        let down = query.with_order(Order::Descending).continued("m");
        assert!(!down.admits("m") && down.admits("b") && !down.admits("n"));
        assert!(ListQuery::new("p").with_after("b").with_before("b").is_empty_range());
    }
}
