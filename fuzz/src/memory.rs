//! An allocator that counts, so that no length field makes a parser reserve what its input does not hold.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The smallest attribute of a record takes four bytes encoded and some hundred in memory.
const BYTES_PER_INPUT_BYTE: usize = 64;
/// Errors, key schedules, room for the attributes of one record.
const FIXED_BYTES: usize = 64 * 1024;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

// SAFETY: every call is handed on to the system's allocator unchanged; counting touches no memory of the allocation.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let live = LIVE.fetch_add(layout.size(), Relaxed).wrapping_add(layout.size());
        PEAK.fetch_max(live, Relaxed);
        // SAFETY: the caller's obligations are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: `at` came from `alloc` above with the same layout, so from the system's allocator.
        unsafe { System.dealloc(at, layout) }
    }
}

/// The most that may be held for an input of this size, in bytes.
pub(crate) fn limit(input_bytes: usize) -> usize {
    FIXED_BYTES + BYTES_PER_INPUT_BYTE * input_bytes
}

/// Runs something on the only thread and answers how much more than before was held at once, in bytes.
pub(crate) fn peak_of<T>(run: impl FnOnce() -> T) -> (T, usize) {
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let result = run();
    (result, PEAK.load(Relaxed).saturating_sub(before))
}
