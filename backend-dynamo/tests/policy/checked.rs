//! The check of a role, under the policies that are generated for it: ready, and of another application not.

use secret_store_core::{MasterKeyId, StoreId};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo::check::RoleCheck;

use crate::roles::{Kind, grants_after_migration};
use crate::site::{OTHER, SHOP, STORE, Site, name};

fn id(arn: &str) -> MasterKeyId {
    MasterKeyId::new(arn).expect("valid")
}

fn check_of(kind: Kind, site: &Site, application: &str) -> RoleCheck {
    let (store, application) = (StoreId::new(STORE).expect("valid"), name(application));
    let (main, target) = (&site.keys.main, &site.keys.target);
    let keys = KmsKeyProvider::builder(site.kms_client()).key(main);
    match kind {
        Kind::Reader => RoleCheck::reader(store, application).with_keys(keys).with_master_key(id(main)).with_history(),
        Kind::Writer => {
            let writer = RoleCheck::writer(store, application).with_keys(keys).with_master_key(id(main));
            writer.with_deletes().with_pruning()
        }
        Kind::Auditor => RoleCheck::auditor(store, application),
        _ => {
            let rotator = RoleCheck::rotator(store, application).with_keys(keys.key(target));
            rotator.with_master_key(id(main)).with_target_key(id(target))
        }
    }
}

#[tokio::test]
async fn every_role_is_found_ready_under_its_policies_and_for_no_other_application() {
    for kind in [Kind::Reader, Kind::Writer, Kind::MasterRotator, Kind::Rotator, Kind::Auditor] {
        let site = Site::new(&kind.arn()).await;
        site.describe_backups();
        site.grant(&grants_after_migration(kind, &site.keys));
        let checked = |application| {
            let role = check_of(kind, &site, application);
            // The plain rotator's programs keep no audit log.
            if kind == Kind::MasterRotator { role } else { role.with_audit_log() }
        };
        let report = checked(SHOP).check(&site.records()).await;
        assert!(report.is_ok(), "{kind:?}: {report}");
        let report = checked(OTHER).check(&site.records()).await;
        assert!(!report.is_ok(), "{kind:?}: {report}");
    }
}
