//! What was asked, when in an operation an entry was written, and how the operation ended: each has one code in an entry.

use std::fmt;

use crate::error::ErrorKind;

macro_rules! coded {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $code:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum $name {
            $($(#[$variant_doc])* $variant = $code,)*
        }

        impl $name {
            pub(super) fn from_code(code: u8) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// Its name in logs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

coded! {
    /// What was asked: a method of [`SecretStore`](crate::SecretStore), or what a service around a store did
    /// ([`AuditRecorder`](super::AuditRecorder)).
    Action {
        /// `get_with`.
        Get = 1 "get",
        /// `get_many_with`.
        GetMany = 2 "get many",
        /// `get_all_with`.
        GetAll = 3 "get all",
        /// `list_with`.
        List = 4 "list",
        /// `history_with`.
        History = 5 "history",
        /// `put_with`.
        Put = 6 "put",
        /// `delete_with`.
        Delete = 7 "delete",
        /// A credential that its user's client encrypted was submitted.
        Ingest = 8 "ingest",
        /// Such a credential was opened and used.
        Use = 9 "use",
        /// A secret that its client sealed was submitted.
        PutSealed = 10 "put sealed",
        /// Secrets were requested, and sealed to the key of the request.
        Retrieve = 11 "retrieve",
    }
}

impl Action {
    /// Whether it changes the store, and therefore leaves an intent and an outcome.
    #[must_use]
    pub fn is_mutation(self) -> bool {
        matches!(self, Self::Put | Self::Delete | Self::Ingest | Self::PutSealed)
    }
}

coded! {
    /// When in an operation an entry was written.
    Phase {
        /// A read, after it was made and before anything of it was released.
        Read = 1 "read",
        /// A mutation, before it was begun. Without an outcome after it, it is unknown whether the mutation happened.
        Intent = 2 "intent",
        /// A mutation, after it ended.
        Outcome = 3 "outcome",
    }
}

coded! {
    /// How an operation ended: well, or by an error of a [kind](ErrorKind).
    Outcome {
        /// It succeeded.
        Success = 1 "success",
        /// [`ErrorKind::NotFound`].
        NotFound = 2 "not found",
        /// [`ErrorKind::AlreadyExists`].
        AlreadyExists = 3 "already exists",
        /// [`ErrorKind::Conflict`].
        Conflict = 4 "conflict",
        /// [`ErrorKind::Contention`].
        Contention = 5 "contention",
        /// [`ErrorKind::Integrity`].
        Integrity = 6 "integrity",
        /// [`ErrorKind::RollbackDetected`].
        RollbackDetected = 7 "rollback detected",
        /// [`ErrorKind::KeyNotAllowed`].
        KeyNotAllowed = 8 "key not allowed",
        /// [`ErrorKind::KeyUnavailable`].
        KeyUnavailable = 9 "key unavailable",
        /// [`ErrorKind::PermissionDenied`].
        PermissionDenied = 10 "permission denied",
        /// [`ErrorKind::InvalidInput`].
        InvalidInput = 11 "invalid input",
        /// [`ErrorKind::TooLarge`].
        TooLarge = 12 "too large",
        /// [`ErrorKind::Unsupported`].
        Unsupported = 13 "unsupported",
        /// [`ErrorKind::Throttled`].
        Throttled = 14 "throttled",
        /// [`ErrorKind::Unavailable`]: a mutation may have landed.
        Unavailable = 15 "unavailable",
        /// [`ErrorKind::KeyDestroyed`].
        KeyDestroyed = 16 "key destroyed",
        /// [`ErrorKind::NotSealed`].
        NotSealed = 17 "not sealed",
        /// [`ErrorKind::KeyRetired`].
        KeyRetired = 18 "key retired",
        /// [`ErrorKind::Expired`].
        Expired = 19 "expired",
        /// [`ErrorKind::Replayed`].
        Replayed = 20 "replayed",
    }
}

impl From<ErrorKind> for Outcome {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::AlreadyExists => Self::AlreadyExists,
            ErrorKind::Conflict => Self::Conflict,
            ErrorKind::Contention => Self::Contention,
            ErrorKind::Integrity => Self::Integrity,
            ErrorKind::RollbackDetected => Self::RollbackDetected,
            ErrorKind::KeyNotAllowed => Self::KeyNotAllowed,
            ErrorKind::KeyUnavailable => Self::KeyUnavailable,
            ErrorKind::KeyDestroyed => Self::KeyDestroyed,
            ErrorKind::PermissionDenied => Self::PermissionDenied,
            ErrorKind::InvalidInput => Self::InvalidInput,
            ErrorKind::TooLarge { .. } => Self::TooLarge,
            ErrorKind::Unsupported => Self::Unsupported,
            ErrorKind::Throttled => Self::Throttled,
            ErrorKind::Unavailable => Self::Unavailable,
            ErrorKind::NotSealed => Self::NotSealed,
            ErrorKind::KeyRetired => Self::KeyRetired,
            ErrorKind::Expired => Self::Expired,
            ErrorKind::Replayed => Self::Replayed,
        }
    }
}
