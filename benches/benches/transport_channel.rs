//! The channel: the agreement against its curve arithmetic alone, requests and responses against the bare cipher.
#![allow(missing_docs, reason = "criterion's macros")]

use std::cell::RefCell;
use std::hint::black_box;
use std::time::Duration;

use criterion::{BatchSize, BenchmarkId, Criterion, criterion_group, criterion_main};
use secret_store_benches::bare::{Bare, NONCE_BYTES};
use secret_store_benches::{IMPLEMENTATION, value};
use secret_store_transport::channel::{
    ChannelContext, ChannelServer, ClientHandshake, ClientSession, ServerKey, ServerKeyPair, ServerSession,
};
use x25519_dalek::{PublicKey, StaticSecret};

const KEY: [u8; 32] = [7; 32];
const NONCE: [u8; NONCE_BYTES] = [9; NONCE_BYTES];
const SIZES: [usize; 2] = [256, 65536];
const MINUTE: Duration = Duration::from_secs(60);

struct Ends {
    server: ChannelServer,
    key: ServerKey,
    context: ChannelContext,
}

impl Ends {
    fn new() -> Self {
        let context = ChannelContext::new("benchmark").expect("short");
        let server = ChannelServer::new(ServerKeyPair::generate().expect("random"), context.clone());
        let key = ServerKey::trusted(*server.public_key());
        Self { server, key, context }
    }

    fn agree(&self) -> (ClientSession, ServerSession) {
        let (handshake, hello) = ClientHandshake::start(&self.key, &self.context).expect("starts");
        let (session, answer) = self.server.accept(&hello).expect("accepts");
        (handshake.finish(&answer).expect("finishes"), session)
    }
}

/// A session that is replaced when it is used up, once in a million requests.
struct Renewed {
    ends: Ends,
    session: RefCell<(ClientSession, ServerSession)>,
}

impl Renewed {
    fn new() -> Self {
        let ends = Ends::new();
        let session = RefCell::new(ends.agree());
        Self { ends, session }
    }

    fn with<T>(&self, work: impl Fn(&ClientSession, &ServerSession) -> secret_store_core::Result<T>) -> T {
        let done = work(&self.session.borrow().0, &self.session.borrow().1);
        done.unwrap_or_else(|_| {
            *self.session.borrow_mut() = self.ends.agree();
            let session = self.session.borrow();
            work(&session.0, &session.1).expect("a new session")
        })
    }
}

fn agreement(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group(format!("{IMPLEMENTATION} channel agreement"));
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(2));
    let (private, public) = (StaticSecret::from(KEY), PublicKey::from([9; 32]));
    // Both ends: two ephemeral keys, and `es` and `ee` twice.
    group.bench_function("bare", |bencher| {
        bencher.iter(|| {
            let keys = [PublicKey::from(black_box(&private)), PublicKey::from(black_box(&private))];
            let shared: [_; 4] = std::array::from_fn(|_| private.diffie_hellman(black_box(&public)));
            (keys, shared)
        });
    });
    let ends = Ends::new();
    group.bench_function("both ends", |bencher| bencher.iter(|| ends.agree()));
    group.finish();
}

fn messages(criterion: &mut Criterion) {
    let bare = Bare::new(&KEY);
    let mut group = criterion.benchmark_group(format!("{IMPLEMENTATION} channel"));
    group.warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    for bytes in SIZES {
        let payload = value(bytes);
        let mut buffer = payload.clone();
        group.bench_function(BenchmarkId::new("bare seal", bytes), |bencher| {
            bencher.iter(|| bare.seal(NONCE, b"aad", black_box(&mut buffer)));
        });
        let mut sealed = payload.clone();
        let tag = bare.seal(NONCE, b"aad", &mut sealed);
        group.bench_function(BenchmarkId::new("bare open", bytes), |bencher| {
            bencher.iter(|| bare.open(NONCE, b"aad", black_box(&sealed), &tag, &mut buffer));
        });
        let channel = Renewed::new();
        group.bench_function(BenchmarkId::new("seal request", bytes), |bencher| {
            bencher.iter(|| channel.with(|client, _| client.seal(black_box(&payload), MINUTE)));
        });
        group.bench_function(BenchmarkId::new("open request", bytes), |bencher| {
            bencher.iter_batched(
                || channel.with(|client, _| client.seal(&payload, MINUTE)).0,
                |request| channel.session.borrow().1.open(&request).expect("opens"),
                BatchSize::PerIteration,
            );
        });
        group.bench_function(BenchmarkId::new("round trip", bytes), |bencher| {
            bencher.iter(|| {
                channel.with(|client, server| {
                    let (request, mut pending) = client.seal(black_box(&payload), MINUTE)?;
                    let (opened, reply) = server.open(&request)?;
                    client.open(&mut pending, &server.respond(reply, opened.expose_secret())?)
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, agreement, messages);
criterion_main!(benches);
