//! Stands in for a database server and a pool of connections to it.

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};

use secret_store_core::{Secret, SecretVersion};
use sha2::{Digest, Sha256};

/// A server that lets in whoever has one of its passwords. Like others it asks once, when a connection is opened.
#[derive(Debug, Default)]
pub struct Database {
    verifiers: Mutex<Vec<[u8; 32]>>,
}

/// The password was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused;

impl Database {
    /// Accepts one more password: the first step of a rotation.
    pub fn accept(&self, password: &str) {
        locked(&self.verifiers).push(verifier(password.as_bytes()));
    }

    /// Accepts a password no more: the last step.
    pub fn revoke(&self, password: &str) {
        locked(&self.verifiers).retain(|known| *known != verifier(password.as_bytes()));
    }

    fn connect(&self, password: &[u8]) -> Result<Connection, Refused> {
        let is_known = locked(&self.verifiers).contains(&verifier(password));
        if is_known { Ok(Connection(())) } else { Err(Refused) }
    }
}

fn verifier(password: &[u8]) -> [u8; 32] {
    Sha256::digest(password).into()
}

/// An open connection.
#[derive(Debug)]
pub struct Connection(());

impl Connection {
    /// What a query would answer.
    #[must_use]
    pub fn orders(&self) -> Vec<&'static str> {
        vec!["two books", "a lamp"]
    }
}

/// Connections under one password, the current one. Those under the one before are used until they are given back.
#[derive(Debug)]
pub struct Pool {
    database: Arc<Database>,
    current: RwLock<Arc<Generation>>,
    earlier: Mutex<Vec<Weak<Generation>>>,
}

/// The connections under one version of the password. It is wiped when the last of them is closed.
#[derive(Debug)]
struct Generation {
    password: Secret,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    /// Opens the first connection.
    ///
    /// # Errors
    ///
    /// [`Refused`] by the database.
    pub fn open(database: Arc<Database>, password: Secret) -> Result<Self, Refused> {
        let first = Generation::open(&database, password)?;
        Ok(Self { database, current: RwLock::new(first), earlier: Mutex::default() })
    }

    /// Goes on with another password. A connection is opened first: where that fails, all stays as it was.
    ///
    /// # Errors
    ///
    /// [`Refused`] by the database.
    pub fn take_over(&self, password: Secret) -> Result<(), Refused> {
        let next = Generation::open(&self.database, password)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *current, next);
        locked(&self.earlier).push(Arc::downgrade(&before));
        Ok(())
    }

    /// A connection, for as long as the lease is held.
    ///
    /// # Errors
    ///
    /// [`Refused`] by the database.
    pub fn lease(&self) -> Result<Lease, Refused> {
        let generation = Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner));
        let idle = locked(&generation.idle).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.database.connect(generation.password.expose_secret())?,
        };
        Ok(Lease { generation, connection: Some(connection) })
    }

    /// The version of the password in use.
    #[must_use]
    pub fn password_version(&self) -> SecretVersion {
        self.current.read().unwrap_or_else(PoisonError::into_inner).password.info().version
    }

    /// How many earlier passwords still have a connection in use.
    #[must_use]
    pub fn draining(&self) -> usize {
        let mut earlier = locked(&self.earlier);
        earlier.retain(|generation| generation.strong_count() > 0);
        earlier.len()
    }
}

impl Generation {
    fn open(database: &Database, password: Secret) -> Result<Arc<Self>, Refused> {
        let first = database.connect(password.expose_secret())?;
        Ok(Arc::new(Self { password, idle: Mutex::new(vec![first]) }))
    }
}

/// A connection that goes back to the others under its password.
#[derive(Debug)]
pub struct Lease {
    generation: Arc<Generation>,
    connection: Option<Connection>,
}

impl Deref for Lease {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection.as_ref().expect("it is given back when the lease is dropped")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        locked(&self.generation.idle).extend(self.connection.take());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
