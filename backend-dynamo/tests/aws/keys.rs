//! What DynamoDB can hold as keys and items, and what is refused before anything is sent.

use secret_store_core::{Consistency, ErrorKind, ListQuery, Order, Persistence, Precondition, RecordKey, Value, Write};
use secret_store_dynamo_emulator::Patience;

use crate::support::{APPLICATION, Table, key, record};

#[tokio::test]
async fn keys_beyond_dynamodb_are_refused_before_anything_is_sent() {
    let table = Table::new().await;
    let records = table.proxied(Patience::default());
    let long_sort = key(&"x".repeat(1025));
    let long_partition = RecordKey::new("x".repeat(2049), "sort");
    // One NUL is added behind it.
    let nul_sort = key(&"\0".repeat(1024));
    for key in [long_sort, long_partition, nul_sort] {
        let too_large = |kind| matches!(kind, ErrorKind::TooLarge { .. });
        let keys = [key.clone(), self::key("other")];
        let put = Write::put(key.clone(), record("x"), Precondition::Any);
        assert!(too_large(records.load(&key, Consistency::Strong).await.expect_err("too long").kind()));
        assert!(too_large(records.load_many(&keys, Consistency::Strong).await.expect_err("too long").kind()));
        assert!(too_large(records.commit(vec![put]).await.expect_err("too long").kind()));
    }
    let long = ListQuery::new("x".repeat(2049));
    assert!(matches!(records.list(&long).await.expect_err("too long").kind(), ErrorKind::TooLarge { .. }));
    assert_eq!(table.proxy.take_operations(), Vec::<String>::new());
    let longest = RecordKey::new("p".repeat(2048), "s".repeat(1024));
    let put = Write::put(longest.clone(), record("x"), Precondition::Absent);
    records.commit(vec![put]).await.expect("the longest key is a key");
    assert!(records.load(&longest, Consistency::Strong).await.expect("a read").is_some());
}

#[tokio::test]
async fn keys_of_nul_keep_apart_and_in_order() {
    let table = Table::new().await;
    let records = table.direct();
    let sorts = ["", "\0", "\0\0", "\0\0a", "\0a", "a", "a\0"];
    for sort in sorts {
        let put = Write::put(key(sort), record(&format!("{sort:?}")), Precondition::Absent);
        records.commit(vec![put]).await.unwrap_or_else(|error| panic!("{sort:?}: {error}"));
    }
    for sort in sorts {
        let stored = records.load(&key(sort), Consistency::Strong).await.expect("a read").expect("there");
        assert_eq!(*stored.record, record(&format!("{sort:?}")));
    }
    for order in [Order::Ascending, Order::Descending] {
        for after in [None, Some(""), Some("\0"), Some("a")] {
            for before in [None, Some(""), Some("\0\0"), Some("\0a"), Some("b")] {
                let mut query = ListQuery::new(APPLICATION).with_order(order).with_consistency(Consistency::Strong);
                query = after.map_or(query.clone(), |after| query.with_after(after));
                query = before.map_or(query.clone(), |before| query.with_before(before));
                let mut expected: Vec<_> = sorts.into_iter().filter(|sort| query.admits(sort)).collect();
                if order == Order::Descending {
                    expected.reverse();
                }
                let page = records.list(&query).await.expect("a page");
                let listed: Vec<_> = page.items.iter().map(|(sort, _)| &**sort).collect();
                assert_eq!(listed, expected, "{query:?}");
            }
        }
    }
}

#[tokio::test]
async fn records_of_any_attribute_names_round_trip() {
    let table = Table::new().await;
    let records = table.direct();
    let odd =
        ["", "~", "~~", "~rev", "~address", "~~rev", "ApplicationName", "SecretName", "~~ApplicationName", "#", ":0"];
    let mut whole = record("x");
    for name in odd {
        whole.set(name, Value::from(7));
        let one = record("x").with(name, Value::from("text"));
        for record in [one, whole.clone()] {
            let put = Write::put(key("odd"), record.clone(), Precondition::Any);
            let revision = records.commit(vec![put]).await.unwrap_or_else(|error| panic!("{name:?}: {error}"));
            let stored = records.load(&key("odd"), Consistency::Strong).await.expect("a read").expect("there");
            assert_eq!((&*stored.record, Some(stored.revision)), (&record, revision[0].clone()), "{name:?}");
        }
    }
}

#[tokio::test]
async fn commits_beyond_four_megabytes_are_refused_before_anything_is_sent() {
    let table = Table::new().await;
    let records = table.proxied(Patience::default());
    let put = |number: usize| {
        let record = record("x").with("Bytes", Value::from(vec![7; 340 * 1024]));
        Write::put(key(&format!("{number}")), record, Precondition::Absent)
    };
    let error = records.commit((0..13).map(put).collect()).await.expect_err("more than 4 MB");
    assert!(matches!(error.kind(), ErrorKind::TooLarge { limit: 4_194_304, .. }), "{error}");
    assert_eq!(table.proxy.take_operations(), Vec::<String>::new());
    records.commit((0..12).map(put).collect()).await.expect("less than 4 MB");
}
