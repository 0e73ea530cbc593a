//! What ciphers leave on the stack.

/// More than the frames of HPKE use; the memory scan tells when it is not. Unoptimised, they are several times as large.
const STACK_BYTES: usize = if cfg!(debug_assertions) { 131_072 } else { 32_768 };

/// Runs work and overwrites the stack it used. The libraries below wipe what they keep, but not their dead frames, where keys and
/// blocks of plaintext stay until something else happens to be called.
pub(crate) fn leaving_no_stack<T>(work: impl FnOnce() -> T) -> T {
    let result = below_a_gap(work);
    wipe_frames_below();
    result
}

/// The gap takes the place of what the wiping frame keeps above its array, which it does not overwrite.
#[inline(never)]
fn below_a_gap<T>(work: impl FnOnce() -> T) -> T {
    let gap = [0_u8; 256];
    zeroize::optimization_barrier(&gap);
    let result = in_a_frame_below(work);
    zeroize::optimization_barrier(&gap);
    result
}

#[inline(never)]
fn in_a_frame_below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// Its one frame lies where those of the work lay.
#[inline(never)]
fn wipe_frames_below() {
    let dead = [0_u8; STACK_BYTES];
    zeroize::optimization_barrier(&dead);
}
