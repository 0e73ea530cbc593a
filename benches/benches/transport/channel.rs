//! The channel: the agreement beside its curve arithmetic alone, requests and responses beside the bare cipher.

use std::cell::RefCell;
use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use secret_store_benches::bare::Bare;
use secret_store_benches::turns::Contender;
use secret_store_benches::value;
use secret_store_core::Result;
use secret_store_transport::channel::{
    ChannelContext, ChannelServer, ClientHandshake, ClientSession, ServerKey, ServerKeyPair, ServerSession,
};
use x25519_dalek::{PublicKey, StaticSecret};

use crate::sealed::{KEY, NONCE, bare_open, bare_seal};

const MINUTE: Duration = Duration::from_secs(60);

struct Ends {
    server: ChannelServer,
    key: ServerKey,
    context: ChannelContext,
}

/// Both ends of one session.
type Session = (ClientSession, ServerSession);

impl Ends {
    fn new() -> Self {
        let context = ChannelContext::new("benchmark").expect("short");
        let server = ChannelServer::new(ServerKeyPair::generate().expect("random"), context.clone());
        let key = ServerKey::trusted(*server.public_key());
        Self { server, key, context }
    }

    fn agree(&self) -> Session {
        let (handshake, hello) = ClientHandshake::start(&self.key, &self.context).expect("starts");
        let (session, answer) = self.server.accept(&hello).expect("accepts");
        (handshake.finish(&answer).expect("finishes"), session)
    }
}

/// A session that is replaced when it is used up, once in a million requests.
struct Renewed {
    ends: Ends,
    session: RefCell<Rc<Session>>,
}

impl Renewed {
    fn new() -> Self {
        let ends = Ends::new();
        let session = RefCell::new(Rc::new(ends.agree()));
        Self { ends, session }
    }

    fn session(&self) -> Rc<Session> {
        Rc::clone(&self.session.borrow())
    }

    fn with<T>(&self, work: impl Fn(&Session) -> Result<T>) -> T {
        work(&self.session()).unwrap_or_else(|_| {
            self.session.replace(Rc::new(self.ends.agree()));
            work(&self.session()).expect("a new session")
        })
    }
}

/// Of no size: both ends make an ephemeral key, and agree twice (`es` and `ee`).
pub(crate) fn agreement(_: usize) -> Vec<Contender> {
    let (private, public) = (StaticSecret::from(KEY), PublicKey::from([9; 32]));
    let ends = Ends::new();
    vec![
        Contender::new("bare", move || {
            let keys = [PublicKey::from(black_box(&private)), PublicKey::from(black_box(&private))];
            let shared: [_; 4] = std::array::from_fn(|_| private.diffie_hellman(black_box(&public)));
            (keys, shared)
        }),
        Contender::new("both ends", move || ends.agree()),
    ]
}

pub(crate) fn messages(bytes: usize) -> Vec<Contender> {
    let payload = value(bytes);
    let [sealing, opening, going] = [(); 3].map(|()| Renewed::new());
    let [sealed, sent] = [(); 2].map(|()| payload.clone());
    let request = move || {
        let request = opening.with(|(client, _)| client.seal(&sealed, MINUTE)).0;
        // With its session, which may be replaced before it is opened.
        (opening.session(), request)
    };
    vec![
        bare_seal(bytes),
        bare_open(bytes),
        bare_round_trip(bytes),
        Contender::new("seal request", move || sealing.with(|(client, _)| client.seal(black_box(&payload), MINUTE))),
        Contender::with_input("open request", request, |(session, request)| {
            let (_, server) = &*session;
            server.open(&request).expect("opens")
        }),
        Contender::new("round trip", move || {
            going.with(|(client, server)| {
                let (request, mut pending) = client.seal(black_box(&sent), MINUTE)?;
                let (opened, reply) = server.open(&request)?;
                client.open(&mut pending, &server.respond(reply, opened.expose_secret())?)
            })
        }),
    ]
}

/// A request and a response, each sealed and opened.
fn bare_round_trip(bytes: usize) -> Contender {
    let (bare, mut sealed, mut opened) = (Bare::new(&KEY), value(bytes), value(bytes));
    Contender::new("bare round trip", move || {
        for _ in 0..2 {
            let tag = bare.seal(NONCE, b"aad", black_box(&mut sealed));
            bare.open(NONCE, b"aad", black_box(&sealed), &tag, black_box(&mut opened));
        }
    })
}
