//! Any ring against a model of its rules: who is asked, in which order, and what is answered.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proptest::prelude::*;
use secret_store_core::{
    DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, KeyProvider, KeyRing, MasterKeyId, Result,
    WrappedKey,
};

use super::support::{Call, context, master, wait};

const IDS: [&str; 3] = ["a", "b", "c"];

/// What a member is and how it answers every call: with a kind, or well.
#[derive(Clone, Debug)]
struct Rule {
    accepts: BTreeSet<&'static str>,
    wraps: bool,
    answer: Option<ErrorKind>,
}

type Asked = Arc<Mutex<Vec<(usize, Call)>>>;

/// A member that does as its rule says and writes every call into a list that all share.
#[derive(Debug)]
struct Scripted {
    number: usize,
    rule: Rule,
    asked: Asked,
}

impl Scripted {
    fn meet(&self, call: Call) -> Result<()> {
        self.asked.lock().expect("no panic under this lock").push((self.number, call));
        match self.rule.answer {
            Some(kind) => Err(Error::new(kind, "scripted")),
            None => Ok(()),
        }
    }

    /// A wrap that tells who made it.
    fn wrap(&self, id: &MasterKeyId) -> WrappedKey {
        WrappedKey::new(id.clone(), self.number.to_be_bytes().to_vec())
    }
}

#[async_trait]
impl KeyProvider for Scripted {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        self.rule.accepts.contains(id.as_str())
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        self.meet(Call::Generate)?;
        Ok(GeneratedKey { document_key: DocumentKey::generate(context)?, wrapped: self.wrap(id) })
    }

    async fn wrap_key(&self, id: &MasterKeyId, _: &DocumentKey, _: &EncryptionContext) -> Result<WrappedKey> {
        self.meet(Call::Wrap).map(|()| self.wrap(id))
    }

    async fn unwrap_key(&self, _: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        self.meet(Call::Unwrap)?;
        DocumentKey::generate(context)
    }

    async fn rewrap_key(
        &self,
        _: &WrappedKey,
        _: &EncryptionContext,
        to: &MasterKeyId,
        _: &EncryptionContext,
    ) -> Result<WrappedKey> {
        self.meet(Call::Rewrap).map(|()| self.wrap(to))
    }
}

/// What came of it: by whom, or why not.
type Outcome = std::result::Result<usize, ErrorKind>;

/// The rules of the ring, written anew.
struct Model<'a> {
    rules: &'a [Rule],
    asked: Vec<(usize, Call)>,
    refusals: Vec<ErrorKind>,
}

impl Model<'_> {
    fn of(rules: &[Rule]) -> Model<'_> {
        Model { rules, asked: Vec::new(), refusals: Vec::new() }
    }

    fn ask(&mut self, member: usize, call: Call) -> Outcome {
        self.asked.push((member, call));
        self.rules[member].answer.map_or(Ok(member), Err)
    }

    fn target(&self, id: &str) -> Outcome {
        let found = self.rules.iter().position(|rule| rule.wraps && rule.accepts.contains(id));
        found.ok_or(ErrorKind::KeyNotAllowed)
    }

    fn wrap(&mut self, call: Call, id: &str) -> Outcome {
        let target = self.target(id)?;
        self.ask(target, call)
    }

    fn report(&self) -> ErrorKind {
        let of_the_wrap = [ErrorKind::Integrity, ErrorKind::Unsupported, ErrorKind::InvalidInput];
        let other = self.refusals.iter().find(|kind| !of_the_wrap.contains(kind));
        *other.or(self.refusals.first()).unwrap_or(&ErrorKind::KeyNotAllowed)
    }

    /// Asks members in this order, each by its call, until one answers or refuses for good.
    fn first(&mut self, members: Vec<(usize, Call)>) -> Outcome {
        for (member, call) in members {
            match self.ask(member, call) {
                Ok(member) => return Ok(member),
                Err(kind) => self.refusals.push(kind),
            }
            let policy = [ErrorKind::KeyNotAllowed, ErrorKind::NotFound, ErrorKind::Conflict];
            if self.refusals.last().is_some_and(|last| policy.contains(last)) {
                break;
            }
        }
        Err(self.report())
    }

    fn accepting(&self, id: &str) -> Vec<(usize, Call)> {
        let accepting = self.rules.iter().enumerate().filter(|(_, rule)| rule.accepts.contains(id));
        accepting.map(|(member, _)| (member, Call::Unwrap)).collect()
    }

    fn rewrap(&mut self, from: &str, to: &str) -> Outcome {
        let target = self.target(to)?;
        let mut sources = self.accepting(from);
        if let Some(at) = sources.iter().position(|(member, _)| *member == target) {
            sources.remove(at);
            sources.insert(0, (target, Call::Rewrap));
        }
        self.first(sources)?;
        match self.asked.last() {
            Some((_, Call::Rewrap)) => Ok(target),
            _ => self.ask(target, Call::Wrap),
        }
    }
}

fn rule() -> impl Strategy<Value = Rule> {
    let answers = [
        None,
        None,
        Some(ErrorKind::Integrity),
        Some(ErrorKind::Unsupported),
        Some(ErrorKind::InvalidInput),
        Some(ErrorKind::Unavailable),
        Some(ErrorKind::Throttled),
        Some(ErrorKind::KeyUnavailable),
        Some(ErrorKind::PermissionDenied),
        Some(ErrorKind::KeyNotAllowed),
        Some(ErrorKind::NotFound),
        Some(ErrorKind::Conflict),
    ];
    let accepts = proptest::sample::subsequence(&IDS[..], 0..=IDS.len());
    (accepts, any::<bool>(), proptest::sample::select(answers.to_vec())).prop_map(|(accepts, wraps, answer)| Rule {
        accepts: accepts.into_iter().collect(),
        wraps,
        answer,
    })
}

fn ring(rules: &[Rule], asked: &Asked) -> KeyRing {
    let mut members = rules.iter().enumerate().map(|(number, rule)| {
        let member = Scripted { number, rule: rule.clone(), asked: Arc::clone(asked) };
        (rule.wraps, Arc::new(member))
    });
    let (_, first) = members.next().expect("at least one");
    members.fold(
        KeyRing::new(first),
        |ring, (wraps, member)| {
            if wraps { ring.with_wrapping(member) } else { ring.with_unwrapping(member) }
        },
    )
}

/// Who made a wrap.
fn maker(wrapped: &WrappedKey) -> usize {
    usize::from_be_bytes(wrapped.as_bytes().try_into().expect("a number"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_ring_does_what_its_rules_say(
        mut rules in proptest::collection::vec(rule(), 1..=4),
        from in proptest::sample::select(&IDS[..]),
        to in proptest::sample::select(&IDS[..]),
    ) {
        rules[0].wraps = true;
        let asked = Asked::default();
        let ring = ring(&rules, &asked);
        let take = || std::mem::take(&mut *asked.lock().expect("no panic under this lock"));
        let (wrapped, key) = (WrappedKey::new(master(from), vec![1]), DocumentKey::generate(&context(1)).expect("random"));
        let kinds = |result: Result<usize>| result.map_err(|error| error.kind());

        prop_assert_eq!(ring.accepts(&master(from)), rules.iter().any(|rule| rule.accepts.contains(from)));

        let mut model = Model::of(&rules);
        let generated = wait(ring.generate_key(&master(to), &context(1))).map(|generated| maker(&generated.wrapped));
        prop_assert_eq!((model.wrap(Call::Generate, to), model.asked), (kinds(generated), take()));

        let mut model = Model::of(&rules);
        let made = wait(ring.wrap_key(&master(to), &key, &context(1))).map(|wrapped| maker(&wrapped));
        prop_assert_eq!((model.wrap(Call::Wrap, to), model.asked), (kinds(made), take()));

        let mut model = Model::of(&rules);
        let opened = kinds(wait(ring.unwrap_key(&wrapped, &context(1))).map(|_| 0)).map(drop);
        prop_assert_eq!((model.first(model.accepting(from)).map(drop), model.asked), (opened, take()));

        let mut model = Model::of(&rules);
        let moved = wait(ring.rewrap_key(&wrapped, &context(1), &master(to), &context(1))).map(|moved| maker(&moved));
        prop_assert_eq!((model.rewrap(from, to), model.asked), (kinds(moved), take()));
    }
}
