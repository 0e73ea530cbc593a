//! Credentials: what works.

use std::time::SystemTime;

use secret_store_transport::credential::Totp;

use crate::support::{Place, Server, fails, printed, succeeds};

pub(crate) const SERVER: &str = env!("CARGO_BIN_EXE_credential_server");
pub(crate) const CLIENT: &str = env!("CARGO_BIN_EXE_credential_client");
pub(crate) const AGENT: &str = env!("CARGO_BIN_EXE_credential_agent");
pub(crate) const PASSWORD: &[u8] = b"password-canary";
const TOTP_SECRET: &str = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP";
pub(crate) const GITHUB: [&str; 4] = ["github", "password", "--domain", "github.com"];

/// An agent, and alice and bob with a key and a token each.
pub(crate) struct Home {
    pub(crate) place: Place,
    pub(crate) authority: String,
    callers: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        let place = Place::new();
        let callers = place.callers(&[("alice", "submit"), ("bob", "submit"), ("carol", "nothing")]);
        let mut home = Self { place, authority: String::new(), callers };
        home.authority = printed(&home.agent(&["init"]), "authority ").to_owned();
        for user in ["alice", "bob"] {
            assert_eq!(home.agent(&["enrol", user, "--key-file", &home.key(user)]), "key version 1\n");
        }
        home
    }

    /// The file with a user's key.
    pub(crate) fn key(&self, name: &str) -> String {
        self.place.at(&format!("{name}.key"))
    }

    pub(crate) fn serve(&self, authority: &str) -> Server {
        let (intake, records) = (self.place.at("intake"), self.place.at("records"));
        let arguments = ["--home", &intake, "--records", &records, "--authority", authority];
        Server::start(SERVER, &[&arguments[..], &["--callers", &self.callers]].concat())
    }

    pub(crate) fn agent(&self, command: &[&str]) -> String {
        let (home, records) = (self.place.at("agent"), self.place.at("records"));
        succeeds(AGENT, &[&["--home", &home, "--records", &records], command].concat(), b"")
    }

    pub(crate) fn agent_refuses(&self, command: &[&str]) -> String {
        let (home, records) = (self.place.at("agent"), self.place.at("records"));
        fails(AGENT, &[&["--home", &home, "--records", &records], command].concat(), b"")
    }

    pub(crate) fn put(&self, server: &Server, key: &str, what: &[&str], value: &[u8]) -> String {
        let (token, key) = (self.place.at("alice.token"), self.key(key));
        let common = ["--server", &server.address, "--token", &token, "--key-file", &key, "put"];
        succeeds(CLIENT, &[&common, what].concat(), value)
    }

    /// A caller with a key and what the server refuses.
    pub(crate) fn put_refused(&self, server: &Server, caller: &str, key: &str, what: &[&str]) -> String {
        let (token, key) = (self.place.at(&format!("{caller}.token")), self.key(key));
        let common = ["--server", &server.address, "--token", &token, "--key-file", &key, "put"];
        fails(CLIENT, &[&common, what].concat(), PASSWORD)
    }

    /// The one-time password of this moment, whichever side of the half minute it falls on.
    fn assert_totp(&self, totp: &[&str]) {
        let expected = || {
            let code = Totp::parse(TOTP_SECRET).expect("a secret").at(SystemTime::now()).expect("now");
            format!("{}\n", code.expose_secret())
        };
        let before = expected();
        let code = self.agent(totp);
        assert!(code == before || code == expected(), "{code}");
    }
}

const USE: [&str; 6] = ["use", "alice", "github", "password", "--host", "github.com"];
const TOTP: [&str; 6] = ["totp", "alice", "github", "tfa_secret", "--host", "github.com"];

#[test]
fn a_server_without_keys_takes_what_an_agent_uses() {
    let home = Home::new();
    // The server's machine has no key: here it is taken away while the server works.
    home.place.rename("agent", "agent-elsewhere");
    let server = home.serve(&home.authority);
    assert_eq!(home.put(&server, "alice", &GITHUB, PASSWORD), "stored revision 1\n");
    let tfa = ["github", "tfa_secret", "--domain", "github.com"];
    assert_eq!(home.put(&server, "alice", &tfa, TOTP_SECRET.as_bytes()), "stored revision 1\n");
    // Two intents, two outcomes.
    assert_eq!(server.stop(), "audit log: 4 entries, intact\n");
    home.place.rename("agent-elsewhere", "agent");

    assert_eq!(home.agent(&USE), "signed in with revision 1, 15 bytes\n");
    home.assert_totp(&TOTP);
    assert_eq!(home.agent(&["verify"]), "audit log: 2 entries, intact\n");
    for directory in ["agent", "intake", "records"] {
        home.place.assert_nowhere(directory, PASSWORD);
        home.place.assert_nowhere(directory, TOTP_SECRET.as_bytes());
    }
}

#[test]
fn a_users_key_is_replaced() {
    let home = Home::new();
    let server = home.serve(&home.authority);
    home.put(&server, "alice", &GITHUB, PASSWORD);
    home.put(&server, "alice", &["github", "tfa_secret", "--domain", "github.com"], TOTP_SECRET.as_bytes());
    let rotate = ["rotate", "alice", "--from", "1", "--key-file", &home.key("alice-2")];
    assert_eq!(home.agent(&rotate), "key version 2\n");
    assert_eq!(home.agent(&USE), "signed in with revision 1, 15 bytes\n");
    home.assert_totp(&TOTP);

    // The old key is refused by the running server, and leaves nothing.
    let before = home.place.files("records");
    let next = [&GITHUB[..], &["--revision", "2"]].concat();
    assert!(home.put_refused(&server, "alice", "alice", &next).contains("key retired"));
    assert_eq!(home.place.files("records"), before);
    assert_eq!(home.put(&server, "alice-2", &next, b"another"), "stored revision 2\n");
    assert_eq!(home.agent(&USE), "signed in with revision 2, 7 bytes\n");
}

#[test]
fn two_servers_take_into_one_store() {
    let home = Home::new();
    let (one, two) = (home.serve(&home.authority), home.serve(&home.authority));
    home.put(&one, "alice", &GITHUB, PASSWORD);
    assert!(home.put_refused(&two, "alice", "alice", &GITHUB).contains("conflict"), "revision 1 is there");
    home.put(&two, "alice", &[&GITHUB[..], &["--revision", "2"]].concat(), PASSWORD);
    drop(one);
    assert!(two.stop().ends_with("entries, intact\n"), "both wrote one log");
}
