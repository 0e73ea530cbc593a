//! What a role must not do is refused, as a program meets it: over the wire, with all rights of its role.

use secret_store_core::{
    Consistency, EncryptionContext, Error, ErrorKind, GetOptions, KeyProvider, ListOptions, ListQuery, Persistence,
    Precondition, Result, SecretId, SecretStore, SecretStoreExt, SecretVersion, StoreId, Write,
};
use secret_store_dynamo::policy::{Intake, Role};
use secret_store_dynamo_emulator::Verdict;

use crate::mutants::everything;
use crate::roles::{Kind, grants_after_migration};
use crate::site::{OTHER, PAY, SEALING, SHOP, STORE, Site, TABLE, USERS, master_key, name, record, value};

async fn site(kind: Kind) -> Site {
    let site = Site::new(&kind.arn()).await;
    site.grant(&grants_after_migration(kind, &site.keys));
    site
}

/// The request was denied, by the policies and not by something else.
fn assert_denied<T>(site: &Site, outcome: Result<T>, what: &str) {
    let denied = site.decisions().iter().any(|decision| !decision.is_allowed());
    let kind = outcome.map(drop).map_err(|error| error.kind());
    assert!(denied && matches!(kind, Err(ErrorKind::PermissionDenied)), "{what}: {kind:?}");
}

fn context_of(store: &str, id: &SecretId) -> EncryptionContext {
    EncryptionContext::document_key(&StoreId::new(store).expect("valid"), id, SecretVersion::FIRST)
}

/// Whatever a role is, another application's records are out of reach.
async fn other_records_are_out_of_reach(kind: Kind) {
    let site = site(kind).await;
    let secret = site.fresh(OTHER);
    site.admin().await.put(&secret, value("other")).await.expect("a put");
    let store = site.store().await;
    assert_denied(&site, store.get(&secret).await, "get");
    assert_denied(&site, store.list_with(&name(OTHER), ListOptions::default()).await, "list");
    assert_denied(&site, store.history_with(&secret, ListOptions::default()).await, "history");
    assert_denied(&site, store.get_all_with(&name(OTHER), GetOptions::default()).await, "get all");
    assert_denied(&site, store.put(&secret, value("mine")).await, "put");
    assert_denied(&site, store.delete(&secret).await, "delete");
    assert_denied(&site, store.get_many(&[site.fresh(SHOP), secret]).await, "one of several");
    let of_other = ["~s~", "~a0~", "~h~", "~n~", "~c~", "~b~"].map(|prefix| format!("{prefix}{OTHER}"));
    // No role but a mover has anything to do with the mark of blind names where names are in clear.
    let mark = (kind != Kind::Mover).then(|| "~b".to_owned());
    for partition in of_other.into_iter().chain(["~k~other".to_owned()]).chain(mark) {
        let key = site.fresh_key(&partition);
        assert_denied(&site, site.records().load(&key, Consistency::Strong).await, &partition);
        assert_denied(&site, site.records().list(&ListQuery::new(&*partition)).await, &partition);
        let put = Write::put(key, record("new"), Precondition::Absent);
        assert_denied(&site, site.records().commit(vec![put]).await, &partition);
    }
    let foreign = secret_store_dynamo::DynamoPersistence::new(site.client(), "Others");
    let elsewhere = foreign.load(&site.fresh_key(SHOP), Consistency::Strong).await;
    assert_denied(&site, elsewhere, "another table");
    let scanned = site.client().scan().table_name(TABLE).send().await;
    assert!(scanned.is_err() && site.decisions().iter().all(|decision| !decision.is_allowed()), "scan");
    let statement = format!("select * from \"{TABLE}\" where ApplicationName = '{SHOP}'");
    let selected = site.client().execute_statement().statement(statement).send().await;
    assert!(selected.is_err() && site.decisions().iter().all(|decision| !decision.is_allowed()), "PartiQL");
}

/// Whatever a role is, no key opens or is made for another application or store, or under a key that is not the role's.
async fn other_keys_are_out_of_reach(kind: Kind) {
    let site = site(kind).await;
    let (main, foreign) = (master_key(&site.keys.main), master_key(&site.keys.foreign));
    let (own, other) = (site.fresh(SHOP), site.fresh(OTHER));
    let admin = site.admin_provider().await;
    let provider = site.provider().await;
    let nothing = EncryptionContext::legacy();
    for (what, key, context) in [
        ("another application", &main, context_of(STORE, &other)),
        ("another store", &main, context_of("stage", &own)),
        ("no context", &main, nothing),
    ] {
        let generated = admin.generate_key(key, &context).await.expect("a key");
        assert_denied(&site, provider.unwrap_key(&generated.wrapped, &context).await, what);
        assert_denied(&site, provider.generate_key(key, &context).await, what);
        assert_denied(&site, provider.wrap_key(key, &generated.document_key, &context).await, what);
        let target = master_key(&site.keys.target);
        assert_denied(&site, provider.rewrap_key(&generated.wrapped, &context, &target, &context).await, what);
    }
    let context = context_of(STORE, &own);
    assert_denied(&site, provider.generate_key(&foreign, &context).await, "a key that nobody may use");
    let generated = admin.generate_key(&main, &context).await.expect("a key");
    let moved = provider.rewrap_key(&generated.wrapped, &context, &foreign, &context).await;
    assert_denied(&site, moved, "to a key that nobody may use");
    let into_other = provider.rewrap_key(&generated.wrapped, &context, &main, &context_of(STORE, &other)).await;
    assert_denied(&site, into_other, "into another application");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_application_is_out_of_reach_for_every_role() {
    for kind in Kind::ALL {
        other_records_are_out_of_reach(kind).await;
        other_keys_are_out_of_reach(kind).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_writes_nothing() {
    let site = site(Kind::Reader).await;
    let secret = site.fresh(SHOP);
    site.admin().await.put(&secret, value("first")).await.expect("a put");
    let store = site.store().await;
    assert_denied(&site, store.put(&secret, value("second")).await, "put");
    assert_denied(&site, store.delete(&secret).await, "delete");
    let put = Write::put(site.fresh_key(SHOP), record("new"), Precondition::Absent);
    assert_denied(&site, site.records().commit(vec![put]).await, "a put of a record");
    let key = master_key(&site.keys.main);
    assert_denied(&site, site.provider().await.generate_key(&key, &context_of(STORE, &secret)).await, "a new key");
}

/// Of the master tier. It replaces what it cannot read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_decrypts_nothing() {
    let site = site(Kind::Writer).await;
    for application in [SHOP, PAY] {
        let secret = site.fresh(application);
        let store = site.store().await;
        store.put(&secret, value("first")).await.expect("a put");
        // In a store that has no key in its cache.
        assert_denied(&site, site.store().await.get(&secret).await, "get");
        let context = context_of(STORE, &secret);
        let admin = site.admin_provider().await;
        for key in [&site.keys.main, &site.keys.recovery] {
            let generated = admin.generate_key(&master_key(key), &context).await.expect("a key");
            assert_denied(&site, site.provider().await.unwrap_key(&generated.wrapped, &context).await, "unwrap");
        }
        let settings = Write::put(site.fresh_key(&format!("~s~{application}")), record("new"), Precondition::Absent);
        assert_denied(&site, site.records().commit(vec![settings]).await, "settings");
    }
}

/// Without the options for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotator_of_master_keys_sees_no_key() {
    let site = site(Kind::MasterRotator).await;
    let secret = site.fresh(SHOP);
    site.admin().await.put(&secret, value("first")).await.expect("a put");
    assert_denied(&site, site.store().await.get(&secret).await, "get");
    let (context, main) = (context_of(STORE, &secret), master_key(&site.keys.main));
    let (provider, target) = (site.provider().await, master_key(&site.keys.target));
    assert_denied(&site, provider.generate_key(&main, &context).await, "a new key");
    let generated = site.admin_provider().await.generate_key(&main, &context).await.expect("a key");
    assert_denied(&site, provider.unwrap_key(&generated.wrapped, &context).await, "unwrap");
    assert_denied(&site, provider.wrap_key(&target, &generated.document_key, &context).await, "wrap");
    let moved = provider.rewrap_key(&generated.wrapped, &context, &target, &context).await.expect("it may do this");
    assert!(site.decisions().iter().all(|decision| decision.is_allowed()));
    // Nor by way of the trial: what it moved into that context it could open.
    let trial =
        EncryptionContext::document_key(&StoreId::new(STORE).expect("valid"), &secret, SecretVersion::UNVERSIONED);
    let astray = provider.rewrap_key(&generated.wrapped, &context, &target, &trial).await;
    assert_denied(&site, astray, "into the context of a trial");
    assert_denied(&site, provider.unwrap_key(&moved, &context).await, "unwrap under the new key");
    let tried = provider.generate_key(&target, &trial).await.expect("a trial");
    provider.unwrap_key(&tried.wrapped, &trial).await.expect("a trial");
    drop(site.decisions());
    let back = provider.rewrap_key(&moved, &context, &main, &context).await;
    assert_denied(&site, back, "back to the old key");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_auditor_opens_nothing() {
    let site = site(Kind::Auditor).await;
    let secret = site.fresh(SHOP);
    site.admin().await.put(&secret, value("first")).await.expect("a put");
    let store = site.store().await;
    let page = store.list_with(&name(SHOP), ListOptions::default()).await.expect("it may list");
    assert_eq!(page.items.len(), 1);
    assert_denied(&site, store.get_all_with(&name(SHOP), GetOptions::default()).await, "get all");
    assert_denied(&site, store.get(&secret).await, "get");
}

/// What a role may do with the partitions of its own application, and with its keys: nothing but this.
struct Reach {
    kind: Kind,
    read: &'static [&'static str],
    listed: &'static [&'static str],
    put: &'static [&'static str],
    deleted: &'static [&'static str],
    /// Of its own application: whether it opens document keys, and those of the tenant.
    opens: (bool, bool),
}

const REACHES: [Reach; 8] = [
    Reach {
        kind: Kind::Intake,
        read: &["", "~h~", "~s~", "~n~", "~k~", "~a0~"],
        listed: &[],
        put: &["", "~h~", "~n~", "~k~", "~a0~"],
        deleted: &["~h~"],
        opens: (true, true),
    },
    Reach {
        kind: Kind::Responder,
        read: &["", "~n~", "~k~", "~a0~"],
        listed: &[],
        put: &["~n~", "~a0~"],
        deleted: &[],
        opens: (true, true),
    },
    Reach { kind: Kind::Marker, read: &["~n~"], listed: &[], put: &["~n~"], deleted: &[], opens: (false, false) },
    Reach { kind: Kind::Sweeper, read: &[], listed: &["~n~"], put: &[], deleted: &["~n~"], opens: (false, false) },
    Reach {
        kind: Kind::CredentialIntake,
        read: &["~c~", "~a0~"],
        listed: &[],
        put: &["~c~", "~a0~"],
        deleted: &[],
        opens: (false, false),
    },
    Reach {
        kind: Kind::OpeningIntake,
        read: &["", "~c~", "~k~", "~a0~"],
        listed: &[],
        put: &["~c~", "~a0~"],
        deleted: &[],
        opens: (true, true),
    },
    Reach {
        kind: Kind::CredentialUser,
        read: &["", "~c~", "~k~", "~a0~"],
        listed: &[],
        put: &["~c~", "~a0~"],
        deleted: &[],
        opens: (true, true),
    },
    Reach {
        kind: Kind::CredentialKeeper,
        read: &["", "~h~", "~s~", "~c~", "~k~", "~a0~"],
        listed: &["", "~h~", "~c~"],
        put: &["", "~h~", "~c~", "~k~", "~a0~"],
        deleted: &["", "~h~"],
        opens: (true, true),
    },
];

/// An action is allowed if the partition is among these, and otherwise denied.
fn assert_reach<T>(site: &Site, outcome: Result<T>, is_within: bool, what: &str) {
    let denied = site.decisions().iter().any(|decision| !decision.is_allowed());
    let kind = outcome.map(drop).map_err(|error| error.kind());
    assert_eq!(denied, !is_within, "{what}: {kind:?}");
    assert_eq!(matches!(kind, Err(ErrorKind::PermissionDenied)), denied, "{what}: {kind:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_reach_these_partitions_of_their_application_and_no_others() {
    for Reach { kind, read, listed, put, deleted, opens } in REACHES {
        let site = site(kind).await;
        for prefix in ["", "~h~", "~s~", "~a0~", "~k~", "~n~", "~c~"] {
            let partition = if prefix == "~k~" { "~k~acme".to_owned() } else { format!("{prefix}{USERS}") };
            let (records, within) = (site.records(), |all: &[&str]| all.contains(&prefix));
            let key = || site.fresh_key(&partition);
            let what = |action: &str| format!("{kind:?} {action} {partition}");
            assert_reach(&site, records.load(&key(), Consistency::Strong).await, within(read), &what("reads"));
            assert_reach(&site, records.list(&ListQuery::new(&*partition)).await, within(listed), &what("lists"));
            let write = Write::put(key(), record("new"), Precondition::Absent);
            assert_reach(&site, records.commit(vec![write]).await, within(put), &what("puts"));
            let delete = Write::delete(key(), Precondition::Any);
            assert_reach(&site, records.commit(vec![delete]).await, within(deleted), &what("deletes"));
        }
        let provider = site.provider().await;
        let main = master_key(&site.keys.main);
        let of_tenant = EncryptionContext::tenant_key(
            &StoreId::new(STORE).expect("valid"),
            &crate::site::tenant(),
            secret_store_core::TenantKeyVersion::FIRST,
        );
        for (context, opens) in [(context_of(STORE, &site.fresh(SHOP)), opens.0), (of_tenant, opens.1)] {
            let generated = site.admin_provider().await.generate_key(&main, &context).await.expect("a key");
            let opened = provider.unwrap_key(&generated.wrapped, &context).await;
            assert_reach(&site, opened, opens, &format!("{kind:?} opens {context:?}"));
        }
    }
}

/// Without the option for versions that are expected, what is taken cannot be read back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intake_cannot_read_what_it_stored() {
    let site = site(Kind::Intake).await;
    let intake = Intake::new(crate::roles::migrated(crate::roles::scope(&site.keys)), name(SEALING));
    let mut grants = grants_after_migration(Kind::Intake, &site.keys);
    grants.identity = crate::grants::canonical(&intake.policy().expect("a policy"));
    site.grant(&grants);
    let secret = site.fresh(SHOP);
    site.store().await.put(&secret, value("sealed")).await.expect("it may put");
    assert_denied(&site, site.store().await.get(&secret).await, "get");
    // The keys of organisations it reads, and cannot replace.
    let keys = SecretId::parse(SEALING, "acme").expect("valid");
    site.admin().await.put(&keys, value("keys")).await.expect("a put");
    site.store().await.get(&keys).await.expect("it may open these");
    drop(site.decisions());
    assert_denied(&site, site.store().await.put(&keys, value("others")).await, "put");
}

/// After the migration, whatever else allows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn format_0_is_denied_to_everybody() {
    let site = Site::new(&Kind::Reader.arn()).await;
    let main = master_key(&site.keys.main);
    let nothing = EncryptionContext::legacy();
    let generated = site.admin_provider().await.generate_key(&main, &nothing).await.expect("a key");

    site.grant(&crate::roles::grants(Kind::Reader, &site.keys));
    site.provider().await.unwrap_key(&generated.wrapped, &nothing).await.expect("not migrated yet");

    // An identity that may do everything, named by the key policy itself as well.
    let mut grants = grants_after_migration(Kind::Reader, &site.keys);
    grants.identity = everything("kms");
    let policy = grants.key_policies.get_mut(&site.keys.main).expect("a policy");
    let mut all = everything("kms")["Statement"][0].clone();
    all["Principal"] = serde_json::json!({ "AWS": [Kind::Reader.arn()] });
    policy["Statement"].as_array_mut().expect("statements").push(all);
    site.grant(&grants);
    let provider = site.provider().await;
    let moved = provider.rewrap_key(&generated.wrapped, &nothing, &main, &context_of(STORE, &site.fresh(SHOP))).await;
    let outcomes: [Result<(), Error>; 4] = [
        provider.unwrap_key(&generated.wrapped, &nothing).await.map(drop),
        provider.generate_key(&main, &nothing).await.map(drop),
        provider.wrap_key(&main, &generated.document_key, &nothing).await.map(drop),
        moved.map(drop),
    ];
    for outcome in outcomes {
        let kind = outcome.map_err(|error| error.kind());
        assert_eq!(kind, Err(ErrorKind::PermissionDenied));
    }
    let denied = Verdict::ExplicitlyDenied("DenyFormat0".to_owned());
    let decisions = site.decisions();
    assert!(decisions.iter().filter(|decision| decision.verdict == denied).count() >= 4, "{decisions:?}");
    let context = context_of(STORE, &site.fresh(SHOP));
    provider.generate_key(&main, &context).await.expect("format 1 is as before");
}
