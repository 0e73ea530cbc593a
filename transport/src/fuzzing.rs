//! The parsers, for fuzz targets. No part of the public interface: may change in any release.
//!
//! Each function answers whether its input was accepted, and panics where a parser accepts a second form of anything or where
//! something opens that was never sealed. Keys are fixed, so that one sample of each kind opens.

mod channel;
mod credential;
mod sealed;
#[cfg(feature = "thirdweb")]
mod thirdweb;

pub use channel::{
    channel_answer, channel_answer_sample, channel_hello, channel_hello_sample, channel_key, channel_key_sample,
    channel_request, channel_request_sample, channel_response, channel_response_sample,
};
pub use credential::{
    credential, credential_key, credential_key_sample, credential_sample, original_text, original_text_sample,
    totp_secret, totp_secret_sample,
};
pub use sealed::{
    bundle, bundle_content, key_pair, key_record, key_set, retrieval_request, sealed_request, sealed_secret,
};
#[cfg(feature = "thirdweb")]
pub use thirdweb::{thirdweb, thirdweb_sample};
