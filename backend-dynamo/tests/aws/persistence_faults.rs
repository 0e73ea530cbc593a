//! Every call of every operation, with every fault: a typed outcome, nothing half done, nothing acknowledged lost, in
//! bounded time.

use std::time::{Duration, Instant};

use secret_store_core::{
    Consistency, Error, ErrorKind, ListQuery, Persistence, Precondition, Record, RecordKey, Result, Revision, Write,
};
use secret_store_dynamo::DynamoPersistence;
use secret_store_dynamo_emulator::{Fault, Patience};

use crate::shared_table::original;
use crate::support::{Table, once, record};

/// Longer than any healthy call takes on a busy machine, shorter than a test may hang.
const ATTEMPT: Duration = Duration::from_millis(600);
/// Three attempts and the pauses between them, for each of the calls of one operation.
const BOUND: Duration = Duration::from_secs(15);

pub(crate) const FAULTS: [Fault; 15] = [
    Fault::Throttled,
    Fault::CapacityExceeded,
    Fault::ServerError,
    Fault::BareUnavailable,
    Fault::BareTooMany,
    Fault::Hang,
    Fault::HangAfter,
    Fault::ResetBefore,
    Fault::ResetAfter,
    Fault::Partial,
    Fault::Conflict,
    Fault::Stale,
    Fault::ExpiredCredentials,
    Fault::Denied,
    Fault::KeyDisabled,
];

/// The kind of error that a fault of one call of DynamoDB gives when nothing repeats the call; `None` where it passes.
pub(crate) fn kind_of(fault: &Fault) -> Option<ErrorKind> {
    match fault {
        Fault::Throttled | Fault::CapacityExceeded | Fault::BareTooMany => Some(ErrorKind::Throttled),
        Fault::ExpiredCredentials | Fault::Denied => Some(ErrorKind::PermissionDenied),
        Fault::Partial | Fault::Stale | Fault::KeyDisabled => None,
        Fault::Conflict => Some(ErrorKind::Contention),
        _ => Some(ErrorKind::Unavailable),
    }
}

/// Short only where a client waits in vain.
pub(crate) fn patience(fault: &Fault, patience: Patience) -> Patience {
    match fault {
        Fault::Hang | Fault::HangAfter => patience.with_attempt(ATTEMPT),
        _ => patience,
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Operation {
    Load,
    LoadMany,
    List,
    PutOnRevision,
    PutOnDigest,
    Create,
    Put,
    Delete,
    Several,
}

const OPERATIONS: [Operation; 9] = [
    Operation::Load,
    Operation::LoadMany,
    Operation::List,
    Operation::PutOnRevision,
    Operation::PutOnDigest,
    Operation::Create,
    Operation::Put,
    Operation::Delete,
    Operation::Several,
];

/// The records of one trial, in a partition of its own.
struct Trial<'a> {
    table: &'a Table,
    partition: String,
    revision: Revision,
    digest: Revision,
}

/// What an operation answered: of a commit its first revision.
type Answer = Result<Option<Revision>>;

impl<'a> Trial<'a> {
    async fn begin(table: &'a Table, number: usize) -> Self {
        let partition = format!("Trial.{number}");
        table.put_raw(original(&partition, "original", 1)).await;
        let put = Write::put(RecordKey::new(partition.as_str(), "present"), record("old"), Precondition::Absent);
        let revision = table.direct().commit(vec![put]).await.expect("a record").remove(0).expect("a revision");
        let original = RecordKey::new(partition.as_str(), "original");
        let stored = table.direct().load(&original, Consistency::Strong).await.expect("a read").expect("there");
        Self { table, partition, revision, digest: stored.revision }
    }

    fn key(&self, sort: &str) -> RecordKey {
        RecordKey::new(self.partition.as_str(), sort)
    }

    fn writes(&self, operation: Operation) -> Vec<Write> {
        let on_revision = Precondition::Revision(self.revision.clone());
        let on_digest = Precondition::Revision(self.digest.clone());
        let put = |sort: &str, precondition| Write::put(self.key(sort), record("new"), precondition);
        match operation {
            Operation::Load | Operation::LoadMany | Operation::List => Vec::new(),
            Operation::PutOnRevision => vec![put("present", on_revision)],
            Operation::PutOnDigest => vec![put("original", on_digest)],
            Operation::Create => vec![put("absent", Precondition::Absent)],
            Operation::Put => vec![put("present", Precondition::Any)],
            Operation::Delete => vec![Write::delete(self.key("present"), on_revision)],
            Operation::Several => vec![
                put("absent", Precondition::Absent),
                Write::delete(self.key("present"), on_revision),
                put("original", on_digest),
                Write::check(self.key("another"), Precondition::Absent),
            ],
        }
    }

    async fn run(&self, operation: Operation, records: &DynamoPersistence) -> Answer {
        let keys = ["absent", "original", "present"].map(|sort| self.key(sort));
        let listed = |found: Vec<Option<Record>>| {
            assert_eq!(found, [None, found[1].clone(), Some(record("old"))], "a read is complete and right");
            assert!(found[1].is_some(), "the original's record is read");
            Ok(None)
        };
        match operation {
            Operation::Load => {
                let stored = records.load(&keys[2], Consistency::Strong).await?;
                assert_eq!(stored.map(|stored| (*stored.record).clone()), Some(record("old")));
                Ok(None)
            }
            Operation::LoadMany => {
                let found = records.load_many(&keys, Consistency::Strong).await?;
                listed(found.into_iter().map(|stored| stored.map(|stored| (*stored.record).clone())).collect())
            }
            Operation::List => {
                let mut query = ListQuery::new(self.partition.as_str()).with_consistency(Consistency::Strong);
                let mut found = vec![None];
                loop {
                    let page = records.list(&query).await?;
                    found.extend(page.items.into_iter().map(|(_, stored)| Some((*stored.record).clone())));
                    match page.next {
                        Some(next) => query = query.continued(next),
                        None => return listed(found),
                    }
                }
            }
            commit => Ok(records.commit(self.writes(commit)).await?.into_iter().next().flatten()),
        }
    }

    /// What is there: old, or new with the revision of the first write; anything else is half done.
    async fn state(&self, operation: Operation) -> State {
        let keys = ["absent", "original", "present"].map(|sort| self.key(sort));
        let found = self.table.direct().load_many(&keys, Consistency::Strong).await.expect("a read");
        let [absent, original, present] = [0, 1, 2].map(|n| found[n].clone());
        let is_old = absent.is_none()
            && original.as_ref().is_some_and(|stored| stored.revision == self.digest)
            && present.as_ref().is_some_and(|stored| stored.revision == self.revision);
        let new = |stored: &Option<secret_store_core::Stored>| {
            stored.as_ref().filter(|stored| *stored.record == record("new")).map(|stored| stored.revision.clone())
        };
        match operation {
            _ if is_old => State::Old,
            Operation::PutOnRevision | Operation::Put => State::New(Some(new(&present).expect("the new record"))),
            Operation::PutOnDigest => State::New(Some(new(&original).expect("the new record"))),
            Operation::Create => State::New(Some(new(&absent).expect("the new record"))),
            Operation::Delete if present.is_none() => State::New(None),
            Operation::Several if present.is_none() && new(&original).is_some() => {
                State::New(Some(new(&absent).expect("all or nothing")))
            }
            _ => panic!("{operation:?} left {absent:?}, {original:?}, {present:?}"),
        }
    }
}

#[derive(Debug, PartialEq)]
enum State {
    Old,
    New(Option<Revision>),
}

async fn assert_consistent(trial: &Trial<'_>, operation: Operation, answer: &Answer, what: &str) {
    let state = trial.state(operation).await;
    let writes = !trial.writes(operation).is_empty();
    match answer {
        Ok(_) if !writes => assert_eq!(state, State::Old, "{what}"),
        Ok(revision) => assert_eq!(state, State::New(revision.clone()), "{what}: an acknowledged write is there"),
        Err(error) if error.kind() == ErrorKind::Unavailable => {}
        Err(error) => assert_eq!(state, State::Old, "{what}: {error}: a refused write is not"),
    }
}

/// How many requests an operation makes when nothing fails.
async fn calls(table: &Table, operation: Operation, number: usize) -> usize {
    let trial = Trial::begin(table, number).await;
    let records = table.proxied(Patience::default());
    drop(table.proxy.take_operations());
    let answer = trial.run(operation, &records).await;
    assert!(answer.is_ok(), "{operation:?}: {answer:?}");
    assert_consistent(&trial, operation, &answer, "healthy").await;
    table.proxy.take_operations().len()
}

/// The outcome with a single attempt for each call is known exactly.
fn assert_typed(answer: Result<(), &Error>, fault: &Fault, request: &str, what: &str) {
    let expected = match fault {
        Fault::Conflict if !matches!(request, "PutItem" | "TransactWriteItems") => None,
        // `BatchGetItem` is optional: the records are read one by one.
        Fault::Denied if request == "BatchGetItem" => None,
        fault => kind_of(fault),
    };
    assert_eq!(answer.err().map(Error::kind), expected, "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_with_every_fault() {
    let table = Table::new().await;
    let mut number = 0;
    for operation in OPERATIONS {
        let calls = calls(&table, operation, usize::MAX - operation as usize).await;
        assert!(calls > 0);
        for call in 0..calls {
            for fault in FAULTS {
                for repeated in [false, true] {
                    number += 1;
                    let what = format!("{operation:?}, call {call} of {calls}, {fault:?}, repeated: {repeated}");
                    let trial = Trial::begin(&table, number).await;
                    let patience = patience(&fault, if repeated { Patience::default() } else { once() });
                    let records = table.proxied(patience);
                    drop(table.proxy.take_operations());
                    table.proxy.fail_call(call, &fault);
                    let began = Instant::now();
                    let answer = trial.run(operation, &records).await;
                    assert!(began.elapsed() < BOUND, "{what} took {:?}", began.elapsed());
                    table.proxy.heal();
                    let requests = table.proxy.take_operations();
                    if !repeated {
                        assert_typed(answer.as_ref().map(drop), &fault, &requests[call], &what);
                    } else if kind_of(&fault) == Some(ErrorKind::Unavailable) {
                        assert!(answer.is_ok(), "{what}: repeated, it succeeds: {answer:?}");
                    }
                    assert_consistent(&trial, operation, &answer, &what).await;
                }
            }
        }
    }
}
