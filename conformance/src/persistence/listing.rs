//! One partition, an exclusive range, an order.

use secret_store_core::{ListQuery, Precondition, RecordKey};

use super::fixture::{Fixture, descending, everything, key, small};
use crate::case::{Verdict, cases, ensure};

cases!(Fixture; "listing":
    an_empty_partition_lists_nothing,
    only_its_own_partition,
    after_is_exclusive,
    before_is_exclusive,
    both_bounds_hold_in_both_orders,
    bounds_need_not_exist,
    an_empty_range_lists_nothing,
    listed_records_are_the_loaded_ones,
    a_deleted_record_is_not_listed,
);

async fn an_empty_partition_lists_nothing(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    for query in [everything(), descending(everything()), everything().with_after("a").with_before("b")] {
        let listed = handle.list_all(&query).await?;
        ensure!(listed.is_empty(), "an empty partition lists {} records", listed.len());
    }
    Ok(())
}

async fn only_its_own_partition(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let partitions = ["p", "P", "p#", "p/", "p/q", "pq", "p\0", "p\u{1f}", "~h~p", "p.", "p%"];
    for partition in partitions {
        for sort in ["1", "2"] {
            let record = small(&format!("{partition}:{sort}"));
            handle.put(&RecordKey::new(partition, sort), record, Precondition::Absent).await?;
        }
    }
    for partition in partitions {
        for query in [ListQuery::new(partition), descending(ListQuery::new(partition))] {
            let listed = handle.list_all(&query).await?;
            let own = listed.iter().all(|(sort, stored)| *stored.record == small(&format!("{partition}:{sort}")));
            ensure!(own && listed.len() == 2, "partition {partition:?} lists {listed:?}, it holds its own two records");
        }
    }
    Ok(())
}

async fn lists(fixture: &Fixture, query: &ListQuery, expected: &[&str]) -> Verdict {
    let listed = fixture.handle().sorts(query).await?;
    ensure!(listed == expected, "{query:?} lists {listed:?}, expected {expected:?}");
    Ok(())
}

async fn after_is_exclusive(fixture: Fixture) -> Verdict {
    fixture.handle().fill(&["a", "b", "b\0", "b!", "c"]).await?;
    lists(&fixture, &everything().with_after("b"), &["b\0", "b!", "c"]).await?;
    lists(&fixture, &descending(everything().with_after("b")), &["c", "b!", "b\0"]).await?;
    lists(&fixture, &everything().with_after("c"), &[]).await?;
    lists(&fixture, &everything().with_after(""), &["a", "b", "b\0", "b!", "c"]).await
}

async fn before_is_exclusive(fixture: Fixture) -> Verdict {
    fixture.handle().fill(&["a", "b", "b\0", "b!", "c"]).await?;
    lists(&fixture, &everything().with_before("b\0"), &["a", "b"]).await?;
    lists(&fixture, &descending(everything().with_before("b\0")), &["b", "a"]).await?;
    lists(&fixture, &everything().with_before("a"), &[]).await?;
    lists(&fixture, &everything().with_before("\u{10ffff}"), &["a", "b", "b\0", "b!", "c"]).await
}

async fn both_bounds_hold_in_both_orders(fixture: Fixture) -> Verdict {
    fixture.handle().fill(&["a", "b", "c", "d", "e"]).await?;
    let query = everything().with_after("a").with_before("e");
    lists(&fixture, &query, &["b", "c", "d"]).await?;
    lists(&fixture, &descending(query), &["d", "c", "b"]).await?;
    // What the history of one name asks for: everything between two texts that begin alike.
    fixture.handle().fill(&["n\u{1f}01", "n\u{1f}02", "n", "n#b", "n\u{1f}"]).await?;
    let history = everything().with_after("n\u{1f}").with_before("n\u{1f}~");
    lists(&fixture, &descending(history), &["n\u{1f}02", "n\u{1f}01"]).await
}

async fn bounds_need_not_exist(fixture: Fixture) -> Verdict {
    fixture.handle().fill(&["b", "d", "f"]).await?;
    lists(&fixture, &everything().with_after("a").with_before("g"), &["b", "d", "f"]).await?;
    lists(&fixture, &everything().with_after("c").with_before("e"), &["d"]).await?;
    lists(&fixture, &descending(everything().with_after("c")), &["f", "d"]).await
}

async fn an_empty_range_lists_nothing(fixture: Fixture) -> Verdict {
    fixture.handle().fill(&["a", "b", "c"]).await?;
    for (after, before) in [("b", "b"), ("c", "a"), ("a", "b"), ("z", "")] {
        let query = everything().with_after(after).with_before(before);
        lists(&fixture, &query, &[]).await?;
        lists(&fixture, &descending(query), &[]).await?;
    }
    Ok(())
}

async fn listed_records_are_the_loaded_ones(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["a", "b", "c"]).await?;
    handle.put(&key("b"), small("replaced"), Precondition::Any).await?;
    for (sort, listed) in handle.list_all(&everything()).await? {
        let loaded = handle.present(&key(&sort)).await?;
        ensure!(listed.record == loaded.record, "{sort:?} lists {:?} and loads {:?}", listed.record, loaded.record);
        ensure!(
            listed.revision == loaded.revision,
            "{sort:?} lists revision {} and loads {}",
            listed.revision,
            loaded.revision
        );
    }
    Ok(())
}

async fn a_deleted_record_is_not_listed(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["a", "b", "c"]).await?;
    for (deleted, left) in [("b", &["a", "c"][..]), ("a", &["c"]), ("c", &[])] {
        handle.delete(&key(deleted), Precondition::Any).await?;
        lists(&fixture, &everything(), left).await?;
    }
    Ok(())
}
