//! A clock that only ticks lets no entry live longer.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use secret_store_core::Clock;

use super::support::{ManualClock, World, reads};

/// Its last tick is as long ago as that of any clock.
#[derive(Debug)]
struct Ticking(Arc<ManualClock>);

const LATE: Duration = Duration::from_millis(99);

#[async_trait]
impl Clock for Ticking {
    fn now(&self) -> SystemTime {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.0.monotonic()
    }

    fn coarse_monotonic(&self) -> Duration {
        self.monotonic().saturating_sub(LATE)
    }

    async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }
}

#[test]
fn the_last_tick_lengthens_no_life() {
    for ttl in [Duration::from_millis(1), Duration::from_millis(200)] {
        let world = World::new();
        let store = world.cached(&world.strict().with_ttl(ttl).with_clock(Arc::new(Ticking(world.clock.clone()))));
        reads(&store, "Db");
        world.elsewhere("Db", "two");
        assert_eq!(reads(&store, "Db"), "one", "it lives");
        world.clock.advance(ttl);
        assert_eq!(reads(&store, "Db"), "two");
    }
}
