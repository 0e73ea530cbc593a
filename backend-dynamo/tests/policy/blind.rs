//! The same flows where programs hide names: the policies name hashes then.

use std::sync::Arc;

use secret_store_core::{BlindNames, Blinding, BlindingKey, ErrorKind, ListOptions, SecretStore, SecretStoreExt};

use crate::flows::{self, used};
use crate::narrower::assert_all_is_used;
use crate::roles::{Kind, blind_grants, grants_after_migration};
use crate::site::{OTHER, SHOP, Site, blinding_key, name, value};

/// Those whose flows make use of everything that they have, also without format 0.
const ALL_USED: [Kind; 8] = [
    Kind::Auditor,
    Kind::Intake,
    Kind::Responder,
    Kind::Marker,
    Kind::Sweeper,
    Kind::CredentialIntake,
    Kind::CredentialUser,
    Kind::CredentialKeeper,
];

async fn site(kind: Kind) -> Site {
    Site::blind(&kind.arn(), Blinding::new(&blinding_key())).await
}

/// Format 0 has no blind names (and it alone has readers read settings), flows that are documented put records of no layer, and what is asked of several applications at once
/// is answered one by one where each has a policy of its own.
fn flows_of(kind: Kind) -> impl Iterator<Item = flows::Flow> {
    let others = ["format 0", "read settings", "¹", "get several secrets in one request"];
    flows::of(kind).into_iter().filter(move |flow| !others.iter().any(|other| flow.name.contains(other)))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_flow_passes_under_the_policies_of_hashes() {
    for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Mover) {
        let site = site(kind).await;
        let grants = blind_grants(kind, &site.keys, |scope| scope.with_blinding_key(&blinding_key()));
        site.grant(&grants);
        BlindNames::open(Arc::new(site.table()), Blinding::new(&blinding_key())).await.expect("it reads the mark");
        let mut rights = used(&site.decisions());
        for flow in flows_of(kind) {
            let ended = flow.run(&site).await;
            let denied: Vec<_> = ended.decisions.iter().filter(|decision| !decision.is_allowed()).collect();
            assert!(ended.is_success(), "{kind:?}: {}: {:?} {denied:?}", flow.name, ended.outcome);
            rights.extend(used(&ended.decisions));
        }
        if ALL_USED.contains(&kind) {
            assert_all_is_used(kind, &grants, &rights);
        }
    }
}

/// Names in clear, and the hashes of another key, are no names of these partitions.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_other_names_nothing_is_in_reach() {
    let another = BlindingKey::from_bytes(&[8; 32]);
    for kind in [Kind::Reader, Kind::Writer, Kind::Intake, Kind::CredentialUser, Kind::Sweeper] {
        let site = site(kind).await;
        let of_another = blind_grants(kind, &site.keys, |scope| scope.with_blinding_key(&another));
        for grants in [grants_after_migration(kind, &site.keys), of_another] {
            site.grant(&grants);
            let flow = flows_of(kind).next().expect("a flow");
            let ended = flow.run(&site).await;
            assert!(ended.decisions.iter().any(|decision| !decision.is_allowed()), "{kind:?}: {}", flow.name);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_application_and_the_mark_are_out_of_reach() {
    for kind in [Kind::Reader, Kind::Writer, Kind::Responder, Kind::CredentialIntake] {
        let site = site(kind).await;
        site.grant(&blind_grants(kind, &site.keys, |scope| scope.with_blinding_key(&blinding_key())));
        let secret = site.fresh(OTHER);
        site.admin().await.put(&secret, value("other")).await.expect("a put");
        let store = site.store().await;
        let outcomes = [
            store.get(&secret).await.map(drop),
            store.put(&secret, value("mine")).await.map(drop),
            store.list_with(&name(OTHER), ListOptions::default()).await.map(drop),
        ];
        for outcome in outcomes {
            assert_eq!(outcome.map_err(|error| error.kind()), Err(ErrorKind::PermissionDenied), "{kind:?}");
        }
        // Under another key, the mark would be replaced: by nobody here.
        let moving = Blinding::new(&BlindingKey::from_bytes(&[8; 32])).with_previous(&blinding_key()).expect("another");
        BlindNames::open(Arc::new(site.table()), moving).await.expect("the mark stays as it was");
        assert!(
            site.decisions()
                .iter()
                .any(|decision| !decision.is_allowed() && decision.asked.action.ends_with("PutItem"))
        );
        BlindNames::open(Arc::new(site.admin_table()), Blinding::new(&blinding_key())).await.expect("the same mark");
    }
}

/// While names begin to be hidden, records that are changed move.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flows_pass_while_the_names_are_replaced() {
    let both = || Blinding::new(&blinding_key()).with_previous_in_clear().expect("another naming");
    let ahead = || Blinding::in_clear_with_next(&blinding_key());
    for kind in
        [Kind::Reader, Kind::Writer, Kind::Intake, Kind::Responder, Kind::CredentialIntake, Kind::CredentialKeeper]
    {
        for blinding in [both(), ahead()] {
            let site = Site::blind(&kind.arn(), blinding).await;
            site.grant(&blind_grants(kind, &site.keys, |scope| {
                scope.with_blinding_key(&blinding_key()).with_previous_names_in_clear()
            }));
            for flow in flows_of(kind) {
                let ended = flow.run(&site).await;
                let denied: Vec<_> = ended.decisions.iter().filter(|decision| !decision.is_allowed()).collect();
                assert!(ended.is_success(), "{kind:?}: {}: {:?} {denied:?}", flow.name, ended.outcome);
            }
        }
    }
}

/// What was stored in clear, the writer replaces under its hidden name, and removes in its old place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_moves_what_it_replaces() {
    let kind = Kind::Writer;
    let clear = Site::new(&kind.arn()).await;
    let id = clear.fresh(SHOP);
    clear.admin().await.put(&id, value("first")).await.expect("a put");
    let both = Blinding::new(&blinding_key()).with_previous_in_clear().expect("another naming");
    let site = clear.hiding(both);
    site.grant(&blind_grants(kind, &site.keys, |scope| {
        scope.with_blinding_key(&blinding_key()).with_previous_names_in_clear()
    }));
    site.store().await.put(&id, value("second")).await.expect("a put");
    assert_eq!(site.admin().await.get(&id).await.expect("it opens").text().expect("text"), "second");
    let deletes = |decision: &secret_store_dynamo_emulator::Decision| decision.asked.action == "dynamodb:DeleteItem";
    assert!(site.decisions().iter().any(deletes));
}
