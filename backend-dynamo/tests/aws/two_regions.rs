//! The loss of a region of KMS: what is wrapped under keys of two regions, or under a key with a replica, stays readable, in
//! bounded time and at a known number of requests.

use std::sync::Arc;
use std::time::{Duration, Instant};

use secret_store_core::{
    EnvelopeStore, ErrorKind, GetOptions, MasterKeyId, SecretStore, SecretStoreExt, SecretVersion,
};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo_emulator::{Fault, KeyState, Patience, REGION, Service};

use crate::support::{APPLICATION, ELSEWHERE, Keys, Table, id, value};

/// One of them waits in vain in a region that says nothing.
const ATTEMPT: Duration = Duration::from_millis(400);
const ATTEMPTS: usize = 2;
/// One call in the lost region, and the rest of a busy machine.
const BOUND: Duration = Duration::from_secs(6);
/// How many document keys a store asks for at once.
const AT_ONCE: usize = 16;

const BOTH: [Keys; 2] = [Keys::Regional, Keys::Replicated];
const NAMES: [&str; 3] = ["A", "B", "C"];

/// How a region, or the key in it, is lost.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Loss {
    Hangs,
    Resets,
    NobodyListens,
    Fails,
    Throttles,
    Denies,
    CredentialsExpired,
    KeyDisabled,
    KeyPendingDeletion,
    KeyGone,
}

const LOSSES: [Loss; 10] = [
    Loss::Hangs,
    Loss::Resets,
    Loss::NobodyListens,
    Loss::Fails,
    Loss::Throttles,
    Loss::Denies,
    Loss::CredentialsExpired,
    Loss::KeyDisabled,
    Loss::KeyPendingDeletion,
    Loss::KeyGone,
];

impl Loss {
    fn happen(self, table: &Table) {
        let fault = match self {
            Self::Hangs => Fault::Hang,
            Self::Resets => Fault::ResetBefore,
            Self::Fails => Fault::ServerError,
            Self::Throttles => Fault::Throttled,
            Self::Denies => Fault::Denied,
            Self::CredentialsExpired => Fault::ExpiredCredentials,
            Self::NobodyListens => return,
            Self::KeyDisabled => return table.kms.set_state(table.master_key.as_str(), KeyState::Disabled),
            Self::KeyPendingDeletion => {
                return table.kms.set_state(table.master_key.as_str(), KeyState::PendingDeletion);
            }
            Self::KeyGone => return table.kms.destroy(table.master_key.as_str()),
        };
        table.proxy.fail_kms_of(REGION, fault);
    }

    /// What a program is told that has this region alone.
    fn kind(self) -> ErrorKind {
        match self {
            Self::Hangs | Self::Resets | Self::NobodyListens | Self::Fails => ErrorKind::Unavailable,
            Self::Throttles => ErrorKind::Throttled,
            Self::Denies | Self::CredentialsExpired => ErrorKind::PermissionDenied,
            Self::KeyDisabled | Self::KeyPendingDeletion | Self::KeyGone => ErrorKind::KeyUnavailable,
        }
    }

    /// The requests of one call in the lost region.
    fn requests(self) -> usize {
        match self {
            Self::NobodyListens => 0,
            _ if matches!(self.kind(), ErrorKind::Unavailable | ErrorKind::Throttled) => ATTEMPTS,
            _ => 1,
        }
    }
}

fn patience() -> Patience {
    Patience::default().with_attempt(ATTEMPT).with_attempts(u32::try_from(ATTEMPTS).expect("few"))
}

/// A store that has both regions, of which the first may be one where nobody listens.
async fn store(table: &Table, loss: Loss) -> EnvelopeStore {
    // Bound and dropped at once: nobody else has it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let nobody = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let proxy = table.proxy.url();
    let near = if loss == Loss::NobodyListens { &nobody } else { &proxy };
    let keys = table.provider([near, &proxy], patience()).await;
    table.builder(keys, table.proxied(Patience::default())).build().expect("a complete configuration")
}

/// Three secrets, the first with an earlier version, written while all was well.
async fn written(keys: Keys) -> Table {
    let table = Table::with(keys).await;
    let store = table.direct_store().await;
    store.put(&id(NAMES[0]), value("earlier")).await.expect("a put");
    for name in NAMES {
        store.put(&id(name), value(name)).await.expect("a put");
    }
    table
}

/// The requests to KMS since the last time, in the first region and in the other.
fn take_requests(table: &Table) -> [usize; 2] {
    let exchanges = table.proxy.take_exchanges();
    let of = |region: &str| {
        let in_region = exchanges.iter().filter(|exchange| {
            exchange.request.service() == Some(Service::Kms) && exchange.request.region() == Some(region)
        });
        in_region.inspect(|exchange| assert_eq!(exchange.request.operation(), "Decrypt")).count()
    };
    [of(REGION), of(ELSEWHERE)]
}

async fn read(store: &EnvelopeStore, name: &str) {
    let secret = store.get(&id(name)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(secret.text().expect("text"), name);
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_survive_the_loss_of_a_region() {
    for keys in BOTH {
        for loss in LOSSES {
            let what = format!("{keys:?}, {loss:?}");
            let table = written(keys).await;
            loss.happen(&table);
            let store = store(&table, loss).await;
            table.proxy.forget();
            let began = Instant::now();
            read(&store, "A").await;
            assert!(began.elapsed() < BOUND, "{what} took {:?}", began.elapsed());
            assert_eq!(take_requests(&table), [loss.requests(), 1], "{what}");
            // It is known by now: what needs another key does not wait.
            let began = Instant::now();
            read(&store, "B").await;
            let earlier = store.get_version(&id("A"), SecretVersion::FIRST).await.expect("an earlier version");
            assert_eq!(earlier.text().expect("text"), "earlier");
            let many = store.get_many(&NAMES.map(id)).await.expect("all");
            assert_eq!(many.iter().map(|secret| secret.text().expect("text")).collect::<Vec<_>>(), NAMES);
            assert_eq!(store.get_all(id("A").application()).await.expect("all").len(), NAMES.len());
            assert!(began.elapsed() < BOUND, "{what} took {:?}", began.elapsed());
            assert_eq!(take_requests(&table), [0, 3], "{what}");
            // What is at hand needs nobody.
            read(&store, "A").await;
            assert_eq!(take_requests(&table), [0, 0], "{what}");
        }
    }
}

/// Without a second region the very same losses are errors: the test above is no mistake of the losses.
#[tokio::test(flavor = "multi_thread")]
async fn with_one_region_its_loss_is_an_error_of_its_kind() {
    for loss in LOSSES {
        let table = written(Keys::One).await;
        loss.happen(&table);
        let store = store(&table, loss).await;
        table.proxy.forget();
        assert_eq!(store.get(&id("A")).await.expect_err("lost").kind(), loss.kind(), "{loss:?}");
        assert_eq!(take_requests(&table), [loss.requests(), 0], "{loss:?}");
    }
}

/// A region that says nothing is waited for by those who ask at the same moment, not by everyone after them.
#[tokio::test(flavor = "multi_thread")]
async fn all_secrets_are_read_while_a_region_hangs() {
    const COUNT: usize = 80;
    for keys in BOTH {
        let table = Table::with(keys).await;
        let direct = table.direct_store().await;
        for number in 0..COUNT {
            direct.put(&id(&format!("Secret-{number:03}")), value("x")).await.expect("a put");
        }
        Loss::Hangs.happen(&table);
        let store = store(&table, Loss::Hangs).await;
        table.proxy.forget();
        let began = Instant::now();
        let all = store.get_all_with(id("x").application(), GetOptions::default()).await.expect("all");
        assert!(began.elapsed() < BOUND, "{keys:?} took {:?}", began.elapsed());
        assert_eq!(all.len(), COUNT);
        let [near, far] = take_requests(&table);
        assert!((1..=AT_ONCE * ATTEMPTS).contains(&near), "{keys:?}: {near} requests to a region that hangs");
        assert_eq!(far, COUNT, "{keys:?}");
    }
}

/// A put that could not be wrapped in every region is none; a replica makes the key itself.
#[tokio::test(flavor = "multi_thread")]
async fn writes_during_the_loss_of_a_region() {
    for loss in LOSSES {
        let table = written(Keys::Regional).await;
        let before = table.scan().await.len();
        loss.happen(&table);
        let error = store(&table, loss).await.put(&id("A"), value("new")).await.expect_err("one wrap is missing");
        assert_eq!(error.kind(), loss.kind(), "{loss:?}: {error}");
        assert_eq!(table.scan().await.len(), before, "{loss:?}");

        let table = written(Keys::Replicated).await;
        loss.happen(&table);
        let store = store(&table, loss).await;
        let info = store.put(&id("A"), value("new")).await.unwrap_or_else(|error| panic!("{loss:?}: {error}"));
        assert_eq!((info.version.get(), &info.master_key_id), (3, &table.far_key), "{loss:?}");
        assert_eq!(store.get(&id("A")).await.expect("written").text().expect("text"), "new");
        if loss != Loss::KeyGone {
            // Afterwards the first one opens what the second one wrapped.
            table.proxy.heal();
            table.kms.set_state(table.master_key.as_str(), KeyState::Enabled);
            table.far.set_state(table.far_key.as_str(), KeyState::Disabled);
            let secret = table.direct_store().await.get(&id("A")).await.expect("healed");
            assert_eq!(secret.text().expect("text"), "new");
        }
    }
}

/// The other region of the wraps being lost, a put fails as well, and a read does not notice.
#[tokio::test]
async fn the_loss_of_the_second_region_is_no_loss_to_readers() {
    let table = written(Keys::Regional).await;
    table.proxy.fail_kms_of(ELSEWHERE, Fault::Hang);
    let store = store(&table, Loss::Hangs).await;
    table.proxy.forget();
    read(&store, "A").await;
    assert_eq!(take_requests(&table), [1, 0]);
    let error = store.put(&id("A"), value("new")).await.expect_err("one wrap is missing");
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    read(&table.direct_store().await, "A").await;
}

#[tokio::test]
async fn where_both_regions_are_lost_the_first_one_is_told() {
    for keys in BOTH {
        let table = written(keys).await;
        let losses = [(Fault::Denied, ErrorKind::PermissionDenied), (Fault::Hang, ErrorKind::Unavailable)];
        for (fault, kind) in losses {
            table.proxy.fail_kms_of(REGION, fault);
            table.proxy.fail_kms_of(ELSEWHERE, Fault::Throttled);
            let began = Instant::now();
            let error = store(&table, Loss::Hangs).await.get(&id("A")).await.expect_err("both are lost");
            assert!(began.elapsed() < BOUND, "{keys:?} took {:?}", began.elapsed());
            assert_eq!(error.kind(), kind, "{keys:?}: {error}");
            assert!(error.to_string().contains(REGION), "{error}");
        }
    }
}

/// A program in the other region, which has a client of its own region and nothing else.
#[tokio::test]
async fn a_program_in_the_other_region_never_calls_the_first() {
    for keys in BOTH {
        let table = written(keys).await;
        table.kms.destroy(table.master_key.as_str());
        let builder = KmsKeyProvider::builder(patience().kms_client(ELSEWHERE, &table.proxy.url()));
        let builder = match keys {
            Keys::Replicated => builder.multi_region_key([table.far_key.as_str(), table.master_key.as_str()]),
            _ => builder.key(table.far_key.as_str()),
        };
        let there = builder.build().await.expect("a valid configuration");
        let records = table.proxied(Patience::default());
        let builder = EnvelopeStore::builder(Arc::new(there), Arc::new(records)).store_id("test");
        let store = builder.master_key(table.far_key.clone()).build().expect("complete");
        table.proxy.forget();
        for name in NAMES {
            read(&store, name).await;
        }
        store.get_version(&id("A"), SecretVersion::FIRST).await.expect("an earlier version");
        assert_eq!(take_requests(&table), [0, 4], "{keys:?}");
        store.put(&id("A"), value("there")).await.expect("a put");
        let exchanges = table.proxy.take_exchanges();
        assert!(exchanges.iter().all(|exchange| {
            exchange.request.service() == Some(Service::DynamoDb) || exchange.request.region() == Some(ELSEWHERE)
        }));
    }
}

/// Aliases are what configurations name; records name the keys themselves.
#[tokio::test]
async fn keys_of_two_regions_by_their_aliases() {
    let table = Table::with(Keys::Regional).await;
    let [near, far] = [(&table.kms, &table.master_key), (&table.far, &table.far_key)].map(|(kms, key)| {
        kms.set_alias("alias/prod", key.as_str());
        let (prefix, _) = key.as_str().split_once(":key/").expect("an ARN");
        MasterKeyId::new(format!("{prefix}:alias/prod")).expect("valid")
    });
    let url = table.proxy.url();
    let builder = KmsKeyProvider::builder(patience().kms_client(REGION, &url));
    let builder = builder.client(patience().kms_client(ELSEWHERE, &url)).key(near.as_str()).key(far.as_str());
    let keys = builder.build().await.expect("both exist");
    let builder = table.builder(keys, table.proxied(Patience::default())).master_key(near.clone());
    let store = builder.also_wrap_with([near, far]).build().expect("complete");
    let info = store.put(&id("A"), value("A")).await.expect("a put");
    assert_eq!(info.master_key_id, table.master_key);
    assert_eq!(info.also_wrapped_with, std::slice::from_ref(&table.far_key));
    let item = table.raw(APPLICATION, "A").await.expect("there");
    assert_eq!(item["MasterKeyId"].as_s().expect("text"), table.master_key.as_str());
    assert!(item["Wraps"].as_b().is_ok());
    store.purge_keys();
    Loss::Denies.happen(&table);
    read(&store, "A").await;
}
