//! The names of KMS keys ("Key identifiers (KeyId)", KMS Developer Guide).

use secret_store_core::{Error, Result};

/// How a configuration names a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KeyName<'a> {
    /// `arn:aws:kms:eu-central-1:111122223333:key/…`: all that is needed to call it.
    Arn(KeyArn<'a>),
    /// `arn:aws:kms:eu-central-1:111122223333:alias/…`, to be looked up in its region.
    AliasArn { region: &'a str },
    /// `alias/…` or a key id, to be looked up in the home region.
    Local,
}

/// A key's ARN, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct KeyArn<'a> {
    pub(crate) partition: &'a str,
    pub(super) region: &'a str,
    pub(crate) account: &'a str,
    id: &'a str,
}

impl<'a> KeyArn<'a> {
    pub(crate) fn parse(text: &'a str) -> Result<Self> {
        match KeyName::parse(text)? {
            KeyName::Arn(arn) => Ok(arn),
            KeyName::AliasArn { .. } | KeyName::Local => Err(invalid(text, "is no key ARN")),
        }
    }

    /// Whether both are replicas of one multi-Region key: all but the region is the same, and the id says so.
    pub(super) fn is_replica_of(&self, other: &Self) -> bool {
        self.id.starts_with("mrk-") && Self { region: other.region, ..*self } == *other
    }
}

impl<'a> KeyName<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self> {
        let is_token = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_/".contains(&byte))
        };
        if !text.starts_with("arn:") {
            let fits = is_token(text) && (text.starts_with("alias/") || !text.contains('/')) && text != "alias/";
            return if fits {
                Ok(Self::Local)
            } else {
                Err(invalid(text, "is no key ARN, key id, alias or alias ARN"))
            };
        }
        let parts: Vec<_> = text.split(':').collect();
        let &[_, partition, "kms", region, account, resource] = &parts[..] else {
            return Err(invalid(text, "is no ARN of KMS"));
        };
        if ![partition, region, account].into_iter().all(is_token) {
            return Err(invalid(text, "is no ARN of KMS"));
        }
        match resource.split_once('/') {
            Some(("key", id)) if is_token(id) && !id.contains('/') => {
                Ok(Self::Arn(KeyArn { partition, region, account, id }))
            }
            Some(("alias", name)) if is_token(name) => Ok(Self::AliasArn { region }),
            _ => Err(invalid(text, "names neither a key nor an alias")),
        }
    }
}

fn invalid(text: &str, what: &str) -> Error {
    Error::invalid_input(format!("{:?} {what}: use arn:aws:kms:REGION:ACCOUNT:key/ID or alias/NAME", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let arn = KeyArn::parse("arn:aws-cn:kms:cn-north-1:111122223333:key/mrk-1").expect("valid");
        assert_eq!((arn.partition, arn.region, arn.account, arn.id), ("aws-cn", "cn-north-1", "111122223333", "mrk-1"));
        for local in ["alias/prod", "alias/team/prod_1", "1234abcd-12ab-34cd-56ef-1234567890ab", "mrk-1234abcd"] {
            assert_eq!(KeyName::parse(local).expect(local), KeyName::Local);
        }
        assert_eq!(
            KeyName::parse("arn:aws:kms:us-east-1:111122223333:alias/a/b").expect("valid"),
            KeyName::AliasArn { region: "us-east-1" }
        );
    }

    #[test]
    fn everything_else_is_refused_with_the_fix() {
        for text in [
            "",
            "alias/",
            "prod key",
            "key/1234",
            "arn:aws:kms:us-east-1:1:key/",
            "arn:aws:kms:us-east-1:1:key/a/b",
            "arn:aws:kms:us-east-1:1:alias/",
            "arn:aws:kms::1:key/a",
            "arn:aws:kms:us-east-1::key/a",
            "arn::kms:us-east-1:1:key/a",
            "arn:aws:s3:us-east-1:1:key/a",
            "arn:aws:kms:us-east-1:1:key/a:b",
            "arn:aws:kms:us-east-1:1:grant/a",
            "arn:aws:kms:*:1:key/a",
        ] {
            let error = KeyName::parse(text).expect_err(text);
            assert!(error.to_string().contains("use arn:aws:kms"), "{error}");
        }
    }

    #[test]
    fn replicas_differ_in_the_region_alone() {
        let parse = |text| KeyArn::parse(text).expect("valid");
        let primary = parse("arn:aws:kms:us-east-1:1:key/mrk-a");
        assert!(parse("arn:aws:kms:eu-west-1:1:key/mrk-a").is_replica_of(&primary));
        for other in [
            "arn:aws:kms:eu-west-1:1:key/mrk-b",
            "arn:aws:kms:eu-west-1:2:key/mrk-a",
            "arn:aws-cn:kms:eu-west-1:1:key/mrk-a",
        ] {
            assert!(!parse(other).is_replica_of(&primary), "{other}");
        }
        let single = parse("arn:aws:kms:us-east-1:1:key/a");
        assert!(!parse("arn:aws:kms:eu-west-1:1:key/a").is_replica_of(&single));
    }
}
