//! The one frame of every message of this crate, and the one encoding of what is authenticated with it.
//!
//! A frame is `"SX1" | u8 kind | u8 suite | (u32 BE length | bytes)*`: a fixed number of fields for each kind. A reader borrows:
//! nothing is allocated before the whole frame was checked against the size limit of its kind.

mod message;
mod reader;
pub(crate) mod serde_bytes;
mod writer;

pub use message::Message;
pub(crate) use message::{carried, message};
pub(crate) use reader::Reader;
pub(crate) use writer::{Writer, transcript};

const MAGIC: &[u8; 3] = b"SX1";
const HEADER_BYTES: usize = MAGIC.len() + 2;

/// What a frame is. One registry: a message of one kind is never taken for another, as the kind is authenticated in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Kind {
    /// A public key, and whose it is, signed.
    KeyRecord = 1,
    /// A secret sealed to an organisation.
    Submission = 2,
    /// A request for secrets, with the key to answer to.
    RetrievalRequest = 3,
    /// The secrets that were requested, sealed to that key.
    Bundle = 4,
    /// One field of a credential, encrypted and signed by its user's client.
    Credential = 5,
    /// The client's part of the agreement on a channel.
    ChannelHello = 6,
    /// The server's part of it.
    ChannelAnswer = 7,
    /// A request over a channel.
    ChannelRequest = 8,
    /// The response to it.
    ChannelResponse = 9,
    /// A key pair or key as its holder stores it.
    StoredKey = 10,
}
