//! Rotators: both run the whole plan, each step until it is done, whoever did it.

use std::num::NonZeroUsize;

use secret_store_core::rotation::{JobState, RotationOptions};
use secret_store_core::{Clock, ErrorKind, Result};

use super::invariants::now;
use super::plan::{Step, tenant};
use super::process::Process;

/// A rotation that failed so often has no end.
const MOST_RUNS: usize = 60;

pub(crate) async fn run(process: Process) {
    let world = &process.world;
    let pause = world.draw(|chance| chance.seconds(60));
    world.clock.sleep(pause).await;
    for (number, step) in world.plan.steps.iter().enumerate() {
        for runs in 0.. {
            if is_over(&process, number, step) {
                break;
            }
            if runs == MOST_RUNS {
                return world.violate(|| format!("process {} does not get to the end of {step:?}", process.id));
            }
            world.tell(|| format!("process {} begins {step:?}", process.id));
            match rotate(&process, step).await {
                Ok(Ok(changed)) => {
                    world.tell(|| format!("process {} has ended {step:?}: {changed} changed", process.id));
                    world.state().completed[number] = true;
                }
                Ok(Err(report)) => return world.violate(|| format!("{step:?} ended unfinished: {report}")),
                Err(error) => {
                    world.tell(|| format!("process {} fails in {step:?}: {:?} {error}", process.id, error.kind()));
                    let passes =
                        [ErrorKind::Conflict, ErrorKind::Contention, ErrorKind::Unavailable, ErrorKind::Throttled];
                    // The other is further on: the target was itself replaced meanwhile.
                    let is_behind = world.state().completed[number] && error.kind() == ErrorKind::InvalidInput;
                    if !is_behind && !passes.contains(&error.kind()) {
                        return world.violate(|| format!("process {} fails in {step:?}: {error}", process.id));
                    }
                }
            }
            let pause = world.draw(|chance| chance.seconds(80));
            world.clock.sleep(pause).await;
        }
    }
}

/// Whether a step was reported complete, and nobody is at it again.
fn is_over(process: &Process, number: usize, step: &Step) -> bool {
    let world = &process.world;
    let job = now(world.observer().store.rotator().job(&world.plan.application())).ok().flatten();
    let is_at_rest = job.is_none_or(|job| job.state == JobState::Finished || !step.is_of(&job.target));
    world.state().completed[number] && is_at_rest
}

/// Answers how many records were changed, or a report that says it is not complete.
async fn rotate(process: &Process, step: &Step) -> Result<std::result::Result<u64, String>> {
    let world = &process.world;
    let (page, concurrency) = world.draw(|chance| (1 + chance.below(3), 1 + chance.below(3)));
    let number = |number| NonZeroUsize::new(number).expect("not zero");
    let options = RotationOptions::default().with_page(number(page)).with_concurrency(number(concurrency));
    let rotator = process.store.rotator();
    let keys = || process.tenant_keys.as_ref().expect("a plan of a tenant has its keys");
    let rotation = match step {
        Step::Master { from, to } => rotator.rotate_master_key(from, to),
        Step::Documents(id) => rotator.rotate_document_keys(*id),
        Step::Tenant { from } => rotator.rotate_tenant_key(keys(), &tenant(), *from),
        Step::TenantTier { from, to } => {
            let report = rotator.rotate_master_key_of_tenants(keys(), from, to).tenants([tenant()]).run().await?;
            return Ok(if report.is_complete() { Ok(report.changed) } else { Err(format!("{report:?}")) });
        }
    };
    let report = rotation.application(&world.plan.application()).with_options(options).run().await?;
    Ok(if report.is_complete() { Ok(report.changed()) } else { Err(format!("{report:?}")) })
}
