//! Sealed secrets: what works.

use crate::support::{Place, Server, fails, printed, run, succeeds};

pub(crate) const SERVER: &str = env!("CARGO_BIN_EXE_sealed_server");
pub(crate) const CLIENT: &str = env!("CARGO_BIN_EXE_sealed_client");
pub(crate) const VALUE: &[u8] = b"correct horse battery staple \x00\xff\n";
pub(crate) const TARGET: &str = "acme/production/MainDb";

/// A directory with keys, and callers: alice puts, bob gets, carol belongs to the other environment.
pub(crate) struct Home {
    pub(crate) place: Place,
    /// What `init` printed.
    pub(crate) pins: String,
    callers: String,
}

impl Home {
    pub(crate) fn new(suite: &[&str]) -> Self {
        let place = Place::new();
        let (home, authority) = (place.at("home"), place.at("authority.key"));
        let pins = succeeds(SERVER, &[&["init", &home, "--authority", &authority], suite].concat(), b"");
        let callers = place.callers(&[
            ("alice", "put acme/production"),
            ("bob", "get acme/production"),
            ("carol", "get acme/dev"),
        ]);
        Self { place, pins, callers }
    }

    pub(crate) fn serve(&self) -> Server {
        Server::start(SERVER, &["serve", &self.place.at("home"), "--callers", &self.callers])
    }

    /// The arguments of a client that trusts for this reason.
    pub(crate) fn client(&self, server: &Server, caller: &str, trust: [&str; 2], command: &[&str]) -> Vec<String> {
        let token = self.place.at(&format!("{caller}.token"));
        let common = ["--server", &server.address, "--token", &token, trust[0], trust[1]];
        common.iter().chain(command).map(|&argument| argument.to_owned()).collect()
    }

    fn authority(&self) -> [&str; 2] {
        ["--authority", printed(&self.pins, "authority ")]
    }

    pub(crate) fn put(&self, server: &Server, value: &[u8]) -> String {
        let arguments = self.client(server, "alice", self.authority(), &["put", TARGET]);
        succeeds(CLIENT, &borrowed(&arguments), value)
    }

    pub(crate) fn refused(&self, server: &Server, caller: &str, command: &[&str]) -> String {
        let arguments = self.client(server, caller, self.authority(), command);
        fails(CLIENT, &borrowed(&arguments), VALUE)
    }

    /// What bob retrieves.
    pub(crate) fn get(&self, server: &Server, suite: &[&str]) -> Vec<u8> {
        let command = [&["get", TARGET, "--print"], suite].concat();
        let output = run(CLIENT, &borrowed(&self.client(server, "bob", self.authority(), &command)), b"");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        output.stdout
    }
}

pub(crate) fn borrowed(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn sealed_stored_and_retrieved(suite: &[&str]) {
    let home = Home::new(suite);
    let server = home.serve();
    assert_eq!(home.put(&server, VALUE), "stored version 1\n");
    assert_eq!(home.get(&server, suite), VALUE);
    let said = server.stop();
    // An intent and an outcome of the submission, and the retrieval.
    assert_eq!(said, "audit log: 3 entries, intact\n");
    home.place.assert_nowhere("home", &VALUE[..20]);
}

#[test]
fn one_client_seals_and_another_retrieves() {
    sealed_stored_and_retrieved(&[]);
}

#[test]
fn the_same_with_rsa() {
    sealed_stored_and_retrieved(&["--rsa"]);
}

#[test]
fn pinned_fingerprints_need_no_authority() {
    let home = Home::new(&[]);
    let server = home.serve();
    let value = home.place.write("value", VALUE);
    let pin = ["--pin", printed(&home.pins, "sealing ")];
    let put = home.client(&server, "alice", pin, &["put", TARGET, "--file", &value]);
    assert_eq!(succeeds(CLIENT, &borrowed(&put), b""), "stored version 1\n");

    let pin = ["--pin", printed(&home.pins, "answers ")];
    let file = home.place.at("retrieved");
    let get = home.client(&server, "bob", pin, &["get", TARGET, "--file", &file]);
    assert_eq!(succeeds(CLIENT, &borrowed(&get), b""), "retrieved version 1\n");
    assert_eq!(home.place.read("retrieved"), VALUE);
    assert!(fails(CLIENT, &borrowed(&get), b"").contains("retrieved"), "a file that is there stays");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_value_goes_nowhere_unless_a_destination_is_named() {
    let home = Home::new(&[]);
    let server = home.serve();
    home.put(&server, VALUE);
    assert!(home.refused(&server, "bob", &["get", TARGET]).contains("--file"));
}

#[test]
fn rotated_keys_are_used_and_retired_ones_refused() {
    let home = Home::new(&[]);
    let (directory, authority) = (home.place.at("home"), home.place.at("authority.key"));
    let before = home.serve();
    home.put(&before, VALUE);
    let rotated = succeeds(SERVER, &["rotate", &directory, "--authority", &authority], b"");
    assert_eq!(printed(&rotated, "authority "), printed(&home.pins, "authority "));
    assert_ne!(printed(&rotated, "sealing "), printed(&home.pins, "sealing "));

    // This server still hands out the first version's record: it is taken until it is retired.
    assert_eq!(home.put(&before, VALUE), "stored version 2\n");
    let after = home.serve();
    assert_eq!(home.put(&after, VALUE), "stored version 3\n");
    succeeds(SERVER, &["retire", &directory, "1"], b"");
    assert!(home.refused(&before, "alice", &["put", TARGET]).contains("key retired"));
    assert_eq!(home.put(&after, VALUE), "stored version 4\n");
    assert_eq!(home.get(&after, &[]), VALUE);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_in_order() {
    let home = Home::new(&[]);
    let server = home.serve();
    home.put(&server, VALUE);
    assert_eq!(server.terminate(), "audit log: 2 entries, intact\n");
}
