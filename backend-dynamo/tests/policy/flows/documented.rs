//! Requests that the design gives a role, sent here by themselves: the layers that will send them do not exist yet.

use secret_store_core::{Consistency, Persistence, Precondition, Result, Write};

use crate::site::{APPLICATIONS, Site, TENANT, USERS, record};

fn history(application: &str) -> String {
    format!("~h~{application}")
}

fn settings(application: &str) -> String {
    format!("~s~{application}")
}

fn tenant_keys() -> String {
    format!("~k~{TENANT}")
}

async fn load_several(site: &Site, partitions: &[&str]) -> Result<()> {
    let keys: Vec<_> = partitions.iter().map(|partition| site.fresh_key(partition)).collect();
    site.records().load_many(&keys, Consistency::Strong).await.map(drop)
}

/// A record that is new.
fn create(site: &Site, partition: &str) -> Write {
    Write::put(site.fresh_key(partition), record("new"), Precondition::Absent)
}

/// A record that is read and put on its revision.
async fn rewrite(site: &Site, partition: &str) -> Result<()> {
    let write = create(site, partition);
    let key = write.key().clone();
    site.admin_records().commit(vec![write]).await.expect("a record");
    let found = site.records().load(&key, Consistency::Strong).await?.expect("there");
    let put = Write::put(key, record("rewritten"), Precondition::Revision(found.revision));
    site.records().commit(vec![put]).await.map(drop)
}

pub(super) async fn read_several(site: &Site) -> Result<()> {
    for application in APPLICATIONS {
        load_several(site, &[application, &history(application), &settings(application), &tenant_keys()]).await?;
    }
    Ok(())
}

/// A rotation of the tenant's keys moves these, and keeps its job.
pub(super) async fn rewrite_tenant_records(site: &Site) -> Result<()> {
    for partition in [USERS, &history(USERS), &settings(USERS), &tenant_keys()] {
        rewrite(site, partition).await?;
    }
    site.forget_tenant().await;
    Ok(())
}

pub(super) async fn check_number(site: &Site) -> Result<()> {
    for application in APPLICATIONS {
        let check = Write::check(site.fresh_key(&history(application)), Precondition::Absent);
        site.records().commit(vec![create(site, application), check]).await?;
    }
    Ok(())
}
