//! Pages: never longer than asked for, nothing twice, nothing left out, also while others write.

use std::num::NonZeroUsize;

use secret_store_core::{ListQuery, Page, Precondition, Stored};

use super::fixture::{Fixture, Handle, descending, everything, key, limit, small};
use crate::case::{Stop, Verdict, cases, ensure};

cases!(Fixture; "paging":
    pages_join_to_the_whole,
    pages_join_within_bounds,
    a_page_is_never_longer_than_its_limit,
    the_largest_limit_is_a_limit,
    the_default_limit_is_kept,
    a_cursor_survives_the_delete_of_its_record,
    inserts_and_deletes_disturb_no_other_record,
    pages_in_any_order_join_to_the_whole,
);

const LETTERS: [&str; 9] = ["a", "b", "c", "d", "e", "f", "g", "h", "i"];

async fn pages_join(handle: &Handle, query: ListQuery, expected: &[&str]) -> Verdict {
    for page in 1..=expected.len() + 2 {
        let listed = handle.sorts(&query.clone().with_limit(limit(page))).await?;
        ensure!(listed == expected, "in pages of {page}: {listed:?}, expected {expected:?}");
    }
    Ok(())
}

async fn pages_join_to_the_whole(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&LETTERS).await?;
    pages_join(&handle, everything(), &LETTERS).await?;
    let mut reversed = LETTERS;
    reversed.reverse();
    pages_join(&handle, descending(everything()), &reversed).await
}

async fn pages_join_within_bounds(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&LETTERS).await?;
    let query = everything().with_after("b").with_before("h");
    pages_join(&handle, query.clone(), &["c", "d", "e", "f", "g"]).await?;
    pages_join(&handle, descending(query), &["g", "f", "e", "d", "c"]).await
}

/// Where the order is the persistence's own, each record still comes once.
async fn pages_in_any_order_join_to_the_whole(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&LETTERS).await?;
    for page in 1..=LETTERS.len() + 2 {
        for query in [everything(), descending(everything())] {
            let mut listed = handle.sorts(&query.in_any_order().with_limit(limit(page))).await?;
            listed.sort_unstable();
            ensure!(listed == LETTERS, "in any order, in pages of {page}: {listed:?}, expected {LETTERS:?}");
        }
    }
    Ok(())
}

async fn a_page_is_never_longer_than_its_limit(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&LETTERS).await?;
    for items in 1..LETTERS.len() {
        for query in [everything(), descending(everything())] {
            let page = handle.list(&query.with_limit(limit(items))).await?;
            ensure!(page.items.len() <= items, "a page of {} was asked to hold {items}", page.items.len());
            ensure!(page.next.is_some(), "a page of {items} says that it is the last of {}", LETTERS.len());
        }
    }
    Ok(())
}

/// Fetching one more than the limit, to learn whether more follows, must not overflow.
async fn the_largest_limit_is_a_limit(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&LETTERS).await?;
    for query in [everything(), descending(everything())] {
        let listed = handle.list_all(&query.with_limit(NonZeroUsize::MAX)).await?;
        ensure!(listed.len() == LETTERS.len(), "the largest limit lists {} of {}", listed.len(), LETTERS.len());
    }
    Ok(())
}

async fn the_default_limit_is_kept(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let sorts: Vec<String> = (0..ListQuery::DEFAULT_LIMIT.get() * 2 + 5).map(|n| format!("{n:05}")).collect();
    handle.fill(&sorts.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    let listed = handle.sorts(&everything()).await?;
    ensure!(listed == sorts, "listed {} of {} records in pages", listed.len(), sorts.len());
    Ok(())
}

/// The first page that holds something, and the query that goes on behind it.
async fn first_page(handle: &Handle, query: ListQuery) -> Result<(Vec<String>, ListQuery), Stop> {
    let mut query = query;
    loop {
        let Page { items, next }: Page<(_, Stored)> = handle.list(&query).await?;
        let next = next.ok_or_else(|| Stop::failed("the first page says that nothing follows"))?;
        query = query.continued(next);
        if !items.is_empty() {
            return Ok((items.into_iter().map(|(sort, _)| sort.to_string()).collect(), query));
        }
    }
}

async fn a_cursor_survives_the_delete_of_its_record(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&LETTERS).await?;
    let (mut seen, rest) = first_page(&handle, everything().with_limit(limit(3))).await?;
    for sort in &seen {
        handle.delete(&key(sort), Precondition::Any).await?;
    }
    seen.extend(handle.sorts(&rest).await?);
    ensure!(seen == LETTERS, "with the first page deleted under the cursor: {seen:?}, expected {LETTERS:?}");
    Ok(())
}

async fn inserts_and_deletes_disturb_no_other_record(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&LETTERS).await?;
    for query in [everything(), descending(everything())] {
        let ascending = query == everything();
        let (mut seen, rest) = first_page(&handle, query.with_limit(limit(2))).await?;
        // On both sides of the cursor; each order deletes one that it has not seen and one that it has.
        for inserted in ["a!", "b!", "h!", "z"] {
            handle.put(&key(inserted), small(inserted), Precondition::Any).await?;
        }
        for deleted in ["b", "h"] {
            handle.delete(&key(deleted), Precondition::Any).await?;
        }
        seen.extend(handle.sorts(&rest).await?);
        let untouched = ["a", "c", "d", "e", "f", "g", "i"];
        for sort in untouched {
            let times = seen.iter().filter(|listed| *listed == sort).count();
            ensure!(times == 1, "{sort:?} was listed {times} times while others came and went: {seen:?}");
        }
        let sorted = if ascending { seen.is_sorted() } else { seen.iter().rev().is_sorted() };
        ensure!(sorted, "the pages are out of order while others came and went: {seen:?}");
        handle.put(&key("b"), small("b"), Precondition::Any).await?;
        handle.put(&key("h"), small("h"), Precondition::Any).await?;
    }
    Ok(())
}
