//! Files of settings as secrets.
//!
//! ```
//! # futures::executor::block_on(async {
//! use secret_store_config::import::{Entries, Existing, Import};
//! use secret_store_core::SecretStoreExt;
//!
//! let app = secret_store_memory::store("demo")?.application("YourApp.Production")?;
//! let file = "# of the old server\nexport DB__HOST=db.internal\nDB__PASSWORD='pa$$ word'\n";
//! let entries = Entries::from_dotenv(file.as_bytes())?;
//! let import = Import::new(app.store(), app.name());
//!
//! let plan = import.plan(&entries).await?;
//! assert_eq!((plan.create.len(), plan.existing.len()), (2, 0));
//! let report = import.run(entries).await?;
//! assert_eq!(report.written.len(), 2);
//! assert_eq!(app.get("DB__PASSWORD").await?.text()?, "pa$$ word");
//!
//! // What is there is refused before anything is written, unless it is to be left or replaced.
//! let again = Entries::from_json(r#"{"DB": {"HOST": "other"}, "PORT": 8080}"#.as_bytes())?;
//! let report = import.with_existing(Existing::Skip).run(again).await?;
//! assert_eq!((report.written.len(), report.skipped.len()), (1, 1));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).expect("the example runs");
//! ```
//!
//! [`Entries`] says what files may hold. Nothing is read from the environment, and nothing in a file stands for something elsewhere.

mod dotenv;
mod entries;
mod input;
mod json;
mod report;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use secret_store_core::{
    ApplicationName, Consistency, Error, ErrorKind, ListOptions, Metadata, Precondition, PutOptions, Result, Revision,
    SecretId, SecretName, SecretStore,
};

pub use entries::Entries;
pub use report::{ImportError, ImportPlan, ImportReport, Written};

const PAGE: NonZeroUsize = NonZeroUsize::new(1000).expect("not zero");

/// What becomes of secrets that are there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Existing {
    /// Nothing is imported if any is there.
    #[default]
    Refuse,
    /// They stay as they are; the others are created.
    Skip,
    /// They get another version, if nobody else changes them meanwhile.
    Replace,
}

/// Stores entries as secrets of an application, one after the other.
///
/// It asks first which secrets are there (a listing, which opens none), and puts each on the condition that this still holds: absent, or
/// at the revision that was found. It stops at the first that cannot be stored; the error has the report of what was. Run again with
/// [`Existing::Skip`], it goes on.
#[derive(Clone, Debug)]
#[must_use = "nothing is imported until it is run"]
pub struct Import<'a, S: ?Sized = dyn SecretStore> {
    store: &'a S,
    application: &'a ApplicationName,
    existing: Existing,
    metadata: Metadata,
    most_bytes: usize,
}

impl<'a, S: SecretStore + ?Sized> Import<'a, S> {
    /// A value that is larger than this is refused before anything is written, unless
    /// [`with_largest_value`](Self::with_largest_value) says otherwise: the limit of an
    /// [`EnvelopeStore`](secret_store_core::EnvelopeStore), in bytes.
    pub const LARGEST_VALUE_BYTES: usize = 64 * 1024;

    /// Into an application; refuses to touch what is there.
    pub fn new(store: &'a S, application: &'a ApplicationName) -> Self {
        let (existing, metadata) = (Existing::default(), Metadata::new());
        Self { store, application, existing, metadata, most_bytes: Self::LARGEST_VALUE_BYTES }
    }

    /// What becomes of secrets that are there already.
    pub fn with_existing(mut self, existing: Existing) -> Self {
        self.existing = existing;
        self
    }

    /// Metadata of every secret that is written.
    pub fn with_metadata(mut self, metadata: Metadata) -> Self {
        self.metadata = metadata;
        self
    }

    /// The largest value that the store takes, in bytes.
    pub fn with_largest_value(mut self, bytes: usize) -> Self {
        self.most_bytes = bytes;
        self
    }

    /// What a run would do now. It writes nothing.
    ///
    /// # Errors
    ///
    /// [`TooLarge`](ErrorKind::TooLarge) for a value above the limit, naming the secret; as [`SecretStore`] says of listings.
    pub async fn plan(&self, entries: &Entries) -> Result<ImportPlan> {
        let found = self.found(entries).await?;
        let mut plan = ImportPlan { on_existing: self.existing, create: Vec::new(), existing: Vec::new() };
        for name in entries.names() {
            let names = if found.contains_key(name) { &mut plan.existing } else { &mut plan.create };
            names.push(name.clone());
        }
        Ok(plan)
    }

    /// Stores the entries, in their order.
    ///
    /// # Errors
    ///
    /// [`ImportError`], with the report of what was written until then: nothing where a value is too large, where the store cannot be
    /// listed, and where [`Existing::Refuse`] meets a secret that is there.
    pub async fn run(&self, entries: Entries) -> std::result::Result<ImportReport, ImportError> {
        let mut report = ImportReport::default();
        let found = match self.found(&entries).await {
            Ok(found) => found,
            Err(error) => return Err(ImportError::new(report, error, entries.into_names())),
        };
        let first = entries.names().find(|name| found.contains_key(*name)).cloned();
        if let (Existing::Refuse, Some(first)) = (self.existing, first) {
            let there = Error::new(
                ErrorKind::AlreadyExists,
                "a secret of the file is there already: leave it by `Existing::Skip`, or replace it by `Existing::Replace`",
            );
            let error = there.with_secret(&self.id(&first));
            return Err(ImportError::new(report, error, entries.into_names()));
        }
        let mut rest = entries.into_iter();
        while let Some((name, value)) = rest.next() {
            let precondition = match (found.get(&name), self.existing) {
                (Some(_), Existing::Skip) => {
                    report.skipped.push(name);
                    continue;
                }
                (Some(revision), _) => Precondition::Revision(revision.clone()),
                (None, _) => Precondition::Absent,
            };
            let options = PutOptions::default().with_precondition(precondition).with_metadata(self.metadata.clone());
            match self.store.put_with(&self.id(&name), value, options).await {
                Ok(info) => report.written.push(Written { name, version: info.version }),
                // Somebody else was faster.
                Err(error) if self.existing == Existing::Skip && is_there(error.kind()) => report.skipped.push(name),
                Err(error) => {
                    let error = error.with_secret(&self.id(&name));
                    let not_written = std::iter::once(name).chain(rest.map(|(name, _)| name)).collect();
                    return Err(ImportError::new(report, error, not_written));
                }
            }
        }
        Ok(report)
    }

    fn id(&self, name: &SecretName) -> SecretId {
        SecretId::new(self.application.clone(), name.clone())
    }

    /// Which of the entries are there.
    async fn found(&self, entries: &Entries) -> Result<BTreeMap<SecretName, Revision>> {
        if let Some((name, bytes)) = entries.first_larger_than(self.most_bytes) {
            let error = Error::too_large("value", self.most_bytes as u64, bytes as u64);
            return Err(error.with_secret(&self.id(name)));
        }
        let mut found = BTreeMap::new();
        let mut options = ListOptions::default().with_limit(PAGE).with_consistency(Consistency::Strong);
        loop {
            let page = self.store.list_with(self.application, options.clone()).await?;
            let of_file = page.items.into_iter().filter(|info| entries.contains(info.id.name()));
            found.extend(of_file.map(|info| (info.id.name().clone(), info.revision)));
            match page.next {
                Some(next) => options = options.with_after(next),
                None => return Ok(found),
            }
        }
    }
}

fn is_there(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::AlreadyExists | ErrorKind::Conflict)
}
