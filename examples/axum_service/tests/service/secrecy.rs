//! No secret in an answer or in the trace, whatever happens.

use std::io::Write;
use std::sync::{Arc, Mutex};

use secret_store_core::{Error, ErrorKind};
use tracing_subscriber::fmt::format::FmtSpan;

use super::support::{LIFETIME, LINK, PARTNER_KEY, PASSWORD, World};

/// What was written.
#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("no panic under this lock").clone()).expect("text")
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("no panic under this lock").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn no_secret_is_answered_or_traced() {
    let output = Output::default();
    let writer = output.clone();
    let subscriber = tracing_subscriber::fmt().json().with_max_level(tracing::Level::TRACE);
    let subscriber = subscriber.with_span_events(FmtSpan::FULL).with_writer(move || writer.clone()).finish();
    // As long as there is one subscriber alone, `tracing` asks the thread that comes to a span first whether anybody wants it, which may be
    // the thread of another test. Two are both asked.
    let _second = tracing::Dispatch::new(tracing_subscriber::registry());
    let _listening = tracing::subscriber::set_default(subscriber);
    tracing::trace!(value = PASSWORD, "a positive control");
    assert!(output.text().contains(PASSWORD));
    output.0.lock().expect("no panic under this lock").clear();

    let world = World::new().await;
    let mut answers = Vec::new();
    let service = world.service().await;
    for path in ["/health", "/orders", LINK, LINK, "/partners/nobody/links/7", "/partners/a%0Ab/links/7", "/nothing"] {
        answers.push(service.get(path).await.1);
    }
    let mut failing = world.answering(2);
    failing.expect_get_with().returning(|_, _| Err(Error::new(ErrorKind::PermissionDenied, "the test made this fail")));
    let sink = secret_store_core::audit::PersistenceSink::new(world.audit.clone());
    let service = world.service_over(Arc::new(failing), Arc::new(sink)).await;
    answers.push(service.get(LINK).await.1);
    world.clock.advance(LIFETIME);
    answers.push(service.get(LINK).await.1);

    let (answers, traced) = (answers.join("\n"), output.text());
    assert!(traced.contains(r#""outcome":"permission_denied""#) && traced.contains("request-17"), "{traced}");
    for secret in [PASSWORD, PARTNER_KEY] {
        for shown in [secret.to_owned(), hex::encode(secret), format!("{:?}", secret.as_bytes())] {
            assert!(!answers.contains(&shown) && !traced.contains(shown.trim_matches(['[', ']'])), "{shown}");
        }
    }
    // What a client is told about a failure says nothing about what is beneath.
    assert!(!answers.contains("denied") && !answers.contains("Shop.Production"), "{answers}");
}
