//! What goes wrong is named, and nothing that was read is shown: whatever asked for it, and however.

use std::fmt::Debug;

use futures::executor::block_on;
use secret_store_config::{LoadError, LoadErrorKind, Loader};
use secret_store_core::SecretStoreExt;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};

/// What no error may show.
const CANARY: &str = "canary-KW5-hunter2";

fn load<T: DeserializeOwned>(secrets: &[(&str, &str)]) -> Result<T, LoadError> {
    let app = secret_store_memory::store("config").expect("random").application("YourApp").expect("valid");
    for (name, value) in secrets {
        block_on(app.put(*name, *value)).expect("stored");
    }
    block_on(Loader::new(app.store(), app.name()).load())
}

#[track_caller]
fn refused<T: Debug>(result: Result<T, LoadError>) -> (LoadErrorKind, Option<String>, String) {
    let error = result.expect_err("this must be refused");
    let shown = format!("{error} {error:?} {:?}", error.name());
    assert!(!shown.contains("canary") && !shown.contains("hunter2"), "{shown}");
    (error.kind(), error.name().map(str::to_owned), error.to_string())
}

#[derive(Debug, Deserialize)]
struct One<T> {
    #[serde(rename = "it")]
    _it: T,
}

/// Types that say what is wrong with what they were given in each way that serde has: what they call a field may be a value.
macro_rules! quoting {
    ($($name:ident => $error:expr;)*) => {$(
        #[derive(Debug)]
        struct $name;

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let quote: fn(&str) -> D::Error = $error;
                Err(quote(&text))
            }
        }
    )*};
}

quoting! {
    Custom => |text| D::Error::custom(text);
    UnknownField => |text| D::Error::unknown_field(text, &["a"]);
    UnknownVariant => |text| D::Error::unknown_variant(text, &["a"]);
    InvalidValue => |text| D::Error::invalid_value(serde::de::Unexpected::Str(text), &"something else");
    InvalidType => |text| D::Error::invalid_type(serde::de::Unexpected::Str(text), &"something else");
}

/// The derived kind: an enum that is read as a field's name.
#[derive(Debug, Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Column {
    Id,
}

#[test]
fn what_is_read_is_in_no_error() {
    fn check<T: DeserializeOwned + Debug>() {
        for secrets in
            [&[("it", CANARY)][..], &[("it__0", CANARY)], &[("it__a", CANARY)], &[("it", r#"["canary-KW5"]"#)]]
        {
            let (_, name, _) = refused(load::<One<T>>(secrets));
            assert!(["it", "it__0", "it__a"].contains(&name.as_deref().expect("named")), "{name:?}");
        }
    }
    type Map<T> = std::collections::HashMap<String, T>;
    check::<Custom>();
    check::<UnknownField>();
    check::<UnknownVariant>();
    check::<InvalidValue>();
    check::<InvalidType>();
    check::<Column>();
    check::<Vec<UnknownField>>();
    check::<Map<UnknownField>>();
    check::<Option<UnknownField>>();
    check::<Vec<Column>>();
    check::<Option<Column>>();
    assert!(matches!(load::<One<Column>>(&[("it", "id")]).expect("a column")._it, Column::Id));
}

#[derive(Debug, Deserialize)]
struct Flat {
    #[serde(flatten)]
    _db: Database,
}

#[derive(Debug, Deserialize)]
struct Database {
    #[serde(rename = "host")]
    _host: String,
    #[serde(rename = "port", default)]
    _port: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Tagged {
    Plain {
        #[serde(rename = "host")]
        _host: String,
    },
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Untagged {
    _A { _a: String },
}

/// serde keeps where a flattened field came from to itself. Then no secret is named, rather than one without a name.
#[test]
fn a_fault_without_a_place_names_no_secret() {
    assert_eq!(load::<Flat>(&[("host", "db")]).map(|_| ()).map_err(|error| error.to_string()), Ok(()));
    let (kind, name, _) = refused(load::<Flat>(&[("other", CANARY)]));
    assert_eq!((kind, name.as_deref()), (LoadErrorKind::Missing, Some("host")));
    for value in ["5432", CANARY] {
        let (kind, name, shown) = refused(load::<Flat>(&[("host", "db"), ("port", value)]));
        assert_eq!((kind, name), (LoadErrorKind::Malformed, None), "{shown}");
        assert!(!shown.contains("``") && shown.contains("u16") && shown.contains("flatten"), "{shown}");
    }
    let (kind, name, shown) = refused(load::<Vec<u8>>(&[("host", CANARY)]));
    assert_eq!((kind, name), (LoadErrorKind::Malformed, None), "{shown}");
    assert!(!shown.contains("``"), "{shown}");
}

#[test]
fn a_field_that_is_there_twice_is_named() {
    #[derive(Debug, Deserialize)]
    struct Aliased {
        #[serde(rename = "port", alias = "Port", alias = "PORT")]
        _port: u16,
    }
    for secrets in [[("port", "1"), ("PORT", "2")], [("Port", "1"), ("PORT", "2")]] {
        let (kind, name, shown) = refused(load::<Aliased>(&secrets));
        assert_eq!((kind, name.as_deref()), (LoadErrorKind::Malformed, Some("port")), "{shown}");
        let (kind, name, shown) = refused(load::<One<Aliased>>(
            &secrets
                .map(|(name, value)| (["it__", name].concat(), value))
                .each_ref()
                .map(|(name, value)| (name.as_str(), *value)),
        ));
        assert_eq!((kind, name.as_deref()), (LoadErrorKind::Malformed, Some("it__port")), "{shown}");
        assert!(shown.contains("alias"), "{shown}");
    }
}

#[test]
fn tagged_and_untagged_enums_name_what_can_be_named() {
    let tagged = |secrets: &[(&str, &str)]| refused(load::<One<Tagged>>(secrets));
    let (kind, name, _) = tagged(&[("it__kind", "plain"), ("it__host", "db"), ("it__prot", CANARY)]);
    assert_eq!((kind, name.as_deref()), (LoadErrorKind::Unknown, Some("it__prot")));
    let (kind, name, _) = tagged(&[("it__kind", "plain"), ("it__hots", CANARY)]);
    assert_eq!((kind, name.as_deref()), (LoadErrorKind::Unknown, Some("it__hots")));
    let (kind, name, _) = tagged(&[("it__kind", CANARY), ("it__host", CANARY)]);
    assert_eq!((kind, name.as_deref()), (LoadErrorKind::Malformed, Some("it__kind")));
    let (kind, name, _) = tagged(&[("it__host", CANARY)]);
    assert_eq!((kind, name.as_deref()), (LoadErrorKind::Missing, Some("it__kind")));
    let (kind, name, _) = refused(load::<One<Untagged>>(&[("it", CANARY)]));
    assert_eq!((kind, name.as_deref()), (LoadErrorKind::Malformed, Some("it")));
}

/// The errors of the `config` crate are its own: they quote. The documentation of [`secret_store_config::SecretSource`] says so.
#[cfg(feature = "config")]
#[test]
fn the_config_crate_quotes_what_it_cannot_convert() {
    use std::sync::Arc;

    let app = secret_store_memory::store("config").expect("random").application("YourApp").expect("valid");
    block_on(app.put("port", CANARY)).expect("stored");
    let source = secret_store_config::SecretSource::new(Arc::new(app.store().clone()), app.name().clone());
    let builder = config::ConfigBuilder::<config::builder::AsyncState>::default().add_async_source(source);
    let config = block_on(builder.build()).expect("built");
    let error = config.get::<u16>("port").expect_err("no number");
    assert!(error.to_string().contains(CANARY), "if it quotes no more, let the documentation say so: {error}");
}
