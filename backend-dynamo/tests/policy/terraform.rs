//! The Terraform modules make the same policies as the generator: they are evaluated here, over every combination of options that
//! matters. Terraform itself is not needed.

mod format;
mod functions;
mod module;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use hcl::Value;
use secret_store_core::{ApplicationName, Result, StoreId, TenantId};
use secret_store_dynamo::policy::{
    Auditor, CredentialIntake, CredentialKeeper, CredentialUser, Intake, KeyPolicy, Marker, Policy, Reader, Responder,
    Role, Rotator, Scope, Sweeper, Writer,
};
use serde_json::json;

use crate::grants::{canonical, canonical_json};
use module::Module;

const TABLE: &str = "arn:aws:dynamodb:eu-central-1:111122223333:table/Secrets";
const KEYS: [&str; 2] =
    ["arn:aws:kms:eu-central-1:111122223333:key/main", "arn:aws:kms:eu-central-1:111122223333:key/mrk-2"];
const RECOVERY: &str = "arn:aws:kms:us-east-1:111122223333:key/recovery";
const TARGET: &str = "arn:aws:kms:eu-central-1:111122223333:key/target";
const ROLES: [&str; 11] = [
    "reader",
    "writer",
    "rotator",
    "auditor",
    "intake",
    "responder",
    "marker",
    "sweeper",
    "credential_intake",
    "credential_user",
    "credential_keeper",
];
/// Those that need no master key.
const KEYLESS: [&str; 4] = ["auditor", "marker", "sweeper", "credential_intake"];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("terraform").join(name)
}

/// One choice of everything that may be chosen.
#[derive(Clone, Debug)]
struct Choice {
    role: &'static str,
    store: String,
    table: String,
    keys: Vec<String>,
    recovery: Vec<String>,
    targets: Vec<String>,
    applications: Vec<String>,
    tenants: Vec<(String, Vec<String>)>,
    organisation_keys: String,
    /// Options of the scope and of the role, by the names of the module's variables.
    options: Vec<&'static str>,
}

impl Choice {
    fn new(role: &'static str) -> Self {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Self {
            role,
            store: "prod".to_owned(),
            table: TABLE.to_owned(),
            keys: texts(&KEYS),
            recovery: Vec::new(),
            targets: Vec::new(),
            applications: texts(&["Pay", "A&B <é>"]),
            tenants: Vec::new(),
            organisation_keys: "Sealing".to_owned(),
            options: Vec::new(),
        }
    }

    fn has(&self, option: &str) -> bool {
        self.options.contains(&option)
    }

    /// What the module is given.
    fn variables(&self) -> Vec<(&'static str, Value)> {
        let list = |texts: &[String]| Value::from_iter(texts.iter().cloned());
        let tenants = self.tenants.iter().map(|(tenant, applications)| (tenant.clone(), list(applications)));
        let mut all = vec![
            ("role", Value::from(self.role)),
            ("store", Value::from(self.store.clone())),
            ("table_arn", Value::from(self.table.clone())),
            ("key_arns", list(&self.keys)),
            ("recovery_key_arns", list(&self.recovery)),
            ("target_key_arns", list(&self.targets)),
            ("applications", list(&self.applications)),
            ("tenants", Value::Object(tenants.collect())),
            ("organisation_keys", Value::from(self.organisation_keys.clone())),
        ];
        all.extend(self.options.iter().map(|option| (*option, Value::from(true))));
        all
    }

    fn scope(&self) -> Scope {
        let mut scope = Scope::new(StoreId::new(self.store.as_str()).expect("valid"), &self.table);
        for key in &self.keys {
            scope = scope.with_key(key);
        }
        for key in &self.recovery {
            scope = scope.with_recovery_key(key);
        }
        let name = |name: &String| ApplicationName::new(name.as_str()).expect("valid");
        for application in &self.applications {
            scope = scope.with_application(name(application));
        }
        for (tenant, applications) in &self.tenants {
            let tenant = TenantId::new(tenant.as_str()).expect("valid");
            scope = scope.with_tenant(tenant, applications.iter().map(name));
        }
        let scope = if self.has("format_0") { scope.with_format_0() } else { scope };
        let scope = if self.has("batches") { scope.with_batches() } else { scope };
        let scope = if self.has("key_lookup") { scope.with_key_lookup() } else { scope };
        let scope = if self.has("table_checks") { scope.with_table_checks() } else { scope };
        if self.has("audit_log") { scope.with_audit_log() } else { scope }
    }

    fn reader(&self) -> Reader {
        let reader = Reader::new(self.scope());
        if self.has("history") { reader.with_history() } else { reader }
    }

    fn writer(&self) -> Writer {
        let writer = Writer::new(self.scope());
        let writer = if self.has("deletes") { writer.with_deletes() } else { writer };
        if self.has("pruning") { writer.with_pruning() } else { writer }
    }

    fn rotator(&self) -> Rotator {
        let rotator = self.targets.iter().fold(Rotator::new(self.scope()), |rotator, key| rotator.with_target_key(key));
        let rotator = if self.has("other_region") { rotator.with_other_region() } else { rotator };
        let rotator = if self.has("document_rotation") { rotator.with_document_rotation() } else { rotator };
        let rotator = if self.has("tenant_rotation") { rotator.with_tenant_rotation() } else { rotator };
        if self.has("migration") { rotator.with_migration() } else { rotator }
    }

    fn organisation_keys(&self) -> ApplicationName {
        ApplicationName::new(self.organisation_keys.as_str()).expect("valid")
    }

    fn intake(&self) -> Intake {
        let intake = Intake::new(self.scope(), self.organisation_keys());
        let intake = if self.has("expected_versions") { intake.with_expected_versions() } else { intake };
        if self.has("pruning") { intake.with_pruning() } else { intake }
    }

    fn credential_intake(&self) -> CredentialIntake {
        let intake = CredentialIntake::new(self.scope());
        if self.has("opening") { intake.with_opening() } else { intake }
    }

    fn credential_user(&self) -> CredentialUser {
        let user = CredentialUser::new(self.scope());
        if self.has("removals") { user.with_removals() } else { user }
    }

    fn credential_keeper(&self) -> CredentialKeeper {
        let keeper = CredentialKeeper::new(self.scope());
        if self.has("credential_rotation") { keeper.with_rotation() } else { keeper }
    }

    /// What the generator makes of it.
    fn generated(&self) -> Result<Policy> {
        match self.role {
            "reader" => self.reader().policy(),
            "writer" => self.writer().policy(),
            "rotator" => self.rotator().policy(),
            "auditor" => Auditor::new(self.scope()).policy(),
            "intake" => self.intake().policy(),
            "responder" => Responder::new(self.scope(), self.organisation_keys()).policy(),
            "marker" => Marker::new(self.scope()).policy(),
            "sweeper" => Sweeper::new(self.scope()).policy(),
            "credential_intake" => self.credential_intake().policy(),
            "credential_user" => self.credential_user().policy(),
            "credential_keeper" => self.credential_keeper().policy(),
            other => panic!("{other} is no role"),
        }
    }

    /// In the policy of a key.
    fn in_key_policy(&self, policy: KeyPolicy, arns: &[&str]) -> KeyPolicy {
        let arns = arns.iter().copied();
        match self.role {
            "reader" => policy.with_role(arns, &self.reader()),
            "writer" => policy.with_role(arns, &self.writer()),
            "rotator" => policy.with_role(arns, &self.rotator()),
            "auditor" => policy.with_role(arns, &Auditor::new(self.scope())),
            "intake" => policy.with_role(arns, &self.intake()),
            "credential_user" => policy.with_role(arns, &self.credential_user()),
            other => panic!("{other} is not in a key policy here"),
        }
    }

    /// The role's name in a key policy.
    fn role_name(&self) -> String {
        self.role.split('_').map(|word| word[..1].to_uppercase() + &word[1..]).collect()
    }
}

/// Both make the same, or both refuse. Answers whether there is a policy.
fn assert_same(module: &Module, choice: &Choice) -> bool {
    let generated = choice.generated();
    let made = module.policy(&choice.variables()).map(canonical_json);
    match (&generated, &made) {
        (Ok(generated), Some(made)) => assert_eq!(*made, canonical(generated), "{choice:?}"),
        (Err(_), None) => return false,
        _ => panic!("{choice:?}: the generator says {generated:?} and the module {made:?}"),
    }
    true
}

/// All subsets of some options.
fn subsets<'a>(options: &'a [&'static str]) -> impl Iterator<Item = Vec<&'static str>> + 'a {
    let is_in = |subset: u32, number: usize| subset & (1 << number) != 0;
    (0..1_u32 << options.len()).map(move |subset| {
        options.iter().enumerate().filter(|(number, _)| is_in(subset, *number)).map(|(_, option)| *option).collect()
    })
}

#[test]
fn every_role_has_the_policy_that_the_generator_makes() {
    let module = Module::read(&folder("role"));
    let (mut same, mut refused) = (0, 0);
    for role in ROLES {
        let own: &[&str] = match role {
            "reader" => &["history"],
            "writer" => &["deletes", "pruning"],
            "rotator" => &["other_region", "document_rotation", "tenant_rotation", "migration"],
            _ => &[],
        };
        // Every option of the scope with none and with all of the role, and every option of the role with the one that it asks for.
        let scope = ["format_0", "batches", "key_lookup", "table_checks", "audit_log"];
        let of_scope = subsets(&scope).flat_map(|options| [options.clone(), [options, own.to_vec()].concat()]);
        let of_role = subsets(own).flat_map(|options| [options.clone(), [options, vec!["format_0"]].concat()]);
        // Each once: a role without options of its own would have them twice.
        for options in of_scope.chain(of_role).collect::<BTreeSet<_>>() {
            for tier in 0..3 {
                let mut choice = Choice { options: options.clone(), ..Choice::new(role) };
                if tier > 0 {
                    choice.tenants = vec![("acme".to_owned(), vec!["Users".to_owned(), "Pay".to_owned()])];
                    choice.targets = vec![TARGET.to_owned()];
                    choice.recovery = vec![RECOVERY.to_owned()];
                }
                if tier == 2 {
                    choice.applications.clear();
                }
                *(if assert_same(&module, &choice) { &mut same } else { &mut refused }) += 1;
            }
        }
    }
    assert!(same > 500 && refused > 10, "{same} the same, {refused} refused");
}

#[test]
fn what_the_generator_refuses_the_module_refuses() {
    let module = Module::read(&folder("role"));
    let mut count = 0;
    for role in ROLES {
        let mut assert_refused = |edit: &dyn Fn(&mut Choice)| {
            let mut choice = Choice { targets: vec![TARGET.to_owned()], ..Choice::new(role) };
            assert!(assert_same(&module, &choice), "{choice:?}");
            edit(&mut choice);
            assert!(!assert_same(&module, &choice), "{choice:?}");
            count += 1;
        };
        for name in ["a*", "a?", "a$b", "\u{100}", "${aws:username}"] {
            assert_refused(&|choice| choice.applications.push(name.to_owned()));
            assert_refused(&|choice| choice.store = name.to_owned());
            assert_refused(&|choice| choice.tenants.push((name.to_owned(), vec!["Users".to_owned()])));
            assert_refused(&|choice| choice.tenants.push(("acme".to_owned(), vec![name.to_owned()])));
        }
        for key in [
            "alias/main",
            "arn:aws:kms:eu-central-1:111122223333:alias/main",
            "arn:aws-cn:kms:cn-north-1:111122223333:key/a",
            "*",
        ] {
            assert_refused(&|choice| choice.keys.push(key.to_owned()));
            assert_refused(&|choice| choice.recovery.push(key.to_owned()));
        }
        for table in [
            "Secrets",
            "*",
            "arn:aws:dynamodb:eu-central-1:111122223333:table/*",
            "arn:aws:dynamodb:eu-central-1:111122223333:table/Secrets/index/a",
        ] {
            assert_refused(&|choice| choice.table = table.to_owned());
        }
        assert_refused(&|choice| choice.applications.clear());
        assert_refused(&|choice| choice.applications.extend((0..300).map(|number| format!("Application-{number}"))));
        if !KEYLESS.contains(&role) {
            assert_refused(&|choice| choice.keys.clear());
        }
        if ["intake", "responder"].contains(&role) {
            assert_refused(&|choice| choice.organisation_keys = "Pay".to_owned());
            assert_refused(&|choice| choice.organisation_keys = "a*".to_owned());
        }
    }
    let opening = Choice { keys: Vec::new(), options: vec!["opening"], ..Choice::new("credential_intake") };
    assert!(!assert_same(&module, &opening));
    assert!(count > 100);
    let without_format_0 = Choice { options: vec!["migration"], ..Choice::new("rotator") };
    assert!(!assert_same(&module, &without_format_0));
    assert!(
        module.policy(&[&Choice::new("reader").variables()[1..], &[("role", Value::from("root"))]].concat()).is_none()
    );
}

const READERS: [&str; 2] = ["arn:aws:iam::111122223333:role/shop", "arn:aws:iam::444455556666:user/a/b"];

/// A key policy by the module and by the generator: for (role, ARNs).
fn assert_same_key_policy(key: &str, administrators: &[&str], roles: &[(&Choice, &[&str])], denied: bool) -> bool {
    let (role_module, module) = (Module::read(&folder("role")), Module::read(&folder("key")));
    let mut generator = KeyPolicy::new(key);
    let mut given = Vec::new();
    for (choice, arns) in roles {
        generator = choice.in_key_policy(generator, arns);
        let policy = role_module.policy(&choice.variables()).expect("a policy").to_string();
        let name = choice.role_name();
        given.push(json!({ "name": name, "arns": arns, "policy": policy }));
    }
    generator = administrators.iter().fold(generator, |policy, arn| policy.with_administrator(*arn));
    let generator = if denied { generator.with_format_0_denied() } else { generator };
    let value = |value: serde_json::Value| serde_json::from_value::<Value>(value).expect("a value");
    let variables = [
        ("key_arn", Value::from(key)),
        ("administrators", value(json!(administrators))),
        ("roles", value(json!(given))),
        ("format_0_denied", Value::from(denied)),
    ];
    match (generator.policy(), module.policy(&variables)) {
        (Ok(generated), Some(made)) => assert_eq!(canonical_json(made), canonical(&generated)),
        (Err(_), None) => return false,
        (generated, made) => panic!("the generator says {generated:?} and the module {made:?}"),
    }
    true
}

#[test]
fn every_key_has_the_policy_that_the_generator_makes() {
    let all = |role| Choice {
        tenants: vec![("acme".to_owned(), vec!["Users".to_owned()])],
        targets: vec![TARGET.to_owned()],
        recovery: vec![RECOVERY.to_owned()],
        options: vec!["format_0", "key_lookup", "batches"],
        ..Choice::new(role)
    };
    let migrated = |role| Choice { options: vec!["key_lookup"], ..all(role) };
    let administrators = ["arn:aws:iam::111122223333:role/Admin"];
    let (reader, writer, rotator) = (all("reader"), all("writer"), all("rotator"));
    let (intake, user) = (all("intake"), all("credential_user"));
    let one = &READERS[..1];
    for key in KEYS {
        for administrators in [&[][..], &administrators] {
            assert!(assert_same_key_policy(key, administrators, &[], true));
            let roles: [(&Choice, &[&str]); 4] = [(&reader, &READERS), (&writer, one), (&reader, one), (&rotator, one)];
            assert!(assert_same_key_policy(key, administrators, &[(&intake, one), (&user, &READERS)], false));
            assert!(assert_same_key_policy(key, administrators, &roles, false));
            let (reader, writer) = (migrated("reader"), migrated("writer"));
            assert!(assert_same_key_policy(key, administrators, &[(&reader, one), (&writer, &READERS)], true));
        }
    }
    assert!(assert_same_key_policy(TARGET, &[], &[(&rotator, one)], false));
    assert!(assert_same_key_policy(RECOVERY, &[], &[(&reader, one), (&writer, one)], false));

    // Format 0 that is denied; no right on the key; nobody who has it; what is no role, and what is no key.
    assert!(!assert_same_key_policy(KEYS[0], &[], &[(&reader, one)], true));
    assert!(!assert_same_key_policy(TARGET, &[], &[(&reader, one)], false));
    assert!(!assert_same_key_policy(KEYS[0], &[], &[(&reader, &[])], false));
    assert!(!assert_same_key_policy(KEYS[0], &[], &[(&reader, &["shop"])], false));
    assert!(!assert_same_key_policy(KEYS[0], &["*"], &[], false));
    assert!(!assert_same_key_policy("alias/main", &[], &[], false));
}

#[test]
fn the_modules_are_in_canonical_format() {
    let mut count = 0;
    for module in ["role", "key"] {
        for file in std::fs::read_dir(folder(module)).expect("a folder") {
            let path = file.expect("a file").path();
            let text = std::fs::read_to_string(&path).expect("a text");

            assert_eq!(format::formatted(&text), text, "{}", path.display());
            count += 1;
        }
    }
    assert_eq!(count, 8);
    let badly = "locals {\n a=[\n1]\n  bc = 1\n  d = 2\n}\n";
    assert_ne!(format::formatted(badly), badly);
}
