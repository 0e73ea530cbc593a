//! Neither a message nor a field shows a value.

use std::collections::HashMap;
use std::fmt::Debug;

use futures::executor::block_on;
use secrecy::{ExposeSecret, SecretString};
use secret_store_config::{LoadErrorKind, Loader, SecretField};
use secret_store_core::SecretValue;
use serde::Deserialize;

use super::{CANARY, Level, One, application, load, one, refused};

/// A type of the caller's may put what it was given into its message: that is not shown.
#[test]
fn messages_that_quote_are_dropped() {
    #[derive(Debug)]
    struct Quoting;

    impl<'de> Deserialize<'de> for Quoting {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(format!("{text} is not good")))
        }
    }

    #[derive(Debug, Deserialize)]
    #[serde(try_from = "String")]
    struct Tried;

    impl TryFrom<String> for Tried {
        type Error = String;

        fn try_from(text: String) -> Result<Self, String> {
            Err(text)
        }
    }

    let expected = "the secret `it` is not what its field accepts";
    assert_eq!(refused(one::<Quoting>(CANARY), LoadErrorKind::Malformed, "it"), expected);
    assert_eq!(refused(one::<Tried>(CANARY), LoadErrorKind::Malformed, "it"), expected);
    refused(one::<Vec<Quoting>>(r#"["canary-KW5-hunter2"]"#), LoadErrorKind::Malformed, "it");
    refused(load::<One<Vec<Quoting>>>(&[("it__0", CANARY)]), LoadErrorKind::Malformed, "it__0");
    refused(one::<HashMap<Level, u8>>(CANARY), LoadErrorKind::Malformed, "it");
    let key = load::<One<HashMap<bool, u8>>>(&[("it__yes", CANARY)]);
    refused(key, LoadErrorKind::Malformed, "it__yes");
    refused(load::<One<Option<u8>>>(&[("it", CANARY)]), LoadErrorKind::Malformed, "it");
}

#[test]
fn secret_fields_hold_bytes_and_show_nothing() {
    #[derive(Debug, Deserialize)]
    struct Secrets {
        password: SecretField,
        of_secrecy: SecretString,
        nested: HashMap<String, SecretField>,
        missing: Option<SecretField>,
        json: Vec<SecretField>,
    }
    let app =
        application(&[("of_secrecy", CANARY), ("nested__a", CANARY), ("json", r#"["canary-KW5-hunter2", "\n"]"#)]);
    let bytes = [CANARY.as_bytes(), &[0xff, 0]].concat();
    block_on(app.put("password", bytes.clone())).expect("stored");
    let secrets: Secrets = block_on(Loader::new(app.store(), app.name()).load()).expect("complete");
    assert_eq!(secrets.password.expose_secret(), bytes);
    assert!(secrets.password.text().is_err(), "no text");
    assert_eq!(secrets.of_secrecy.expose_secret(), CANARY);
    assert_eq!(secrets.nested["a"].text().expect("text"), CANARY);
    assert!(secrets.missing.is_none());
    assert_eq!((secrets.json[0].text().expect("text"), secrets.json[1].text().expect("text")), (CANARY, "\n"));
    let shown = format!("{secrets:?}");
    assert!(shown.contains("redacted") && !shown.contains("canary") && !shown.contains("99, 97"), "{shown}");
    let value: SecretValue = secrets.password.into_value();
    assert_eq!(value.expose_secret(), bytes);
    // As text it is refused, and not shown.
    let app_text = block_on(Loader::new(app.store(), app.name()).load::<HashMap<String, String>>());
    let shown = app_text.expect_err("no text");
    assert!(!format!("{shown:?}").contains("canary"), "{shown:?}");
    // Other deserializers have text and bytes too.
    let from_json: SecretField = serde_json::from_str(r#""text""#).expect("text");
    assert_eq!(from_json.expose_secret(), b"text");
    assert!(serde_json::from_str::<SecretField>("7").is_err());
}
