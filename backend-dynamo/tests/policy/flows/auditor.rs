//! Looking at everything but values.

use secret_store_core::Result;
use secret_store_dynamo::KmsKeyProvider;

use super::{Flow, audit, flows, reader};
use crate::site::{ALIAS, Site};

pub(super) fn flows() -> Vec<Flow> {
    flows![
        "list secrets" => reader::list,
        "list earlier versions" => reader::history,
        "look up a key by its alias" => look_up,
        "check the table" => reader::check,
        "verify the audit log" => audit::verify,
    ]
}

pub(super) async fn look_up(site: &Site) -> Result<()> {
    KmsKeyProvider::builder(site.kms_client()).key(ALIAS).build().await.map(drop)
}
