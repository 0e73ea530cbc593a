//! A request for more than a bundle holds: no more is read than tells so.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_core::{
    ApplicationName, DeleteOptions, ErrorKind, GetOptions, ListOptions, Page, PutOptions, Result, Secret, SecretId,
    SecretInfo, SecretName, SecretStore, SecretStoreExt as _, SecretValue,
};
use secret_store_transport::{MAX_BUNDLE_BYTES, MAX_NAMES};

use super::support::{World, id, kind, place, specs};

/// Keeps how many secrets each call asked for; may answer one too few.
#[derive(Debug)]
struct Counting {
    inner: Arc<dyn SecretStore>,
    reads: Mutex<Vec<usize>>,
    withheld: AtomicUsize,
}

#[async_trait]
impl SecretStore for Counting {
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret> {
        self.inner.get_with(id, options).await
    }

    async fn put_with(&self, id: &SecretId, value: SecretValue, options: PutOptions) -> Result<SecretInfo> {
        self.inner.put_with(id, value, options).await
    }

    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()> {
        self.inner.delete_with(id, options).await
    }

    async fn list_with(&self, application: &ApplicationName, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.inner.list_with(application, options).await
    }

    async fn history_with(&self, id: &SecretId, options: ListOptions) -> Result<Page<SecretInfo>> {
        self.inner.history_with(id, options).await
    }

    async fn get_many_with(&self, ids: &[SecretId], options: GetOptions) -> Result<Vec<Secret>> {
        self.reads.lock().expect("no panic").push(ids.len());
        let mut secrets = self.inner.get_many_with(ids, options).await?;
        secrets.truncate(ids.len() - self.withheld.load(Ordering::SeqCst));
        Ok(secrets)
    }
}

/// Asks for so many secrets, of which those of these sizes are there; answers what came of it, and how many secrets each read was for.
async fn retrieve(asked: usize, sizes: &[usize], withheld: usize) -> (Result<usize>, Vec<usize>) {
    let spec = specs()[0];
    let world = World::new(spec).await;
    let names: Vec<_> = (0..asked).map(|n| SecretName::new(format!("Secret{n}")).expect("valid")).collect();
    for (name, size) in names.iter().zip(sizes) {
        world.store.put(&id("acme.prod", name.as_str()), vec![7; *size].into()).await.expect("stored");
    }
    let inner = Arc::clone(&world.store) as _;
    let counting = Arc::new(Counting { inner, reads: Mutex::default(), withheld: AtomicUsize::new(withheld) });
    let answers = world.answer_key("acme").await;
    let (request, pending) = answers.request(&place("acme", "prod"), names, spec).await.expect("asks");
    let answered = match world.retrieval_over(counting.clone()).answer(&request).await {
        Ok(bundle) => pending.open(&bundle).await.map(|secrets| secrets.iter().map(|secret| secret.value.len()).sum()),
        Err(refusal) => Err(refusal),
    };
    let reads = counting.reads.lock().expect("no panic").clone();
    (answered, reads)
}

#[test]
fn reading_ends_where_the_bundle_is_full() {
    block_on(async {
        for (size, most) in [(500_000, 10), (300_000, 18), (100_000, 46)] {
            // Those behind are not there: whoever reads them says so.
            let (refused, reads) = retrieve(MAX_NAMES, &vec![size; most], 0).await;
            let refusal = kind(refused);
            assert!(matches!(refusal, ErrorKind::TooLarge { limit, .. } if limit == MAX_BUNDLE_BYTES as u64));
            let read: usize = reads.iter().sum();
            assert!(read * size > MAX_BUNDLE_BYTES && read <= most, "{size} bytes: {reads:?}");
        }
    });
}

/// Neither many small ones nor small ones behind large ones are read one by one.
#[test]
fn what_fits_takes_few_reads() {
    block_on(async {
        let (answered, reads) = retrieve(MAX_NAMES, &[100; MAX_NAMES], 0).await;
        assert_eq!((answered.expect("fits"), reads), (100 * MAX_NAMES, vec![10, 90]));
        let mut sizes = [10; MAX_NAMES];
        sizes[..10].fill(410_000);
        let (answered, reads) = retrieve(MAX_NAMES, &sizes, 0).await;
        assert_eq!((answered.expect("fits"), reads), (4_100_900, vec![10, 4, 86]));
        let (answered, reads) = retrieve(3, &[100; 3], 0).await;
        assert_eq!((answered.expect("fits"), reads), (300, vec![3]));
    });
}

#[test]
fn a_store_that_answers_too_few_is_refused() {
    let (refused, reads) = block_on(retrieve(3, &[100; 3], 1));
    assert_eq!((kind(refused), reads), (ErrorKind::Unavailable, vec![3]));
}
