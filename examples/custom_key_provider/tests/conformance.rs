//! Split keys pass the published suite, and the halves are worth nothing alone.

use futures::executor::block_on;
use secret_store_conformance::key_provider::{self, Instance};
use secret_store_core::{EncryptionContext, Error, ErrorKind, KeyProvider, MasterKeyId, Result};
use secret_store_example_custom_key_provider::SplitKeys;

fn directory() -> Result<tempfile::TempDir> {
    tempfile::tempdir().map_err(|error| Error::new(ErrorKind::Unavailable, "no temporary directory").with_source(error))
}

#[test]
fn the_key_provider_is_right() {
    let report = block_on(key_provider::run(|| async {
        let directory = directory()?;
        let ids = [MasterKeyId::new("first")?, MasterKeyId::new("second")?];
        let mut keys = SplitKeys::default();
        for id in &ids {
            let half = |name: &str| directory.path().join(format!("{}.{name}", id.as_str()));
            SplitKeys::split(&half("a"), &half("b"))?;
            keys.add(id.clone(), &half("a"), &half("b"))?;
        }
        Ok(Instance::new(keys, ids).keeping(directory))
    }));
    report.assert_complete();
}

#[test]
fn the_right_halves_join_and_no_others() {
    let directory = directory().expect("a temporary directory");
    let half = |name: &str| directory.path().join(name);
    SplitKeys::split(&half("a"), &half("b")).expect("two new files");
    SplitKeys::split(&half("c"), &half("d")).expect("two more");
    let id = MasterKeyId::new("main").expect("a valid id");
    let joined = |first: &str, second: &str| {
        let mut keys = SplitKeys::default();
        keys.add(id.clone(), &half(first), &half(second)).map(|()| keys)
    };
    let legacy = EncryptionContext::legacy();
    let keys = joined("a", "b").expect("both halves");
    let wrapped = block_on(keys.generate_key(&id, &legacy)).expect("a new key").wrapped;
    let opens = |keys: SplitKeys| block_on(keys.unwrap_key(&wrapped, &legacy)).is_ok();
    assert!(opens(joined("b", "a").expect("the order of the halves does not matter")));
    assert!(!opens(joined("a", "c").expect("two halves")), "halves of different keys");
    assert!(!opens(joined("a", "a").expect("one half twice")), "one half twice");
    std::fs::write(half("short"), [0; 31]).expect("a short file");
    for (what, second) in [("a half of 31 bytes", "short"), ("a half that is not there", "missing")] {
        assert_eq!(joined("a", second).expect_err(what).kind(), ErrorKind::KeyUnavailable, "{what}");
    }
    assert!(SplitKeys::split(&half("e"), &half("a")).is_err(), "an existing half is never overwritten");
}
