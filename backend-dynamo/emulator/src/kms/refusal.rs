//! The errors of KMS, in its own words.

use crate::exchange::Response;

/// An error answer.
#[derive(Debug)]
pub(super) struct Refusal {
    code: &'static str,
    message: Option<String>,
}

impl Refusal {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: Some(message.into()) }
    }

    /// One answer, without a message, for every ciphertext that does not open.
    pub(super) fn invalid_ciphertext() -> Self {
        Self { code: "InvalidCiphertextException", message: None }
    }

    pub(super) fn incorrect_key() -> Self {
        Self::new(
            "IncorrectKeyException",
            "The key ID in the request does not identify a CMK that can perform this operation.",
        )
    }

    pub(super) fn validation(member: &str, rule: &str) -> Self {
        Self::new(
            "ValidationException",
            format!(
                "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must {rule}"
            ),
        )
    }

    pub(super) fn unsupported(what: &str) -> Self {
        Self::new("UnsupportedOperationException", format!("the KMS stand-in does not implement {what}"))
    }

    /// What KMS says about a ciphertext whose key it cannot see from here.
    pub(super) fn foreign_ciphertext() -> Self {
        Self::new(
            "AccessDeniedException",
            "The ciphertext refers to a customer master key that does not exist, does not exist in this region, or you \
             are not allowed to access.",
        )
    }

    pub(super) fn denied(action: &str, resource: &str) -> Self {
        Self::new(
            "AccessDeniedException",
            format!(
                "User: arn:aws:sts::111122223333:assumed-role/test/session is not authorized to perform: {action} on \
                 resource: {resource} because no identity-based policy allows the {action} action"
            ),
        )
    }

    pub(super) fn into_response(self) -> Response {
        let mut body = serde_json::json!({ "__type": self.code });
        if let Some(message) = self.message {
            body["message"] = message.into();
        }
        Response::json(400, &body)
    }
}
