//! Formats with more types than JSON has: nothing of a refused request stands in an error, as there is none.

use futures::executor::block_on;
use secret_store_core::ErrorKind;
use secret_store_transport::{Message as _, SealedRequest};
use serde::de::value::{Error, MapDeserializer, SeqDeserializer};
use serde::de::{Deserialize as _, Deserializer, IntoDeserializer, Visitor};

use super::support::{World, specs, target};

/// A value as such a format hands it over.
#[derive(Clone, Debug)]
enum Of {
    None,
    Some(Box<Of>),
    Newtype(Box<Of>),
    Flag(bool),
    Character(char),
    Huge(u128),
    Negative(i128),
    Single(f32),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Of>),
    Map(Vec<(Of, Of)>),
}

impl<'de> Deserializer<'de> for Of {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::None => visitor.visit_none(),
            Self::Some(of) => visitor.visit_some(*of),
            Self::Newtype(of) => visitor.visit_newtype_struct(*of),
            Self::Flag(flag) => visitor.visit_bool(flag),
            Self::Character(character) => visitor.visit_char(character),
            Self::Huge(number) => visitor.visit_u128(number),
            Self::Negative(number) => visitor.visit_i128(number),
            Self::Single(number) => visitor.visit_f32(number),
            Self::Text(text) => visitor.visit_string(text),
            Self::Bytes(bytes) => visitor.visit_byte_buf(bytes),
            Self::List(items) => visitor.visit_seq(SeqDeserializer::new(items.into_iter())),
            Self::Map(entries) => visitor.visit_map(MapDeserializer::new(entries.into_iter())),
        }
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

impl IntoDeserializer<'_, Error> for Of {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

fn text(text: &str) -> Of {
    Of::Text(text.into())
}

fn request(value: Of) -> Of {
    Of::Map(vec![(text("sealed"), Of::Flag(true)), (text("value"), value)])
}

/// One value of each type, none of them a seal.
fn values() -> Vec<Of> {
    vec![
        Of::None,
        Of::Some(Box::new(text("hunter2"))),
        Of::Newtype(Box::new(text("hunter2"))),
        Of::Flag(true),
        Of::Character('h'),
        Of::Huge(u128::MAX),
        Of::Negative(i128::MIN),
        Of::Single(0.5),
        text("hunter2"),
        Of::Bytes(b"hunter2".to_vec()),
        Of::List(vec![text("hunter2"), Of::Huge(7), Of::None]),
        Of::Map(vec![(Of::Huge(7), Of::Some(Box::new(Of::Huge(7))))]),
    ]
}

#[test]
fn values_of_every_type_are_not_sealed_instead_of_quoted() {
    block_on(async {
        let world = World::new(specs()[0]).await;
        let seal = world.seal(&target("MainDb"), "hunter2").await;
        let good = || Of::Bytes(seal.as_bytes().to_vec());
        for value in values() {
            let mut bodies = vec![request(value.clone())];
            // As a field beside the two, as the name of one, and as the flag.
            let mut more = vec![(text("sealed"), Of::Flag(true)), (text("value"), good())];
            more.push((text("other"), value.clone()));
            bodies.push(Of::Map(more.clone()));
            more[2] = (value.clone(), Of::None);
            bodies.push(Of::Map(more));
            if !matches!(value, Of::Flag(true)) {
                bodies.push(Of::Map(vec![(text("sealed"), value.clone()), (text("value"), good())]));
            }
            if !matches!(value, Of::Map(_)) {
                bodies.push(value);
            }
            for body in bodies {
                let request = SealedRequest::deserialize(body.clone()).expect("whatever is of the format");
                assert_eq!(world.refused(&target("MainDb"), request).await, ErrorKind::NotSealed, "{body:?}");
            }
        }
        let request = SealedRequest::deserialize(request(good())).expect("of the format");
        world.intake().put_sealed(&target("MainDb"), request).await.expect("sealed");
    });
}
