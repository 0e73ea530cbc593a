//! Single-use marks.

use secret_store_core::Result;

use super::role::{DELETE, QUERY, Rights, uses_marks, without_keys};
use super::scope::Scope;
use super::statement::Statement;

/// Issues and uses up single-use marks (`Once`, `secret-store-transport`), and nothing else: for a server that takes messages of a
/// channel once, beside the other rights that it has. ([`Intake`](super::Intake) and [`Responder`](super::Responder) have these.)
///
/// It cannot remove a mark. It could overwrite one, as no policy tells a put from another, so that a message would be taken once more
/// within its lifetime.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct Marker {
    scope: Scope,
}

impl Marker {
    /// Of the applications of a scope, which needs no master key.
    pub fn new(scope: Scope) -> Self {
        Self { scope }
    }
}

impl Rights for Marker {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "Marker"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let mut statements: Vec<_> = uses_marks(scope).into_iter().flatten().collect();
        statements.extend(without_keys(scope));
        statements
    }
}

/// Removes marks that are over (`Once::sweep`). It lists and deletes them, and reaches nothing else: run it apart from servers, which
/// then cannot remove a mark before its time.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct Sweeper {
    scope: Scope,
}

impl Sweeper {
    /// Of the applications of a scope, which needs no master key.
    pub fn new(scope: Scope) -> Self {
        Self { scope }
    }
}

impl Rights for Sweeper {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "Sweeper"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let sweep = Statement::items("SweepMarks", scope, &[QUERY, DELETE], &[scope.marks()]);
        let mut statements: Vec<_> = sweep.into_iter().collect();
        statements.extend(without_keys(scope));
        statements
    }
}
