//! Whoever traces hears how often something was tried, and what it consumed in all.
//!
//! Alone in its process: another test that first comes to the same span at the same moment could switch it off.

#[path = "aws/support.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod support;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use secret_store_core::{SecretId, SecretStoreExt, TracedStore};
use secret_store_dynamo_emulator::{Fault, Patience};
use support::{APPLICATION, Keys, Table};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// The fields of the span of the last store operation.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<BTreeMap<String, String>>>);

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut fields = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        fields.insert(field.name().to_owned(), format!("{value:?}"));
    }
}

impl Told {
    /// Attempts and capacity.
    fn take(&self) -> (String, f64) {
        let fields = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (fields["attempts"].clone(), fields["capacity"].parse().expect("a number"))
    }
}

impl Subscriber for Told {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && metadata.name() == "secret_store"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn attempts_and_capacity_are_told() {
    let told = Told::default();
    let _subscribed = tracing::subscriber::set_default(told.clone());
    let table = Table::with(Keys::Replicated).await;
    let store = table.store(Patience::default()).await;
    let traced = TracedStore::new(Arc::new(store.clone()), "dynamodb");
    let ids = ["a", "b"].map(|name| SecretId::parse(APPLICATION, name).expect("valid"));
    for id in &ids {
        traced.put(id, "value".into()).await.expect("stored");
        assert_eq!(told.take().0, "1", "nothing went wrong");
    }

    // The SDK repeats a request that failed …
    table.proxy.forget();
    table.proxy.fail_calls(0, 2, &Fault::ServerError);
    traced.get(&ids[0]).await.expect("the third request");
    assert_eq!(table.proxy.take_operations(), ["GetItem", "GetItem", "GetItem", "Decrypt"]);
    assert_eq!(told.take(), ("3".to_owned(), 0.5));

    // … of KMS too …
    store.purge_keys();
    table.proxy.fail_call(1, &Fault::ServerError);
    traced.get(&ids[0]).await.expect("the second Decrypt");
    assert_eq!(table.proxy.take_operations(), ["GetItem", "Decrypt", "Decrypt"]);
    assert_eq!(told.take().0, "2");

    // … a replica of the key is asked where its region is away …
    store.purge_keys();
    table.proxy.fail_call(1, &Fault::KeyDisabled);
    traced.get(&ids[0]).await.expect("by the replica");
    assert_eq!(table.proxy.take_operations(), ["GetItem", "Decrypt", "Decrypt"]);
    assert_eq!(told.take().0, "2");

    // … what DynamoDB left of a batch is asked for again …
    table.proxy.fail_call(0, &Fault::Partial);
    traced.get_many(&ids).await.expect("both");
    let operations = table.proxy.take_operations();
    assert_eq!(&operations[..2], ["BatchGetItem", "BatchGetItem"]);
    assert_eq!(told.take().0, "2");

    // … and a put that meets another transaction begins again.
    table.proxy.fail_operation("TransactWriteItems", Fault::Conflict);
    let proxy = &table.proxy;
    let heal = async {
        while proxy.operations().iter().filter(|operation| *operation == "TransactWriteItems").count() < 2 {
            tokio::task::yield_now().await;
        }
        proxy.heal();
    };
    let (put, ()) = futures_util::future::join(traced.put(&ids[0], "next".into()), heal).await;
    put.expect("stored at last");
    let begun = proxy.take_operations().iter().filter(|operation| *operation == "TransactWriteItems").count();
    assert!(begun >= 3, "{begun}");
    let attempts: usize = told.take().0.parse().expect("a number");
    // The SDK repeats nothing here: a cancelled transaction is an answer.
    assert_eq!(attempts, begun);
}
