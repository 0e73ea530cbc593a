//! What goes in comes out, at every size and of every kind.

use secret_store_core::{ErrorKind, Precondition, Record, Value, Write};

use super::fixture::{Fixture, everything, key, small};
use crate::case::{Verdict, cases, ensure, refused};

cases!(Fixture; "records":
    an_absent_record_is_none,
    every_kind_of_value_round_trips,
    empty_values_round_trip,
    an_empty_record_is_a_record,
    the_largest_number_round_trips,
    kinds_are_not_confused,
    as_many_attributes_as_a_record_has,
    a_put_replaces_all_attributes,
    a_record_at_the_limit_round_trips,
    a_record_above_the_limit_is_refused,
    a_deleted_record_is_gone,
);

async fn round_trips(fixture: Fixture, record: Record) -> Verdict {
    let handle = fixture.handle();
    let revision = handle.put(&key("record"), record.clone(), Precondition::Absent).await?;
    let loaded = handle.present(&key("record")).await?;
    ensure!(*loaded.record == record, "loaded {:?}, stored {record:?}", loaded.record);
    ensure!(loaded.revision == revision, "loaded revision {}, committed {revision}", loaded.revision);
    let listed = handle.list_all(&everything()).await?;
    ensure!(listed.len() == 1, "listed {} records, stored one", listed.len());
    ensure!(*listed[0].1.record == record, "listed {:?}, stored {record:?}", listed[0].1.record);
    ensure!(listed[0].1.revision == revision, "listed revision {}, committed {revision}", listed[0].1.revision);
    Ok(())
}

async fn an_absent_record_is_none(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    ensure!(handle.load(&key("absent")).await?.is_none(), "a fresh instance holds a record");
    handle.put(&key("other"), small("other"), Precondition::Absent).await?;
    ensure!(handle.load(&key("absent")).await?.is_none(), "a record answers under another key");
    Ok(())
}

async fn every_kind_of_value_round_trips(fixture: Fixture) -> Verdict {
    let all_bytes: Vec<u8> = (0..=255).collect();
    let record = Record::new()
        .with("Text", Value::from("plain, \"quoted\", \\, \0, \n, é, e\u{301}, \u{10ffff}"))
        .with("Bytes", Value::from(all_bytes))
        .with("Number", Value::from(9_007_199_254_740_993));
    round_trips(fixture, record).await
}

async fn empty_values_round_trip(fixture: Fixture) -> Verdict {
    let record = Record::new().with("Text", Value::from("")).with("Bytes", Value::from(&b""[..]));
    round_trips(fixture, record).await
}

async fn an_empty_record_is_a_record(fixture: Fixture) -> Verdict {
    round_trips(fixture, Record::new()).await
}

async fn the_largest_number_round_trips(fixture: Fixture) -> Verdict {
    let record = Record::new()
        .with("Max", Value::from(u64::MAX))
        .with("Signed", Value::from(1 << 63))
        .with("Zero", Value::from(0));
    round_trips(fixture, record).await
}

async fn kinds_are_not_confused(fixture: Fixture) -> Verdict {
    let record = Record::new()
        .with("Bytes", Value::from(&b"1"[..]))
        .with("Number", Value::from(1))
        .with("Text", Value::from("1"))
        .with("Base64", Value::from("AAAA"))
        .with("Hex", Value::from("0x00"));
    round_trips(fixture, record).await
}

async fn as_many_attributes_as_a_record_has(fixture: Fixture) -> Verdict {
    let attributes = 0..secret_store_core::MAX_ATTRIBUTES as u64;
    round_trips(fixture, attributes.map(|n| (format!("Attribute{n}"), Value::from(n))).collect()).await
}

async fn a_put_replaces_all_attributes(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let first = Record::new().with("Kept", Value::from(1)).with("Dropped", Value::from(1));
    let second = Record::new().with("Kept", Value::from(2)).with("Added", Value::from(2));
    handle.put(&key("record"), first, Precondition::Any).await?;
    handle.put(&key("record"), second.clone(), Precondition::Any).await?;
    let loaded = handle.present(&key("record")).await?.record;
    ensure!(*loaded == second, "a second put left {loaded:?}, it stored {second:?}");
    Ok(())
}

/// A record of exactly this size.
fn sized(bytes: usize) -> Record {
    Record::new().with("Bytes", Value::from(vec![0xa5; bytes - "Bytes".len()]))
}

async fn a_record_at_the_limit_round_trips(fixture: Fixture) -> Verdict {
    let limit = fixture.handle().limits().record_bytes;
    round_trips(fixture, sized(limit)).await
}

async fn a_record_above_the_limit_is_refused(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    let too_large = sized(handle.limits().record_bytes + 1);
    let writes = vec![
        Write::put(key("small"), small("small"), Precondition::Any),
        Write::put(key("large"), too_large, Precondition::Any),
    ];
    let what = "a commit with a record one byte above the limit";
    refused(handle.commit(writes).await, ErrorKind::TooLarge { limit: 0, actual: 0 }, what)?;
    ensure!(handle.load(&key("small")).await?.is_none(), "a refused commit wrote its other record");
    ensure!(handle.load(&key("large")).await?.is_none(), "a refused record is there");
    Ok(())
}

async fn a_deleted_record_is_gone(fixture: Fixture) -> Verdict {
    let handle = fixture.handle();
    handle.fill(&["deleted", "kept"]).await?;
    handle.delete(&key("deleted"), Precondition::Any).await?;
    ensure!(handle.load(&key("deleted")).await?.is_none(), "a deleted record is loaded");
    let listed = handle.sorts(&everything()).await?;
    ensure!(listed == ["kept"], "after a delete {listed:?} is listed, expected only the other record");
    Ok(())
}
