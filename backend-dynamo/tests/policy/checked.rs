//! The check of a role, under the policies that are generated for it: ready, and of another application not.

use secret_store_core::{MasterKeyId, StoreId};
use secret_store_dynamo::KmsKeyProvider;
use secret_store_dynamo::check::RoleCheck;

use crate::roles::{Kind, blind_grants, grants_after_migration};
use crate::site::{OTHER, SEALING, SHOP, STORE, Site, blinding_key, name};

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
        Kind::Intake => {
            let intake = RoleCheck::intake(store, application, name(SEALING)).with_keys(keys);
            intake.with_master_key(id(main)).with_opening().with_pruning()
        }
        Kind::Responder => {
            let responder = RoleCheck::responder(store, application, name(SEALING));
            responder.with_keys(keys).with_master_key(id(main))
        }
        Kind::Marker => RoleCheck::marker(store, application),
        Kind::Sweeper => RoleCheck::sweeper(store, application),
        Kind::CredentialIntake => RoleCheck::credential_intake(store, application),
        Kind::OpeningIntake => {
            let intake = RoleCheck::credential_intake(store, application).with_opening();
            intake.with_keys(keys).with_master_key(id(main))
        }
        Kind::CredentialUser => {
            let user = RoleCheck::credential_user(store, application).with_removals();
            user.with_keys(keys).with_master_key(id(main))
        }
        Kind::CredentialKeeper => {
            let keeper = RoleCheck::credential_keeper(store, application).with_key_rotation();
            keeper.with_keys(keys).with_master_key(id(main))
        }
        Kind::Rotator | Kind::MasterRotator | Kind::FarRotator | Kind::Mover => {
            let rotator = RoleCheck::rotator(store, application).with_keys(keys.key(target));
            rotator.with_master_key(id(main)).with_target_key(id(target))
        }
    }
}

#[tokio::test]
async fn every_role_is_found_ready_under_its_policies_and_for_no_other_application() {
    let unchecked = [Kind::FarRotator, Kind::Mover];
    for kind in Kind::ALL.into_iter().filter(|kind| !unchecked.contains(kind)) {
        let site = Site::new(&kind.arn()).await;
        site.describe_backups();
        site.grant(&grants_after_migration(kind, &site.keys));
        let checked = |application| {
            let role = check_of(kind, &site, application);
            // The plain rotator's programs keep no audit log.
            if kind == Kind::MasterRotator { role } else { role.with_audit_log() }
        };
        let report = checked(SHOP).check(&site.table()).await;
        assert!(report.is_ok(), "{kind:?}: {report}");
        let report = checked(OTHER).check(&site.table()).await;
        assert!(!report.is_ok(), "{kind:?}: {report}");
    }
}

/// Nothing is left behind by the checks of the roles that are tried on partitions of the layers above the store.
#[tokio::test]
async fn under_hidden_names_the_roles_are_found_ready_by_hashes() {
    use secret_store_core::{BlindNames, Blinding, Persistence};
    for kind in [Kind::Reader, Kind::Writer, Kind::Intake, Kind::Responder, Kind::CredentialIntake, Kind::Sweeper] {
        let blinding = Blinding::new(&blinding_key());
        let site = Site::blind(&kind.arn(), blinding.clone()).await;
        site.grant(&blind_grants(kind, &site.keys, |scope| scope.with_blinding_key(&blinding_key())));
        let checked = |application| check_of(kind, &site, application).with_audit_log();
        let report = checked(SHOP).with_blinding_key(&blinding_key()).check(&site.table()).await;
        assert!(report.is_ok(), "{kind:?}: {report}");
        let in_clear = checked(SHOP).check(&site.table()).await;
        assert!(!in_clear.is_ok(), "{kind:?}: {in_clear}");
        let other = checked(OTHER).with_blinding_key(&blinding_key()).check(&site.table()).await;
        assert!(!other.is_ok(), "{kind:?}: {other}");
        // Only the mark is there.
        let items = site.dynamodb.client().scan().table_name(crate::site::TABLE).send().await.expect("a scan").items;
        assert_eq!(items.map_or(0, |items| items.len()), 1, "{kind:?}");
        let records = BlindNames::unchecked(std::sync::Arc::new(site.admin_table()), blinding);
        let query = secret_store_core::ListQuery::new(format!("~n~{SHOP}"));
        assert!(records.list(&query).await.expect("a list").items.is_empty());
    }
}
