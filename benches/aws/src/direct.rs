//! The same requests by the SDK alone: no vocabulary, no checks, no encryption of the value.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{
    AttributeValue, KeysAndAttributes, Put, ReturnConsumedCapacity, ReturnValuesOnConditionCheckFailure,
    TransactWriteItem,
};
use aws_sdk_kms::types::DataKeySpec;
use secret_store_core::{EncryptionContext, SecretId, SecretVersion};

use crate::{TABLE, store_id};

type Item = HashMap<String, AttributeValue>;

/// A program that sends what the store sends.
#[derive(Clone, Debug)]
pub struct Direct {
    dynamodb: aws_sdk_dynamodb::Client,
    kms: aws_sdk_kms::Client,
    key: String,
    id: SecretId,
}

impl Direct {
    pub(crate) fn new(
        (dynamodb, kms): (aws_sdk_dynamodb::Client, aws_sdk_kms::Client),
        key: &str,
        id: SecretId,
    ) -> Self {
        Self { dynamodb, kms, key: key.to_owned(), id }
    }

    /// `GetItem` and `Decrypt`.
    ///
    /// # Panics
    ///
    /// When one of them fails.
    pub async fn get(&self) {
        let request = self.dynamodb.get_item().table_name(TABLE).set_key(Some(self.current()));
        let request = request.consistent_read(false).return_consumed_capacity(ReturnConsumedCapacity::Total);
        let item = request.send().await.expect("an answer").item.expect("an item");
        let ciphertext = item["ProtectedDocumentKey"].as_b().expect("bytes").clone();
        let request = self.kms.decrypt().key_id(&self.key).ciphertext_blob(ciphertext);
        let opened = request.set_encryption_context(Some(self.context(version(&item)))).send().await;
        assert_eq!(opened.expect("an answer").plaintext.expect("a key").as_ref().len(), 32);
    }

    /// `BatchGetItem`, `GenerateDataKey` and `TransactWriteItems`.
    ///
    /// # Panics
    ///
    /// When one of them fails.
    pub async fn put(&self) {
        let found = self.read().await;
        let next = version(&found) + 1;
        let request = self.kms.generate_data_key().key_id(&self.key).key_spec(DataKeySpec::Aes256);
        let made = request.set_encryption_context(Some(self.context(next))).send().await.expect("an answer");
        let mut current = found.clone();
        current.insert("ProtectedDocumentKey".to_owned(), AttributeValue::B(made.ciphertext_blob.expect("a wrap")));
        current.insert("Version".to_owned(), AttributeValue::N(next.to_string()));
        current.insert("~rev".to_owned(), AttributeValue::S(random_text()));
        let unchanged = Put::builder()
            .set_item(Some(current))
            .condition_expression("#r = :r")
            .expression_attribute_names("#r", "~rev")
            .expression_attribute_values(":r", found["~rev"].clone());
        let absent = Put::builder()
            .set_item(Some(self.earlier(found)))
            .condition_expression("attribute_not_exists(#p)")
            .expression_attribute_names("#p", "ApplicationName");
        let request = self.dynamodb.transact_write_items().client_request_token(random_text());
        let request = [unchanged, absent].into_iter().fold(request, |request, put| {
            let put = put.table_name(TABLE);
            let put = put.return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            request.transact_items(TransactWriteItem::builder().put(put.build().expect("complete")).build())
        });
        request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.expect("a transaction");
    }

    /// The current item; the last number, which does not exist, is asked for as well.
    async fn read(&self) -> Item {
        let last = address(&self.history(), &format!("{}\u{1f}", self.id.name().as_str()));
        let keys = KeysAndAttributes::builder().keys(self.current()).keys(last).consistent_read(true);
        let request = self.dynamodb.batch_get_item().request_items(TABLE, keys.build().expect("complete"));
        let answer = request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await.expect("an answer");
        answer.responses.expect("answers").remove(TABLE).expect("the table's").pop().expect("an item")
    }

    fn current(&self) -> Item {
        address(self.id.application().as_str(), self.id.name().as_str())
    }

    fn history(&self) -> String {
        format!("~h~{}", self.id.application().as_str())
    }

    /// The item as it is kept.
    fn earlier(&self, mut item: Item) -> Item {
        let sort = format!("{}\u{1f}{:020}", self.id.name().as_str(), version(&item));
        for name in ["ApplicationName", "SecretName"] {
            let original = item.remove(name).expect("a key");
            item.insert(format!("~~{name}"), original);
        }
        item.insert("~address".to_owned(), AttributeValue::N("1".to_owned()));
        item.insert("~rev".to_owned(), AttributeValue::S(random_text()));
        item.extend(address(&self.history(), &sort));
        item
    }

    fn context(&self, version: u64) -> HashMap<String, String> {
        let version = SecretVersion::new(version).expect("not zero");
        let context = EncryptionContext::document_key(&store_id(), &self.id, version);
        context.pairs().into_iter().map(|(name, value)| (name.to_owned(), value.into_owned())).collect()
    }
}

fn address(partition: &str, sort: &str) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    Item::from([("ApplicationName".to_owned(), text(partition)), ("SecretName".to_owned(), text(sort))])
}

fn version(item: &Item) -> u64 {
    item["Version"].as_n().expect("a number").parse().expect("a version")
}

fn random_text() -> String {
    let mut random = [0; 16];
    getrandom::fill(&mut random).expect("random bytes");
    hex::encode(random)
}
