//! The parsers, for fuzz targets: each answers whether it accepted the input. No part of the public interface.

mod credential;

pub use credential::{
    credential, credential_key, credential_key_sample, credential_sample, original_text, original_text_sample,
    totp_secret, totp_secret_sample,
};
