//! Names with separators as a tree.

use std::collections::BTreeMap;

/// What has more parts is one name: nobody nests so deeply, and what reads a tree recurses.
const MOST_PARTS: usize = 32;

/// Secrets by their names, borrowed: a value is copied where a field takes it and nowhere before.
#[derive(Default)]
pub(crate) struct Tree<'a> {
    pub(crate) value: Option<&'a [u8]>,
    pub(crate) children: BTreeMap<&'a str, Tree<'a>>,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(secrets: impl IntoIterator<Item = (&'a str, &'a [u8])>, separator: &str) -> Self {
        let mut root = Self::default();
        for (name, value) in secrets {
            let mut node = &mut root;
            for part in parts(name, separator) {
                node = node.children.entry(part).or_default();
            }
            node.value = Some(value);
        }
        root
    }

    /// The values of `0`, `1` and so on, if these and no others are there.
    pub(crate) fn items(&self) -> Option<Vec<(&'a str, &Self)>> {
        let mut items: Vec<_> = self.children.iter().map(|(name, child)| (*name, child)).collect();
        items.sort_by_key(|(name, _)| name.parse::<usize>().unwrap_or(usize::MAX));
        let is_list = !items.is_empty() && items.iter().enumerate().all(|(at, (name, _))| **name == *at.to_string());
        is_list.then_some(items)
    }
}

/// A name that would have an empty part is one part.
fn parts<'a>(name: &'a str, separator: &str) -> Vec<&'a str> {
    if separator.is_empty() {
        return vec![name];
    }
    let parts: Vec<_> = name.split(separator).collect();
    let is_nested = parts.len() <= MOST_PARTS && parts.iter().all(|part| !part.is_empty());
    if is_nested { parts } else { vec![name] }
}

/// Whether a name that was put together of a path and one part more comes apart like that again.
pub(crate) fn nests(path: Option<&str>, part: &str, name: &str, separator: &str) -> bool {
    let Some(path) = path.filter(|_| !separator.is_empty()) else { return true };
    [parts(path, separator), parts(part, separator)].concat() == parts(name, separator)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_part_at_separators_and_at_nothing_else() {
        for (name, expected) in [
            ("Db", &["Db"][..]),
            ("Db__Host", &["Db", "Host"]),
            ("a__b__c", &["a", "b", "c"]),
            ("Db_Host", &["Db_Host"]),
            ("__Db", &["__Db"]),
            ("Db__", &["Db__"]),
            ("a____b", &["a____b"]),
            ("a___b", &["a", "_b"]),
        ] {
            assert_eq!(parts(name, "__"), expected, "{name}");
            assert_eq!(parts(name, ""), [name]);
        }
        let deep = vec!["x"; 33].join("__");
        assert_eq!(parts(&deep, "__"), [&*deep]);
        assert_eq!(parts(&deep[3..], "__").len(), 32);
    }

    #[test]
    fn a_list_has_every_number_once() {
        let list = |names: &[&'static str]| {
            let secrets = names.iter().map(|name| (*name, &b""[..]));
            let tree = Tree::new(secrets, "__");
            tree.items().map(|items| items.into_iter().map(|(name, _)| name).collect::<Vec<_>>())
        };
        let many: Vec<&'static str> = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"].into();
        assert_eq!(list(&many), Some(many.clone()), "in the order of numbers");
        for names in [&[][..], &["1"], &["0", "2"], &["0", "x"], &["00"], &["0", "01"], &["+0"]] {
            assert_eq!(list(names), None, "{names:?}");
        }
    }
}
