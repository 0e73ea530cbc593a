//! Changes of secrets, as they happen.

mod options;
mod seen;

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub use options::WatchOptions;

use futures_util::stream::{self, Stream};

use crate::error::{ErrorKind, Result};
use crate::id::{ApplicationName, SecretId};
use crate::secret::SecretInfo;
use crate::store::{GetOptions, ListOptions, SecretStore};
use seen::Seen;

/// What became of a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// It is there, and is new or other than what was seen before.
    Set(SecretInfo),
    /// It was there and is no more.
    Deleted(SecretId),
}

impl Change {
    /// Which secret.
    #[must_use]
    pub fn id(&self) -> &SecretId {
        match self {
            Self::Set(info) => &info.id,
            Self::Deleted(id) => id,
        }
    }
}

/// Watches one secret, or all of one application, by looking again and again: so a service takes over a rotated password
/// without a restart.
///
/// ```
/// # futures::executor::block_on(async {
/// use secret_store_core::{CachedStore, Change, SecretStoreExt, Watch};
/// use std::sync::Arc;
///
/// let store = Arc::new(CachedStore::new(secret_store_memory::store("demo")?));
/// let app = store.application("YourApp.Production")?;
/// app.put("MainDb", "hunter2").await?;
///
/// let mut watch = Watch::secret(store.clone(), app.id("MainDb")?);
/// loop {
///     match watch.changed().await {
///         Ok(Change::Set(info)) => {
///             let secret = app.get(info.id.name()).await?;
///             // … connect with it …
///             # assert_eq!(secret.text()?, "hunter2");
///             # break;
///         }
///         Ok(gone) => eprintln!("{} was deleted", gone.id()),
///         // The next call waits longer and looks again.
///         Err(error) => eprintln!("the secret cannot be watched now: {error}"),
///     }
/// }
/// # Ok::<(), secret_store_core::Error>(())
/// # }).expect("the example runs");
/// ```
///
/// # What is seen
///
/// * **What is there at first**, unless the watch is told what the program has already ([`seen`](Self::seen)): so nothing is
///   lost between a first read and the first look.
/// * **The newest state**, always: every look compares what is there with what was reported last, by version and time of writing
///   (a number is given again after a restore of the database).
///   States that came and went between two looks are not seen one by one. A secret that was deleted and created again
///   between two looks is reported as set, with its higher version.
/// * **No rotation of keys.** A record whose key was wrapped again holds the same version of the same value, and is no change.
///   In format 0, which has no versions, the revision is compared, so that there a rotation is reported as set.
/// * **No value.** Read it with [`get`](crate::SecretStoreExt::get) through the same store: a [`CachedStore`](crate::CachedStore)
///   that is watched through drops what the look contradicts. Through another handle, ask for
///   [at least the version](GetOptions::with_minimum_version) that was reported.
///
/// For one application the information is what the database says, as in every listing; the read that follows authenticates it.
///
/// # What it costs
///
/// A look at one secret is one strongly consistent read, at an application one listing, a page for each 1,000 secrets. Every
/// 30 seconds by default, each a random tenth earlier or later, so that a fleet does not look at one moment
/// ([`WatchOptions`]). The names and revisions of an application are kept in memory, no values.
///
/// # Outages
///
/// A look that fails is the error of [`changed`](Self::changed), of whatever kind, and forgets nothing: call again. Each
/// failure in a row doubles the wait, up to eight intervals; a look that succeeds ends that.
pub struct Watch {
    store: Arc<dyn SecretStore>,
    target: Target,
    options: WatchOptions,
    seen: Seen,
    /// Found by the last look and not reported yet.
    found: VecDeque<Change>,
    next_look: Option<Duration>,
    failures: u32,
}

#[derive(Clone, Debug)]
enum Target {
    Secret(SecretId),
    Application(ApplicationName),
}

impl Watch {
    /// Watches one secret.
    #[must_use]
    pub fn secret(store: Arc<dyn SecretStore>, id: SecretId) -> Self {
        Self::new(store, Target::Secret(id))
    }

    /// Watches every secret of an application, also those that are yet to come.
    #[must_use]
    pub fn application(store: Arc<dyn SecretStore>, application: ApplicationName) -> Self {
        Self::new(store, Target::Application(application))
    }

    fn new(store: Arc<dyn SecretStore>, target: Target) -> Self {
        Self {
            store,
            target,
            options: WatchOptions::default(),
            seen: Seen::default(),
            found: VecDeque::new(),
            next_look: None,
            failures: 0,
        }
    }

    /// Looks as the options say.
    #[must_use]
    pub fn with_options(mut self, options: WatchOptions) -> Self {
        self.options = options;
        self
    }

    /// Does not report what the program has already: give it the information of what was read before.
    #[must_use]
    pub fn seen<'a>(mut self, infos: impl IntoIterator<Item = &'a SecretInfo>) -> Self {
        infos.into_iter().for_each(|info| self.seen.note(info));
        self
    }

    /// Waits for the next change.
    ///
    /// Cancel safe: a dropped call loses no change and does not begin the wait anew.
    ///
    /// # Errors
    ///
    /// As [`SecretStore`] says of reads, when a look fails. Call again: the watch goes on.
    pub async fn changed(&mut self) -> Result<Change> {
        loop {
            if let Some(change) = self.found.pop_front() {
                return Ok(change);
            }
            self.wait().await;
            match self.look().await {
                Ok(there) => {
                    self.failures = 0;
                    self.plan()?;
                    self.found = self.seen.compare(there).into();
                }
                Err(error) => {
                    self.failures = self.failures.saturating_add(1);
                    self.plan()?;
                    return Err(error);
                }
            }
        }
    }

    /// The changes as a stream, which never ends. Dropping it ends the looking: nothing runs in the background.
    ///
    /// An item is an error when a look fails, and the stream goes on: poll it again.
    pub fn into_stream(self) -> impl Stream<Item = Result<Change>> + Send {
        stream::unfold(self, |mut watch| async move { Some((watch.changed().await, watch)) })
    }

    /// The first look is at once.
    async fn wait(&self) {
        let clock = self.options.clock();
        while let Some(left) = self.next_look.and_then(|at| at.checked_sub(clock.monotonic())).filter(|d| !d.is_zero())
        {
            clock.sleep(left).await;
        }
    }

    fn plan(&mut self) -> Result<()> {
        let wait = self.options.wait_after(self.failures)?;
        self.next_look = Some(self.options.clock().monotonic() + wait);
        Ok(())
    }

    /// What is there now.
    async fn look(&self) -> Result<Vec<SecretInfo>> {
        match &self.target {
            Target::Secret(id) => {
                let options = GetOptions::default().with_consistency(self.options.consistency);
                match self.store.get_with(id, options).await {
                    Ok(secret) => Ok(vec![secret.info().clone()]),
                    Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
                    Err(error) => Err(error),
                }
            }
            Target::Application(application) => self.list(application).await,
        }
    }

    async fn list(&self, application: &ApplicationName) -> Result<Vec<SecretInfo>> {
        let mut there = Vec::new();
        let mut options = ListOptions::default().with_limit(options::PAGE).with_consistency(self.options.consistency);
        loop {
            let page = self.store.list_with(application, options.clone()).await?;
            there.extend(page.items);
            match page.next {
                Some(next) => options = options.with_after(next),
                None => return Ok(there),
            }
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("target", &self.target)
            .field("options", &self.options)
            .field("failures", &self.failures)
            .finish_non_exhaustive()
    }
}
