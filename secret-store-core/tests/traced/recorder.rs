//! A subscriber that keeps every span and event.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Event, Level, Metadata, Subscriber};

/// As long as there is one subscriber alone, `tracing` asks the thread that comes to a span first whether anybody wants it, which may be
/// the thread of another test. Two are both asked.
static SECOND: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::default()));

/// One span or event.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) name: &'static str,
    pub(crate) target: String,
    pub(crate) level: Level,
    pub(crate) fields: BTreeMap<String, String>,
    /// The name of the span around it.
    pub(crate) within: Option<&'static str>,
    pub(crate) is_event: bool,
}

impl Seen {
    pub(crate) fn get(&self, field: &str) -> Option<&str> {
        self.fields.get(field).map(String::as_str)
    }
}

#[derive(Debug, Default)]
struct State {
    seen: Vec<Seen>,
    entered: Vec<usize>,
}

#[derive(Clone, Debug)]
pub(crate) struct Recorder {
    state: Arc<Mutex<State>>,
    level: Level,
}

impl Recorder {
    /// Hears this thread at this level and above, until the guard is dropped.
    pub(crate) fn listen(level: Level) -> (Self, DefaultGuard) {
        LazyLock::force(&SECOND);
        let recorder = Self { state: Arc::default(), level };
        let guard = tracing::subscriber::set_default(recorder.clone());
        (recorder, guard)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic under this lock")
    }

    /// What was seen of this library, and forgets it.
    pub(crate) fn take(&self) -> Vec<Seen> {
        let mut state = self.state();
        assert!(state.entered.is_empty(), "a span is entered still: {:?}", state.entered);
        state.seen.drain(..).filter(|seen| seen.target.starts_with("secret_store")).collect()
    }

    fn keep(&self, metadata: &'static Metadata<'static>, fields: Fields, within: Option<usize>) -> usize {
        let mut state = self.state();
        let within = within.map(|at| state.seen[at].name);
        let (name, target, level) = (metadata.name(), metadata.target().to_owned(), *metadata.level());
        state.seen.push(Seen { name, target, level, fields: fields.0, within, is_event: metadata.is_event() });
        state.seen.len() - 1
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }
}

fn position(id: &Id) -> usize {
    usize::try_from(id.into_u64()).expect("small") - 1
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let within = self.state().entered.last().copied();
        Id::from_u64(self.keep(attributes.metadata(), fields, within) as u64 + 1)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Fields::default();
        values.record(&mut fields);
        self.state().seen[position(span)].fields.extend(fields.0);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let within = event.parent().map(position).or_else(|| self.state().entered.last().copied());
        self.keep(event.metadata(), fields, within);
    }

    fn enter(&self, span: &Id) {
        self.state().entered.push(position(span));
    }

    fn exit(&self, span: &Id) {
        assert_eq!(self.state().entered.pop(), Some(position(span)), "spans are left in order");
    }
}
