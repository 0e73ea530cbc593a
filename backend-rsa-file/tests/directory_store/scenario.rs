//! What crashes and failures interrupt: an operation on records of a shape, with the contents before and after it.

use std::collections::BTreeMap;

use secret_store_core::{Precondition, Record, RecordKey, Value, Write};
use secret_store_rsa_file::DirectoryPersistence;
use secret_store_rsa_file::testing::{commit, load};

use crate::scratch::record;

pub(crate) type Contents = BTreeMap<RecordKey, Record>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Create,
    Update,
    Delete,
    /// As a secret's put that moves the outgoing version into history, with a delete and a check beside it.
    Several,
}

pub(crate) const ACTIONS: [Action; 4] = [Action::Create, Action::Update, Action::Delete, Action::Several];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Plain,
    Odd,
    Long,
    Empty,
    Large,
}

pub(crate) const SHAPES: [Shape; 5] = [Shape::Plain, Shape::Odd, Shape::Long, Shape::Empty, Shape::Large];

#[derive(Clone, Copy, Debug)]
pub(crate) struct Scenario {
    pub(crate) action: Action,
    pub(crate) shape: Shape,
}

impl Scenario {
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        ACTIONS.into_iter().flat_map(|action| SHAPES.into_iter().map(move |shape| Self { action, shape }))
    }

    pub(crate) fn parse(name: &str) -> Self {
        Self::all().find(|scenario| scenario.name() == name).expect("a scenario's name")
    }

    pub(crate) fn name(&self) -> String {
        format!("{:?}-{:?}", self.action, self.shape)
    }

    fn key(&self, which: &str) -> RecordKey {
        match self.shape {
            Shape::Plain | Shape::Empty | Shape::Large => RecordKey::new("App.Production", which),
            Shape::Odd => RecordKey::new("../~h~Ünï/\0", format!("{which}/..\u{1f}CON. ")),
            Shape::Long => RecordKey::new("P".repeat(200), format!("{}{which}", "é".repeat(150))),
        }
    }

    fn history(&self) -> RecordKey {
        RecordKey::new(format!("~h~{}", self.key("").partition()), format!("{}\u{1f}{:020}", self.key("a").sort(), 1))
    }

    fn record(&self, number: u64) -> Record {
        match self.shape {
            Shape::Empty => Record::new(),
            Shape::Large => record(number).with("Large", Value::from(vec![number as u8; 100_000])),
            Shape::Plain | Shape::Odd | Shape::Long => record(number),
        }
    }

    /// The contents before the action.
    pub(crate) fn before(&self) -> Contents {
        let mut contents = Contents::from([(self.key("bystander"), self.record(100))]);
        if self.action != Action::Create {
            contents.insert(self.key("a"), self.record(1));
        }
        if self.action == Action::Several {
            contents.insert(self.key("b"), self.record(2));
        }
        contents
    }

    /// The contents after the action.
    pub(crate) fn after(&self) -> Contents {
        let mut contents = self.before();
        match self.action {
            Action::Create => drop(contents.insert(self.key("a"), self.record(3))),
            Action::Update => drop(contents.insert(self.key("a"), self.record(4).with("New", Value::from(1)))),
            Action::Delete => drop(contents.remove(&self.key("a"))),
            Action::Several => {
                contents.insert(self.key("a"), self.record(5).with("New", Value::from(1)));
                contents.insert(self.history(), self.record(1));
                contents.remove(&self.key("b"));
            }
        }
        contents
    }

    pub(crate) fn prepare(&self, directory: &DirectoryPersistence) {
        for (key, record) in self.before() {
            commit(directory, &[Write::put(key, record, Precondition::Absent)]).expect("prepares");
        }
    }

    /// The writes of the action, on the revisions that are there now.
    pub(crate) fn writes(&self, directory: &DirectoryPersistence) -> Vec<Write> {
        let (before, after) = (self.before(), self.after());
        let current = |key: &RecordKey| {
            let stored = load(directory, key).expect("reads");
            stored.map_or(Precondition::Absent, |stored| Precondition::Revision(stored.revision))
        };
        let puts = after.iter().filter(|(key, record)| before.get(*key) != Some(record));
        let deletes = before.keys().filter(|key| !after.contains_key(*key));
        let mut writes: Vec<_> =
            puts.map(|(key, record)| Write::put(key.clone(), record.clone(), current(key))).collect();
        writes.extend(deletes.map(|key| Write::delete(key.clone(), current(key))));
        if self.action == Action::Several {
            writes.push(Write::check(self.key("bystander"), current(&self.key("bystander"))));
        }
        writes
    }

    /// What a store holds of this scenario's records, and that its lists agree.
    pub(crate) fn contents(&self, directory: &DirectoryPersistence) -> Contents {
        let mut contents = Contents::new();
        let keys: Vec<_> = self.before().into_keys().chain(self.after().into_keys()).collect();
        for key in &keys {
            if let Some(stored) = load(directory, key).expect("reads") {
                contents.insert(key.clone(), (*stored.record).clone());
            }
        }
        let mut listed = Contents::new();
        for key in &keys {
            let query = secret_store_core::ListQuery::new(key.partition().clone());
            let page = secret_store_rsa_file::testing::list(directory, &query).expect("lists");
            let partition = key.partition();
            listed.extend(
                page.items
                    .into_iter()
                    .map(|(sort, stored)| (RecordKey::new(partition.clone(), sort), (*stored.record).clone())),
            );
        }
        assert_eq!(listed, contents, "{}", self.name());
        contents
    }
}
