//! No request that is wider than a flow's passes, and no condition can be left out without letting one through.

use std::collections::BTreeSet;

use secret_store_dynamo_emulator::{Asked, PolicyGate};
use serde_json::Value;

use crate::grants::{Document, Grants};
use crate::mutants::{Mutant, default_key_policy, everything, mutants, requests};
use crate::roles::{Kind, grants_after_migration};
use crate::site::Site;

/// Decides by some grants alone.
fn gate(caller: &str, grants: &Grants) -> PolicyGate {
    let gate = PolicyGate::new(caller);
    gate.set_policies(&[&grants.identity.to_string()]).expect("a policy the evaluator knows");
    for (key, policy) in &grants.key_policies {
        gate.set_key_policy(key, &policy.to_string()).expect("a key policy the evaluator knows");
    }
    gate
}

fn allows(gate: &PolicyGate, asked: &Asked) -> bool {
    gate.decide(asked.clone()).is_allowed()
}

/// The keys leave everything to the account: the identity's policy decides alone.
fn by_identity(grants: &Grants, site: &Site) -> Grants {
    let keys = [&site.keys.main, &site.keys.recovery, &site.keys.target, &site.keys.far, &site.keys.foreign];
    let key_policies = keys.into_iter().map(|key| (key.clone(), default_key_policy())).collect();
    Grants { identity: grants.identity.clone(), key_policies }
}

/// The identity may do everything at KMS: the keys' policies decide alone.
fn by_keys(grants: &Grants) -> Grants {
    Grants { identity: everything("kms"), key_policies: grants.key_policies.clone() }
}

/// What a role asks for after the migration, and everything wider that differs from all of it.
async fn asked_and_wider(kind: Kind, site: &Site, grants: &Grants) -> (Vec<Asked>, Vec<Mutant>) {
    let gate = gate(&kind.arn(), grants);
    let mut asked = requests(kind, site).await;
    asked.retain(|asked| allows(&gate, asked));
    assert!(asked.len() >= 8, "{kind:?}: only {} requests", asked.len());
    let wider: Vec<_> = asked.iter().flat_map(|asked| mutants(kind, asked, site)).collect();
    (asked, wider)
}

async fn nothing_wider_passes(kind: Kind) {
    let site = Site::new(&kind.arn()).await;
    let both = grants_after_migration(kind, &site.keys);
    let (asked, wider) = asked_and_wider(kind, &site, &both).await;
    let (identity, keys) = (by_identity(&both, &site), by_keys(&both));
    let (identity_gate, keys_gate) = (gate(&kind.arn(), &identity), gate(&kind.arn(), &keys));
    let stranger = gate("arn:aws:iam::111122223333:role/secret-store/Stranger", &keys);
    for mutant in &wider {
        assert!(!allows(&identity_gate, &mutant.asked), "{kind:?}: the identity's policy allows {mutant:?}");
        if mutant.asked.action.starts_with("kms:") {
            assert!(!allows(&keys_gate, &mutant.asked), "{kind:?}: a key policy allows {mutant:?}");
        }
    }
    for asked in asked.iter().filter(|asked| asked.action.starts_with("kms:")) {
        assert!(!allows(&stranger, asked), "{kind:?}: a key policy lets a stranger {asked:?}");
    }

    let of_keys = asked.iter().filter(|asked| asked.action.starts_with("kms:")).cloned().collect::<Vec<_>>();
    let mut needed = BTreeSet::new();
    for (sid, key, less) in without_conditions(&identity, &Document::Identity, |_| true) {
        let open = gate(&kind.arn(), &less);
        let passed = wider.iter().find(|mutant| allows(&open, &mutant.asked));
        let passed = passed.unwrap_or_else(|| panic!("{kind:?}: {sid} needs no condition on {key}"));
        needed.insert(passed.change);
    }
    for document in keys.documents().into_iter().filter(|document| *document != Document::Identity) {
        for (sid, key, less) in without_conditions(&keys, &document, |statement| kind.has(statement)) {
            let (open, stranger) =
                (gate(&kind.arn(), &less), gate("arn:aws:iam::111122223333:role/secret-store/Stranger", &less));
            let passed = wider.iter().any(|mutant| allows(&open, &mutant.asked));
            let passed = passed || of_keys.iter().any(|asked| allows(&stranger, asked));
            assert!(passed, "{kind:?}: {sid} of {document:?} needs no condition on {key}");
        }
    }
    assert!(needed.contains("no partition"), "{kind:?}: {needed:?}");
}

/// The grants without one condition: statement, context key, and what is left.
fn without_conditions(
    grants: &Grants,
    document: &Document,
    is_of: impl Fn(&Value) -> bool,
) -> Vec<(String, String, Grants)> {
    let mut all = Vec::new();
    let statements = grants.document(document)["Statement"].as_array().expect("statements");
    for (number, statement) in statements.iter().enumerate().filter(|(_, statement)| is_of(statement)) {
        for (operator, keys) in statement["Condition"].as_object().into_iter().flatten() {
            for key in keys.as_object().expect("context keys").keys() {
                let mut less = grants.clone();
                let keys = &mut less.document_mut(document)["Statement"][number]["Condition"][operator];
                keys.as_object_mut().expect("context keys").remove(key);
                let sid = statement["Sid"].as_str().expect("a Sid").to_owned();
                all.push((sid, format!("{operator} {key}"), less));
            }
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reader() {
    nothing_wider_passes(Kind::Reader).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writer() {
    nothing_wider_passes(Kind::Writer).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotator() {
    nothing_wider_passes(Kind::Rotator).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotator_of_master_keys() {
    nothing_wider_passes(Kind::MasterRotator).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rotator_to_another_region() {
    nothing_wider_passes(Kind::FarRotator).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn auditor() {
    nothing_wider_passes(Kind::Auditor).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intake_of_sealed_secrets() {
    nothing_wider_passes(Kind::Intake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn responder() {
    nothing_wider_passes(Kind::Responder).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn marker() {
    nothing_wider_passes(Kind::Marker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sweeper() {
    nothing_wider_passes(Kind::Sweeper).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intake_of_credentials() {
    nothing_wider_passes(Kind::CredentialIntake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn intake_that_opens_credentials() {
    nothing_wider_passes(Kind::OpeningIntake).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn user_of_credentials() {
    nothing_wider_passes(Kind::CredentialUser).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keeper_of_credential_keys() {
    nothing_wider_passes(Kind::CredentialKeeper).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mover_to_blind_names() {
    nothing_wider_passes(Kind::Mover).await;
}
