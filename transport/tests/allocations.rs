//! What comes over the wire is refused before anything is allocated for it, whatever a format says of its size.

use secret_store_transport::channel::{ChannelAnswer, ChannelHello, ChannelRequest, ChannelResponse};
use secret_store_transport::credential::Credential;
use secret_store_transport::{Bundle, KeyRecord, Message, Nonce, RetrievalRequest, SealedRequest, SealedSecret};
use serde::de::value::Error;
use serde::de::{DeserializeSeed, Deserializer, IntoDeserializer as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// What an error takes: its text, which grows as it is written.
const REFUSAL_BYTES: u64 = 512;
const ELEMENTS: usize = 10_000;

/// A value of a format for people or for programs.
#[derive(Clone, Copy)]
struct Value<'a> {
    given: Given<'a>,
    is_human_readable: bool,
}

#[derive(Clone, Copy)]
enum Given<'a> {
    True,
    Text(&'a str),
    Bytes(&'a [u8]),
    /// A sequence that says it has as many elements as memory has bytes.
    Sequence,
    /// A map that says so, with these entries.
    Map(&'a [(&'a str, Given<'a>)]),
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.given {
            Given::True => visitor.visit_bool(true),
            Given::Text(text) => visitor.visit_borrowed_str(text),
            Given::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Given::Sequence => visitor.visit_seq(Lying { left: ELEMENTS }),
            Given::Map(entries) => visitor.visit_map(Entries { entries, format: self }),
        }
    }

    fn is_human_readable(&self) -> bool {
        self.is_human_readable
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Lying {
    left: usize,
}

impl<'de> SeqAccess<'de> for Lying {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some(left) = self.left.checked_sub(1) else { return Ok(None) };
        self.left = left;
        seed.deserialize(0_u8.into_deserializer()).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(usize::MAX)
    }
}

struct Entries<'a> {
    entries: &'a [(&'a str, Given<'a>)],
    format: Value<'a>,
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((key, _)) = self.entries.first() else { return Ok(None) };
        seed.deserialize(Value { given: Given::Text(key), ..self.format }).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let ((_, given), rest) = self.entries.split_first().expect("a key came before");
        self.entries = rest;
        seed.deserialize(Value { given: *given, ..self.format })
    }

    fn size_hint(&self) -> Option<usize> {
        Some(usize::MAX)
    }
}

/// How many bytes deserialising takes, and whether there is a result.
fn take<'de, T: Deserialize<'de>>(given: Given<'de>, is_human_readable: bool) -> (u64, bool) {
    let mut taken = None;
    let counted = allocation_counter::measure(|| taken = Some(T::deserialize(Value { given, is_human_readable })));
    (counted.bytes_total, taken.expect("measured").is_ok())
}

fn check<T: for<'de> Deserialize<'de>>(name: &str, limit: usize) {
    let text = "A".repeat(limit.div_ceil(3) * 4 + 1);
    let bytes = vec![b'A'; limit + 1];
    for (what, given, is_human_readable) in [
        ("a text that is too long", Given::Text(&text), true),
        ("bytes that are too many", Given::Bytes(&bytes), false),
        ("a sequence, for people", Given::Sequence, true),
        ("a sequence, for programs", Given::Sequence, false),
        ("a map", Given::Map(&[("value", Given::Sequence)]), true),
        ("bytes in place of a text", Given::Bytes(&bytes), true),
        ("a text in place of bytes", Given::Text(&text), false),
    ] {
        let (allocated, is_taken) = take::<T>(given, is_human_readable);
        assert!(!is_taken, "{name}: {what}");
        assert!(allocated <= REFUSAL_BYTES, "{name}: {what}: {allocated} bytes");
    }
    // The positive control: what is as long as it may be is copied, once.
    for (given, is_human_readable) in
        [(Given::Text(&text[..limit / 3 * 4]), true), (Given::Bytes(&bytes[..limit]), false)]
    {
        let (allocated, _) = take::<T>(given, is_human_readable);
        let (fewest, most) = (limit as u64 - 2, limit as u64 + 3 + REFUSAL_BYTES);
        assert!((fewest..=most).contains(&allocated), "{name}: {allocated} bytes for {limit}");
    }
}

fn check_message<M: Message + for<'de> Deserialize<'de>>(name: &str) {
    check::<M>(name, M::MAX_BYTES);
}

#[test]
fn nothing_is_allocated_for_what_is_too_long() {
    check_message::<KeyRecord>("key record");
    check_message::<SealedSecret>("sealed secret");
    check_message::<RetrievalRequest>("retrieval request");
    check_message::<Bundle>("bundle");
    check_message::<Credential>("credential");
    check_message::<ChannelHello>("hello");
    check_message::<ChannelAnswer>("answer");
    check_message::<ChannelRequest>("request");
    check_message::<ChannelResponse>("response");
}

/// A nonce is a copy of its bytes, and nothing beside them.
#[test]
fn nothing_is_allocated_for_a_nonce_that_is_too_long() {
    let (text, bytes) = ("A".repeat(1_000_000), vec![b'A'; 1_000_000]);
    for (given, is_human_readable) in
        [(Given::Text(&text), true), (Given::Bytes(&bytes), false), (Given::Sequence, false)]
    {
        let (allocated, is_taken) = take::<Nonce>(given, is_human_readable);
        assert!(!is_taken && allocated <= REFUSAL_BYTES, "{allocated} bytes");
    }
    let (allocated, is_taken) = take::<Nonce>(Given::Bytes(&[7; Nonce::BYTES]), false);
    assert!(is_taken && allocated >= Nonce::BYTES as u64, "the positive control");
}

/// The body of a submission deserialises whatever it is, so that it is refused, and the refusal recorded, later: of what it is not,
/// nothing is kept.
#[test]
fn nothing_is_allocated_for_a_request_that_is_too_long_or_lies() {
    let limit = SealedSecret::MAX_BYTES;
    let text = "A".repeat(limit.div_ceil(3) * 4 + 1);
    let bytes = vec![b'A'; limit + 1];
    let of = |value| [("sealed", Given::True), ("value", value)];
    for is_human_readable in [true, false] {
        for value in [
            Given::Text(&text),
            Given::Bytes(&bytes),
            Given::Sequence,
            Given::Map(&[("value", Given::Sequence), ("other", Given::Text("x"))]),
        ] {
            for given in [value, Given::Map(&of(value)), Given::Map(&[("other", value)])] {
                let (allocated, is_taken) = take::<SealedRequest>(given, is_human_readable);
                assert!(is_taken, "it holds the reason why there is no seal");
                assert!(allocated <= REFUSAL_BYTES, "{allocated} bytes");
            }
        }
    }
    let (allocated, _) = take::<SealedRequest>(Given::Map(&of(Given::Text(&text[..limit / 3 * 4]))), true);
    assert!(allocated as usize >= limit - 2, "the positive control");
}
