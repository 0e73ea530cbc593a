//! Requests that are a little wider than those of the flows.

use std::collections::BTreeMap;

use secret_store_dynamo_emulator::{ACCOUNT, Asked, Decision};
use serde_json::{Value, json};

use crate::flows;
use crate::roles::{Kind, grants};
use crate::site::{OTHER, Site};

const LEADING_KEYS: &str = "dynamodb:LeadingKeys";
const CONTEXT: &str = "kms:encryptioncontext:";

/// One request that asks for more than a flow did.
#[derive(Clone, Debug)]
pub(crate) struct Mutant {
    /// What is wider about it.
    pub(crate) change: &'static str,
    pub(crate) asked: Asked,
}

/// Everything that the flows of a role ask for, once each: the part of a context that differs from request to request is left as
/// it comes first.
pub(crate) async fn requests(kind: Kind, site: &Site) -> Vec<Asked> {
    site.grant(&grants(kind, &site.keys));
    let mut all: BTreeMap<String, Asked> = BTreeMap::new();
    for flow in flows::of(kind) {
        let ended = flow.run(site).await;
        assert!(ended.is_success(), "{kind:?}: {}: {:?}", flow.name, ended.outcome);
        for Decision { asked, .. } in ended.decisions {
            let mut alike = asked.keys.clone();
            alike.retain(|name, version| {
                !name.ends_with("ss:name") && (!name.ends_with("ss:version") || version.iter().any(|one| one == "0"))
            });
            all.entry(format!("{} {} {alike:?}", asked.action, asked.resource)).or_insert(asked);
        }
    }
    all.into_values().collect()
}

/// All changes of a request, each by itself.
pub(crate) fn mutants(kind: Kind, asked: &Asked, site: &Site) -> Vec<Mutant> {
    let mut all = Vec::new();
    if asked.action.starts_with("dynamodb:") {
        of_table(kind, asked, &mut all);
    } else {
        of_key(asked, site, &mut all);
        of_trial(kind, asked, &mut all);
    }
    all
}

fn changed(asked: &Asked, change: &'static str, edit: impl FnOnce(&mut Asked)) -> Mutant {
    let mut asked = asked.clone();
    edit(&mut asked);
    Mutant { change, asked }
}

fn of_table(kind: Kind, asked: &Asked, all: &mut Vec<Mutant>) {
    let resource = |from: &str, to: &str| asked.resource.replace(from, to);
    all.push(changed(asked, "another table", |asked| asked.resource = resource("table/Secrets", "table/Others")));
    all.push(changed(asked, "a longer table name", |asked| asked.resource += "-2"));
    all.push(changed(asked, "another account", |asked| asked.resource = resource(ACCOUNT, "444455556666")));
    all.push(changed(asked, "another region", |asked| asked.resource = resource("eu-central-1", "us-east-1")));
    for action in
        ["Scan", "UpdateItem", "BatchWriteItem", "PartiQLSelect", "PartiQLUpdate", "DeleteTable", "UpdateTable"]
    {
        all.push(changed(asked, "another action", |asked| asked.action = format!("dynamodb:{action}")));
    }
    let partitions = asked.values(LEADING_KEYS).to_vec();
    if partitions.is_empty() {
        return;
    }
    let with = |partitions: Vec<String>| {
        move |asked: &mut Asked| {
            asked.keys.insert(LEADING_KEYS.to_ascii_lowercase(), partitions);
        }
    };
    for (change, partition) in [
        ("the partition of another application", OTHER.to_owned()),
        ("the history of another application", format!("~h~{OTHER}")),
        ("the settings of another application", format!("~s~{OTHER}")),
        ("the audit log of another application", format!("~a0~{OTHER}")),
        ("the keys of another tenant", "~k~other".to_owned()),
        ("the marks of another application", format!("~n~{OTHER}")),
        ("the credentials of another application", format!("~c~{OTHER}")),
        ("the mark of blind names", "~b".to_owned()),
        ("a partition that begins alike", format!("{}2", partitions[0])),
        ("a partition that is a pattern", "*".to_owned()),
    ] {
        // There its own right is to this one.
        if kind == Kind::Mover && partition == "~b" {
            continue;
        }
        all.push(changed(asked, change, with(vec![partition.clone()])));
        let besides = partitions.iter().cloned().chain([partition]).collect();
        all.push(changed(asked, "another partition besides", with(besides)));
    }
    let no_partition = |asked: &mut Asked| drop(asked.keys.remove(&LEADING_KEYS.to_ascii_lowercase()));
    all.push(changed(asked, "no partition", no_partition));
}

fn of_key(asked: &Asked, site: &Site, all: &mut Vec<Mutant>) {
    all.push(changed(asked, "another key", |asked| asked.resource.clone_from(&site.keys.foreign)));
    for action in ["Sign", "CreateGrant", "PutKeyPolicy", "DisableKey", "ScheduleKeyDeletion", "GenerateDataKeyPair"] {
        all.push(changed(asked, "another action", |asked| asked.action = format!("kms:{action}")));
    }
    let pairs: Vec<_> = asked.keys.keys().filter(|name| name.starts_with(CONTEXT)).cloned().collect();
    if pairs.is_empty() {
        return;
    }
    for (change, pair) in [
        ("another store", "ss:store"),
        ("another application", "ss:application"),
        ("another tenant", "ss:tenant"),
        ("another purpose", "ss:purpose"),
    ] {
        let name = format!("{CONTEXT}{pair}");
        if pairs.contains(&name) {
            let other = |asked: &mut Asked| drop(asked.keys.insert(name.clone(), vec!["7".to_owned()]));
            all.push(changed(asked, change, other));
            all.push(changed(asked, "a context without a pair", |asked| drop(asked.keys.remove(&name))));
        }
    }
    let nothing = |asked: &mut Asked| asked.keys.retain(|name, _| !name.starts_with("kms:encryptioncontext"));
    all.push(changed(asked, "no context", nothing));
}

/// A trial of a target is for version 0, which no version of a secret has, and nothing can be moved there.
fn of_trial(kind: Kind, asked: &Asked, all: &mut Vec<Mutant>) {
    // It opens nothing, of whatever version.
    if kind == Kind::Mover {
        return;
    }
    // The others may make and open document keys of every version.
    let is_bound = matches!(kind, Kind::MasterRotator | Kind::FarRotator);
    let version = format!("{CONTEXT}ss:version");
    let other = match (&*asked.action, asked.values(&version)) {
        (_, [version]) if version == "0" && is_bound => "1",
        ("kms:ReEncryptTo", [_]) if !asked.values(&format!("{CONTEXT}ss:application")).is_empty() => "0",
        _ => return,
    };
    all.push(changed(asked, "a trial", |asked| drop(asked.keys.insert(version, vec![other.to_owned()]))));
}

/// A policy that allows everything of a service.
pub(crate) fn everything(service: &str) -> Value {
    json!({ "Version": "2012-10-17", "Statement": [
        { "Sid": "Everything", "Effect": "Allow", "Action": [format!("{service}:*")], "Resource": ["*"] },
    ] })
}

/// A key policy that leaves everything to the IAM policies of the account: what a key has that was made without one.
pub(crate) fn default_key_policy() -> Value {
    json!({ "Version": "2012-10-17", "Statement": [{
        "Sid": "Account", "Effect": "Allow", "Action": ["kms:*"], "Resource": ["*"],
        "Principal": { "AWS": [format!("arn:aws:iam::{ACCOUNT}:root")] },
    }] })
}
