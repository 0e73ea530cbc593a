//! The whole flow in one process, over real HTTP on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use hyper::{Method, StatusCode};
use secret_store_core::SecretValue;
use secret_store_rsa_file::DirectoryPersistence;
use secret_store_transport::credential::{
    CredentialIntake, CredentialPlace, CredentialUse, Domain, Host, NewCredential,
};
use secret_store_transport::{AuthorityKey, KeySpec, Target, Trust};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::audit::{self, Audit};
use crate::callers::Callers;
use crate::connection::{Connection, Refused};
use crate::credentials::agent::{self, Agent};
use crate::credentials::{client as credential, routes as credentials_routes};
use crate::sealed::client::{self, secret_path};
use crate::sealed::{home, routes};
use crate::{Failure, serving};

/// Runs once from the beginning to the end.
///
/// # Errors
///
/// When anything is not as it should be.
pub async fn run() -> Result<(), Failure> {
    let temporary = tempfile::tempdir()?;
    sealed(&temporary.path().join("sealed")).await?;
    credentials(temporary.path()).await
}

async fn sealed(directory: &Path) -> Result<(), Failure> {
    println!("— secrets that clients seal");
    let authority = AuthorityKey::generate()?;
    home::init(directory, &authority, KeySpec::X25519).await?;
    let opened = home::open(directory).await?;
    let rights = [("alice", "put acme/production"), ("bob", "get acme/production")];
    let callers = callers_file(directory, &rights)?;
    let server = Running::start(routes::router(opened.clone(), callers), opened.audit).await?;
    let (alice, bob) = (server.connection("alice")?, server.connection("bob")?);
    let trust = Trust::Authority(authority.public_key());
    let target = Target::parse("acme", "production", "MainDb")?;

    let request = client::seal(&alice, &trust, &target, &SecretValue::from("hunter2")).await?;
    println!("alice seals, the server stores version {}", client::submit(&alice, &target, &request).await?);
    let replayed = refusal(client::submit(&alice, &target, &request).await)?;
    println!("the same once more: {replayed}");
    expect(replayed.status, StatusCode::CONFLICT)?;

    let plain = br#"{"sealed": false, "value": "hunter3"}"#.to_vec();
    let (status, _) = alice.send(Method::PUT, &secret_path(&target), plain).await?;
    println!("plaintext: {status}");
    expect(status, StatusCode::UNPROCESSABLE_ENTITY)?;

    let another = Trust::Authority(AuthorityKey::generate()?.public_key());
    let mistrust = client::seal(&alice, &another, &target, &SecretValue::from("hunter4")).await;
    println!(
        "with another authority pinned, alice sends nothing: {}",
        mistrust.err().ok_or("alice believed the record")?
    );

    for spec in [KeySpec::X25519, KeySpec::Rsa3072] {
        let secret = client::get(&bob, &trust, &target, spec).await?;
        if secret.value.text()? != "hunter2" {
            return Err("bob retrieved something else".into());
        }
        println!("bob retrieves version {}, sealed to a key of {:?}", secret.version.get(), spec);
    }
    let forbidden = refusal(client::get(&alice, &trust, &target, KeySpec::X25519).await)?;
    println!("alice, who may only put, retrieves nothing: {forbidden}");
    server.stop().await
}

async fn credentials(directory: &Path) -> Result<(), Failure> {
    println!("— credentials that clients encrypt");
    let [agent, intake, records] = ["agent", "intake", "records"].map(|name| directory.join(name));
    let authority = agent::init(&agent).await?;
    let agent = Agent::open(&agent, &records).await?;
    let key = agent.enrol("alice").await?;

    std::fs::create_dir(&intake)?;
    audit::make_key(&intake)?;
    let log = Audit::open(&intake, "example", "credential_server").await?;
    let callers = callers_file(&intake, &[("alice", "submit")])?;
    let taking =
        CredentialIntake::new(Arc::new(DirectoryPersistence::open(&records).await?), Trust::Authority(authority));
    let server = Running::start(credentials_routes::router(taking, log.clone(), callers), log).await?;
    let alice = server.connection("alice")?;

    let place = CredentialPlace::parse("github", "password")?;
    let new = |revision| Ok::<_, Failure>(NewCredential::new(place.clone(), Domain::new("github.com")?, revision));
    let revision = credential::put(&alice, &key, &new(1)?, &SecretValue::from("hunter2")).await?;
    println!("alice encrypts, a server without keys stores revision {revision}");
    let here = CredentialUse::at(Host::new("github.com")?).with_minimum_revision(revision);
    let (revision, bytes) = agent.sign_in("alice", &place, &here).await?;
    println!("the agent signs in with revision {revision}, {bytes} bytes");
    let elsewhere = CredentialUse::at(Host::new("github.com.evil.example")?);
    let refused = agent.sign_in("alice", &place, &elsewhere).await.err().ok_or("it was used elsewhere")?;
    println!("elsewhere it is not opened: {refused}");

    let next = agent.rotate("alice", key.version()).await?;
    let refused = refusal(credential::put(&alice, &key, &new(2)?, &SecretValue::from("hunter3")).await)?;
    println!("alice's key is replaced; under the old one: {refused}");
    expect(refused.status, StatusCode::CONFLICT)?;
    let revision = credential::put(&alice, &next, &new(2)?, &SecretValue::from("hunter3")).await?;
    println!("under the new one the server stores revision {revision}");
    println!("the agent's audit log: {} entries, intact", agent.audit.verify().await?.entries());
    server.stop().await
}

/// The token of somebody here. Nobody else's tokens are this simple.
fn token(name: &str) -> String {
    format!("token-of-{name}")
}

fn callers_file(directory: &Path, rights: &[(&str, &str)]) -> Result<Callers, Failure> {
    let caller = |(name, right): &(&str, &str)| {
        let hash = hex::encode(Sha256::digest(token(name)));
        serde_json::json!({ "name": name, "token_sha256": hash, "may": [right] })
    };
    let path = directory.join("callers.json");
    std::fs::write(&path, serde_json::to_vec(&rights.iter().map(caller).collect::<Vec<_>>())?)?;
    Callers::read(&path)
}

fn expect(status: StatusCode, expected: StatusCode) -> Result<(), Failure> {
    if status == expected { Ok(()) } else { Err(format!("{status} instead of {expected}").into()) }
}

fn refusal<T>(answer: Result<T, Failure>) -> Result<Refused, Failure> {
    match answer {
        Ok(_) => Err("the server did not refuse".into()),
        Err(error) => Ok(*error.downcast::<Refused>()?),
    }
}

/// A server in this process.
struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<Result<(), Failure>>,
}

impl Running {
    async fn start(routes: axum::Router, audit: Audit) -> Result<Self, Failure> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let shutdown = async { drop(stopped.await) };
        let ended = tokio::spawn(async move { serving::serve(listener, routes, &audit, shutdown).await });
        Ok(Self { address, stop, ended })
    }

    fn connection(&self, name: &str) -> Result<Connection, Failure> {
        Connection::new(self.address, &SecretValue::from(token(name).as_str()))
    }

    async fn stop(self) -> Result<(), Failure> {
        drop(self.stop);
        self.ended.await?
    }
}
