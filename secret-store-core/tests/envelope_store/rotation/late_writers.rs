//! Writers beside a rotation: nothing that they write is undone, and none of it stays under the old key.

mod contention;
mod passes;
mod stale;
