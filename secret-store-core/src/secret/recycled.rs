//! Wiped buffers that a thread keeps for the next value it decrypts.
//!
//! A value's buffer is all zeros once the value was dropped: decrypting into it again needs neither the allocator nor another
//! fill, which together cost more than the cipher does for a few hundred bytes. Only buffers made here come back here.

use std::cell::Cell;

/// Buffers up to this size have a slot each, by size; a larger one has a single slot.
const SMALL_BYTES: usize = 8 * 1024;
/// What is larger than this (a value of the default limit fits) is not kept.
const MAX_BYTES: usize = 72 * 1024;
const SMALL_SLOTS: usize = 16;

type Slots = [Cell<Vec<u8>>; SMALL_SLOTS + 1];

// At most 16 × 8 KiB and 72 KiB for a thread.
thread_local!(static KEPT: Slots = const { [const { Cell::new(Vec::new()) }; SMALL_SLOTS + 1] });

/// So many zeros, in a buffer that is larger by an eighth at most.
#[inline]
pub(super) fn take(bytes: usize) -> Vec<u8> {
    let (size, slot) = place(bytes);
    // While a thread ends it keeps none any more.
    let kept = KEPT.try_with(|slots| slots.get(slot).map(Cell::take)).ok().flatten();
    let mut buffer = kept.filter(|kept| kept.len() == size).unwrap_or_else(|| zeroed(size));
    debug_assert!(buffer.iter().all(|byte| *byte == 0), "it was wiped before it was kept");
    buffer.truncate(bytes);
    buffer
}

/// Takes back a buffer whose whole allocation was wiped.
#[inline]
pub(super) fn keep(wiped: Vec<u8>) {
    let (size, slot) = place(wiped.len());
    if size == wiped.len() {
        let _ending = KEPT.try_with(|slots| slots.get(slot).map(|slot| slot.set(wiped)));
    }
}

/// The size of a buffer that has room for so many bytes, and its slot; none for a large one.
#[inline]
fn place(bytes: usize) -> (usize, usize) {
    // Eight sizes between a power of two and the next. By shifts: a division costs as much as the rest together.
    let octave = bytes.max(128).next_power_of_two().ilog2();
    let step = octave - 4;
    let size = ((bytes + (1 << step) - 1) >> step) << step;
    let slot = match size {
        _ if size <= SMALL_BYTES => ((size >> step) + octave as usize * 8) % SMALL_SLOTS,
        _ if size <= MAX_BYTES => SMALL_SLOTS,
        _ => usize::MAX,
    };
    (size, slot)
}

/// Not `vec![0; bytes]`: glibc's `calloc` passes by the thread's cache of free blocks and costs as much as a small decryption.
#[expect(clippy::slow_vector_initialization, reason = "the fast one here")]
fn zeroed(bytes: usize) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(bytes);
    buffer.resize(bytes, 0);
    buffer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_has_room_and_hardly_more() {
        for bytes in (0..10_000).chain([65_536, 65_568, MAX_BYTES, MAX_BYTES + 1, 1 << 20]) {
            let (size, slot) = place(bytes);
            assert!(size >= bytes && size - bytes <= (bytes / 8).max(8), "{bytes}: {size}");
            assert_eq!(place(size), (size, slot), "{bytes}");
            assert_eq!(slot < SMALL_SLOTS, size <= SMALL_BYTES, "{bytes}");
            assert_eq!(slot > SMALL_SLOTS, size > MAX_BYTES, "{bytes}");
        }
    }

    #[test]
    fn what_comes_back_is_used_again_as_zeros() {
        for bytes in [0, 1, 96, 288, 1056, 4128, 65_568] {
            let mut buffer = take(bytes);
            assert_eq!(buffer, vec![0; bytes]);
            let address = buffer.as_ptr();
            buffer.fill(7);
            crate::secret::wipe(&mut buffer);
            keep(buffer);
            let other = take(bytes + 1_000);
            let again = take(bytes);
            assert!(again.as_ptr() == address || bytes == 0 || place(bytes).1 == place(bytes + 1_000).1, "{bytes}");
            assert_eq!(again, vec![0; bytes]);
            drop(other);
        }
    }

    #[test]
    fn what_is_too_large_or_of_another_size_is_let_go() {
        for buffer in [vec![0; MAX_BYTES + 1], vec![0; 101]] {
            let bytes = buffer.len();
            keep(buffer);
            KEPT.with(|slots| {
                for slot in slots {
                    let kept = slot.take();
                    assert_ne!(kept.len(), bytes);
                    slot.set(kept);
                }
            });
        }
    }
}
