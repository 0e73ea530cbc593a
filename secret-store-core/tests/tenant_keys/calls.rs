//! How often a master key is asked: the reason for a middle tier.

use std::time::Duration;

use secret_store_core::{EnvelopeStore, SecretId, SecretStoreExt, TenantKeys};

use super::store::two_tenants;
use super::support::{World, id, wait};

const SECRETS: usize = 100;
const READS: usize = 1000;

/// Asked of the inner provider by a new process that reads at random (uniformly, by a fixed sequence), beyond what writing cost.
fn calls_for_reads(world: &World, ids: &[SecretId], keys: TenantKeys, store: &EnvelopeStore) -> usize {
    let before = world.asked.count();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..READS {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let at = usize::try_from(state >> 33).expect("31 bits") % ids.len();
        assert_eq!(wait(store.get(&ids[at])).expect("opens").expose_secret(), b"v");
    }
    drop(keys);
    world.asked.count() - before
}

/// Calls of a KMS for 1,000 uniform reads of 100 secrets in one process: at most 1 in the tenant tier, at most 100 in the master
/// tier. Also with the document keys' cache off the tenant tier asks once.
#[test]
fn reads_of_a_hundred_secrets_ask_the_inner_provider_once() {
    let world = World::new();
    let ids: Vec<_> = (0..SECRETS).map(|n| id(&format!("secret-{n}"))).collect();
    let plain: Vec<_> =
        (0..SECRETS).map(|n| SecretId::parse("Plain", &format!("secret-{n}")).expect("valid")).collect();
    let writer = two_tenants(&world, &world.keys());
    for id in ids.iter().chain(&plain) {
        wait(writer.put(id, "v".into())).expect("stored");
    }
    let keys = world.keys();
    assert_eq!(calls_for_reads(&world, &ids, keys.clone(), &two_tenants(&world, &keys)), 1, "tenant tier");
    let keys = world.keys();
    let uncached = world.store_builder(&keys).key_cache(0, Duration::ZERO).build().expect("valid");
    assert_eq!(calls_for_reads(&world, &ids, keys, &uncached), 1, "tenant tier without a cache above it");
    let keys = world.keys();
    let calls = calls_for_reads(&world, &plain, keys.clone(), &two_tenants(&world, &keys));
    assert!(calls > 90 && calls <= 100, "master tier: {calls}");
}
