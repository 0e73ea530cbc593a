//! The encoding is unambiguous, and every constructor binds what it says.

use proptest::prelude::*;

use super::{EncryptionContext, KeptAad, Purpose, ValueAad};
use crate::error::ErrorKind;
use crate::id::{SecretId, SecretVersion, StoreId, TenantId};
use crate::tenant::TenantKeyVersion;

type Decoded = (u8, u8, Vec<Vec<u8>>);

/// An independent reading of the encoding: whatever can be inverted is unambiguous.
fn decode(bytes: &[u8]) -> Option<Decoded> {
    let rest = bytes.strip_prefix(b"secret-store/1")?;
    let [purpose, suite, count, rest @ ..] = rest else { return None };
    let (mut rest, mut fields) = (rest, Vec::new());
    for _ in 0..*count {
        let length = u32::from_be_bytes(rest.get(..4)?.try_into().ok()?) as usize;
        fields.push(rest.get(4..4 + length)?.to_vec());
        rest = &rest[4 + length..];
    }
    rest.is_empty().then_some((*purpose, *suite, fields))
}

fn id(application: &str, name: &str) -> SecretId {
    SecretId::parse(application, name).expect("valid")
}

fn store(text: &str) -> StoreId {
    StoreId::new(text).expect("valid")
}

fn tenant(text: &str) -> TenantId {
    TenantId::new(text).expect("valid")
}

fn key_version(number: u32) -> TenantKeyVersion {
    TenantKeyVersion::new(number).expect("not zero")
}

fn shown(context: &EncryptionContext) -> Vec<String> {
    context.pairs().into_iter().map(|(key, value)| format!("{key}={value}")).collect()
}

#[test]
fn pairs_name_everything() {
    let version = SecretVersion::new(7).expect("not zero");
    let context = EncryptionContext::document_key(&store("prod"), &id("App", "Db"), version);
    assert_eq!(
        shown(&context),
        ["ss:store=prod", "ss:application=App", "ss:name=Db", "ss:version=7", "ss:purpose=3", "ss:suite=1"]
    );
    assert_eq!(context.purpose(), Some(Purpose::DocumentKey));
    assert_eq!(EncryptionContext::legacy().purpose(), None);
    assert!(EncryptionContext::legacy().pairs().is_empty());
    assert!(EncryptionContext::legacy().aead_bytes().is_empty());
}

#[test]
fn pairs_of_the_tenant_tier_name_everything() {
    let (version, key) = (SecretVersion::new(7).expect("not zero"), key_version(u32::MAX));
    let context = EncryptionContext::tenant_key(&store("prod"), &tenant("acme"), key);
    assert_eq!(
        shown(&context),
        ["ss:store=prod", "ss:tenant=acme", "ss:version=4294967295", "ss:purpose=4", "ss:suite=1"]
    );
    assert_eq!((context.purpose(), context.key_bytes()), (Some(Purpose::TenantKey), 32));
    let (store, id, tenant) = (store("prod"), id("App", "Db"), tenant("acme"));
    let context = EncryptionContext::tenant_wrapped_document_key(&store, &id, version, &tenant, key);
    assert_eq!(
        shown(&context).join(" "),
        "ss:store=prod ss:application=App ss:name=Db ss:version=7 ss:tenant=acme ss:tenant-version=4294967295 \
         ss:purpose=2 ss:suite=1"
    );
    assert_eq!((context.purpose(), context.key_bytes()), (Some(Purpose::TenantWrappedDocumentKey), 32));
}

/// A tenant key is asked under the context of a document key and authenticates its own.
#[test]
fn document_keys_alone_go_under_a_tenant_key() {
    let (store, id, version) = (store("prod"), id("App", "Db"), SecretVersion::FIRST);
    let (tenant, key) = (tenant("acme"), key_version(3));
    let asked = EncryptionContext::document_key(&store, &id, version);
    let bound = EncryptionContext::tenant_wrapped_document_key(&store, &id, version, &tenant, key);
    assert_eq!(asked.under_tenant_key(&tenant, key).expect("a document key"), bound);
    assert_eq!(asked.document_key_application().expect("a document key"), "App");
    for refused in [EncryptionContext::legacy(), bound, EncryptionContext::tenant_key(&store, &tenant, key)] {
        let error = refused.under_tenant_key(&tenant, key).expect_err("no document key of format 1");
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(refused.document_key_application().is_err());
    }
}

#[test]
fn value_and_key_contexts_differ_in_purpose_only() {
    let version = SecretVersion::FIRST;
    let (store, id) = (store("prod"), id("App", "Db"));
    let expected = EncryptionContext::document_key(&store, &id, version);
    for metadata in [None, Some(&b"\xa1\x61a\x61b"[..]), Some(&b""[..])] {
        let aad = ValueAad::new(&store, &id, version, metadata);
        assert_eq!(aad.key_context(), expected);
        assert_ne!(aad.as_bytes(), expected.aead_bytes());
        assert_eq!(ValueAad::of_document_key(expected.clone(), metadata).as_bytes(), aad.as_bytes());
        let kept = KeptAad::of_values_under(expected.clone());
        let whole = metadata
            .map_or_else(|| kept.as_bytes().to_vec(), |metadata| kept.and_metadata(metadata).as_bytes().to_vec());
        assert_eq!(whole, aad.as_bytes());
        let fields = decode(aad.as_bytes()).expect("decodes").2;
        assert_eq!(fields.len(), if metadata.is_some() { 5 } else { 4 });
    }
    assert!(KeptAad::of_values_under(EncryptionContext::legacy()).as_bytes().is_empty());
}

#[test]
fn key_sizes_belong_to_contexts() {
    let context = EncryptionContext::document_key(&store("s"), &id("a", "b"), SecretVersion::FIRST);
    assert_eq!((context.key_bytes(), EncryptionContext::legacy().key_bytes()), (32, 16));
    for size in [0, 15, 16, 24, 32, 33] {
        assert_eq!(context.check_key_bytes(size).is_ok(), size == 32);
        assert_eq!(EncryptionContext::legacy().check_key_bytes(size).is_ok(), [16, 24, 32].contains(&size));
    }
}

/// A context and everything that went into it.
fn any_context() -> impl Strategy<Value = (String, EncryptionContext)> {
    let text = "[a:]{1,2}";
    (2u8..=4, text, text, text, text, 1u64..3, 1u32..3).prop_map(|(purpose, s, a, n, t, v, k)| {
        let version = SecretVersion::new(v).expect("not zero");
        let context = match purpose {
            2 => EncryptionContext::tenant_wrapped_document_key(
                &store(&s),
                &id(&a, &n),
                version,
                &tenant(&t),
                key_version(k),
            ),
            3 => EncryptionContext::document_key(&store(&s), &id(&a, &n), version),
            _ => EncryptionContext::tenant_key(&store(&s), &tenant(&t), key_version(k)),
        };
        let described = match purpose {
            2 => format!("2 {s} {a} {n} {v} {t} {k}"),
            3 => format!("3 {s} {a} {n} {v}"),
            _ => format!("4 {s} {t} {k}"),
        };
        (described, context)
    })
}

proptest! {
    #[test]
    fn the_encoding_can_be_inverted(
        s in "[a-z:/]{1,8}", a in "[a-z:/]{1,8}", n in "[a-z:/]{1,8}", v in 1u64..,
        m in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..16)),
    ) {
        let version = SecretVersion::new(v).expect("not zero");
        let aad = ValueAad::new(&store(&s), &id(&a, &n), version, m.as_deref());
        let mut fields = vec![s.into_bytes(), a.into_bytes(), n.into_bytes(), v.to_be_bytes().to_vec()];
        fields.extend(m);
        prop_assert_eq!(decode(aad.as_bytes()), Some((1, 1, fields)));
    }

    #[test]
    fn the_encodings_of_the_tenant_tier_can_be_inverted(
        s in "[a-z:/]{1,8}", a in "[a-z:/]{1,8}", n in "[a-z:/]{1,8}", v in 1u64.., t in "[a-z:/]{1,8}", k in 1u32..,
    ) {
        let (store, id, tenant, key) = (store(&s), id(&a, &n), tenant(&t), key_version(k));
        let version = SecretVersion::new(v).expect("not zero");
        let [s, a, n, t] = [s, a, n, t].map(String::into_bytes);
        let (v, k) = (v.to_be_bytes().to_vec(), k.to_be_bytes().to_vec());
        let wrapped = EncryptionContext::tenant_wrapped_document_key(&store, &id, version, &tenant, key);
        let fields = vec![s.clone(), a, n, v, t.clone(), k.clone()];
        prop_assert_eq!(decode(wrapped.aead_bytes()), Some((2, 1, fields)));
        let own = EncryptionContext::tenant_key(&store, &tenant, key);
        prop_assert_eq!(decode(own.aead_bytes()), Some((4, 1, vec![s, t, k])));
    }

    /// No two contexts, of whatever purposes, share their bytes or their pairs: few values, so that equal ones meet.
    #[test]
    fn no_two_contexts_are_alike(left in any_context(), right in any_context()) {
        let (described, context) = left;
        let (other, other_context) = right;
        prop_assert_eq!(described == other, context.aead_bytes() == other_context.aead_bytes());
        prop_assert_eq!(described == other, context.pairs() == other_context.pairs());
    }

    /// Pairs that share their concatenation, with the boundaries moved, never share an encoding.
    #[test]
    fn moved_boundaries_make_another_context(text in "[a-z]{3,24}", cuts in [1usize..24, 1usize..24, 1usize..24, 1usize..24]) {
        let split = |a: usize, b: usize| {
            let (a, b) = (a % (text.len() - 2) + 1, b % (text.len() - 2) + 1);
            let (low, high) = (a.min(b), a.max(b) + 1);
            (text[..low].to_owned(), text[low..high].to_owned(), text[high..].to_owned())
        };
        let (left, right) = (split(cuts[0], cuts[1]), split(cuts[2], cuts[3]));
        let context = |(s, a, n): &(String, String, String)| {
            EncryptionContext::document_key(&store(s), &id(a, n), SecretVersion::FIRST)
        };
        prop_assert_eq!(left == right, context(&left).aead_bytes() == context(&right).aead_bytes());
    }
}
