//! From the names in a configuration to an allow-list of ARNs.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_kms::Client;
use aws_sdk_kms::types::KeySpec;
use secret_store_core::{Clock, Error, MasterKeyId, Result, SystemClock};

use super::KmsKeyProvider;
use super::allow_list::{AllowList, MasterKey, Replica};
use super::arn::{KeyArn, KeyName};
use super::call;
use crate::repetition::reported_kms;

type Keys = BTreeMap<MasterKeyId, Arc<MasterKey>>;

/// Configures a [`KmsKeyProvider`]: clients, one a region, and the keys they may call.
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct KmsKeyProviderBuilder {
    /// The first is the home region's.
    clients: Vec<Client>,
    names: Vec<String>,
    multi_region: Vec<Vec<String>>,
    clock: Arc<dyn Clock>,
}

impl KmsKeyProviderBuilder {
    pub(super) fn new(client: Client) -> Self {
        Self { clients: vec![client], names: Vec::new(), multi_region: Vec::new(), clock: Arc::new(SystemClock) }
    }

    /// A client of another region.
    pub fn client(mut self, client: Client) -> Self {
        self.clients.push(client);
        self
    }

    /// Allows a key: by its ARN, or by key id, alias or alias ARN, which [`build`](Self::build) looks up. What is given here
    /// is accepted as a master key id, and so is the ARN.
    pub fn key(mut self, name: impl Into<String>) -> Self {
        self.names.push(name.into());
        self
    }

    /// Allows a multi-Region key in several regions, as ARNs in the order of preference. A wrap that names any of them is
    /// opened by the first that has a client and can be used; new keys are made there too, and their wraps name its ARN.
    /// Regions without a client may be listed: their wraps open here. To stop a multi-Region key, disable every replica.
    /// Where a store has [allow-lists of its own](secret_store_core::EnvelopeStoreBuilder::unwrap_with), they name every ARN.
    ///
    /// How long a region that does not answer is waited for is the matter of its client's timeouts.
    pub fn multi_region_key<I>(mut self, arns: I) -> Self
    where
        I: IntoIterator,
        I::Item: Into<String>,
    {
        self.multi_region.push(arns.into_iter().map(Into::into).collect());
        self
    }

    /// Another clock, for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Builds the provider. Key ids, aliases and alias ARNs take one `DescribeKey` each; ARNs take none.
    ///
    /// # Errors
    ///
    /// [`InvalidInput`](secret_store_core::ErrorKind::InvalidInput) for a malformed name, a region without a client or with
    /// two, an empty allow-list, a key that is no symmetric encryption key, and ARNs that are no replicas of each other; and
    /// whatever `DescribeKey` meets: [`KeyUnavailable`](secret_store_core::ErrorKind::KeyUnavailable) for a key that does
    /// not exist, [`PermissionDenied`](secret_store_core::ErrorKind::PermissionDenied), and so on.
    pub async fn build(self) -> Result<KmsKeyProvider> {
        let clients = Clients::new(&self.clients)?;
        let mut keys = Keys::new();
        for arns in &self.multi_region {
            add_multi_region(&mut keys, &clients, arns)?;
        }
        for name in &self.names {
            add_named(&mut keys, &clients, name).await?;
        }
        if keys.is_empty() {
            return Err(Error::invalid_input("no master key is allowed: name at least one with `key`"));
        }
        Ok(KmsKeyProvider { allowed: AllowList::new(keys), clock: self.clock })
    }
}

struct Clients {
    home: Arc<str>,
    by_region: BTreeMap<Arc<str>, Client>,
}

impl Clients {
    fn new(clients: &[Client]) -> Result<Self> {
        let mut by_region = BTreeMap::new();
        let mut home = None;
        for client in clients {
            let region = client.config().region().ok_or_else(|| {
                Error::invalid_input("a KMS client has no region: set one in its configuration, such as eu-central-1")
            })?;
            let region: Arc<str> = region.as_ref().into();
            if by_region.insert(Arc::clone(&region), reported_kms(client)).is_some() {
                return Err(Error::invalid_input(format!("there are two KMS clients of region {region}: give one")));
            }
            home.get_or_insert(region);
        }
        let home = home.ok_or_else(|| Error::invalid_input("there is no KMS client: give one"))?;
        Ok(Self { home, by_region })
    }

    /// A key in a region, where there is a client.
    fn replica(&self, arn: &MasterKeyId, region: &str) -> Option<Replica> {
        let (region, client) = self.by_region.get_key_value(region)?;
        Some(Replica::new(arn.clone(), Arc::clone(region), client.clone()))
    }

    fn required(&self, arn: &MasterKeyId, region: &str) -> Result<Replica> {
        self.replica(arn, region).ok_or_else(|| {
            let known = self.by_region.keys().map(|region| &**region).collect::<Vec<_>>().join(", ");
            Error::invalid_input(format!(
                "master key {arn} is in region {region}, and there are KMS clients for {known} only: add one with `client`"
            ))
        })
    }
}

fn add_multi_region(keys: &mut Keys, clients: &Clients, arns: &[String]) -> Result<()> {
    let ids = arns.iter().map(|arn| MasterKeyId::new(arn.as_str())).collect::<Result<Vec<_>>>()?;
    let parsed = arns.iter().map(|arn| KeyArn::parse(arn)).collect::<Result<Vec<_>>>()?;
    if parsed.is_empty() {
        return Err(Error::invalid_input("a multi-Region key has no ARN: list at least one"));
    }
    if let Some(other) = parsed.iter().position(|arn| !arn.is_replica_of(&parsed[0])) {
        return Err(Error::invalid_input(format!(
            "{} and {} are no replicas of one multi-Region key: such ARNs differ in the region alone, and the key id \
             begins with mrk-",
            ids[0], ids[other]
        )));
    }
    if let Some(known) = ids.iter().find(|id| keys.contains_key(*id)) {
        return Err(Error::invalid_input(format!(
            "master key {known} is listed as a multi-Region key twice: list it once"
        )));
    }
    let replicas: Vec<_> = ids.iter().zip(&parsed).filter_map(|(id, arn)| clients.replica(id, arn.region)).collect();
    if replicas.is_empty() {
        let all = arns.join(", ");
        return Err(Error::invalid_input(format!("no KMS client is in a region of {all}: add one with `client`")));
    }
    let key = Arc::new(MasterKey::new(replicas));
    keys.extend(ids.into_iter().map(|id| (id, Arc::clone(&key))));
    Ok(())
}

async fn add_named(keys: &mut Keys, clients: &Clients, name: &str) -> Result<()> {
    let id = MasterKeyId::new(name)?;
    let arn = match KeyName::parse(name)? {
        KeyName::Arn(_) => id.clone(),
        KeyName::AliasArn { region } => look_up(&clients.required(&id, region)?).await?,
        KeyName::Local => look_up(&clients.required(&id, &clients.home)?).await?,
    };
    let key = match keys.get(&arn) {
        Some(known) => Arc::clone(known),
        None => Arc::new(MasterKey::new(vec![clients.required(&arn, KeyArn::parse(arn.as_str())?.region)?])),
    };
    keys.insert(arn, Arc::clone(&key));
    keys.insert(id, key);
    Ok(())
}

/// Asks KMS for the ARN behind a name, and whether it is a key that can be used here. Its state may change and is not judged.
async fn look_up(named: &Replica) -> Result<MasterKeyId> {
    let metadata = call::describe(named).await?;
    // "Key spec reference", KMS Developer Guide: SYMMETRIC_DEFAULT has one key usage, ENCRYPT_DECRYPT.
    if metadata.key_spec() != Some(&KeySpec::SymmetricDefault) {
        return Err(Error::invalid_input(format!(
            "master key {} is no symmetric encryption key: create one with key spec SYMMETRIC_DEFAULT and key usage \
             ENCRYPT_DECRYPT",
            named.arn
        )));
    }
    MasterKeyId::new(metadata.arn().unwrap_or_default())
}
