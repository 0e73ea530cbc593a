//! Requests that the SDK repeats because their answer was lost.

use secret_store_core::{Consistency, ErrorKind, Persistence, Precondition, Revision, Write};
use secret_store_dynamo_emulator::{Fault, Patience};

use crate::support::{Table, key, once, record};

async fn current(table: &Table) -> Option<(String, Revision)> {
    let stored = table.direct().load(&key("name"), Consistency::Strong).await.expect("a read")?;
    Some((stored.record.text("Text").expect("text").to_string(), stored.revision))
}

async fn put(table: &Table, text: &str, precondition: Precondition) -> Revision {
    let write = Write::put(key("name"), record(text), precondition);
    table.direct().commit(vec![write]).await.expect("a put").remove(0).expect("a revision")
}

#[tokio::test]
async fn a_put_on_a_revision_recognises_itself() {
    let table = Table::new().await;
    let first = put(&table, "first", Precondition::Absent).await;
    table.proxy.fail_call(0, &Fault::ResetAfter);
    let write = Write::put(key("name"), record("second"), Precondition::Revision(first));
    let revisions = table.proxied(Patience::default()).commit(vec![write]).await.expect("recognised");
    assert_eq!(table.proxy.take_operations(), ["PutItem", "PutItem"]);
    assert_eq!(current(&table).await, Some(("second".to_owned(), revisions[0].clone().expect("a revision"))));
}

#[tokio::test]
async fn the_put_of_another_is_not_taken_for_ones_own() {
    let table = Table::new().await;
    let first = put(&table, "first", Precondition::Absent).await;
    // The very same record, by somebody else.
    let theirs = put(&table, "second", Precondition::Revision(first.clone())).await;
    let write = Write::put(key("name"), record("second"), Precondition::Revision(first));
    let error = table.proxied(Patience::default()).commit(vec![write]).await.expect_err("lost");
    assert_eq!((error.kind(), error.revision()), (ErrorKind::Conflict, Some(&theirs)));
}

#[tokio::test]
async fn every_commit_survives_a_lost_answer() {
    for operation in ["create", "put", "delete", "several"] {
        let table = Table::new().await;
        let first = (operation != "create").then_some(put(&table, "first", Precondition::Any).await);
        if first.is_none() {
            table.direct().commit(vec![Write::delete(key("name"), Precondition::Any)]).await.expect("a delete");
        }
        let on_first = first.clone().map_or(Precondition::Absent, Precondition::Revision);
        let writes = match operation {
            "create" => vec![Write::put(key("name"), record("mine"), Precondition::Absent)],
            "put" => vec![Write::put(key("name"), record("mine"), Precondition::Any)],
            "delete" => vec![Write::delete(key("name"), on_first)],
            _ => vec![
                Write::put(key("name"), record("mine"), on_first),
                Write::put(key("other"), record("mine"), Precondition::Absent),
                Write::check(key("third"), Precondition::Absent),
            ],
        };
        table.proxy.fail_call(0, &Fault::ResetAfter);
        let revisions = table.proxied(Patience::default()).commit(writes).await;
        let revisions = revisions.unwrap_or_else(|error| panic!("{operation}: {error}"));
        assert_eq!(table.proxy.take_operations(), ["TransactWriteItems"; 2], "{operation}");
        let expected = revisions[0].clone().map(|revision| ("mine".to_owned(), revision));
        assert_eq!(current(&table).await, expected, "{operation}");
    }
}

/// The repeated request of a create or an unconditional write must not undo what others did after the first one landed.
#[tokio::test]
async fn a_repeated_write_undoes_nothing() {
    for (precondition, theirs_is_delete) in
        [(Precondition::Any, false), (Precondition::Any, true), (Precondition::Absent, true)]
    {
        let table = Table::new().await;
        let records = table.proxied(Patience::default().with_attempt(std::time::Duration::from_millis(700)));
        // Carried out, but the client hears nothing of it and asks again after its timeout.
        table.proxy.fail_call(0, &Fault::HangAfter);
        let write = Write::put(key("name"), record("mine"), precondition.clone());
        let mine = tokio::spawn(async move { records.commit(vec![write]).await });
        let landed = loop {
            if let Some((_, revision)) = current(&table).await {
                break revision;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        };
        let theirs = match theirs_is_delete {
            true => Write::delete(key("name"), Precondition::Revision(landed)),
            false => Write::put(key("name"), record("theirs"), Precondition::Revision(landed)),
        };
        table.direct().commit(vec![theirs]).await.expect("a write after it");
        mine.await.expect("no panic").expect("acknowledged at last");
        let expected = (!theirs_is_delete).then(|| "theirs".to_owned());
        assert_eq!(current(&table).await.map(|(text, _)| text), expected, "{precondition:?} {theirs_is_delete}");
    }
}

#[tokio::test]
async fn without_repetition_a_lost_answer_is_unavailable_and_may_have_landed() {
    let table = Table::new().await;
    table.proxy.fail_call(0, &Fault::ResetAfter);
    let write = Write::put(key("name"), record("mine"), Precondition::Absent);
    let error = table.proxied(once()).commit(vec![write]).await.expect_err("no answer");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(current(&table).await.is_some());
}
