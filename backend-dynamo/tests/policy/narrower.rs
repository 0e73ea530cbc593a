//! All flows of a role pass, every right of it is made use of, and without any single part of its policies a named flow fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::actions;
use crate::flows::{self, Flow, Right, used};
use crate::grants::{Document, Grants};
use crate::roles::{Kind, grants};
use crate::site::{APPLICATIONS, Site, TENANT, USERS};

/// The rights that a statement grants, at their narrowest.
fn granted(statement: &Value, resource: Option<&str>) -> BTreeSet<Right> {
    let texts = |value: &Value| {
        let texts = value.as_array().into_iter().flatten();
        texts.map(|text| text.as_str().expect("a text").to_owned()).collect::<Vec<_>>()
    };
    let condition = &statement["Condition"];
    let patterns = texts(&condition["ForAllValues:StringLike"]["dynamodb:LeadingKeys"]);
    let bounds = [
        texts(&condition["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"]),
        patterns.iter().flat_map(|pattern| matched(pattern)).collect(),
        texts(&condition["StringEquals"]["kms:EncryptionContext:ss:application"]),
        texts(&condition["StringEquals"]["kms:EncryptionContext:ss:tenant"]),
        vec![String::new()],
    ];
    let bounds = bounds.into_iter().find(|bounds| !bounds.is_empty()).unwrap_or_default();
    let resources = resource.map_or_else(|| texts(&statement["Resource"]), |resource| vec![resource.to_owned()]);
    let mut rights = BTreeSet::new();
    for action in texts(&statement["Action"]) {
        for resource in &resources {
            rights.extend(bounds.iter().map(|bound| (action.clone(), resource.clone(), bound.clone())));
        }
    }
    rights
}

/// The partitions that the one kind of pattern stands for.
fn matched(pattern: &str) -> impl Iterator<Item = String> {
    let (before, after) = pattern.split_once('?').expect("a pattern");
    assert!(before == "~a" && after.starts_with('~'), "{pattern}");
    "0123456789abcdef".chars().map(move |digit| format!("{before}{digit}{after}"))
}

/// All rights of a role, by its own policy or by those of the keys.
fn all_granted(kind: Kind, grants: &Grants, document: &Document) -> BTreeSet<Right> {
    let statements = grants.document(document)["Statement"].as_array().expect("statements").iter();
    match document {
        Document::Identity => statements.flat_map(|statement| granted(statement, None)).collect(),
        Document::Key(key) => {
            let own = statements.filter(|statement| kind.has(statement));
            own.flat_map(|statement| granted(statement, Some(key))).collect()
        }
    }
}

/// A flow with all rights of its role.
struct Baseline {
    flow: Flow,
    used: BTreeSet<Right>,
    took: Duration,
}

/// Runs every flow of a role with all its rights: which flow makes use of what.
async fn baseline(kind: Kind, site: &Site, grants: &Grants) -> Vec<Baseline> {
    site.grant(grants);
    let mut all = Vec::new();
    for flow in flows::of(kind) {
        let began = Instant::now();
        let ended = flow.run(site).await;
        assert!(ended.is_success(), "{kind:?}: {}: {:?} {:?}", flow.name, ended.outcome, ended.decisions);
        all.push(Baseline { flow, used: used(&ended.decisions), took: began.elapsed() });
    }
    all
}

/// Nothing is granted of which no flow made use.
pub(crate) fn assert_all_is_used(kind: Kind, grants: &Grants, used: &BTreeSet<Right>) {
    for document in grants.documents() {
        let granted = all_granted(kind, grants, &document);
        let unused: Vec<_> = granted.difference(used).collect();
        assert!(unused.is_empty(), "{kind:?}: {document:?} grants what no flow needs: {unused:#?}");
    }
}

async fn every_part_is_needed(kind: Kind) {
    let site = Site::new(&kind.arn()).await;
    let grants = grants(kind, &site.keys);
    let flows = baseline(kind, &site, &grants).await;

    let used: BTreeSet<Right> = flows.iter().flat_map(|baseline| baseline.used.iter().cloned()).collect();
    assert_all_is_used(kind, &grants, &used);
    every_action_is_needed(kind, &site, &grants, &flows).await;

    let mut failed: BTreeMap<&str, usize> = BTreeMap::new();
    let parts = grants.parts(|statement| kind.has(statement));
    for part in &parts {
        let less = grants.without(part);
        let lost = lost(kind, &less, &used);
        site.grant(&less);
        site.set_applications(concerned(&lost));
        let mut named = None;
        // Those that use what is lost first; the others are asked only if none of these fails.
        let (mut likely, unlikely): (Vec<_>, Vec<_>) =
            flows.iter().partition(|baseline| baseline.used.iter().any(|right| lost.contains(right)));
        // The shortest of them is enough.
        likely.sort_by_key(|baseline| baseline.took);
        for Baseline { flow, .. } in likely.into_iter().chain(unlikely) {
            if !flow.run(&site).await.is_success() {
                named = Some(flow.name);
                break;
            }
        }
        let named =
            named.unwrap_or_else(|| panic!("{kind:?}: no flow fails without {} of {}: {part:?}", part.value, part.sid));
        *failed.entry(named).or_default() += 1;
    }
    assert!(parts.len() >= 10, "{kind:?}: only {} parts", parts.len());
    // The rights are what they were: it was the missing part.
    site.set_applications(APPLICATIONS.to_vec());
    baseline(kind, &site, &grants).await;
}

/// One application that a loss concerns is enough; all where it is none's.
fn concerned(lost: &BTreeSet<&Right>) -> Vec<&'static str> {
    let is_of = |bound: &str, application: &str| {
        [application.to_owned(), format!("~h~{application}"), format!("~s~{application}")].contains(&bound.to_owned())
            || (application == USERS && [TENANT.to_owned(), format!("~k~{TENANT}")].contains(&bound.to_owned()))
    };
    let is_concerned = |application: &&str| lost.iter().any(|right| is_of(&right.2, application));
    let one = APPLICATIONS.into_iter().find(is_concerned);
    one.map_or_else(|| APPLICATIONS.to_vec(), |one| vec![one])
}

/// Without one action, wherever it stands in the identity's policy: the first flow that makes use of it fails, and that is the one
/// which the table names.
async fn every_action_is_needed(kind: Kind, site: &Site, grants: &Grants, flows: &[Baseline]) {
    let mut found = Vec::new();
    for action in actions::of(grants) {
        let uses = flows.iter().find(|baseline| baseline.used.iter().any(|right| right.0 == action));
        let Baseline { flow, .. } = uses.unwrap_or_else(|| panic!("{kind:?}: no flow makes use of {action}"));
        site.grant(&actions::without(grants, &action));
        assert!(!flow.run(site).await.is_success(), "{kind:?}: {} passes without {action}", flow.name);
        found.push((action, flow.name));
    }
    let found: Vec<_> = found.iter().map(|(action, flow)| (action.as_str(), *flow)).collect();
    assert_eq!(found, actions::needed_for(kind), "{kind:?}");
}

/// The rights that not both the identity's policy and that of the key grant.
fn lost<'a>(kind: Kind, grants: &Grants, used: &'a BTreeSet<Right>) -> BTreeSet<&'a Right> {
    let identity = all_granted(kind, grants, &Document::Identity);
    let by_keys = grants.key_policies.keys().map(|key| (key, all_granted(kind, grants, &Document::Key(key.clone()))));
    let by_keys: BTreeMap<_, _> = by_keys.collect();
    let is_granted =
        |right: &Right| identity.contains(right) && by_keys.get(&right.1).is_none_or(|granted| granted.contains(right));
    used.iter().filter(|right| !is_granted(right)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader() {
    every_part_is_needed(Kind::Reader).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer() {
    every_part_is_needed(Kind::Writer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotator() {
    every_part_is_needed(Kind::Rotator).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotator_of_master_keys() {
    every_part_is_needed(Kind::MasterRotator).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotator_to_another_region() {
    every_part_is_needed(Kind::FarRotator).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auditor() {
    every_part_is_needed(Kind::Auditor).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intake_of_sealed_secrets() {
    every_part_is_needed(Kind::Intake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responder() {
    every_part_is_needed(Kind::Responder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marker() {
    every_part_is_needed(Kind::Marker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweeper() {
    every_part_is_needed(Kind::Sweeper).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intake_of_credentials() {
    every_part_is_needed(Kind::CredentialIntake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intake_that_opens_credentials() {
    every_part_is_needed(Kind::OpeningIntake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_of_credentials() {
    every_part_is_needed(Kind::CredentialUser).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeper_of_credential_keys() {
    every_part_is_needed(Kind::CredentialKeeper).await;
}

/// Its partitions are so many that only its actions are taken away one by one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mover_to_blind_names() {
    let kind = Kind::Mover;
    let site = Site::new(&kind.arn()).await;
    let grants = grants(kind, &site.keys);
    let flows = baseline(kind, &site, &grants).await;
    let used: BTreeSet<Right> = flows.iter().flat_map(|baseline| baseline.used.iter().cloned()).collect();
    assert_all_is_used(kind, &grants, &used);
    every_action_is_needed(kind, &site, &grants, &flows).await;
}
