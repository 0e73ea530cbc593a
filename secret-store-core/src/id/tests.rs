//! Limits, rules and what is reserved.

use std::sync::Arc;

use super::{ApplicationName, MasterKeyId, SecretId, SecretName, SecretVersion, StoreId, TenantId};
use crate::{ErrorKind, Result};

#[test]
fn limits_are_counted_in_bytes() {
    for (max, parse) in [
        (255, (|t| ApplicationName::new(t).map(drop)) as fn(String) -> Result<()>),
        (255, |t| StoreId::new(t).map(drop)),
        (255, |t| TenantId::new(t).map(drop)),
        (255, |t| MasterKeyId::new(t).map(drop)),
        (900, |t| SecretName::new(t).map(drop)),
    ] {
        assert!(parse("x".repeat(max)).is_ok());
        let error = parse("x".repeat(max + 1)).expect_err("too long");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(&max.to_string()), "{error}");
        // Two bytes each: half as many characters fit.
        assert!(parse("é".repeat(max / 2)).is_ok());
        assert!(parse("é".repeat(max / 2 + 1)).is_err());
    }
}

#[test]
fn each_rule_is_named() {
    for (text, rule) in
        [("", "empty"), ("~h~app", "`~`"), ("a\u{1f}b", "control"), ("a\u{85}b", "control"), ("a\0", "control")]
    {
        let error = SecretName::new(text).expect_err(text);
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains(rule), "{error}");
    }
}

#[test]
fn lenient_names_admit_what_the_original_wrote_but_never_a_reserved_prefix() {
    assert!(SecretName::lenient("tab\there").is_ok());
    assert!(SecretName::lenient("x".repeat(1024)).is_ok());
    assert!(SecretName::lenient("x".repeat(1025)).is_err());
    assert!(SecretName::lenient("~x").is_err());
    assert!(ApplicationName::lenient("x".repeat(2048)).is_ok());
    assert!(ApplicationName::lenient("x".repeat(2049)).is_err());
    let id = SecretId::new(
        ApplicationName::lenient("app").expect("valid"),
        SecretName::lenient("tab\there").expect("lenient"),
    );
    assert_eq!(id.check_writable().expect_err("a control character").kind(), ErrorKind::InvalidInput);
}

#[test]
fn the_key_of_a_tenant_is_named_by_no_text_of_a_user() {
    let longest = TenantId::new("x".repeat(255)).expect("valid");
    for tenant in [TenantId::new("acme").expect("valid"), TenantId::new("t~a").expect("valid"), longest] {
        let id = MasterKeyId::for_tenant(&tenant);
        assert_eq!(id.as_str(), format!("~t~{tenant}"));
        assert_eq!(id.tenant(), Some(tenant.as_str()));
        assert_eq!(MasterKeyId::from_stored(Arc::clone(id.as_shared())).expect("stored"), id);
        assert_eq!(MasterKeyId::new(id.as_str()).expect_err("reserved").kind(), ErrorKind::InvalidInput);
    }
    assert_eq!(MasterKeyId::new("t~acme").expect("a master key").tenant(), None);
    let too_long = format!("~t~{}", "x".repeat(256));
    for text in ["~t~", "~t", "~t~~x", "~t~a\u{7f}", "~s~acme", "~", "", "~T~acme", &too_long] {
        assert!(MasterKeyId::from_stored(text.into()).is_err(), "{text}");
    }
}

#[test]
fn names_are_not_normalised() {
    assert_ne!(SecretName::new("é").expect("composed"), SecretName::new("e\u{301}").expect("decomposed"));
}

#[test]
fn versions_begin_at_one_and_end_loudly() {
    assert_eq!(SecretVersion::new(0).expect_err("zero").kind(), ErrorKind::InvalidInput);
    assert_eq!(SecretVersion::UNVERSIONED.next().expect("one"), SecretVersion::FIRST);
    assert!(SecretVersion::new(u64::MAX).expect("the last").next().is_err());
}
