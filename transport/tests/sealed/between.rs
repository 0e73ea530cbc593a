//! Others who write between what is read and what is put for it.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::{
    ApplicationName, Consistency, DeleteOptions, ErrorKind, GetOptions, ListOptions, Page, PutOptions, Result, Secret,
    SecretId, SecretInfo, SecretStore, SecretStoreExt as _, SecretValue, SecretVersion,
};
use secret_store_transport::{Freshness, KeySpec, OrganisationKeys, SealedRequest};

use super::support::{DAY, KEYS, World, id, kind, target, tenant};

/// A store in which a rival writes right after the next read. Every read has to be strongly consistent: of an older state it would
/// take what is retired or replaced.
#[derive(Debug)]
struct Rivalled {
    store: Arc<dyn SecretStore>,
    rival: Mutex<Option<SecretValue>>,
}

impl Rivalled {
    fn new(world: &World, rival: SecretValue) -> Arc<Self> {
        Arc::new(Self { store: Arc::clone(&world.store) as _, rival: Mutex::new(Some(rival)) })
    }
}

#[async_trait]
impl SecretStore for Rivalled {
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret> {
        assert_eq!(options.consistency, Consistency::Strong);
        let found = self.store.get_with(id, options).await?;
        let rival = self.rival.lock().expect("not poisoned").take();
        if let Some(rival) = rival {
            self.store.put(id, rival).await?;
        }
        Ok(found)
    }

    async fn put_with(&self, id: &SecretId, value: SecretValue, options: PutOptions) -> Result<SecretInfo> {
        self.store.put_with(id, value, options).await
    }

    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()> {
        self.store.delete_with(id, options).await
    }

    async fn list_with(&self, application: &ApplicationName, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.store.list_with(application, options).await
    }

    async fn history_with(&self, id: &SecretId, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.store.history_with(id, options).await
    }
}

#[test]
fn what_is_put_after_the_expected_version_was_read_stays() {
    block_on(async {
        let (world, main) = (World::new(KeySpec::X25519).await, id("acme.prod", "MainDb"));
        world.store.put(&main, "one".into()).await.expect("stored");
        let one = SecretVersion::new(1).expect("valid");
        let freshness = Freshness::expected(one, &*world.clock, DAY / 24);
        let sealed = world.sealing_key("acme").await.seal(&target("MainDb"), &freshness, &"mine".into());
        let intake = world.intake_over(Rivalled::new(&world, "of the rival".into()), world.sink());
        let refusal = intake.put_sealed(&target("MainDb"), SealedRequest::new(sealed.expect("seals"))).await;
        assert_eq!(kind(refusal), ErrorKind::Conflict);
        assert_eq!(world.store.get(&main).await.expect("reads").text().expect("text"), "of the rival");
    });
}

#[test]
fn keys_that_were_changed_meanwhile_are_not_replaced() {
    block_on(async {
        let (world, acme) = (World::new(KeySpec::X25519).await, tenant("acme"));
        world.keys.rotate(&acme, KeySpec::X25519, DAY).await.expect("rotates");
        let stored = || async { world.store.get(&id(KEYS, "acme")).await.expect("reads") };
        let rivalled = async || {
            let same = stored().await.expose_secret().into();
            let application = ApplicationName::new(KEYS).expect("valid");
            OrganisationKeys::new(Rivalled::new(&world, same), application).with_clock(world.clock())
        };
        assert_eq!(kind(rivalled().await.rotate(&acme, KeySpec::X25519, DAY).await), ErrorKind::Conflict);
        assert_eq!(kind(rivalled().await.retire(&acme, 1).await), ErrorKind::Conflict);
        assert_eq!(world.keys.versions(&acme).await.expect("lists").len(), 2);
        assert_eq!(stored().await.info().version.get(), 4, "made, rotated, and two rivals");
    });
}
