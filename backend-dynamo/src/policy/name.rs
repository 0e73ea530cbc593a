//! What may stand in a policy without meaning something else there.

use secret_store_core::{Error, Result};

use crate::key_provider::arn::KeyArn;

/// Refuses a name that IAM would not take literally.
pub(super) fn check_name(what: &str, name: &str) -> Result<()> {
    // "Policy variables" and wildcards, IAM User Guide. In `StringEquals` alone `*` and `?` would be literal; a policy that is
    // edited later has no such fence.
    if name.contains(['*', '?', '$']) {
        return Err(Error::invalid_input(format!(
            "{what} {name:?} has a `*`, `?` or `$`, which mean something in policies: grant another name"
        )));
    }
    // "IAM name requirements": U+0020 to U+00FF, and three controls that no name here may have. Key policies have the same rule.
    if !name.chars().all(|character| !character.is_control() && character <= '\u{ff}') {
        return Err(Error::invalid_input(format!(
            "{what} {name:?} has a character outside U+0020 to U+00FF, which policies cannot hold: grant another name"
        )));
    }
    Ok(())
}

/// A table's ARN, `arn:aws:dynamodb:eu-central-1:111122223333:table/Secrets`: its partition of AWS.
pub(super) fn check_table(arn: &str) -> Result<&str> {
    let is_table = |name: &str| {
        (3..=255).contains(&name.len())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
    };
    if let ["arn", partition, "dynamodb", region, account, resource] = arn.split(':').collect::<Vec<_>>()[..]
        && is_word(partition)
        && is_word(region)
        && is_account(account)
        && resource.strip_prefix("table/").is_some_and(is_table)
    {
        return Ok(partition);
    }
    Err(Error::invalid_input(format!("{arn:?} is no table: use arn:aws:dynamodb:REGION:ACCOUNT:table/NAME")))
}

/// A key's ARN: its partition of AWS.
pub(super) fn check_key(arn: &str) -> Result<&str> {
    let key = KeyArn::parse(arn)?;
    if is_account(key.account) {
        return Ok(key.partition);
    }
    Err(Error::invalid_input(format!("{arn:?} names no account: use arn:aws:kms:REGION:ACCOUNT:key/ID")))
}

/// The ARN of a role, a user or an account: partition of AWS and account.
pub(super) fn check_principal(arn: &str) -> Result<(&str, &str)> {
    // "IAM identifiers": paths and names.
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte))
    };
    if let ["arn", partition, "iam", "", account, resource] = arn.split(':').collect::<Vec<_>>()[..]
        && is_word(partition)
        && is_account(account)
        && (resource == "root"
            || resource.strip_prefix("role/").or(resource.strip_prefix("user/")).is_some_and(is_name))
    {
        return Ok((partition, account));
    }
    Err(Error::invalid_input(format!("{arn:?} is no role or user: use arn:aws:iam::ACCOUNT:role/NAME")))
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}
