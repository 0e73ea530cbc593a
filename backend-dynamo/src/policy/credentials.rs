//! Client-encrypted credentials.

use secret_store_core::Result;

use super::role::{
    CHECK, PUT, QUERY, Rights, append_audit, common, get, gets, in_order, moves, opens_secrets, reads_secrets,
    without_keys,
};
use super::scope::Scope;
use super::statement::Statement;
use super::writer::{Puts, Writer};

/// The server of a `CredentialIntake` (`secret-store-transport`): it verifies and stores what users' clients encrypted. It has no right
/// on any key, and none on secrets.
///
/// Credentials and the state of the keys that they are under share a partition: a server that was taken over could put back the
/// record of an older key, which its client no longer uses. It cannot make one, as the authority signs them.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct CredentialIntake {
    scope: Scope,
    opening: bool,
}

impl CredentialIntake {
    /// Of the users' applications. The scope needs no master key.
    pub fn new(scope: Scope) -> Self {
        Self { scope, opening: false }
    }

    /// It opens what it takes, where there are no verify keys (`TrialOpenIntake`): it reads users' keys, and could read their credentials.
    pub fn with_opening(mut self) -> Self {
        self.opening = true;
        self
    }
}

impl Rights for CredentialIntake {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "CredentialIntake"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()?;
        if self.opening { self.scope.check_keys() } else { Ok(()) }
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let credentials = || scope.credentials();
        let mut statements = vec![
            // The state of the key is checked in the same transaction.
            Statement::items("TakeCredentials", scope, &[gets(scope), vec![PUT, CHECK]].concat(), &[credentials()]),
            moves(scope, &[credentials()]),
            append_audit(scope),
        ];
        if self.opening {
            statements.extend(reads_secrets(scope));
        }
        let mut statements = in_order(statements);
        statements.extend(if self.opening { common(scope, []) } else { without_keys(scope) });
        statements
    }
}

/// The server of a `CredentialVault`: it opens credentials at the moment of use, with users' keys, which it reads.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct CredentialUser {
    scope: Scope,
    removals: bool,
}

impl CredentialUser {
    /// Of the users' applications.
    pub fn new(scope: Scope) -> Self {
        Self { scope, removals: false }
    }

    /// It removes credentials, too: something else is put in their place.
    pub fn with_removals(mut self) -> Self {
        self.removals = true;
        self
    }
}

impl Rights for CredentialUser {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "CredentialUser"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()?;
        self.scope.check_keys()
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let (credentials, put) = (|| scope.credentials(), if self.removals { vec![PUT] } else { Vec::new() });
        let removed = if self.removals { credentials() } else { Vec::new() };
        let mut statements = reads_secrets(scope);
        statements.push(Statement::items("UseCredentials", scope, &[get(scope), put].concat(), &[credentials()]));
        statements.push(moves(scope, &[removed]));
        statements.push(append_audit(scope));
        let mut statements = in_order(statements);
        statements.extend(common(scope, []));
        statements
    }
}

/// Where `CredentialKeys` runs: it makes users' keys, hands them out, renews their records and, [where it is to](Self::with_rotation),
/// replaces them. It reads every user's key, and could read their credentials: never the server that takes credentials.
#[derive(Clone, Debug)]
#[must_use = "a role does nothing until `policy`"]
pub struct CredentialKeeper {
    scope: Scope,
    rotation: bool,
}

impl CredentialKeeper {
    /// Of the users' applications.
    pub fn new(scope: Scope) -> Self {
        Self { scope, rotation: false }
    }

    /// It replaces users' keys (`CredentialKeys::rotate_data_key`): it encrypts their credentials anew, and deletes older keys with their
    /// history.
    pub fn with_rotation(mut self) -> Self {
        self.rotation = true;
        self
    }
}

impl Rights for CredentialKeeper {
    fn scope(&self) -> &Scope {
        &self.scope
    }

    fn name(&self) -> &'static str {
        "CredentialKeeper"
    }

    fn check(&self) -> Result<()> {
        self.scope.check()?;
        self.scope.check_keys()
    }

    fn statements(&self, scope: &Scope) -> Vec<Statement> {
        let credentials = || scope.credentials();
        // Keys are made and deleted, and never put anew.
        let writer = Writer::that_puts(scope.clone(), Puts::First);
        let writer = if self.rotation { writer.with_deletes().with_pruning() } else { writer };
        // A deleted key leaves its number, and its history is looked for.
        let shredded = if self.rotation { scope.histories() } else { Vec::new() };
        let rotated = if self.rotation { vec![QUERY, CHECK] } else { Vec::new() };
        let kept = [get(scope), vec![PUT], rotated].concat();
        let mut statements = writer.writes(scope);
        // Which versions of a key there are is listed. The rest of what reading takes, a writer has.
        statements.push(Statement::items("ListKeys", scope, &[QUERY], &[scope.current()]));
        statements.push(Statement::items("ShredKeys", scope, &[QUERY, PUT], &[shredded]));
        statements.push(Statement::items("KeepCredentialKeys", scope, &kept, &[credentials()]));
        statements.push(moves(scope, &[credentials()]).map(|statement| statement.called("MoveCredentials")));
        statements.extend(opens_secrets(scope).into_iter().take(1));
        statements.push(append_audit(scope));
        let mut statements = in_order(statements);
        statements.extend(common(scope, []));
        statements
    }
}
