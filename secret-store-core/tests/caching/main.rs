//! Cached secrets and watching, over a store that counts, fails and waits when told, by a clock that moves when told.

mod edges;
mod flights;
mod lifetime;
mod lists;
mod off;
mod outages;
mod sharing;
mod support;
mod ticks;
mod watch;
mod writes;
