//! Calls at once do not get in each other's way.

use futures::FutureExt;

use super::fixture::{Fixture, context};
use crate::case::{Stop, Verdict, cases};

cases!(Fixture; "concurrency":
    calls_at_once_answer_each_their_own,
    dropped_calls_leave_the_provider_usable,
);

async fn calls_at_once_answer_each_their_own(fixture: Fixture) -> Verdict {
    let rounds = fixture.options.rounds;
    let tasks = (0..fixture.options.tasks).map(|number| {
        let (provider, master) = (fixture.provider(), fixture.master.clone());
        async move {
            for round in 0..rounds {
                let context = context("conformance", &format!("App.{number}"), "name", round as u64 + 1);
                let generated = provider.generate_key(&master, &context).await?;
                let opened = provider.unwrap_key(&generated.wrapped, &context).await?;
                if opened.expose_secret() != generated.document_key.expose_secret() {
                    return Err(Stop::failed(format!("task {number} was answered another's key in round {round}")));
                }
            }
            Ok(())
        }
        .boxed()
    });
    fixture.options.at_once(tasks).await.map(drop)
}

async fn dropped_calls_leave_the_provider_usable(fixture: Fixture) -> Verdict {
    let context = super::fixture::usual();
    let (key, wrapped) = fixture.generated(&context).await?;
    let provider = fixture.provider();
    for _ in 0..4 {
        drop(provider.generate_key(&fixture.master, &context).now_or_never());
        drop(provider.wrap_key(&fixture.master, &key, &context).now_or_never());
        drop(provider.unwrap_key(&wrapped, &context).now_or_never());
    }
    fixture.opens(&wrapped, &context, &key, "after dropped calls").await
}
