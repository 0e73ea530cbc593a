//! Nothing in clear on the wire of either service.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secret_store_core::{
    DocumentKey, EncryptionContext, KeyProvider, Persistence, Precondition, Record, SecretStoreExt, SecretVersion,
    StoreId, Value, Write,
};
use secret_store_dynamo_emulator::{Canary, Exchange, Fault, Patience, Request, Service};

use crate::persistence_faults::patience;
use crate::support::{ELSEWHERE, Keys, Table, id, key, value};
use crate::trial::{NEW, OPERATIONS, Trial, VALUES};

/// The document keys that KMS answered in clear.
fn document_keys(exchanges: &[Exchange]) -> Vec<Vec<u8>> {
    let of_kms = exchanges.iter().filter(|exchange| exchange.request.service() == Some(Service::Kms));
    let answers = of_kms.filter_map(|exchange| exchange.response.as_ref());
    let bodies = answers.filter_map(|answer| serde_json::from_slice::<serde_json::Value>(&answer.body).ok());
    bodies.filter_map(|body| STANDARD.decode(body["Plaintext"].as_str()?).ok()).collect()
}

/// The actions that carried one of these values, or a document key that KMS answered in the same exchanges: in any
/// request, or in an answer of DynamoDB. KMS may answer keys, and never a value.
pub(crate) fn leaks(exchanges: &[Exchange], values: &[&str]) -> Vec<String> {
    leaks_save(exchanges, values, |_| false)
}

/// The same for what a store did: it sends document keys to be wrapped in another region, and nowhere else.
pub(crate) fn leaks_of(table: &Table, exchanges: &[Exchange], values: &[&str]) -> Vec<String> {
    let wraps_elsewhere = |request: &Request| {
        table.keys == Keys::Regional && request.action() == "kms:Encrypt" && request.region() == Some(ELSEWHERE)
    };
    leaks_save(exchanges, values, wraps_elsewhere)
}

fn leaks_save(exchanges: &[Exchange], values: &[&str], may_carry_keys: impl Fn(&Request) -> bool) -> Vec<String> {
    let values: Vec<_> = values.iter().map(|value| Canary::new(value.as_bytes())).collect();
    let keys: Vec<_> = document_keys(exchanges).iter().map(|key| Canary::new(key)).collect();
    let leaks = |exchange: &&Exchange| {
        let request = &exchange.request;
        let forbidden = values.iter().chain(keys.iter().filter(|_| !may_carry_keys(request)));
        let in_request = forbidden.into_iter().any(|canary| canary.is_in_request(request));
        let from_kms = exchange.request.service() == Some(Service::Kms);
        let in_response = exchange.response.as_ref().is_some_and(|response| {
            let forbidden = values.iter().chain(keys.iter().filter(|_| !from_kms));
            forbidden.into_iter().any(|canary| canary.is_in_response(response))
        });
        in_request || in_response
    };
    exchanges.iter().filter(leaks).map(|exchange| exchange.request.action()).collect()
}

/// What goes wrong once is sent again, and nothing of it is in clear either. (The faults themselves, without repetition:
/// `store_faults`.)
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_in_clear_when_requests_are_repeated() {
    let table = Table::new().await;
    for operation in OPERATIONS {
        let mut call = 0;
        for number in 0.. {
            let trial = Trial::begin(&table, operation, operation as usize * 100 + number).await;
            let fault = [Fault::ServerError, Fault::ResetAfter][number % 2].clone();
            let store = table.store(patience(&fault, Patience::default())).await;
            table.proxy.forget();
            table.proxy.fail_call(call, &fault);
            let outcome = trial.run(operation, &store).await;
            table.proxy.heal();
            let exchanges = table.proxy.take_exchanges();
            if exchanges.len() <= call {
                break;
            }
            assert!(outcome.is_ok(), "{operation:?}, call {call}, {fault:?}: {outcome:?}");
            assert_eq!(exchanges[call].request.action(), exchanges[call + 1].request.action(), "it was repeated");
            assert_eq!(document_keys(&exchanges).is_empty(), operation.needs_no_key(), "{operation:?}");
            assert_eq!(leaks(&exchanges, &VALUES), Vec::<String>::new(), "{operation:?}, call {call}, {fault:?}");
            call += number % 2;
        }
        assert!(call > 0, "{operation:?} was tried");
    }
}

/// Of two regions that wrap one document key, the second is sent it, by every write and no read; a replica has the key material
/// already.
#[tokio::test(flavor = "multi_thread")]
async fn a_document_key_goes_to_another_region_to_be_wrapped_there_and_nowhere_else() {
    for keys in [Keys::One, Keys::Regional, Keys::Replicated] {
        let table = Table::with(keys).await;
        for operation in OPERATIONS {
            let trial = Trial::begin(&table, operation, operation as usize).await;
            let store = table.store(Patience::default()).await;
            table.proxy.forget();
            trial.run(operation, &store).await.unwrap_or_else(|error| panic!("{operation:?}: {error}"));
            let exchanges = table.proxy.take_exchanges();
            assert_eq!(leaks_of(&table, &exchanges, &VALUES), [""; 0], "{operation:?}, {keys:?}");
            let sent = exchanges.iter().filter(|exchange| exchange.request.region() == Some(ELSEWHERE));
            let sent: Vec<_> = sent.map(|exchange| exchange.request.action()).collect();
            let wraps = keys == Keys::Regional && operation.seals();
            assert_eq!(sent, vec!["kms:Encrypt"; usize::from(wraps)], "{operation:?}, {keys:?}");
            // The search sees the exception.
            assert_eq!(leaks(&exchanges, &VALUES), sent, "{operation:?}, {keys:?}");
        }
    }
    // It is one for document keys alone.
    let table = Table::with(Keys::Regional).await;
    table.store(Patience::default()).await.put(&id("MainDb"), value(NEW)).await.expect("a put");
    let mut exchanges = table.proxy.take_exchanges();
    let wrap = exchanges.iter_mut().find(|exchange| exchange.request.operation() == "Encrypt").expect("a wrap");
    wrap.request.body.extend_from_slice(NEW.as_bytes());
    assert_eq!(leaks_of(&table, &exchanges, &[NEW]), ["kms:Encrypt"]);
}

/// The search finds what it looks for, in every coding, at both services.
#[tokio::test]
async fn what_is_in_clear_is_found() {
    let table = Table::new().await;
    let records = table.proxied(Patience::default());
    let hexadecimal: String = NEW.bytes().map(|byte| format!("{byte:02x}")).collect();
    let clear = [
        Value::from(NEW),
        Value::Bytes(NEW.as_bytes().into()),
        Value::from(hexadecimal.as_str()),
        Value::from(STANDARD.encode(["x", NEW].concat()).as_str()),
    ];
    for value in clear {
        let record = Record::new().with("Clear", value);
        records.commit(vec![Write::put(key("clear"), record, Precondition::Any)]).await.expect("a put");
        assert_eq!(leaks(&table.proxy.exchanges(), &[NEW]), ["dynamodb:TransactWriteItems"]);
        assert_eq!(leaks(&table.proxy.take_exchanges(), &["another value, which was not sent"]), [""; 0]);
        records.load(&key("clear"), secret_store_core::Consistency::Strong).await.expect("a read");
        assert_eq!(leaks(&table.proxy.take_exchanges(), &[NEW]), ["dynamodb:GetItem"], "in an answer");
    }
    // A document key that goes to KMS, as no operation of a store lets it.
    let keys = table.proxied_keys(Patience::default()).await;
    let store = StoreId::new("test").expect("valid");
    let context = EncryptionContext::document_key(&store, &id("clear"), SecretVersion::FIRST);
    let document_key = DocumentKey::from_bytes(b"a document key of thirty-two byt").expect("32 bytes");
    let wrapped = keys.wrap_key(&table.master_key, &document_key, &context).await.expect("a wrap");
    keys.unwrap_key(&wrapped, &context).await.expect("an unwrap");
    assert_eq!(leaks(&table.proxy.take_exchanges(), &VALUES), ["kms:Encrypt"]);
}
