//! The four messages.

use secret_store_core::{ContentKey, Error, Result};

use super::noise::MESSAGE_BYTES;
use super::session::SessionId;
use super::{MAX_PAYLOAD_BYTES, SUITE, check_suite};
use crate::expiry::Expiry;
use crate::wire::{Kind, Message, Reader, Writer, message, transcript};

const NONCE_BYTES: usize = 12;
const TAG_BYTES: usize = 16;
const AGREEMENT_BYTES: usize = 5 + 4 + MESSAGE_BYTES;
const SEALED_BYTES: usize = MAX_PAYLOAD_BYTES + ContentKey::OVERHEAD_BYTES;
const RESPONSE_OVERHEAD: usize = 5 + (4 + SessionId::BYTES) + (4 + 8) + 4;
const REQUEST_OVERHEAD: usize = RESPONSE_OVERHEAD + (4 + 8);

message!(
    /// The client's part of the agreement on a channel. Nothing in it is secret, and nothing in it tells who the client is.
    ChannelHello,
    AGREEMENT_BYTES,
    |bytes| agreement(bytes, Kind::ChannelHello).map(drop)
);

message!(
    /// The server's part of the agreement.
    ChannelAnswer,
    AGREEMENT_BYTES,
    |bytes| agreement(bytes, Kind::ChannelAnswer).map(drop)
);

message!(
    /// A request over a channel.
    ChannelRequest,
    SEALED_BYTES + REQUEST_OVERHEAD,
    |bytes| RequestParts::parse(bytes).map(drop)
);

message!(
    /// The response to one request over a channel.
    ChannelResponse,
    SEALED_BYTES + RESPONSE_OVERHEAD,
    |bytes| ResponseParts::parse(bytes).map(drop)
);

fn agreement(bytes: &[u8], kind: Kind) -> Result<&[u8; MESSAGE_BYTES]> {
    let mut reader = Reader::new(bytes, kind, AGREEMENT_BYTES)?;
    check_suite(reader.suite())?;
    let message = reader.array()?;
    reader.end()?;
    Ok(message)
}

impl ChannelHello {
    pub(super) fn new(noise: &[u8]) -> Self {
        Self(Writer::new(Kind::ChannelHello, SUITE).field(noise).finish())
    }

    pub(super) fn noise(&self) -> Result<&[u8; MESSAGE_BYTES]> {
        agreement(&self.0, Kind::ChannelHello)
    }
}

impl ChannelAnswer {
    pub(super) fn new(noise: &[u8]) -> Self {
        Self(Writer::new(Kind::ChannelAnswer, SUITE).field(noise).finish())
    }

    pub(super) fn noise(&self) -> Result<&[u8; MESSAGE_BYTES]> {
        agreement(&self.0, Kind::ChannelAnswer)
    }
}

/// The fields of a request.
pub(super) struct RequestParts<'a> {
    pub(super) session: SessionId,
    pub(super) number: u64,
    pub(super) expiry: Expiry,
    pub(super) sealed: &'a [u8],
}

impl<'a> RequestParts<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, Kind::ChannelRequest, ChannelRequest::MAX_BYTES)?;
        check_suite(reader.suite())?;
        let session = SessionId::from_bytes(*reader.array()?);
        let (number, expiry) = (reader.u64()?, Expiry::from_millis(reader.u64()?));
        let sealed = sealed(&mut reader)?;
        reader.end()?;
        Ok(Self { session, number, expiry, sealed })
    }

    /// What is authenticated with the payload; the hash of the handshake stands for the session, its two keys, its context.
    pub(super) fn aad(hash: &[u8; 32], number: u64, expiry: Expiry) -> Vec<u8> {
        let fields: [&[u8]; 3] = [hash, &number.to_be_bytes(), &expiry.as_millis().to_be_bytes()];
        transcript(Kind::ChannelRequest, SUITE, "request", &fields)
    }
}

impl ChannelRequest {
    pub(super) fn new(session: &SessionId, number: u64, expiry: Expiry, sealed: &[u8]) -> Self {
        let writer = Writer::with_capacity(Kind::ChannelRequest, SUITE, REQUEST_OVERHEAD + sealed.len());
        let writer = writer.field(session.as_bytes()).field(&number.to_be_bytes());
        Self(writer.field(&expiry.as_millis().to_be_bytes()).field(sealed).finish())
    }

    pub(super) fn parts(&self) -> Result<RequestParts<'_>> {
        RequestParts::parse(&self.0)
    }

    /// The session that it belongs to, says whoever sent it.
    ///
    /// # Errors
    ///
    /// None for a value that exists; the form is checked again.
    pub fn session(&self) -> Result<SessionId> {
        self.parts().map(|parts| parts.session)
    }

    /// The request as its response is bound to it.
    pub(super) fn seal(&self) -> Result<RequestSeal> {
        RequestSeal::of(self.parts()?.sealed)
    }
}

/// Nonce and tag of a request's payload: which request it is, also among those of one number that clones of a client may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestSeal([u8; NONCE_BYTES + TAG_BYTES]);

impl RequestSeal {
    fn of(sealed: &[u8]) -> Result<Self> {
        let (Some(nonce), Some(tag)) = (sealed.first_chunk::<NONCE_BYTES>(), sealed.last_chunk::<TAG_BYTES>()) else {
            return Err(Error::integrity());
        };
        let mut seal = [0; NONCE_BYTES + TAG_BYTES];
        seal[..NONCE_BYTES].copy_from_slice(nonce);
        seal[NONCE_BYTES..].copy_from_slice(tag);
        Ok(Self(seal))
    }
}

/// The fields of a response.
pub(super) struct ResponseParts<'a> {
    pub(super) session: SessionId,
    pub(super) number: u64,
    pub(super) sealed: &'a [u8],
}

impl<'a> ResponseParts<'a> {
    fn parse(bytes: &'a [u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes, Kind::ChannelResponse, ChannelResponse::MAX_BYTES)?;
        check_suite(reader.suite())?;
        let (session, number) = (SessionId::from_bytes(*reader.array()?), reader.u64()?);
        let sealed = sealed(&mut reader)?;
        reader.end()?;
        Ok(Self { session, number, sealed })
    }

    pub(super) fn aad(hash: &[u8; 32], number: u64, expiry: Expiry, request: &RequestSeal) -> Vec<u8> {
        let fields: [&[u8]; 4] = [hash, &number.to_be_bytes(), &expiry.as_millis().to_be_bytes(), &request.0];
        transcript(Kind::ChannelResponse, SUITE, "response", &fields)
    }
}

impl ChannelResponse {
    pub(super) fn new(session: &SessionId, number: u64, sealed: &[u8]) -> Self {
        let writer = Writer::with_capacity(Kind::ChannelResponse, SUITE, RESPONSE_OVERHEAD + sealed.len());
        Self(writer.field(session.as_bytes()).field(&number.to_be_bytes()).field(sealed).finish())
    }

    pub(super) fn parts(&self) -> Result<ResponseParts<'_>> {
        ResponseParts::parse(&self.0)
    }
}

fn sealed<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8]> {
    let sealed = reader.bytes(SEALED_BYTES)?;
    if sealed.len() < ContentKey::OVERHEAD_BYTES { Err(Error::integrity()) } else { Ok(sealed) }
}

/// What was read, written again: no message has a second form.
#[cfg(any(test, feature = "fuzzing"))]
mod again {
    use super::{ChannelAnswer, ChannelHello, ChannelRequest, ChannelResponse};
    use crate::wire::Message;

    impl ChannelHello {
        pub(crate) fn encoded_again(&self) -> Vec<u8> {
            Self::new(self.noise().expect("was parsed")).as_bytes().to_vec()
        }
    }

    impl ChannelAnswer {
        pub(crate) fn encoded_again(&self) -> Vec<u8> {
            Self::new(self.noise().expect("was parsed")).as_bytes().to_vec()
        }
    }

    impl ChannelRequest {
        pub(crate) fn encoded_again(&self) -> Vec<u8> {
            let parts = self.parts().expect("was parsed");
            Self::new(&parts.session, parts.number, parts.expiry, parts.sealed).as_bytes().to_vec()
        }
    }

    impl ChannelResponse {
        pub(crate) fn encoded_again(&self) -> Vec<u8> {
            let parts = self.parts().expect("was parsed");
            Self::new(&parts.session, parts.number, parts.sealed).as_bytes().to_vec()
        }
    }
}
