//! Values of any type of any format: the one that is looked for, or nothing of what it was.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use zeroize::Zeroizing;

/// What a value is taken for. It never fails: an error of serde would quote the value, and it may be plaintext.
pub(super) trait Anything: Sized {
    /// A value of another type.
    fn other() -> Self;

    fn boolean(_: bool) -> Self {
        Self::other()
    }

    fn text(_: &str) -> Self {
        Self::other()
    }

    fn bytes(_: &[u8]) -> Self {
        Self::other()
    }

    fn map<'de, A: MapAccess<'de>>(mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Any<Ignored>, Any<Ignored>>()?.is_some() {}
        Ok(Self::other())
    }
}

/// A value that nobody looks at.
pub(super) struct Ignored;

impl Anything for Ignored {
    fn other() -> Self {
        Self
    }
}

/// Deserialises what it is taken for.
pub(super) struct Any<T>(pub(super) T);

impl<'de, T: Anything> Deserialize<'de> for Any<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Taker(PhantomData)).map(Self)
    }
}

struct Taker<T>(PhantomData<T>);

/// Answers the same for each of these.
macro_rules! other {
    ($($method:ident($type:ty)),*) => {
        $(fn $method<E>(self, _: $type) -> Result<T, E> {
            Ok(T::other())
        })*
    };
}

impl<'de, T: Anything> Visitor<'de> for Taker<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    other!(visit_i64(i64), visit_i128(i128), visit_u64(u64), visit_u128(u128), visit_f64(f64));

    fn visit_bool<E>(self, flag: bool) -> Result<T, E> {
        Ok(T::boolean(flag))
    }

    fn visit_str<E>(self, text: &str) -> Result<T, E> {
        Ok(T::text(text))
    }

    /// Ours to wipe.
    fn visit_string<E>(self, text: String) -> Result<T, E> {
        Ok(T::text(&Zeroizing::new(text)))
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<T, E> {
        Ok(T::bytes(bytes))
    }

    fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<T, E> {
        Ok(T::bytes(&Zeroizing::new(bytes)))
    }

    fn visit_unit<E>(self) -> Result<T, E> {
        Ok(T::other())
    }

    fn visit_none<E>(self) -> Result<T, E> {
        Ok(T::other())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        Any::<Ignored>::deserialize(deserializer).map(|_| T::other())
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        Any::<Ignored>::deserialize(deserializer).map(|_| T::other())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<T, A::Error> {
        while seq.next_element::<Any<Ignored>>()?.is_some() {}
        Ok(T::other())
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::map(map)
    }
}
