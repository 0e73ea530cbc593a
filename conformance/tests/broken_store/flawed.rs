//! The right store behind a layer with one flaw, and two stores that are wrong from the ground up.

use std::fmt;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use secret_store_core::{
    ApplicationName, Consistency, DeleteOptions, EnvelopeStore, Error, ErrorKind, GetOptions, ListOptions, MasterKeyId,
    Page, Persistence, Precondition, ProtectOptions, ProtectedSecret, PutOptions, Record, RecordKey, Result, Revision,
    Secret, SecretId, SecretInfo, SecretStore, SecretStoreExt, SecretValue, SecretVersion, Value, Write,
};

/// Mistakes that stores make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    None,
    DoesNotRetry,
    IgnoresPreconditions,
    IgnoresTokens,
    DropsMetadata,
    TrustsPositions,
    ListsOnePage,
    LeavesOutWhatIsBroken,
    AbsentIsEmpty,
    IgnoresPins,
    IgnoresTheVersionAskedFor,
    TakesDamageForAbsence,
    TakesFailureForAbsence,
    AcknowledgesWhatFailed,
    PrintsValues,
    DeletesTwice,
    /// Leaves the earlier versions where a delete is to take them along.
    KeepsHistory,
    ListsHistoryOldestFirst,
    CutsLongValues,
    AcceptsAnyToken,
}

pub(crate) struct Flawed {
    flaw: Flaw,
    inner: EnvelopeStore,
    printed: Mutex<Vec<u8>>,
}

impl Flawed {
    pub(crate) fn new(flaw: Flaw, inner: EnvelopeStore) -> Self {
        Self { flaw, inner, printed: Mutex::default() }
    }

    fn get_options(&self, mut options: GetOptions) -> GetOptions {
        match self.flaw {
            Flaw::IgnoresPins => options.minimum_version = None,
            Flaw::IgnoresTheVersionAskedFor => options.version = None,
            _ => {}
        }
        options
    }
}

impl fmt::Debug for Flawed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let printed = self.printed.lock().expect("no case panics in here");
        write!(f, "Flawed({:?}, {})", self.flaw, String::from_utf8_lossy(&printed))
    }
}

/// A secret with another's value under its own name.
fn relabelled(values: Vec<Secret>) -> Vec<Secret> {
    let infos: Vec<SecretInfo> = values.iter().map(|secret| secret.info().clone()).collect();
    let mut values: Vec<SecretValue> = values.into_iter().map(Secret::into_value).collect();
    values.sort_by(|a, b| a.expose_secret().cmp(b.expose_secret()));
    values.into_iter().zip(infos).map(|(value, info)| Secret::new(value, info)).collect()
}

#[async_trait]
impl SecretStore for Flawed {
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret> {
        let answer = self.inner.get_with(id, self.get_options(options)).await;
        let absent = |info: SecretVersion| {
            let master_key = MasterKeyId::new("none")?;
            Ok(Secret::new(SecretValue::from(""), SecretInfo::new(id.clone(), info, Revision::from(0), master_key)))
        };
        match (self.flaw, answer.as_ref().err().map(Error::kind)) {
            (Flaw::AbsentIsEmpty, Some(ErrorKind::NotFound)) => absent(SecretVersion::FIRST),
            (Flaw::TakesDamageForAbsence, Some(ErrorKind::Integrity)) => Err(Error::not_found()),
            (Flaw::TakesFailureForAbsence, Some(_)) => Err(Error::not_found()),
            _ => answer,
        }
    }

    async fn put_with(&self, id: &SecretId, value: SecretValue, mut options: PutOptions) -> Result<SecretInfo> {
        let mut value = value;
        match self.flaw {
            Flaw::IgnoresPreconditions => options.precondition = Precondition::Any,
            Flaw::IgnoresTokens => options.idempotency_token = None,
            Flaw::AcceptsAnyToken => {
                options.idempotency_token = options.idempotency_token.filter(|token| (1..=64).contains(&token.len()));
            }
            Flaw::DropsMetadata => options.metadata = secret_store_core::Metadata::new(),
            Flaw::PrintsValues => {
                *self.printed.lock().expect("no case panics in here") = value.expose_secret().to_vec()
            }
            Flaw::CutsLongValues => value = SecretValue::from(&value.expose_secret()[..value.len().min(4096)]),
            Flaw::DoesNotRetry if options.precondition == Precondition::Any => {
                let current =
                    self.inner.get_with(id, GetOptions::default().with_consistency(Consistency::Strong)).await;
                let revision = current.ok().map(|secret| Precondition::Revision(secret.info().revision.clone()));
                options.precondition = revision.unwrap_or(Precondition::Absent);
            }
            _ => {}
        }
        let answer = self.inner.put_with(id, value, options).await;
        match (self.flaw, answer) {
            (Flaw::AcknowledgesWhatFailed, Err(error)) if error.kind() == ErrorKind::Unavailable => {
                Ok(SecretInfo::new(id.clone(), SecretVersion::FIRST, Revision::from(0), MasterKeyId::new("none")?))
            }
            (_, answer) => answer,
        }
    }

    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()> {
        let options = match self.flaw {
            Flaw::KeepsHistory => DeleteOptions::default().with_precondition(options.precondition),
            _ => options,
        };
        match self.inner.delete_with(id, options).await {
            Err(error) if self.flaw == Flaw::DeletesTwice && error.kind() == ErrorKind::NotFound => Ok(()),
            answer => answer,
        }
    }

    async fn list_with(&self, application: &ApplicationName, options: ListOptions) -> Result<Page<SecretInfo>> {
        let mut page = self.inner.list_with(application, options).await?;
        if self.flaw == Flaw::ListsOnePage {
            page.next = None;
        }
        Ok(page)
    }

    async fn history_with(&self, id: &SecretId, options: ListOptions) -> Result<Page<SecretInfo>> {
        let mut page = self.inner.history_with(id, options).await?;
        if self.flaw == Flaw::ListsHistoryOldestFirst {
            page.items.reverse();
        }
        Ok(page)
    }

    async fn get_many_with(&self, ids: &[SecretId], options: GetOptions) -> Result<Vec<Secret>> {
        let answers = self.inner.get_many_with(ids, self.get_options(options)).await;
        if self.flaw == Flaw::TrustsPositions { answers.map(relabelled) } else { answers }
    }

    async fn get_all_with(&self, application: &ApplicationName, options: GetOptions) -> Result<Vec<Secret>> {
        if self.flaw != Flaw::LeavesOutWhatIsBroken {
            return self.inner.get_all_with(application, self.get_options(options)).await;
        }
        let mut secrets = Vec::new();
        for info in self.inner.list(application).await?.items {
            secrets.extend(self.inner.get_with(&info.id, options.clone()).await);
        }
        Ok(secrets)
    }
}

/// How a naive store protects its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protection {
    /// Not at all.
    None,
    /// By the right cipher, but bound to nothing: every value is sealed for the same place.
    Unbound,
}

/// A store without history that keeps one record under each name.
#[derive(Debug)]
pub(crate) struct Naive {
    protection: Protection,
    records: Arc<dyn Persistence>,
    cipher: EnvelopeStore,
}

impl Naive {
    /// `cipher` seals and opens values and keeps none.
    pub(crate) fn new(protection: Protection, records: Arc<dyn Persistence>, cipher: EnvelopeStore) -> Self {
        Self { protection, records, cipher }
    }

    fn anywhere() -> Result<SecretId> {
        SecretId::parse("anywhere", "anything")
    }

    fn key(id: &SecretId) -> RecordKey {
        RecordKey::new(id.application().as_str(), id.name().as_str())
    }

    async fn sealed(&self, value: SecretValue) -> Result<Record> {
        match self.protection {
            Protection::None => Ok(Record::new().with("Value", Value::from(value.expose_secret()))),
            Protection::Unbound => {
                Ok(self.cipher.protect(&Self::anywhere()?, value, ProtectOptions::default()).await?.to_record())
            }
        }
    }

    async fn opened(&self, record: &Record) -> Result<SecretValue> {
        match self.protection {
            Protection::None => {
                record.bytes("Value").map(|bytes| SecretValue::from(&**bytes)).ok_or_else(Error::integrity)
            }
            Protection::Unbound => {
                let protected = ProtectedSecret::from_record(&Self::anywhere()?, record)?;
                Ok(self.cipher.unprotect(&protected).await?.into_value())
            }
        }
    }

    fn info(id: &SecretId, revision: Revision) -> Result<SecretInfo> {
        Ok(SecretInfo::new(id.clone(), SecretVersion::FIRST, revision, MasterKeyId::new("none")?))
    }
}

#[async_trait]
impl SecretStore for Naive {
    async fn get_with(&self, id: &SecretId, options: GetOptions) -> Result<Secret> {
        let found = self.records.load(&Self::key(id), options.consistency).await?.ok_or_else(Error::not_found)?;
        Ok(Secret::new(self.opened(&found.record).await?, Self::info(id, found.revision)?))
    }

    async fn put_with(&self, id: &SecretId, value: SecretValue, options: PutOptions) -> Result<SecretInfo> {
        let record = self.sealed(value).await?;
        let answers = self.records.commit(vec![Write::put(Self::key(id), record, options.precondition)]).await?;
        Self::info(id, answers.into_iter().flatten().next().ok_or_else(Error::not_found)?)
    }

    async fn delete_with(&self, id: &SecretId, options: DeleteOptions) -> Result<()> {
        self.records.commit(vec![Write::delete(Self::key(id), options.precondition)]).await.map(drop)
    }

    async fn list_with(&self, _: &ApplicationName, _: ListOptions) -> Result<Page<SecretInfo>> {
        Ok(Page { items: Vec::new(), next: None })
    }

    async fn history_with(&self, _: &SecretId, _: ListOptions) -> Result<Page<SecretInfo>> {
        Ok(Page { items: Vec::new(), next: None })
    }
}
