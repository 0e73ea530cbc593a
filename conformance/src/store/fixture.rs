//! What each case works with.

use std::num::NonZeroUsize;
use std::sync::Arc;

use secret_store_core::{
    ApplicationName, Consistency, GetOptions, ListOptions, Page, Secret, SecretId, SecretInfo, SecretStore, SecretValue,
};

use super::instance::Instance;
use crate::case::Stop;
use crate::options::Options;

/// The application most cases use.
pub(super) const APPLICATION: &str = "Conformance.Test";

/// A fresh instance and how to use it.
pub(super) struct Fixture {
    pub(super) instance: Instance,
    pub(super) options: Options,
}

impl Fixture {
    pub(super) fn new(instance: Instance, options: Options) -> Self {
        Self { instance, options }
    }

    pub(super) fn store(&self) -> Arc<dyn SecretStore> {
        Arc::clone(&self.instance.store)
    }
}

/// The name of a secret in the usual application.
pub(super) fn id(name: &str) -> SecretId {
    id_in(APPLICATION, name)
}

pub(super) fn id_in(application: &str, name: &str) -> SecretId {
    SecretId::parse(application, name).expect("the names of cases are valid")
}

pub(super) fn application(name: &str) -> ApplicationName {
    ApplicationName::new(name).expect("the applications of cases are valid")
}

pub(super) fn value(text: &str) -> SecretValue {
    SecretValue::from(text)
}

pub(super) fn limit(items: usize) -> NonZeroUsize {
    NonZeroUsize::new(items).expect("a page limit of a case is not zero")
}

/// The newest state, whatever other writers there are.
pub(super) fn strong() -> GetOptions {
    GetOptions::default().with_consistency(Consistency::Strong)
}

/// Demands that a secret is there with this value.
pub(super) async fn reads(store: &dyn SecretStore, id: &SecretId, expected: &[u8]) -> Result<Secret, Stop> {
    let secret = store.get_with(id, strong()).await?;
    // Values of cases are no secrets, but nothing in here gets used to printing values.
    match secret.expose_secret() == expected && secret.id() == id {
        true => Ok(secret),
        false => Err(Stop::failed(format!("{id} answers another value than was stored"))),
    }
}

/// All pages of a listing.
pub(super) async fn all_pages<F, Fetched>(fetch: F, page: usize) -> Result<Vec<SecretInfo>, Stop>
where
    F: Fn(ListOptions) -> Fetched,
    Fetched: Future<Output = secret_store_core::Result<Page<SecretInfo>>>,
{
    let mut options = ListOptions::default().with_limit(limit(page)).with_consistency(Consistency::Strong);
    let mut all = Vec::new();
    for _ in 0..100_000 {
        let fetched = fetch(options.clone()).await?;
        if fetched.items.len() > page {
            return Err(Stop::failed(format!("a page of {} exceeds its limit {page}", fetched.items.len())));
        }
        all.extend(fetched.items);
        match fetched.next {
            Some(next) => options = options.with_after(next),
            None => return Ok(all),
        }
    }
    Err(Stop::failed("the listing does not end"))
}

/// The names in an application, as listed in pages of this size.
pub(super) async fn listed(store: &dyn SecretStore, name: &str, page: usize) -> Result<Vec<String>, Stop> {
    let application = application(name);
    let infos = all_pages(|options| store.list_with(&application, options), page).await?;
    let foreign = infos.iter().find(|info| *info.id.application() != application);
    match foreign {
        Some(info) => Err(Stop::failed(format!("the listing of {application} contains {}", info.id))),
        None => Ok(infos.into_iter().map(|info| info.id.name().as_str().to_owned()).collect()),
    }
}
