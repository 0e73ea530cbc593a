//! AES-256-GCM by the RustCrypto crates, with their `zeroize` features.

use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes256Gcm, KeyInit};

use super::{Aead, KEY_BYTES, NONCE_BYTES, TAG_BYTES};
use crate::error::{Error, Result};

/// More than the frames below use; the memory scan tells when it is not. Unoptimised, these crates use several times as much.
const STACK_BYTES: usize = if cfg!(debug_assertions) { 65_536 } else { 16_384 };

/// Boxed, so that moving it leaves no copy of the key schedule behind.
pub(crate) struct RustCrypto(Box<Aes256Gcm>);

impl Aead for RustCrypto {
    fn new(key: &[u8; KEY_BYTES]) -> Self {
        leaving_no_stack::<STACK_BYTES, _>(|| Self(Box::new(Aes256Gcm::new(key.into()))))
    }

    fn seal(&self, nonce: &[u8; NONCE_BYTES], aad: &[u8], buffer: &mut [u8]) -> Result<[u8; TAG_BYTES]> {
        let tag =
            leaving_no_stack::<STACK_BYTES, _>(|| self.0.encrypt_inout_detached(nonce.into(), aad, buffer.into()));
        tag.map(Into::into).map_err(|_| Error::integrity())
    }

    fn open(
        &self,
        nonce: &[u8; NONCE_BYTES],
        aad: &[u8],
        ciphertext: &[u8],
        tag: &[u8; TAG_BYTES],
        plaintext: &mut [u8],
    ) -> Result<()> {
        let buffer = InOutBuf::new(ciphertext, plaintext).map_err(|_| Error::integrity())?;
        leaving_no_stack::<STACK_BYTES, _>(|| self.0.decrypt_inout_detached(nonce.into(), aad, buffer, tag.into()))
            .map_err(|_| Error::integrity())
    }
}

/// Runs work and overwrites the stack it used. These crates wipe what they keep, but not their dead frames, where key schedules
/// and last blocks of plaintext stay until something else happens to be called.
fn leaving_no_stack<const BYTES: usize, T>(work: impl FnOnce() -> T) -> T {
    let result = below_a_gap(work);
    wipe_frames_below::<BYTES>();
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
fn wipe_frames_below<const BYTES: usize>() {
    let dead = [0_u8; BYTES];
    zeroize::optimization_barrier(&dead);
}
