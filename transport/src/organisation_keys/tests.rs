//! What the keys cost whoever asks for them.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Waker};
use std::time::UNIX_EPOCH;

use futures::executor::block_on;
use secret_store_core::{EnvelopeStore, SecretStoreExt as _};
use secret_store_memory::{MemoryKeyProvider, MemoryPersistence};

use super::*;
use crate::testing::{FixedClock, vector};

/// The frozen set, of RSA in version 2 and X25519 in version 3, in a store that answers at once.
fn keys(organisation: &TenantId) -> OrganisationKeys {
    let master = MemoryKeyProvider::new().with_generated(&"main".parse().expect("valid")).expect("random");
    let store = EnvelopeStore::builder(Arc::new(master), Arc::new(MemoryPersistence::new()));
    let store = Arc::new(store.store_id("test").master_key("main").build().expect("valid"));
    let made = UNIX_EPOCH + Duration::from_millis(1_767_225_600_000);
    let keys = OrganisationKeys::new(store.clone(), ApplicationName::new("sealing-keys").expect("valid"))
        .with_clock(Arc::new(FixedClock::at(made)));
    let id = keys.id(organisation).expect("valid");
    block_on(store.put(&id, vector("sealed.json", "key-set").into())).expect("put");
    keys
}

/// Most of a millisecond goes into taking and checking an RSA key, at each submission: on a thread of its own it holds up nobody.
#[test]
fn rsa_keys_are_not_parsed_where_everybody_waits() {
    let acme = TenantId::new("acme").expect("valid");
    let keys = keys(&acme);
    let is_ready_at_once = |version, suite| {
        let mut pair = pin!(keys.pair(&acme, version, suite));
        let is_ready = pair.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        if !is_ready {
            assert_eq!(block_on(pair).expect("a pair").suite(), suite);
        }
        is_ready
    };
    assert!(is_ready_at_once(3, Suite::HpkeX25519), "the positive control: nothing else waits");
    // A thread may be done before it is asked, but not each time.
    assert!((0..10).any(|_| !is_ready_at_once(2, Suite::RsaOaep)));
}

#[test]
fn a_pair_of_another_suite_or_one_that_is_damaged_is_refused() {
    let acme = TenantId::new("acme").expect("valid");
    let keys = keys(&acme);
    for (version, suite) in [(2, Suite::HpkeX25519), (3, Suite::RsaOaep)] {
        let refused = block_on(keys.pair(&acme, version, suite)).expect_err("of the other suite");
        assert_eq!(refused.kind(), ErrorKind::Integrity);
    }
    let rsa = RecipientKeyPair::from_pkcs8(include_bytes!("../../tests/vectors/rsa-3072.pk8")).expect("a key");
    let stored = rsa.to_stored().expect("serialises");
    block_on(RecipientKeyPair::load(stored.expose_secret())).expect("its own");
    let mut altered = stored.expose_secret().to_vec();
    let middle = altered.len() / 2;
    altered[middle] ^= 1;
    for bytes in [&altered, &stored.expose_secret()[..middle]] {
        let refused = block_on(RecipientKeyPair::load(bytes)).expect_err("no key");
        assert_eq!(refused.kind(), ErrorKind::Integrity);
    }
}
