//! The three traits for `Arc<T>`, forwarded by hand: each call hands on the inner future instead of boxing another.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use crate::context::EncryptionContext;
use crate::error::Result;
use crate::id::{ApplicationName, MasterKeyId, SecretId};
use crate::key::{DocumentKey, GeneratedKey, WrappedKey};
use crate::key_provider::KeyProvider;
use crate::persistence::{Consistency, Limits, ListQuery, Page, Persistence, RecordKey, Revision, Stored, Write};
use crate::secret::{Secret, SecretInfo, SecretValue};
use crate::store::{DeleteOptions, GetOptions, ListOptions, PutOptions, SecretStore};

/// Spells out the signature that `async_trait` gives each method, and hands the call on.
macro_rules! forward {
    ($(fn $name:ident<$($life:lifetime),*>($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {$(
        fn $name<'life0, $($life,)* 'async_trait>(
            &'life0 self,
            $($argument: $type),*
        ) -> Pin<Box<dyn Future<Output = Result<$answer>> + Send + 'async_trait>>
        where
            'life0: 'async_trait,
            $($life: 'async_trait,)*
            Self: 'async_trait,
        {
            (**self).$name($($argument),*)
        }
    )*};
}

impl<T: KeyProvider + ?Sized> KeyProvider for Arc<T> {
    fn accepts(&self, id: &MasterKeyId) -> bool {
        (**self).accepts(id)
    }

    forward! {
        fn generate_key<'life1, 'life2>(id: &'life1 MasterKeyId, context: &'life2 EncryptionContext) -> GeneratedKey;
        fn wrap_key<'life1, 'life2, 'life3>(
            id: &'life1 MasterKeyId,
            key: &'life2 DocumentKey,
            context: &'life3 EncryptionContext
        ) -> WrappedKey;
        fn unwrap_key<'life1, 'life2>(key: &'life1 WrappedKey, context: &'life2 EncryptionContext) -> DocumentKey;
        fn rewrap_key<'life1, 'life2, 'life3, 'life4>(
            key: &'life1 WrappedKey,
            from: &'life2 EncryptionContext,
            to: &'life3 MasterKeyId,
            to_context: &'life4 EncryptionContext
        ) -> WrappedKey;
    }
}

impl<T: Persistence + ?Sized> Persistence for Arc<T> {
    fn limits(&self) -> Limits {
        (**self).limits()
    }

    forward! {
        fn load<'life1>(key: &'life1 RecordKey, consistency: Consistency) -> Option<Stored>;
        fn load_many<'life1>(keys: &'life1 [RecordKey], consistency: Consistency) -> Vec<Option<Stored>>;
        fn list<'life1>(query: &'life1 ListQuery) -> Page<(Arc<str>, Stored)>;
        fn commit<>(writes: Vec<Write>) -> Vec<Option<Revision>>;
    }
}

impl<T: SecretStore + ?Sized> SecretStore for Arc<T> {
    forward! {
        fn get_with<'life1>(id: &'life1 SecretId, options: GetOptions) -> Secret;
        fn put_with<'life1>(id: &'life1 SecretId, value: SecretValue, options: PutOptions) -> SecretInfo;
        fn delete_with<'life1>(id: &'life1 SecretId, options: DeleteOptions) -> ();
        fn list_with<'life1>(application: &'life1 ApplicationName, options: ListOptions) -> Page<SecretInfo>;
        fn history_with<'life1>(id: &'life1 SecretId, options: ListOptions) -> Page<SecretInfo>;
        fn get_many_with<'life1>(ids: &'life1 [SecretId], options: GetOptions) -> Vec<Secret>;
        fn get_all_with<'life1>(application: &'life1 ApplicationName, options: GetOptions) -> Vec<Secret>;
    }
}
