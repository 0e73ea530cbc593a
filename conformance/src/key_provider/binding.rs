//! A wrapped key unwraps under exactly the context it was wrapped under.

use secret_store_core::EncryptionContext;

use super::fixture::{Fixture, context, usual};
use crate::case::{Stop, Verdict, cases};

cases!(Fixture; "binding":
    the_store_is_bound,
    the_application_is_bound,
    the_name_is_bound,
    the_version_is_bound,
    moved_boundaries_are_another_context,
    exchanged_fields_are_another_context,
    case_and_normalisation_are_bound,
    a_wrapped_foreign_key_is_bound_too,
);

/// Wraps under the first context, and demands that none of the others opens it.
async fn opens_under_no_other(
    fixture: &Fixture,
    own: &EncryptionContext,
    others: &[EncryptionContext],
) -> Result<(), Stop> {
    let (key, wrapped) = fixture.generated(own).await?;
    for other in others {
        fixture.refuses(&wrapped, other, &format!("a key of {own:?} under {other:?}")).await?;
    }
    fixture.opens(&wrapped, own, &key, "under its own context").await
}

async fn the_store_is_bound(fixture: Fixture) -> Verdict {
    let others = ["conformancE", "conformance ", "conformanc", "x"]
        .map(|store| context(store, "App.Test", "database/password", 7));
    opens_under_no_other(&fixture, &usual(), &others).await
}

async fn the_application_is_bound(fixture: Fixture) -> Verdict {
    let others = ["App.Prod", "App.Tes", "App.Test.", "app.test"]
        .map(|application| context("conformance", application, "database/password", 7));
    opens_under_no_other(&fixture, &usual(), &others).await
}

async fn the_name_is_bound(fixture: Fixture) -> Verdict {
    let others = ["database/passwor", "database/password2", "database", "password"]
        .map(|name| context("conformance", "App.Test", name, 7));
    opens_under_no_other(&fixture, &usual(), &others).await
}

async fn the_version_is_bound(fixture: Fixture) -> Verdict {
    let others = [1, 6, 8, 70, 77, 7 << 8, 7 << 56, (1 << 32) + 7]
        .map(|version| context("conformance", "App.Test", "database/password", version));
    opens_under_no_other(&fixture, &usual(), &others).await
}

/// All of these are one text when their fields are joined.
async fn moved_boundaries_are_another_context(fixture: Fixture) -> Verdict {
    let all = [
        ("ab", "cd", "ef"),
        ("a", "bcd", "ef"),
        ("abc", "d", "ef"),
        ("ab", "c", "def"),
        ("ab", "cde", "f"),
        ("abcd", "e", "f"),
    ];
    let [own, others @ ..] = all.map(|(store, application, name)| context(store, application, name, 1));
    opens_under_no_other(&fixture, &own, &others).await?;
    // The version as text at the end of the name.
    opens_under_no_other(
        &fixture,
        &context("s", "a", "n1", 1),
        &[context("s", "a", "n", 11), context("s", "a", "n11", 1)],
    )
    .await
}

async fn exchanged_fields_are_another_context(fixture: Fixture) -> Verdict {
    let all = [("x", "y", "z"), ("y", "x", "z"), ("z", "y", "x"), ("x", "z", "y"), ("x", "x", "z"), ("x", "y", "y")];
    let [own, others @ ..] = all.map(|(store, application, name)| context(store, application, name, 1));
    opens_under_no_other(&fixture, &own, &others).await
}

async fn case_and_normalisation_are_bound(fixture: Fixture) -> Verdict {
    let others = ["e\u{301}", "É", "e"].map(|name| context("s", "a", name, 1));
    opens_under_no_other(&fixture, &context("s", "a", "é", 1), &others).await
}

async fn a_wrapped_foreign_key_is_bound_too(fixture: Fixture) -> Verdict {
    let (key, _) = fixture.generated(&usual()).await?;
    let other = context("conformance", "App.Test", "database/password", 8);
    let wrapped = fixture.provider().wrap_key(&fixture.master, &key, &other).await?;
    fixture.refuses(&wrapped, &usual(), "a key wrapped for version 8 under version 7").await?;
    fixture.opens(&wrapped, &other, &key, "a key wrapped for version 8").await
}
