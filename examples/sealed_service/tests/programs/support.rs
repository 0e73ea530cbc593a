//! Directories, processes, and what they said.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};

use secret_store_core::SecretValue;
use secret_store_example_sealed_service::connection::Connection;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// Runs a program to its end, with this on its standard input.
pub(crate) fn run(program: &str, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // A program that refuses early reads nothing.
    drop(child.stdin.take().expect("piped").write_all(input));
    child.wait_with_output().expect("it ends")
}

/// The standard output of a program that succeeds.
pub(crate) fn succeeds(program: &str, arguments: &[&str], input: &[u8]) -> String {
    let output = run(program, arguments, input);
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

/// What a program that fails says; it prints nothing else.
pub(crate) fn fails(program: &str, arguments: &[&str], input: &[u8]) -> String {
    let output = run(program, arguments, input);
    assert!(!output.status.success(), "it should be refused, and said {}", text(&output.stdout));
    assert_eq!(text(&output.stdout), "");
    text(&output.stderr)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// The word after a label, as `init` prints them.
pub(crate) fn printed<'a>(said: &'a str, label: &str) -> &'a str {
    let line = said.lines().find_map(|line| line.strip_prefix(label)).expect("it is printed");
    line.trim()
}

/// A directory for everything of one test.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The same as an argument.
    pub(crate) fn at(&self, name: &str) -> String {
        self.path(name).to_str().expect("text").to_owned()
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        std::fs::write(self.path(name), bytes).expect("written");
        self.at(name)
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).expect("it is there")
    }

    /// A token for each caller in a file, and the server's file of all of them.
    pub(crate) fn callers(&self, rights: &[(&str, &str)]) -> String {
        let caller = |(name, right): &(&str, &str)| {
            let hash = hex::encode(Sha256::digest(token(name)));
            self.write(&format!("{name}.token"), token(name));
            serde_json::json!({ "name": name, "token_sha256": hash, "may": [right] })
        };
        let callers: Vec<_> = rights.iter().map(caller).collect();
        self.write("callers.json", serde_json::to_vec(&callers).expect("serialises"))
    }

    /// Takes a directory away, or brings it back.
    pub(crate) fn rename(&self, from: &str, to: &str) {
        std::fs::rename(self.path(from), self.path(to)).expect("renamed");
    }

    /// Every file below, with its content.
    pub(crate) fn files(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        collect(&self.path(name), &mut files);
        assert!(!files.is_empty(), "there are files to look at");
        files
    }

    /// No file below has this in it.
    pub(crate) fn assert_nowhere(&self, name: &str, value: &[u8]) {
        for (path, bytes) in self.files(name) {
            let is_there = bytes.windows(value.len()).any(|window| window == value);
            assert!(!is_there, "{} has the value", path.display());
        }
    }
}

fn collect(path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in std::fs::read_dir(path).expect("a directory") {
        let path = entry.expect("readable").path();
        if path.is_dir() {
            collect(&path, files);
        } else {
            files.insert(path.clone(), std::fs::read(&path).expect("readable"));
        }
    }
}

fn token(name: &str) -> String {
    hex::encode(Sha256::digest(format!("the token of {name}")))
}

/// A server as a process. Killed when it is dropped before it was stopped.
pub(crate) struct Server {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    pub(crate) address: String,
}

impl Server {
    /// Starts it, and waits for the line with its address.
    pub(crate) fn start(program: &str, arguments: &[&str]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .arg("--stop-with-stdin")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("piped"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("it says where it listens");
        let address = line.trim().strip_prefix("listening on ").expect("it listens").to_owned();
        assert!(address.starts_with("127.0.0.1:"), "{address}");
        Self { stdin: child.stdin.take(), child, stdout, address }
    }

    /// What this caller would send by hand.
    pub(crate) fn connection(&self, caller: &str) -> Connection {
        let address: SocketAddr = self.address.parse().expect("an address");
        Connection::new(address, &SecretValue::from(token(caller).as_str())).expect("loopback")
    }

    /// Ends it by closing its standard input; answers what else it said.
    pub(crate) fn stop(mut self) -> String {
        drop(self.stdin.take());
        self.last_words(true)
    }

    /// The same, where it is to end with a failure.
    pub(crate) fn stop_failing(mut self) -> String {
        drop(self.stdin.take());
        self.last_words(false)
    }

    /// Ends it by a signal, as a service is ended.
    #[cfg(unix)]
    pub(crate) fn terminate(mut self) -> String {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().expect("a program").success());
        self.last_words(true)
    }

    fn last_words(&mut self, is_well: bool) -> String {
        let mut said = String::new();
        self.stdout.read_to_string(&mut said).expect("text");
        assert_eq!(self.child.wait().expect("it ends").success(), is_well);
        said
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, or the test has failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
