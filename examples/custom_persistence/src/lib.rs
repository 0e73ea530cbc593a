//! A persistence of your own: records in a SQLite database.
//!
//! `load`, `list` and `commit` are all there is to write; `tests/conformance.rs` shows that they are right. Texts are stored
//! as blobs, because SQLite compares those byte by byte and keeps a NUL in them.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use rusqlite::{Connection, ErrorCode, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use secret_store_core::{
    Consistency, Error, ErrorKind, ListQuery, Order, Page, Persistence, Record, RecordKey, Result, Revision, Stored,
    Write, blocking,
};

const SCHEMA: &str = "PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS records (partition BLOB, sort BLOB, revision INTEGER NOT NULL, record BLOB NOT NULL,
        PRIMARY KEY (partition, sort)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS revisions (last INTEGER NOT NULL);
    INSERT INTO revisions SELECT 0 WHERE NOT EXISTS (SELECT * FROM revisions);";

/// A [`Persistence`] in one SQLite database file, for any number of processes on one machine.
#[derive(Clone, Debug)]
pub struct SqlitePersistence(Arc<Mutex<Connection>>);

impl SqlitePersistence {
    /// Opens the database, creating it where there is none.
    ///
    /// # Errors
    ///
    /// [`Unavailable`](ErrorKind::Unavailable) when the file cannot be opened or is no database.
    pub fn open(path: &Path) -> Result<Self> {
        let opened = Connection::open(path).and_then(|new| new.execute_batch(SCHEMA).map(|()| new));
        Ok(Self(Arc::new(Mutex::new(opened.map_err(failed)?))))
    }

    /// SQLite blocks, so it works on a thread of its own. Work that has begun ends, also when nobody waits for it.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let connection = Arc::clone(&self.0);
        blocking::unblock(move || work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))).await
    }
}

#[async_trait]
impl Persistence for SqlitePersistence {
    async fn load(&self, key: &RecordKey, _: Consistency) -> Result<Option<Stored>> {
        let key = key.clone();
        self.run(move |connection| load(connection, &key)).await
    }

    async fn list(&self, query: &ListQuery) -> Result<Page<(Arc<str>, Stored)>> {
        let query = query.clone();
        self.run(move |connection| list(connection, &query).map_err(failed)?).await
    }

    async fn commit(&self, writes: Vec<Write>) -> Result<Vec<Option<Revision>>> {
        Write::check_all(&writes, &self.limits())?;
        self.run(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
            for (index, write) in writes.iter().enumerate() {
                let current = load(&transaction, write.key())?.map(|stored| stored.revision);
                if !write.precondition().holds(current.as_ref()) {
                    return Err(Error::conflict(index, current));
                }
            }
            let answers = writes.iter().map(|write| apply(&transaction, write)).collect::<rusqlite::Result<_>>();
            answers.and_then(|answers| transaction.commit().map(|()| answers)).map_err(failed)
        })
        .await
    }
}

fn load(connection: &Connection, key: &RecordKey) -> Result<Option<Stored>> {
    let sql = "SELECT revision, record FROM records WHERE partition = ?1 AND sort = ?2";
    let values = params![key.partition().as_bytes(), key.sort().as_bytes()];
    connection.query_row(sql, values, stored).optional().map_err(failed)?.transpose()
}

/// The outer result is SQLite's; the inner one is whether what it holds is a record.
type Read<T> = rusqlite::Result<Result<T>>;

fn list(connection: &Connection, query: &ListQuery) -> Read<Page<(Arc<str>, Stored)>> {
    let order = if query.order() == Order::Ascending { "ASC" } else { "DESC" };
    let mut statement = connection.prepare_cached(&format!(
        "SELECT revision, record, sort FROM records WHERE partition = ?1
         AND (?2 IS NULL OR sort > ?2) AND (?3 IS NULL OR sort < ?3) ORDER BY sort {order} LIMIT ?4"
    ))?;
    let [after, before] = [query.after(), query.before()].map(|bound| bound.map(|sort| sort.as_bytes()));
    let one_more = i64::try_from(query.limit().get()).unwrap_or(i64::MAX).saturating_add(1);
    let values = params![query.partition().as_bytes(), after, before, one_more];
    let rows = statement.query_map(values, |row| Ok((row.get(2)?, stored(row)?)))?;
    let parse = |(sort, stored)| Ok((String::from_utf8(sort).map_err(|_| Error::integrity())?.into(), stored?));
    let rows = rows.collect::<rusqlite::Result<Vec<_>>>()?.into_iter();
    Ok(rows.map(parse).collect::<Result<_>>().map(|items| Page::overfetched(items, query.limit())))
}

fn stored(row: &Row<'_>) -> Read<Stored> {
    let (revision, bytes): (u64, Vec<u8>) = (row.get(0)?, row.get(1)?);
    Ok(Record::from_bytes(&bytes).map(|record| Stored { record: Arc::new(record), revision: revision.into() }))
}

fn apply(transaction: &Transaction<'_>, write: &Write) -> rusqlite::Result<Option<Revision>> {
    let (partition, sort) = (write.key().partition().as_bytes(), write.key().sort().as_bytes());
    match write {
        Write::Put { record, .. } => {
            let next = "UPDATE revisions SET last = last + 1 RETURNING last";
            let revision: u64 = transaction.query_row(next, [], |row| row.get(0))?;
            let values = params![partition, sort, revision, record.to_bytes()];
            let put = transaction.execute("INSERT OR REPLACE INTO records VALUES (?1, ?2, ?3, ?4)", values);
            put.map(|_| Some(revision.into()))
        }
        Write::Delete { .. } => transaction
            .execute("DELETE FROM records WHERE partition = ?1 AND sort = ?2", [partition, sort])
            .map(|_| None),
        Write::Check { .. } => Ok(None),
    }
}

/// A busy database has written nothing; of anything else it is unknown.
fn failed(error: rusqlite::Error) -> Error {
    let busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
    Error::new(if busy { ErrorKind::Contention } else { ErrorKind::Unavailable }, "database busy or failed")
        .with_source(error)
}
