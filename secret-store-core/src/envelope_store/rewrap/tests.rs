use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use async_trait::async_trait;
use futures::executor::block_on;

use super::*;
use crate::context::ValueAad;
use crate::crypto::Aes256Gcm;
use crate::envelope::format;
use crate::error::{Error, ErrorKind};
use crate::id::SecretVersion;
use crate::key::{DocumentKey, GeneratedKey};
use crate::key_encryption_key::KeyEncryptionKey;

const A: &str = "a";
const B: &str = "b";
const C: &str = "c";

/// Local master keys, some of which cannot be used, and the rewraps that were asked for.
#[derive(Debug)]
struct Keys {
    keys: BTreeMap<MasterKeyId, KeyEncryptionKey>,
    down: Mutex<BTreeSet<MasterKeyId>>,
    asked: Mutex<Vec<(String, String)>>,
}

impl Keys {
    fn new() -> Self {
        let keys = [A, B, C].map(|key| (id(key), KeyEncryptionKey::generate().expect("random bytes")));
        Self { keys: keys.into(), down: Mutex::default(), asked: Mutex::default() }
    }

    fn key(&self, id: &MasterKeyId) -> Result<&KeyEncryptionKey> {
        if self.down.lock().expect("no panic").contains(id) {
            return Err(Error::new(ErrorKind::KeyUnavailable, format!("{id} is down")));
        }
        self.keys.get(id).ok_or_else(|| Error::key_not_allowed(id))
    }

    fn set_down(&self, keys: &[&str]) {
        *self.down.lock().expect("no panic") = keys.iter().map(|key| id(key)).collect();
    }

    fn take_asked(&self) -> Vec<(String, String)> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }

    fn wrap(&self, key: &str, document_key: &DocumentKey, context: &EncryptionContext) -> WrappedKey {
        WrappedKey::new(id(key), self.keys[&id(key)].wrap(document_key, context).expect("wraps"))
    }
}

#[async_trait]
impl KeyProvider for Keys {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.keys.contains_key(id)
    }

    async fn generate_key(&self, _: &MasterKeyId, _: &EncryptionContext) -> Result<GeneratedKey> {
        panic!("a rewrap makes no key")
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        Ok(WrappedKey::new(id.clone(), self.key(id)?.wrap(key, context)?))
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.key(key.master_key_id())?.unwrap(key.as_bytes(), context)
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        let asked = (key.master_key_id().as_str().to_owned(), to.as_str().to_owned());
        self.asked.lock().expect("no panic").push(asked);
        let document_key = self.unwrap_key(key, from).await?;
        self.wrap_key(to, &document_key, to_context).await
    }
}

fn id(text: &str) -> MasterKeyId {
    MasterKeyId::new(text).expect("valid")
}

fn store() -> StoreId {
    StoreId::new("prod").expect("valid")
}

fn secret() -> SecretId {
    SecretId::parse("App", "Db").expect("valid")
}

const DOCUMENT_KEY: [u8; 32] = [7; 32];

fn version() -> SecretVersion {
    SecretVersion::new(3).expect("not zero")
}

fn context() -> EncryptionContext {
    EncryptionContext::document_key(&store(), &secret(), version())
}

/// A record of version 3 with one wrap under each of these, and an attribute of a later release.
fn record(keys: &Keys, masters: &[&str]) -> Record {
    let document_key = || DocumentKey::from_bytes(&DOCUMENT_KEY).expect("32 bytes");
    let mut wraps: Vec<_> = masters.iter().map(|key| keys.wrap(key, &document_key(), &context())).collect();
    let aad = ValueAad::new(&store(), &secret(), version(), None);
    let (value, nonce) = format::seal::<Aes256Gcm>(document_key(), &aad, b"value").expect("seals");
    let first = wraps.remove(0);
    let further = Wraps::new(first.master_key_id(), wraps).expect("valid");
    let protected = ProtectedSecret::new(secret(), version(), first, &nonce, value, None, None).with_wraps(further);
    protected.to_record().with("Later", Value::from(1))
}

fn rewrap(keys: &Keys, record: &Record, from: &str, to: &str) -> Result<Option<Record>> {
    block_on(rewrap_record(keys, &store(), &secret(), record, &id(from), &id(to)))
}

/// Whose wraps a record has, the first one first; each opens to the document key.
fn masters(keys: &Keys, record: &Record) -> Vec<String> {
    let protected = ProtectedSecret::from_record(&secret(), record).expect("a record");
    let opened = protected.all_wraps().map(|wrapped| {
        let key = keys.keys[wrapped.master_key_id()].unwrap(wrapped.as_bytes(), &context()).expect("opens");
        assert_eq!(key.expose_secret(), DOCUMENT_KEY);
        wrapped.master_key_id().as_str().to_owned()
    });
    opened.collect()
}

fn asked(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect()
}

#[track_caller]
fn same_but_for_wraps(one: &Record, other: &Record) {
    let rest = |record: &Record| {
        let mut rest = record.clone();
        for name in [MASTER_KEY_ID, PROTECTED_DOCUMENT_KEY, WRAPS] {
            rest.remove(name);
        }
        rest.to_bytes()
    };
    assert_eq!(rest(one), rest(other));
}

#[test]
fn a_wrap_is_replaced_where_it_stands() {
    let keys = Keys::new();
    for (before, from, to, after) in [
        (&[A][..], A, B, &[B][..]),
        (&[A, C], A, B, &[B, C]),
        (&[A, C], C, B, &[A, B]),
        (&[B, A, C], C, B, &[B, A]),
        // `to` is there already: one of the two is enough.
        (&[A, B], A, B, &[B]),
        (&[B, A], A, B, &[B]),
        (&[A, B, C], A, B, &[B, C]),
        (&[C, A, B], A, B, &[C, B]),
        // Made anew in place.
        (&[A, C], A, A, &[A, C]),
        (&[C, A], A, A, &[C, A]),
    ] {
        let old = record(&keys, before);
        let new = rewrap(&keys, &old, from, to).expect("rewrapped").expect("moved");
        assert_eq!(masters(&keys, &new), after, "{from} to {to} of {before:?}");
        same_but_for_wraps(&old, &new);
        assert_eq!(keys.take_asked(), asked(&[(from, to)]));
        if from != to {
            assert_eq!(rewrap(&keys, &new, from, to).expect("nothing to do"), None);
        }
        assert_eq!(keys.take_asked(), []);
    }
}

#[test]
fn what_is_not_wrapped_under_the_key_is_left_alone() {
    let keys = Keys::new();
    assert_eq!(rewrap(&keys, &record(&keys, &[A, C]), B, A).expect("nothing to do"), None);
    assert_eq!(keys.take_asked(), []);
}

/// The key that is to go is gone: the other one stays, if it opens.
#[test]
fn a_lost_key_is_left_behind_where_another_was_proved() {
    let keys = Keys::new();
    let kept = |record: &Record, to: &str| {
        let protected = ProtectedSecret::from_record(&secret(), record).expect("a record");
        protected.all_wraps().find(|wrapped| *wrapped.master_key_id() == id(to)).cloned().expect("there")
    };
    for before in [&[A, B][..], &[B, A], &[C, A, B]] {
        let old = record(&keys, before);
        keys.set_down(&[A]);
        let new = rewrap(&keys, &old, A, B).expect("proved").expect("moved");
        keys.set_down(&[]);
        assert_eq!(masters(&keys, &new).len(), before.len() - 1);
        assert!(!masters(&keys, &new).contains(&A.to_owned()));
        assert_eq!(kept(&new, B), kept(&old, B));
        same_but_for_wraps(&old, &new);
        assert_eq!(keys.take_asked(), asked(&[(A, B), (B, B)]));
    }
    let old = record(&keys, &[A, C]);
    keys.set_down(&[A]);
    assert_eq!(rewrap(&keys, &old, A, B).expect_err("no other under the target").kind(), ErrorKind::KeyUnavailable);
    let old = record(&keys, &[A, B]);
    keys.set_down(&[A, B]);
    let error = rewrap(&keys, &old, A, B).expect_err("nothing is proved");
    assert!(error.to_string().contains("a is down"), "{error}");
}

fn broken(record: &Record, key: &str) -> Record {
    let protected = ProtectedSecret::from_record(&secret(), record).expect("a record");
    let junk = WrappedKey::new(id(key), vec![0; 60]);
    with_wrap(&protected, record, &id(key), junk).expect("a record")
}

/// A forger who plants a wrap of the target's, or spoils the one that is to go, does not make a rotation throw the key away.
#[test]
fn a_good_wrap_is_never_given_up_for_a_forged_one() {
    let keys = Keys::new();
    for before in [&[A, B][..], &[B, A]] {
        let new = rewrap(&keys, &broken(&record(&keys, before), B), A, B).expect("rewrapped").expect("moved");
        assert_eq!(masters(&keys, &new), [B], "made anew from the good one");
        let new = rewrap(&keys, &broken(&record(&keys, before), A), A, B).expect("proved").expect("moved");
        assert_eq!(masters(&keys, &new), [B], "the good one stays");
        let both = broken(&broken(&record(&keys, before), A), B);
        assert_eq!(rewrap(&keys, &both, A, B).expect_err("neither opens").kind(), ErrorKind::Integrity);
    }
    let alone = broken(&record(&keys, &[A]), A);
    assert_eq!(rewrap(&keys, &alone, A, B).expect_err("forged").kind(), ErrorKind::Integrity);
}

#[test]
fn records_of_another_place_or_release_are_refused() {
    let keys = Keys::new();
    let old = record(&keys, &[A]);
    let moved = old.clone().with("Version", Value::from(4));
    assert_eq!(rewrap(&keys, &moved, A, B).expect_err("another version").kind(), ErrorKind::Integrity);
    keys.take_asked();
    let other = SecretId::parse("App", "Other").expect("valid");
    let outcome = block_on(rewrap_record(&keys, &store(), &other, &old, &id(A), &id(B)));
    assert_eq!(outcome.expect_err("another name").kind(), ErrorKind::Integrity);
    let mut later = old.bytes("ProtectedSecretValue").expect("bytes").to_vec();
    later[2] = b'2';
    let later = old.clone().with("ProtectedSecretValue", later.into());
    assert_eq!(rewrap(&keys, &later, A, B).expect_err("SS2").kind(), ErrorKind::Unsupported);
    let malformed = old.clone().with(WRAPS, Value::from(&[0x80_u8][..]));
    assert_eq!(rewrap(&keys, &malformed, A, B).expect_err("malformed").kind(), ErrorKind::Integrity);
    assert_eq!(keys.take_asked(), [], "before anybody is asked");
    assert_eq!(rewrap(&keys, &old, A, "unknown").expect_err("not accepted").kind(), ErrorKind::KeyNotAllowed);
}

/// Format 0 has its legacy context, current or with a number in the history.
#[test]
fn format_0_is_moved_under_its_own_context() {
    let keys = Keys::new();
    let legacy = EncryptionContext::legacy();
    let document_key = DocumentKey::from_bytes(&[9; 16]).expect("16 bytes");
    let wrapped = keys.wrap(A, &document_key, &legacy);
    for number in [0, 5] {
        let number = SecretVersion::from_stored(number);
        let old =
            ProtectedSecret::new(secret(), number, wrapped.clone(), &[1; 16], vec![2; 16], None, None).to_record();
        let new = rewrap(&keys, &old, A, B).expect("rewrapped").expect("moved");
        same_but_for_wraps(&old, &new);
        assert_eq!(new.len(), old.len());
        let moved = ProtectedSecret::from_record(&secret(), &new).expect("a record");
        assert_eq!(moved.wrapped_key().master_key_id(), &id(B));
        let opened = block_on(keys.unwrap_key(moved.wrapped_key(), &legacy)).expect("opens");
        assert_eq!(opened.expose_secret(), document_key.expose_secret());
    }
}
