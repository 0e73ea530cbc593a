//! The parts of a name as serde asks for them.

use std::collections::btree_map;
use std::vec;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
};

use super::{Fault, Node};
use crate::tree::Tree;

/// The fields of a struct, or the entries of a map.
pub(super) struct Members<'n, 't> {
    parent: &'n Node<'t>,
    rest: btree_map::Iter<'t, &'t str, Tree<'t>>,
    value: Option<Node<'t>>,
}

impl<'n, 't> Members<'n, 't> {
    pub(super) fn of(parent: &'n Node<'t>) -> Self {
        Self { parent, rest: parent.tree.children.iter(), value: None }
    }
}

impl<'de> MapAccess<'de> for Members<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some((part, tree)) = self.rest.next() else { return Ok(None) };
        let child = self.parent.child(part, tree);
        let key: StrDeserializer<'_, Fault> = part.into_deserializer();
        // A struct that denies unknown fields, or a key that is no number where one is wanted: a fault of that secret's name.
        let key = seed.deserialize(key).map_err(|fault| fault.named(child.name.clone()))?;
        self.value = Some(child);
        Ok(Some(key))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let child = self.value.take().ok_or_else(|| Fault::malformed("a value after its name"))?;
        let place = child.clone();
        // A type of the caller's may refuse what its deserializer accepted.
        seed.deserialize(child).map_err(|fault| place.place(fault))
    }
}

/// The items of a list.
pub(super) struct Items<'n, 't> {
    parent: &'n Node<'t>,
    rest: vec::IntoIter<(&'t str, &'t Tree<'t>)>,
}

impl<'n, 't> Items<'n, 't> {
    pub(super) fn of(parent: &'n Node<'t>, items: Vec<(&'t str, &'t Tree<'t>)>) -> Self {
        Self { parent, rest: items.into_iter() }
    }
}

impl<'de> SeqAccess<'de> for Items<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((part, tree)) = self.rest.next() else { return Ok(None) };
        let child = self.parent.child(part, tree);
        let place = child.clone();
        seed.deserialize(child).map(Some).map_err(|fault| place.place(fault))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// An enum's one variant with what is in it.
pub(super) struct Variant<'t> {
    part: &'t str,
    content: Node<'t>,
}

impl<'t> Variant<'t> {
    pub(super) fn of(parent: &Node<'t>) -> Option<Self> {
        let mut children = parent.tree.children.iter();
        let (part, tree) = children.next().filter(|_| parent.tree.children.len() == 1)?;
        Some(Self { part, content: parent.child(part, tree) })
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Fault;
    type Variant = Node<'de>;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Node<'de>), Fault> {
        let variant: StrDeserializer<'_, Fault> = self.part.into_deserializer();
        Ok((seed.deserialize(variant)?, self.content))
    }
}

impl<'de> VariantAccess<'de> for Node<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        self.locate(Err(Fault::malformed("a part of a variant without content: store the variant's name instead")))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_struct("", fields, visitor)
    }
}
