//! What the scanned process does, and where it pauses.

mod cached;

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use futures::executor::block_on;
use secret_store_core::{
    EncryptionContext, EnvelopeStore, Error, ErrorKind, KeyProvider, ProtectOptions, PutOptions, Result, SecretId,
    SecretStore, SecretStoreExt, SecretValue, SecretVersion, StoreId,
};

use super::Expect::{Absent, Held, Present};
use super::watched::{Fault, FaultyRecords, WatchedKeys};
use super::{Backend, Canaries};

/// One window, about two blocks, many blocks, more than most buffers.
const SIZES: [usize; 5] = [16, 33, 100, 1024, 20_000];
/// More than any call here takes.
const MOST_POLLS: usize = 1000;

struct Scene {
    canaries: Arc<Canaries>,
    store: EnvelopeStore,
    records: Arc<FaultyRecords>,
    /// The same records under another master key of the same name.
    stranger: EnvelopeStore,
    keys: Arc<dyn KeyProvider>,
    backend: Backend,
}

pub(super) fn run(canaries: Canaries, backend: &dyn Fn(&Canaries) -> Result<Backend>) {
    let canaries = Arc::new(canaries);
    controls(&canaries);
    let scene = Scene::new(&canaries, backend).expect("the backend starts");
    scene.control_document_key().expect("the control runs");
    scene.move_document_key().expect("moves");
    scene.write().expect("writes");
    canaries.scan("written-and-dropped", [Absent, Absent, Held]);
    scene.read().expect("reads");
    // A ready cipher is a key: that the cache's are found shows that leaked ones would be.
    canaries.scan("read-and-dropped-with-keys-cached", [Absent, Present, Held]);
    scene.store.purge_keys();
    canaries.scan("read-and-purged", [Absent, Absent, Held]);
    scene.cache().expect("is cached");
    scene.fail().expect("fails as it should");
    canaries.scan("failed", [Absent, Absent, Held]);
    scene.cancel();
    canaries.scan("cancelled", [Absent, Absent, Held]);
    drop(scene);
    canaries.scan("closed", [Absent, Absent, Absent]);
}

/// What is held on purpose must be found: in the heap, on the stack, and as a key schedule; and is gone once dropped.
fn controls(canaries: &Canaries) {
    let value = canaries.value(64);
    canaries.scan("control-value-in-the-heap", [Present, Absent, Absent]);
    let mut on_the_stack = [0; 64];
    on_the_stack.copy_from_slice(value.expose_secret());
    drop(value);
    std::hint::black_box(&on_the_stack);
    canaries.scan("control-value-on-the-stack", [Present, Absent, Absent]);
    std::hint::black_box(&mut on_the_stack).fill(0);
    std::hint::black_box(&on_the_stack);
    let key = canaries.master_key();
    canaries.scan("control-master-key", [Absent, Absent, Present]);
    drop(key);
    canaries.scan("controls-dropped", [Absent, Absent, Absent]);
}

fn id(name: impl std::fmt::Display) -> Result<SecretId> {
    SecretId::parse("App", name.to_string().as_str())
}

fn store(keys: Arc<dyn KeyProvider>, records: Arc<FaultyRecords>, backend: &Backend) -> Result<EnvelopeStore> {
    EnvelopeStore::builder(keys, records).store_id("scanned").master_key(backend.master_key_id.clone()).build()
}

/// That a call failed, as it should.
fn refused<T>(result: Result<T>, kind: ErrorKind) -> Result<()> {
    match result {
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(error),
        Ok(_) => Err(Error::new(ErrorKind::InvalidInput, "a call that should fail succeeded")),
    }
}

impl Scene {
    fn new(canaries: &Arc<Canaries>, backend: &dyn Fn(&Canaries) -> Result<Backend>) -> Result<Self> {
        let (backend, other) = (backend(canaries)?, backend(canaries)?);
        let watched = |inner: &Arc<dyn KeyProvider>| -> Arc<dyn KeyProvider> {
            Arc::new(WatchedKeys { inner: Arc::clone(inner), canaries: Arc::clone(canaries) })
        };
        let records = Arc::new(FaultyRecords { inner: Arc::clone(&backend.records), fault: Mutex::new(Fault::None) });
        let keys = watched(&backend.keys);
        Ok(Self {
            canaries: Arc::clone(canaries),
            store: store(Arc::clone(&keys), Arc::clone(&records), &backend)?,
            stranger: store(watched(&other.keys), Arc::clone(&records), &backend)?,
            keys,
            records,
            backend,
        })
    }

    fn control_document_key(&self) -> Result<()> {
        let context = EncryptionContext::document_key(&StoreId::new("control")?, &id("control")?, SecretVersion::FIRST);
        let generated = block_on(self.keys.generate_key(&self.backend.master_key_id, &context))?;
        self.canaries.scan("control-document-key", [Absent, Present, Held]);
        drop(generated);
        self.canaries.scan("document-key-generated-and-dropped", [Absent, Absent, Held]);
        let generated = block_on(self.keys.generate_key(&self.backend.master_key_id, &context))?;
        drop(block_on(self.keys.wrap_key(&self.backend.master_key_id, &generated.document_key, &context))?);
        drop(block_on(self.keys.unwrap_key(&generated.wrapped, &context))?);
        drop(generated);
        self.canaries.scan("document-key-wrapped-unwrapped-and-dropped", [Absent, Absent, Held]);
        Ok(())
    }

    /// To another master key: at once, and dropped after every poll.
    fn move_document_key(&self) -> Result<()> {
        let Some(to) = &self.backend.other_master_key_id else { return Ok(()) };
        let context = EncryptionContext::document_key(&StoreId::new("control")?, &id("moved")?, SecretVersion::FIRST);
        let generated = block_on(self.keys.generate_key(&self.backend.master_key_id, &context))?;
        let moved = block_on(self.keys.rewrap_key(&generated.wrapped, &context, to, &context))?;
        drop(block_on(self.keys.unwrap_key(&moved, &context))?);
        let polls = dropped_everywhere(|| self.keys.rewrap_key(&generated.wrapped, &context, to, &context));
        assert!(polls > 1, "{polls}");
        drop(generated);
        self.canaries.scan("document-key-moved-and-dropped", [Absent, Absent, Held]);
        Ok(())
    }

    fn write(&self) -> Result<()> {
        for bytes in SIZES {
            let id = id(bytes)?;
            block_on(self.store.put(&id, self.canaries.value(bytes)))?;
            let options = PutOptions::default().with_idempotency_token(format!("token-{bytes}"));
            block_on(self.store.put_with(&id, self.canaries.value(bytes), options))?;
            let protected = block_on(self.store.protect(&id, self.canaries.value(bytes), ProtectOptions::default()))?;
            block_on(self.store.save(&protected))?;
            let source = self.canaries.value(bytes);
            let json = SecretValue::from_json(source.text()?)?;
            drop(source);
            block_on(self.store.put(&id, json))?;
        }
        Ok(())
    }

    fn read(&self) -> Result<()> {
        let app = self.store.application("App")?;
        let ids = SIZES.map(|bytes| id(bytes).expect("valid"));
        for id in &ids {
            for _ in 0..2 {
                let secret = block_on(self.store.get(id))?;
                // A value in quotes; the type ignores it, so that nothing is copied out.
                secret.json::<serde::de::IgnoredAny>()?;
            }
            for version in [1, 2] {
                drop(block_on(self.store.get_version(id, SecretVersion::new(version)?))?.into_value());
            }
            drop(block_on(self.store.history(id))?);
            block_on(self.store.restore(id, SecretVersion::FIRST))?;
            let protected = block_on(self.store.protect(id, self.canaries.value(100), ProtectOptions::default()))?;
            drop(block_on(self.store.unprotect(&protected))?);
        }
        drop(block_on(self.store.get_many(&ids))?);
        drop(block_on(app.get_all())?);
        Ok(())
    }

    fn fail(&self) -> Result<()> {
        use secret_store_core::Precondition;
        let id = id(1024)?;
        for name in ["ProtectedSecretValue", "ProtectedDocumentKey", "InitialisationVector"] {
            for fault in [Fault::Flip(name), Fault::Cut(name)] {
                self.records.set_fault(fault);
                // Once with nothing cached, once with the right key of the untouched record cached.
                refused(block_on(self.store.get(&id)), ErrorKind::Integrity)?;
                self.records.set_fault(Fault::None);
                drop(block_on(self.store.get(&id))?);
                self.records.set_fault(fault);
                refused(block_on(self.store.get(&id)), ErrorKind::Integrity)?;
                self.store.purge_keys();
            }
        }
        self.records.set_fault(Fault::None);
        refused(block_on(self.stranger.get(&id)), ErrorKind::Integrity)?;
        for fault in [Fault::Load, Fault::Commit] {
            self.records.set_fault(fault);
            refused(block_on(self.store.put(&id, self.canaries.value(1024))), ErrorKind::Unavailable)?;
        }
        self.records.set_fault(Fault::None);
        let absent = PutOptions::default().with_precondition(Precondition::Absent);
        let lost = block_on(self.store.put_with(&id, self.canaries.value(1024), absent));
        assert!(matches!(lost.expect_err("it is there").kind(), ErrorKind::Conflict | ErrorKind::AlreadyExists));
        let large = block_on(self.store.put(&id, self.canaries.value(70_000)));
        assert!(matches!(large.expect_err("too large").kind(), ErrorKind::TooLarge { .. }));
        let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _value = self.canaries.value(1024);
            std::panic::resume_unwind(Box::new("on purpose"));
        }));
        assert!(panics.is_err());
        self.store.purge_keys();
        Ok(())
    }

    /// Drops each call after one poll, after two, … until it ends by itself.
    fn cancel(&self) {
        let id = id("cancelled").expect("valid");
        block_on(self.store.put(&id, self.canaries.value(1024))).expect("stored");
        let value = || self.canaries.value(1024);
        let puts = dropped_everywhere(|| self.store.put(&id, value()));
        let protects = dropped_everywhere(|| self.store.protect(&id, value(), ProtectOptions::default()));
        let gets = dropped_everywhere(|| {
            self.store.purge_keys();
            self.store.get(&id)
        });
        let all = dropped_everywhere(|| {
            self.store.purge_keys();
            async { self.store.application("App")?.get_all().await }
        });
        assert!(puts > 4 && protects > 3 && gets > 2 && all > 2, "{puts} {protects} {gets} {all}");
        self.store.purge_keys();
    }
}

/// Answers after how many polls the call ended by itself.
fn dropped_everywhere<T, F: Future<Output = Result<T>>>(call: impl Fn() -> F) -> usize {
    for polls in 0..MOST_POLLS {
        if let Some(result) = poll_times(call(), polls) {
            drop(result.expect("nothing fails here"));
            return polls;
        }
    }
    panic!("a call takes more than {MOST_POLLS} polls");
}

fn poll_times<T>(future: impl Future<Output = T>, polls: usize) -> Option<T> {
    let mut future = Box::pin(future);
    let mut left = polls;
    block_on(poll_fn(|context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(result) => Poll::Ready(Some(result)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }))
}
