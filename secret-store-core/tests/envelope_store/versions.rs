//! Numbers, history, preconditions, idempotency tokens: what a user builds upon.

mod concurrency;
mod numbers;
mod pages;
mod reading;
mod retention;
mod tokens;

use std::num::{NonZeroU64, NonZeroUsize};

use secret_store_core::{
    EnvelopeStore, ErrorKind, HistoryRetention, ListOptions, Result, SecretInfo, SecretStore, SecretStoreExt,
};

use crate::support::{Call, Strike, World, id, wait};

fn text(store: &EnvelopeStore, name: &str) -> Result<String> {
    wait(store.get(&id(name))).map(|secret| secret.text().expect("text").to_owned())
}

fn put(store: &EnvelopeStore, value: &str) -> SecretInfo {
    wait(store.put(&id("Db"), value.into())).expect("stored")
}

/// The numbers of the whole history, page by page.
fn history(store: &EnvelopeStore, name: &str, page: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut options = ListOptions::default().with_limit(NonZeroUsize::new(page).expect("not zero"));
    loop {
        let page = wait(store.history_with(&id(name), options.clone())).expect("a page");
        assert!(page.items.len() <= options.limit.get());
        numbers.extend(page.items.iter().map(|info| info.version.get()));
        match page.next {
            Some(next) => options = options.with_after(next),
            None => return numbers,
        }
    }
}

fn keep(retention: HistoryRetention, world: &World) -> EnvelopeStore {
    world.builder().history(retention).build().expect("valid")
}

fn newest(count: u64) -> HistoryRetention {
    HistoryRetention::Versions(NonZeroU64::new(count).expect("not zero"))
}

fn threads<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    std::thread::scope(|scope| {
        let work = &work;
        let started: Vec<_> = (0..count).map(|n| scope.spawn(move || work(n))).collect();
        started.into_iter().map(|thread| thread.join().expect("no panic")).collect()
    })
}

/// Yields around every call, and loses every third commit to another that is under way.
fn slow(world: &World) {
    let calls = std::sync::atomic::AtomicUsize::new(0);
    world.records.hook(move |call| {
        std::thread::yield_now();
        let n = calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        match call {
            Call::Commit if n.is_multiple_of(3) => Strike::Before(ErrorKind::Contention),
            _ => Strike::Pass,
        }
    });
}
