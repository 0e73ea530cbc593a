//! Who administers a key.

use secret_store_dynamo::policy::KeyPolicy;
use secret_store_dynamo_emulator::{ACCOUNT, Asked, PolicyGate};

use crate::grants::canonical;
use crate::mutants::everything;
use crate::roles::{self, ADMINISTRATOR, Kind};
use crate::site::Keys;

const USES: [&str; 6] = ["Decrypt", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo", "CreateGrant"];
const MANAGEMENT: [&str; 6] =
    ["PutKeyPolicy", "ScheduleKeyDeletion", "DisableKey", "RotateKeyOnDemand", "ListGrants", "CreateAlias"];

fn keys() -> Keys {
    let key =
        |number: u8| format!("arn:aws:kms:eu-central-1:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-12345678900{number}");
    Keys { main: key(1), recovery: key(2), target: key(3), far: key(4), foreign: key(5) }
}

/// What a caller may do with the main key who has every right at KMS by IAM.
fn allowed(caller: &str, policy: &KeyPolicy, actions: &[&'static str]) -> Vec<&'static str> {
    let (keys, gate) = (keys(), PolicyGate::new(caller));
    gate.set_policies(&[&everything("kms").to_string()]).expect("a policy the evaluator knows");
    let policy = canonical(&policy.policy().expect("a policy"));
    gate.set_key_policy(&keys.main, &policy.to_string()).expect("a key policy the evaluator knows");
    let may = |action: &&str| gate.decide(Asked::new(format!("kms:{action}"), &keys.main)).is_allowed();
    actions.iter().copied().filter(may).collect()
}

fn policy() -> KeyPolicy {
    let reader = roles::reader(roles::migrated(roles::scope(&keys())));
    KeyPolicy::new(&keys().main).with_role([Kind::Reader.arn()], &reader)
}

#[test]
fn administrators_manage_the_key_and_nobody_else_does() {
    let policy = policy().with_administrator(ADMINISTRATOR);
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    for administrator in [ADMINISTRATOR, &root] {
        assert_eq!(allowed(administrator, &policy, &MANAGEMENT), MANAGEMENT, "{administrator}");
        assert_eq!(allowed(administrator, &policy, &USES), [""; 0], "{administrator}");
    }
    for other in [&Kind::Reader.arn(), "arn:aws:iam::111122223333:role/Other", "arn:aws:iam::444455556666:root"] {
        assert_eq!(allowed(other, &policy, &MANAGEMENT), [""; 0], "{other}");
    }
}

#[test]
fn without_administrators_the_iam_policies_of_the_account_decide() {
    let policy = policy();
    assert_eq!(allowed("arn:aws:iam::111122223333:role/Other", &policy, &MANAGEMENT), MANAGEMENT);
    assert_eq!(allowed("arn:aws:iam::111122223333:role/Other", &policy, &USES), [""; 0]);
    assert_eq!(allowed("arn:aws:iam::444455556666:role/Other", &policy, &MANAGEMENT), [""; 0]);
}
