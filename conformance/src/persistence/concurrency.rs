//! Preconditions are checked and the writes applied as one step with respect to every other commit.

use futures::FutureExt;
use futures::future::BoxFuture;
use secret_store_core::{ErrorKind, Precondition, Record, RecordKey, Revision, Value, Write};

use super::fixture::{Fixture, Handle, key, small};
use crate::case::{Stop, Verdict, cases, ensure};

cases!(Fixture; "concurrency":
    one_task_creates_a_record,
    one_winner_for_each_revision,
    no_increment_is_lost,
    commits_of_several_records_do_not_mix,
    revisions_of_concurrent_puts_differ,
    a_reader_never_sees_half_a_record,
    writers_of_different_records_all_succeed,
);

type Task<T> = BoxFuture<'static, Result<T, Stop>>;

impl Fixture {
    /// One task for each number, all at once.
    async fn tasks<T: Send + 'static>(&self, task: impl Fn(usize, Handle) -> Task<T>) -> Result<Vec<T>, Stop> {
        self.options.at_once((0..self.options.tasks).map(|number| task(number, self.handle()))).await
    }
}

/// Whether a conditional put won; anything but a conflict is a failure.
async fn wins(handle: &Handle, key: &RecordKey, record: Record, precondition: Precondition) -> Result<bool, Stop> {
    match handle.commit(vec![Write::put(key.clone(), record, precondition)]).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::Conflict => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn one_task_creates_a_record(fixture: Fixture) -> Verdict {
    for round in 0..fixture.options.rounds {
        let record = key(&format!("{round}"));
        let winners = fixture
            .tasks(|number, handle| {
                let record = record.clone();
                async move { wins(&handle, &record, small(&number.to_string()), Precondition::Absent).await }.boxed()
            })
            .await?;
        let count = winners.iter().filter(|won| **won).count();
        ensure!(count == 1, "{count} of {} tasks created the same record", winners.len());
        let stored = fixture.handle().present(&record).await?.record;
        let winner = winners.iter().position(|won| *won).unwrap_or_default();
        ensure!(*stored == small(&winner.to_string()), "task {winner} won, but the record is {stored:?}");
    }
    Ok(())
}

async fn one_winner_for_each_revision(fixture: Fixture) -> Verdict {
    let mut current = fixture.handle().put(&key("record"), small("first"), Precondition::Any).await?;
    for round in 0..fixture.options.rounds {
        let winners = fixture
            .tasks(|number, handle| {
                let precondition = Precondition::Revision(current.clone());
                async move { wins(&handle, &key("record"), small(&number.to_string()), precondition).await }.boxed()
            })
            .await?;
        let count = winners.iter().filter(|won| **won).count();
        ensure!(count == 1, "{count} tasks won revision {current} in round {round}");
        current = fixture.handle().present(&key("record")).await?.revision;
    }
    Ok(())
}

fn counter(count: u64) -> Record {
    Record::new().with("Count", Value::from(count))
}

/// Loads, adds one, and repeats until its write wins.
async fn increment(handle: &Handle) -> Result<(), Stop> {
    loop {
        let stored = handle.present(&key("counter")).await?;
        let count = stored.record.number("Count").ok_or_else(|| Stop::failed("the counter lost its number"))?;
        if wins(handle, &key("counter"), counter(count + 1), Precondition::Revision(stored.revision)).await? {
            return Ok(());
        }
    }
}

async fn no_increment_is_lost(fixture: Fixture) -> Verdict {
    fixture.handle().put(&key("counter"), counter(0), Precondition::Absent).await?;
    let rounds = fixture.options.rounds;
    let tasks = fixture.tasks(|_, handle| {
        async move {
            for _ in 0..rounds {
                increment(&handle).await?;
            }
            Ok(())
        }
        .boxed()
    });
    let expected = (tasks.await?.len() * rounds) as u64;
    let count = fixture.handle().present(&key("counter")).await?.record.number("Count");
    ensure!(count == Some(expected), "{expected} acknowledged increments left the counter at {count:?}");
    Ok(())
}

/// Every commit writes the same text to four records, without any precondition: afterwards all four agree.
async fn commits_of_several_records_do_not_mix(fixture: Fixture) -> Verdict {
    let keys = ["a", "b", "c", "d"].map(|sort| RecordKey::new(format!("Partition.{sort}"), sort));
    for round in 0..fixture.options.rounds {
        let put_all = |number: usize, handle: Handle| -> Task<()> {
            let mut writes: Vec<_> = keys
                .iter()
                .map(|key| Write::put(key.clone(), small(&format!("{round}/{number}")), Precondition::Any))
                .collect();
            // Another order for each task: locks taken in the order of the writes would meet.
            writes.rotate_left(number % keys.len());
            async move { handle.commit(writes).await.map(drop).map_err(Stop::from) }.boxed()
        };
        fixture.tasks(put_all).await?;
        let found = fixture.handle().load_many(&keys).await?;
        let texts: Vec<_> = found.iter().map(|stored| stored.as_ref().and_then(|s| s.record.text("Text"))).collect();
        ensure!(texts.iter().all(|text| text.is_some() && *text == texts[0]), "commits mixed: {texts:?}");
    }
    Ok(())
}

async fn revisions_of_concurrent_puts_differ(fixture: Fixture) -> Verdict {
    let rounds = fixture.options.rounds;
    let put_many = |number: usize, handle: Handle| -> Task<Vec<Revision>> {
        async move {
            let mut revisions = Vec::new();
            for round in 0..rounds {
                revisions
                    .push(handle.put(&key("record"), small(&format!("{number}/{round}")), Precondition::Any).await?);
            }
            Ok(revisions)
        }
        .boxed()
    };
    let revisions: Vec<_> = fixture.tasks(put_many).await?.into_iter().flatten().collect();
    for (index, revision) in revisions.iter().enumerate() {
        ensure!(!revisions[..index].contains(revision), "two puts of one record were both given revision {revision}");
    }
    let last = fixture.handle().present(&key("record")).await?.revision;
    ensure!(revisions.contains(&last), "the record has revision {last}, which no put was given");
    Ok(())
}

/// Both attributes always carry the same text, padded so that a write takes a while.
fn pair(text: &str) -> Record {
    let text = text.repeat(2000);
    Record::new().with("Left", Value::from(text.as_str())).with("Right", Value::from(text.as_str()))
}

async fn a_reader_never_sees_half_a_record(fixture: Fixture) -> Verdict {
    fixture.handle().put(&key("pair"), pair("0"), Precondition::Absent).await?;
    let rounds = fixture.options.rounds;
    let write_or_read = |number: usize, handle: Handle| -> Task<()> {
        async move {
            for round in 0..rounds {
                if number.is_multiple_of(2) {
                    handle.put(&key("pair"), pair(&(round % 10).to_string()), Precondition::Any).await?;
                } else {
                    let record = handle.present(&key("pair")).await?.record;
                    let whole = record.len() == 2 && record.text("Left") == record.text("Right");
                    ensure!(whole, "a reader saw a record between two writes");
                }
            }
            Ok(())
        }
        .boxed()
    };
    fixture.tasks(write_or_read).await.map(drop)
}

async fn writers_of_different_records_all_succeed(fixture: Fixture) -> Verdict {
    let rounds = fixture.options.rounds;
    let create_many = |number: usize, handle: Handle| -> Task<()> {
        async move {
            for round in 0..rounds {
                handle.put(&key(&format!("{number:02}/{round:03}")), small("small"), Precondition::Absent).await?;
            }
            Ok(())
        }
        .boxed()
    };
    let expected = fixture.tasks(create_many).await?.len() * rounds;
    let listed = fixture.handle().list_all(&super::fixture::everything()).await?.len();
    ensure!(listed == expected, "{expected} records were created at once, {listed} are listed");
    Ok(())
}
