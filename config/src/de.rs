//! A deserializer over the names and values of secrets.

mod access;
mod fault;
mod leaf;

use serde::de::{Deserializer, IntoDeserializer, Visitor};
use serde::forward_to_deserialize_any;

use crate::tree::Tree;
use access::{Items, Members, Variant};
pub(crate) use fault::Fault;
use leaf::Leaf;

/// A part of the tree, and the name that leads to it.
#[derive(Clone)]
pub(crate) struct Node<'t> {
    tree: &'t Tree<'t>,
    name: String,
    separator: &'t str,
}

impl<'t> Node<'t> {
    pub(crate) fn root(tree: &'t Tree<'t>, separator: &'t str) -> Self {
        Self { tree, name: String::new(), separator }
    }

    fn child(&self, part: &str, tree: &'t Tree<'t>) -> Self {
        Self { tree, name: self.name_of(part), separator: self.separator }
    }

    /// The full name of a part.
    fn name_of(&self, part: &str) -> String {
        if self.name.is_empty() { part.to_owned() } else { format!("{}{}{part}", self.name, self.separator) }
    }

    /// The value, for what has no parts.
    fn leaf(&self) -> Result<Leaf<'t>, Fault> {
        self.check_one_sense()?;
        self.tree.value.map(Leaf).ok_or_else(|| Fault::malformed("a single value"))
    }

    /// The value, where there are no parts.
    fn json(&self) -> Result<Option<Leaf<'t>>, Fault> {
        self.check_one_sense()?;
        Ok(self.tree.value.map(Leaf))
    }

    fn check_one_sense(&self) -> Result<(), Fault> {
        let mut children = self.tree.children.keys();
        match (self.tree.value, children.next()) {
            (Some(_), Some(child)) => Err(Fault::ambiguous(&self.name_of(child))),
            _ => Ok(()),
        }
    }

    /// Says where a fault is, unless what is within has said so.
    fn locate<T>(&self, result: Result<T, Fault>) -> Result<T, Fault> {
        result.map_err(|fault| self.place(fault))
    }

    /// The whole has no name: then the fault has none either.
    pub(crate) fn place(&self, mut fault: Fault) -> Fault {
        match fault.take_part(|part| self.tree.children.contains_key(part)) {
            Some(part) => fault.named(self.name_of(&part)),
            None if self.name.is_empty() => fault,
            None => fault.named(self.name.clone()),
        }
    }

    fn visit_parts<V: Visitor<'t>>(&self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_map(Members::of(self))
    }
}

macro_rules! parsed {
    ($($method:ident $visit:ident $type:ty, $expected:literal;)*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            self.locate(self.leaf().and_then(|leaf| visitor.$visit(leaf.parse::<$type>($expected)?)))
        })*
    };
}

impl<'de> Deserializer<'de> for Node<'de> {
    type Error = Fault;

    /// As it is: parts as a map, a value as text if it is text.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let visit = || match self.json()? {
            Some(leaf) => leaf.visit(visitor),
            None => self.visit_parts(visitor),
        };
        self.locate(visit())
    }

    parsed! {
        deserialize_bool visit_bool bool, "`true` or `false`";
        deserialize_i8 visit_i8 i8, "a whole number from -128 to 127";
        deserialize_i16 visit_i16 i16, "a whole number from -32768 to 32767";
        deserialize_i32 visit_i32 i32, "a whole number of 32 bits";
        deserialize_i64 visit_i64 i64, "a whole number of 64 bits";
        deserialize_i128 visit_i128 i128, "a whole number of 128 bits";
        deserialize_u8 visit_u8 u8, "a whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number of 32 bits, not negative";
        deserialize_u64 visit_u64 u64, "a whole number of 64 bits, not negative";
        deserialize_u128 visit_u128 u128, "a whole number of 128 bits, not negative";
        deserialize_f32 visit_f32 f32, "a number";
        deserialize_f64 visit_f64 f64, "a number";
        deserialize_char visit_char char, "one character";
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.locate(self.leaf().and_then(|leaf| visitor.visit_str(leaf.text()?)))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.locate(self.leaf().and_then(|leaf| visitor.visit_bytes(leaf.0)))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_bytes(visitor)
    }

    /// What is there is some; what is not there is not asked for.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let visit = || match (self.json()?, self.tree.items()) {
            (Some(leaf), _) => leaf.json(|json| json.deserialize_seq(visitor)),
            (None, Some(items)) => visitor.visit_seq(Items::of(&self, items)),
            (None, None) => Err(Fault::malformed("a list: number its parts from 0, or store it as JSON")),
        };
        self.locate(visit())
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let visit = || match self.json()? {
            Some(leaf) => leaf.json(|json| json.deserialize_map(visitor)),
            None => self.visit_parts(visitor),
        };
        self.locate(visit())
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let visit = || match self.json()? {
            Some(leaf) => leaf.json(|json| json.deserialize_struct(name, fields, visitor)),
            None => self.visit_parts(visitor),
        };
        self.locate(visit())
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let visit = || match (self.json()?, Variant::of(&self)) {
            (Some(leaf), _) if leaf.is_object() => leaf.json(|json| json.deserialize_enum(name, variants, visitor)),
            (Some(leaf), _) => visitor.visit_enum(leaf.text()?.into_deserializer()),
            (None, Some(variant)) => visitor.visit_enum(variant),
            (None, None) => Err(Fault::malformed("one variant")),
        };
        self.locate(visit())
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! { unit unit_struct identifier }
}
