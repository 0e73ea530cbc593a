//! What somebody gains who can write to the database, or has the wrong key.

mod keys;
mod mark;
mod places;
mod records;

use std::sync::Arc;

use futures::executor::block_on;
use secret_store_core::{
    BlindNames, Blinding, Consistency, ErrorKind, ListQuery, Persistence, Record, RecordKey, Value,
};

use secret_store_memory::MemoryPersistence;

use crate::support::{APPLICATION, key, put};

fn sealed(record: &Record) -> Vec<u8> {
    record.bytes("Sealed").expect("the one attribute").to_vec()
}

fn resealed(bytes: Vec<u8>) -> Record {
    Record::new().with("Sealed", Value::from(bytes))
}

/// A record, its true address, and where it stands.
struct Target {
    names: BlindNames,
    memory: Arc<MemoryPersistence>,
    address: RecordKey,
    place: RecordKey,
    honest: Arc<Record>,
}

fn target() -> Target {
    let memory = Arc::new(MemoryPersistence::new());
    let names = BlindNames::unchecked(memory.clone(), Blinding::new(&key(1)));
    let address = RecordKey::new(APPLICATION, "Db");
    let record = Record::new().with("Text", Value::from("text")).with("Bytes", Value::from(&[1, 2, 3][..]));
    put(&names, address.clone(), record);
    let (place, stored) = memory.snapshot().iter().map(|(key, stored)| (key, stored.clone())).next().expect("one");
    Target { names, memory, address, place, honest: stored.record }
}

impl Target {
    /// Puts something in the place of the record: a load and a listing refuse it, and neither passes it over.
    #[track_caller]
    fn refused(&self, what: &str, forged: Record, kind: ErrorKind) {
        put(&*self.memory, self.place.clone(), forged);
        let loaded = block_on(self.names.load(&self.address, Consistency::Strong));
        assert_eq!(loaded.expect_err(what).kind(), kind, "{what}");
        let many = block_on(self.names.load_many(std::slice::from_ref(&self.address), Consistency::Strong));
        assert_eq!(many.expect_err(what).kind(), kind, "{what}");
        let listed = block_on(self.names.list(&ListQuery::new(APPLICATION)));
        assert_eq!(listed.expect_err(what).kind(), kind, "{what}");
    }
}
