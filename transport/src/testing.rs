//! What tests of several modules share.

use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use secret_store_core::Clock;

/// A clock that stands still.
#[derive(Debug)]
pub(crate) struct FixedClock(SystemTime);

impl FixedClock {
    pub(crate) fn at(time: SystemTime) -> Self {
        Self(time)
    }
}

#[async_trait]
impl Clock for FixedClock {
    fn now(&self) -> SystemTime {
        self.0
    }

    fn monotonic(&self) -> Duration {
        Duration::ZERO
    }

    async fn sleep(&self, _: Duration) {}
}

/// A message of a file of frozen vectors.
pub(crate) fn vector(file: &str, name: &str) -> Vec<u8> {
    let path = format!("{}/tests/vectors/{file}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("the file of vectors");
    let vectors: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    hex::decode(vectors[name].as_str().expect("the vector")).expect("hexadecimal")
}
