//! The store that is loaded from: any one, also one that fails.

use futures::executor::block_on;
use secret_store_config::{LoadErrorKind, Loader};
use secret_store_conformance::fault::{Failing, Fault};
use secret_store_core::{ApplicationName, EnvelopeStore, ErrorKind};

use super::{One, application};

#[test]
fn a_store_that_fails_is_told() {
    let failing = std::sync::Arc::new(Failing::new(secret_store_memory::MemoryPersistence::new()));
    let keys = secret_store_memory::MemoryKeyProvider::new().with_generated(&"main".parse().expect("valid"));
    let builder = EnvelopeStore::builder(std::sync::Arc::new(keys.expect("random")), failing.clone());
    let store = builder.store_id("config").master_key("main").build().expect("valid");
    failing.fail(Fault::new(ErrorKind::Throttled));
    let application = ApplicationName::new("YourApp").expect("valid");
    let error = block_on(Loader::new(&store, &application).load::<One<u8>>()).expect_err("throttled");
    assert_eq!((error.kind(), error.name()), (LoadErrorKind::Store, None));
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<secret_store_core::Error>());
    assert_eq!(source.expect("the store's").kind(), ErrorKind::Throttled);
}

/// Any store will do, also one behind a trait object.
#[test]
fn any_store_will_do() {
    let app = application(&[("it", "1")]);
    let store: &dyn secret_store_core::SecretStore = app.store();
    assert_eq!(block_on(Loader::new(store, app.name()).load::<One<u8>>()).expect("one").it, 1);
}
