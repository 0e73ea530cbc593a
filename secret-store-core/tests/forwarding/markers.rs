//! What may be sent between tasks, and what key material and values never implement.

use std::sync::Arc;

use secret_store_core::{
    DocumentKey, EnvelopeStore, Error, GeneratedKey, GetOptions, KeyEncryptionKey, Secret, SecretStore, SecretStoreExt,
    SecretValue,
};

use super::id;
use super::reached::Reached;

/// Compiles only while the type does not implement the trait: with two implementations that fit, the marker is ambiguous.
macro_rules! never {
    ($type:ty: $($bound:path),+) => {$(
        const _: () = {
            trait Ambiguous<Marker> {
                const HOLDS: () = ();
            }
            struct Implements;
            impl<T: ?Sized> Ambiguous<()> for T {}
            impl<T: ?Sized + $bound> Ambiguous<Implements> for T {}
            <$type as Ambiguous<_>>::HOLDS
        };
    )+};
}

never!(SecretValue: Clone, PartialEq, serde::Serialize, serde::de::DeserializeOwned, std::fmt::Display, AsRef<[u8]>, std::ops::Deref);
never!(Secret: Clone, PartialEq, serde::Serialize, serde::de::DeserializeOwned, std::fmt::Display, AsRef<[u8]>, std::ops::Deref);
never!(DocumentKey: Clone, PartialEq, serde::Serialize, serde::de::DeserializeOwned, std::fmt::Display, AsRef<[u8]>, std::ops::Deref);
never!(GeneratedKey: Clone, PartialEq, serde::Serialize, serde::de::DeserializeOwned);
never!(KeyEncryptionKey: Clone, PartialEq, serde::Serialize, serde::de::DeserializeOwned, std::fmt::Display);

/// What a program moves between its tasks.
#[test]
fn futures_and_handles_may_be_sent() {
    fn sent<T: Send + Sync + 'static>() {}
    sent::<EnvelopeStore>();
    sent::<Arc<dyn SecretStore>>();
    sent::<Secret>();
    sent::<Error>();
    fn sendable<T: Send>(_: T) {}
    let store: Arc<dyn SecretStore> = Arc::new(Reached::default());
    sendable(store.get_with(&id(), GetOptions::default()));
    sendable(store.get_many(&[]));
}
