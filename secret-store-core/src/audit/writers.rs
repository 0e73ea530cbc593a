//! The writers of one audited store: one for each application, as many as are in use, bounded.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::chain::{Chain, Destination};
use super::head::WriterHead;
use super::writer::WriterId;
use crate::error::Result;
use crate::id::ApplicationName;

/// Beyond so many applications idle ones are forgotten; when they come back they begin another chain. Callers name
/// applications, so without a bound they could fill the memory.
const MAX_IDLE: usize = 4096;

#[derive(Debug)]
pub(super) struct Writers {
    destination: Arc<Destination>,
    chains: Mutex<Chains>,
}

#[derive(Debug, Default)]
struct Chains {
    of: HashMap<ApplicationName, Used>,
    /// Counts uses, to know the oldest.
    uses: u64,
}

#[derive(Debug)]
struct Used {
    chain: Arc<Chain>,
    last: u64,
}

impl Writers {
    pub(super) fn new(destination: Destination) -> Self {
        Self { destination: Arc::new(destination), chains: Mutex::default() }
    }

    /// The application's writer; a new one where there is none, or where it can go on no more.
    pub(super) fn of(&self, application: &ApplicationName) -> Result<Arc<Chain>> {
        let mut chains = self.chains();
        chains.uses += 1;
        let now = chains.uses;
        if let Some(used) = chains.of.get_mut(application).filter(|used| !used.chain.is_dead()) {
            used.last = now;
            return Ok(Arc::clone(&used.chain));
        }
        let chain = Arc::new(Chain::begin(Arc::clone(&self.destination))?);
        if chains.of.len() >= MAX_IDLE {
            chains.forget_idle();
        }
        chains.of.insert(application.clone(), Used { chain: Arc::clone(&chain), last: now });
        Ok(chain)
    }

    pub(super) fn all(&self) -> Vec<Arc<Chain>> {
        self.chains().of.values().map(|used| Arc::clone(&used.chain)).collect()
    }

    pub(super) fn heads(&self) -> Vec<(WriterId, WriterHead)> {
        self.all().iter().filter_map(|chain| chain.head()).collect()
    }

    fn chains(&self) -> MutexGuard<'_, Chains> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Chains {
    /// Forgets the half that was not used for the longest time, but nothing that is in use or has something to send.
    fn forget_idle(&mut self) {
        let mut uses: Vec<_> = self.of.values().map(|used| used.last).collect();
        let (_, &mut median, _) = uses.select_nth_unstable(MAX_IDLE / 2);
        self.of.retain(|_, used| used.last > median || Arc::strong_count(&used.chain) > 1 || !used.chain.is_idle());
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;

    use super::*;
    use crate::audit::{AuditEntry, AuditSink};

    #[derive(Debug)]
    struct Nowhere;

    #[async_trait]
    impl AuditSink for Nowhere {
        async fn append(&self, _: &[AuditEntry]) -> Result<()> {
            Ok(())
        }
    }

    fn application(n: usize) -> ApplicationName {
        ApplicationName::new(format!("App{n}")).expect("valid")
    }

    #[test]
    fn an_application_keeps_its_writer_and_the_number_of_writers_is_bounded() {
        let writers = Writers::new(Destination { sink: Arc::new(Nowhere), key: None });
        let in_use = writers.of(&application(0)).expect("random");
        for n in 1..3 * MAX_IDLE {
            let chain = writers.of(&application(n)).expect("random");
            assert!(Arc::ptr_eq(&chain, &writers.of(&application(n)).expect("there")));
        }
        assert!(writers.chains().of.len() <= MAX_IDLE);
        assert!(Arc::ptr_eq(&in_use, &writers.of(&application(0)).expect("there")), "what is in use stays");
    }
}
