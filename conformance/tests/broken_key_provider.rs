//! The suite finds each mistake of a key provider at the case that is there for it.

use async_trait::async_trait;
use futures::executor::block_on;
use secret_store_conformance::fault::{FailingKeyProvider, Fault, RecordingKeyProvider};
use secret_store_conformance::key_provider::{self, Instance};
use secret_store_conformance::{Outcome, Report};
use secret_store_core::{
    DocumentKey, EncryptionContext, Error, ErrorKind, GeneratedKey, KeyEncryptionKey, KeyProvider, MasterKeyId, Result,
    SecretId, SecretVersion, StoreId, WrappedKey,
};
use secret_store_memory::MemoryKeyProvider;

/// Mistakes that key providers make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    IgnoresTheContext,
    IgnoresTheVersion,
    JoinsTheContext,
    IgnoresLegacy,
    IgnoresTrailingBytes,
    DoesNotAuthenticate,
    SharesOneMasterKey,
    AcceptsEverything,
    AcceptsPrefixes,
    ContactsBeforeItRefuses,
    RepeatsKeys,
    GeneratesShortKeys,
    KeepsTheOldContext,
    ReportsUnavailable,
    NamesAnotherMasterKey,
}

/// A provider that is right in everything except one flaw.
#[derive(Debug)]
struct Flawed {
    flaw: Flaw,
    inner: MemoryKeyProvider,
    ids: [MasterKeyId; 2],
}

impl Flawed {
    fn new(flaw: Flaw) -> Result<Self> {
        let ids = ids()?;
        let key = || KeyEncryptionKey::from_bytes(&[7; 32]);
        let inner = match flaw {
            Flaw::SharesOneMasterKey => {
                MemoryKeyProvider::new().with_key(ids[0].clone(), key()).with_key(ids[1].clone(), key())
            }
            _ => MemoryKeyProvider::new().with_generated(&ids[0])?.with_generated(&ids[1])?,
        };
        Ok(Self { flaw, inner, ids })
    }

    /// The context as the flaw sees it.
    fn context(&self, context: &EncryptionContext) -> EncryptionContext {
        let fixed = || of("s", "a", "n", 1);
        match self.flaw {
            Flaw::IgnoresTheContext if !context.is_legacy() => fixed(),
            Flaw::IgnoresLegacy if context.is_legacy() => of("conformance", "App.Test", "database/password", 7),
            Flaw::IgnoresTheVersion | Flaw::JoinsTheContext if !context.is_legacy() => {
                let pairs = context.pairs();
                let text = |name: &str| pairs.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| &**value);
                let (store, application, name) = (text("ss:store"), text("ss:application"), text("ss:name"));
                match self.flaw {
                    Flaw::IgnoresTheVersion => of(store, application, name, 1),
                    // Cut to what a name may hold: the very long contexts of the suite are not what this flaw is about.
                    _ => of("s", "a", &format!("{store}{application}{name}").chars().take(225).collect::<String>(), 1),
                }
            }
            _ => context.clone(),
        }
    }

    /// The wrap as the flaw sees it.
    fn wrap(&self, key: &WrappedKey) -> WrappedKey {
        let length = 3 + 12 + 32 + 16;
        match self.flaw {
            Flaw::IgnoresTrailingBytes if key.as_bytes().len() > length => {
                WrappedKey::new(key.master_key_id().clone(), &key.as_bytes()[..length])
            }
            _ => key.clone(),
        }
    }

    /// The master key as the flaw sees it.
    async fn master(&self, id: &MasterKeyId) -> MasterKeyId {
        if self.flaw == Flaw::ContactsBeforeItRefuses {
            let mut asked = false;
            std::future::poll_fn(|context| match std::mem::replace(&mut asked, true) {
                true => std::task::Poll::Ready(()),
                false => {
                    context.waker().wake_by_ref();
                    std::task::Poll::Pending
                }
            })
            .await;
        }
        match self.flaw {
            Flaw::AcceptsEverything if !self.ids.contains(id) => self.ids[0].clone(),
            _ => id.clone(),
        }
    }
}

fn ids() -> Result<[MasterKeyId; 2]> {
    Ok([MasterKeyId::new("first")?, MasterKeyId::new("second")?])
}

fn of(store: &str, application: &str, name: &str, version: u64) -> EncryptionContext {
    let id = SecretId::parse(application, name).expect("valid");
    let version = SecretVersion::new(version).expect("not zero");
    EncryptionContext::document_key(&StoreId::new(store).expect("valid"), &id, version)
}

#[async_trait]
impl KeyProvider for Flawed {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        match self.flaw {
            Flaw::AcceptsEverything => true,
            Flaw::AcceptsPrefixes => self.ids.iter().any(|own| id.as_str().starts_with(own.as_str())),
            _ => self.inner.accepts(id),
        }
    }

    async fn generate_key(&self, id: &MasterKeyId, context: &EncryptionContext) -> Result<GeneratedKey> {
        let (id, context) = (self.master(id).await, self.context(context));
        let fixed = match self.flaw {
            Flaw::RepeatsKeys => vec![0x42; context.key_bytes()],
            Flaw::GeneratesShortKeys if !context.is_legacy() => vec![0x42; 16],
            _ => {
                let mut generated = self.inner.generate_key(&id, &context).await?;
                if self.flaw == Flaw::NamesAnotherMasterKey {
                    let bytes = generated.wrapped.as_shared().clone();
                    generated.wrapped = WrappedKey::new(self.ids[1].clone(), bytes);
                }
                return Ok(generated);
            }
        };
        let document_key = DocumentKey::from_bytes(&fixed)?;
        let wrapped = match self.flaw {
            Flaw::RepeatsKeys => self.inner.wrap_key(&id, &document_key, &context).await?,
            _ => self.inner.wrap_key(&id, &document_key, &EncryptionContext::legacy()).await?,
        };
        Ok(GeneratedKey { document_key, wrapped })
    }

    async fn wrap_key(&self, id: &MasterKeyId, key: &DocumentKey, context: &EncryptionContext) -> Result<WrappedKey> {
        let (id, context) = (self.master(id).await, self.context(context));
        self.inner.wrap_key(&id, key, &context).await
    }

    async fn unwrap_key(&self, key: &WrappedKey, context: &EncryptionContext) -> Result<DocumentKey> {
        let id = self.master(key.master_key_id()).await;
        let key = WrappedKey::new(id, self.wrap(key).as_shared().clone());
        let opened = self.inner.unwrap_key(&key, &self.context(context)).await;
        match (self.flaw, opened) {
            (Flaw::DoesNotAuthenticate, Err(error)) if error.kind() == ErrorKind::Integrity => {
                let mut bytes = key.as_bytes().to_vec();
                bytes.resize(context.key_bytes(), 0);
                DocumentKey::from_bytes(&bytes)
            }
            (Flaw::ReportsUnavailable, Err(error)) if error.kind() == ErrorKind::Integrity => {
                Err(Error::new(ErrorKind::Unavailable, "something went wrong"))
            }
            (_, opened) => opened,
        }
    }

    async fn rewrap_key(
        &self,
        key: &WrappedKey,
        from: &EncryptionContext,
        to: &MasterKeyId,
        to_context: &EncryptionContext,
    ) -> Result<WrappedKey> {
        let document_key = self.unwrap_key(key, from).await?;
        let kept = self.flaw == Flaw::KeepsTheOldContext;
        self.wrap_key(to, &document_key, if kept { from } else { to_context }).await
    }
}

fn report_on(flaw: Flaw) -> Report {
    block_on(key_provider::run(|| async { Ok(Instance::new(Flawed::new(flaw)?, ids()?)) }))
}

#[track_caller]
fn assert_fails_at(report: &Report, case: &str) {
    match report.outcome(case) {
        Some(Outcome::Failed(_)) => {}
        other => panic!("{case} is {other:?}, expected a failure\n{report}"),
    }
}

#[test]
fn without_a_flaw_everything_passes() {
    report_on(Flaw::None).assert_complete();
}

#[test]
fn every_flaw_is_found_where_it_is_looked_for() {
    for (flaw, case) in [
        (Flaw::IgnoresTheContext, "binding::the_store_is_bound"),
        (Flaw::IgnoresTheContext, "binding::the_application_is_bound"),
        (Flaw::IgnoresTheContext, "binding::the_name_is_bound"),
        (Flaw::IgnoresTheVersion, "binding::the_version_is_bound"),
        (Flaw::JoinsTheContext, "binding::moved_boundaries_are_another_context"),
        (Flaw::IgnoresLegacy, "legacy::a_modern_wrap_does_not_open_as_legacy"),
        (Flaw::IgnoresLegacy, "legacy::a_generated_key_has_sixteen_bytes_and_opens_again"),
        (Flaw::IgnoresTrailingBytes, "authentication::extensions_are_refused"),
        (Flaw::DoesNotAuthenticate, "authentication::every_flipped_bit_is_refused"),
        (Flaw::DoesNotAuthenticate, "authentication::every_truncation_is_refused"),
        (Flaw::SharesOneMasterKey, "authentication::another_master_key_does_not_open_it"),
        (Flaw::AcceptsEverything, "allow_list::accepts_what_the_factory_names"),
        (Flaw::AcceptsEverything, "allow_list::refuses_to_unwrap_without_contact"),
        (Flaw::AcceptsPrefixes, "allow_list::accepts_nothing_that_looks_alike"),
        (Flaw::ContactsBeforeItRefuses, "allow_list::refuses_to_generate_without_contact"),
        (Flaw::RepeatsKeys, "freshness::generated_keys_differ"),
        (Flaw::RepeatsKeys, "freshness::generated_keys_look_random"),
        (Flaw::GeneratesShortKeys, "wrapping::a_generated_key_opens_again"),
        (Flaw::KeepsTheOldContext, "moving::a_rewrapped_key_belongs_to_its_new_context"),
        (Flaw::ReportsUnavailable, "authentication::every_flipped_bit_is_refused"),
        (Flaw::NamesAnotherMasterKey, "wrapping::a_wrap_names_its_master_key"),
    ] {
        assert_fails_at(&report_on(flaw), case);
    }
}

#[test]
fn contact_is_counted_where_it_can_be() {
    // Counts every question, also those that are refused: what a provider that asks its holder first would show.
    let report = block_on(key_provider::run(|| async {
        let provider = std::sync::Arc::new(RecordingKeyProvider::new(Flawed::new(Flaw::None)?));
        let counted = std::sync::Arc::clone(&provider);
        Ok(Instance::new(provider, ids()?).with_contacts(move || counted.count() as u64))
    }));
    assert_fails_at(&report, "allow_list::refuses_to_unwrap_without_contact");
}

#[test]
fn a_failing_holder_is_found_and_a_healed_one_passes() {
    let over = |fault: Option<Fault>| {
        block_on(key_provider::run(|| async {
            let provider = FailingKeyProvider::new(Flawed::new(Flaw::None)?);
            if let Some(fault) = &fault {
                provider.fail(fault.clone());
            }
            Ok(Instance::new(provider, ids()?))
        }))
    };
    assert_fails_at(&over(Some(Fault::new(ErrorKind::Throttled).after(1))), "wrapping::a_generated_key_opens_again");
    over(None).assert_complete();
}

#[test]
fn what_cannot_run_is_said_loudly() {
    let report = block_on(key_provider::run(|| async {
        let [first, _] = ids()?;
        Ok(Instance::new(Flawed::new(Flaw::None)?, [first]).without_legacy("it never had any"))
    }));
    report.assert_passed();
    assert_eq!(report.skipped().count(), 3 + 6, "{report}");
    let none = block_on(key_provider::run(|| async { Ok(Instance::new(Flawed::new(Flaw::None)?, [])) }));
    assert_eq!(none.passed().count(), 0, "{none}");
}
