//! The published suite for key providers over two regions of KMS. (Over one, beside DynamoDB: `tests/aws/conformance.rs`.)

use std::sync::Arc;

use crate::setup::{Region, connection, id};
use secret_store_conformance::key_provider::{self, Instance};
use secret_store_conformance::{Options, Report};
use secret_store_core::KeyProvider;
use secret_store_dynamo::{Connection, KmsKeyProvider, Timeouts};

/// Patient, as the suite's concurrent cases share two processors with it.
fn patient(kms: &Region) -> Connection {
    connection(kms).with_timeouts(Timeouts::default()).with_max_attempts(3)
}

fn options() -> Options {
    Options::default().with_attempts(512).with_spawn(|task| drop(tokio::spawn(task)))
}

fn instance(provider: impl KeyProvider, keys: [&str; 2], regions: Vec<Arc<Region>>) -> Instance {
    let counted = regions.clone();
    let count = move || counted.iter().map(|kms| kms.proxy.exchanges().len() as u64).sum();
    Instance::new(provider, keys.map(id)).with_contacts(count).keeping(regions)
}

async fn two_regions() -> Report {
    let factory = || async {
        let near = Arc::new(Region::start("eu-central-1"));
        let far = Arc::new(Region::start("us-east-1"));
        let (first, second) = (near.create_key(), far.create_key());
        let builder = KmsKeyProvider::builder(patient(&near).kms()?).client(patient(&far).kms()?);
        let keys = builder.key(&first).key(&second).build().await?;
        Ok(instance(keys, [&first, &second], vec![near, far]))
    };
    key_provider::run_with(factory, options()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_of_two_regions() {
    two_regions().await.assert_complete();
}
