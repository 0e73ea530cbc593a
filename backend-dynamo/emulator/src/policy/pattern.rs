//! Wildcards, variables and ARNs.

use super::document::Unknown;

/// Whether a text is one of a pattern's: `*` stands for any number of characters, `?` for one.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    matches_from(&pattern, &text)
}

fn matches_from(pattern: &[char], text: &[char]) -> bool {
    match (pattern.split_first(), text.split_first()) {
        (None, None) => true,
        (Some(('*', rest)), _) => {
            matches_from(rest, text) || text.split_first().is_some_and(|(_, text)| matches_from(pattern, text))
        }
        (Some(('?', rest)), Some((_, text))) => matches_from(rest, text),
        (Some((expected, rest)), Some((found, text))) => expected == found && matches_from(rest, text),
        _ => false,
    }
}

/// "IAM policy elements: Variables and tags": `${…}` stands for something of the request, and is not carried out here.
pub(super) fn check_no_variable<'a>(texts: impl IntoIterator<Item = &'a String>) -> Result<(), Unknown> {
    match texts.into_iter().find(|text| text.contains("${")) {
        None => Ok(()),
        Some(text) => Err(format!("{text:?} has a policy variable, which this evaluator does not know")),
    }
}

/// The account of an ARN, or of an account's number.
pub(super) fn account_of(text: &str) -> Result<String, Unknown> {
    match text.split(':').collect::<Vec<_>>()[..] {
        [account] => Ok(account.to_owned()),
        ["arn", _, _, _, account, ..] => Ok(account.to_owned()),
        _ => Err(format!("{text:?} names no account")),
    }
}
