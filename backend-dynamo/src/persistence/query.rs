//! Pages of a partition.

use std::sync::Arc;

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use secret_store_core::{Consistency, Error, ListQuery, Order, Page, RecordKey, Result, Stored};

use super::item::{self, Item, PARTITION, SORT};
use super::{DynamoPersistence, capacity};

impl DynamoPersistence {
    /// One `Query`: DynamoDB ends a page at the limit or at 1 MB, and says where.
    pub(super) async fn query(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        item::check_partition(query.partition())?;
        for bound in query.after().into_iter().chain(query.before()) {
            item::check_sort(bound)?;
        }
        if query.is_empty_range() {
            return Ok(Page::default());
        }
        let range = Range::of(query);
        let mut request = self
            .client
            .query()
            .table_name(&*self.table)
            .expression_attribute_names("#p", PARTITION)
            .expression_attribute_values(":p", AttributeValue::S(item::stored_key(query.partition()).into_owned()))
            .set_exclusive_start_key(range.start)
            .scan_index_forward(query.order() == Order::Ascending)
            .limit(i32::try_from(query.limit().get()).unwrap_or(i32::MAX))
            .consistent_read(query.consistency() == Consistency::Strong)
            .return_consumed_capacity(ReturnConsumedCapacity::Total);
        request = match range.end {
            Some((comparison, bound)) => request
                .key_condition_expression(format!("#p = :p AND #s {comparison} :s"))
                .expression_attribute_names("#s", SORT)
                .expression_attribute_values(":s", AttributeValue::S(item::stored_key(bound).into_owned())),
            None => request.key_condition_expression("#p = :p"),
        };
        let output = request.send().await.map_err(|error| self.failure("dynamodb:Query").error(error))?;
        capacity::report("Query", output.consumed_capacity());
        let parse = |item: Item| item::parse(item).map(|(key, stored)| (Arc::clone(key.sort()), stored));
        let items = output.items.unwrap_or_default().into_iter().map(parse).collect::<Result<Vec<_>>>()?;
        let next = output.last_evaluated_key.map(cursor).transpose()?;
        Ok(Page { items, next })
    }
}

/// Where the next page begins. A key that cannot be read must not look like the end.
fn cursor(mut last: Item) -> Result<Arc<str>> {
    match last.remove(SORT) {
        Some(AttributeValue::S(sort)) => Ok(item::original_key(sort)),
        _ => Err(Error::integrity()),
    }
}

/// An exclusive range in DynamoDB's terms: a key condition takes one bound, and the start key, which need not exist, is the other.
struct Range<'a> {
    start: Option<Item>,
    end: Option<(char, &'a Arc<str>)>,
}

impl<'a> Range<'a> {
    fn of(query: &'a ListQuery) -> Self {
        let (first, last, comparison) = match query.order() {
            Order::Ascending => (query.after(), query.before(), '<'),
            Order::Descending => (query.before(), query.after(), '>'),
        };
        let key = |sort: &Arc<str>| item::key(&RecordKey::new(Arc::clone(query.partition()), Arc::clone(sort)));
        Self { start: first.map(key), end: last.map(|sort| (comparison, sort)) }
    }
}
