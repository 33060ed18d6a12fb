//! Where each value of a JSON text stands: a tree of byte ranges beside the values.
//!
//! It holds no values: those are in the `serde_json::Value` that was read together with it.

use core::ops::Range;

/// The byte range of one value, quotes and brackets included, and those of its parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Bytes of the text from which it was read.
    pub span: Range<usize>,
    /// Its parts.
    pub shape: Shape,
}

/// The parts of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// A string, number, boolean or null.
    Scalar,
    /// The elements in order.
    Array(Vec<Node>),
    /// Fields in the order of the text.
    Object(Vec<(String, Node)>),
}

impl Node {
    /// The node at an RFC 6901 pointer, if there is one. The empty pointer is this node.
    pub fn at(&self, pointer: &str) -> Option<&Self> {
        if pointer.is_empty() {
            return Some(self);
        }
        let mut node = self;
        for part in pointer.strip_prefix('/')?.split('/') {
            node = node.child(&part.replace("~1", "/").replace("~0", "~"))?;
        }
        Some(node)
    }

    fn child(&self, key: &str) -> Option<&Self> {
        match &self.shape {
            Shape::Scalar => None,
            Shape::Array(items) => items.get(key.parse::<usize>().ok()?),
            Shape::Object(fields) => fields.iter().find(|(name, _)| name == key).map(|(_, n)| n),
        }
    }

    /// Moves every range on by `bytes`: for a value that was read from the middle of a text.
    pub(crate) fn shift(&mut self, bytes: usize) {
        self.span = self.span.start + bytes..self.span.end + bytes;
        match &mut self.shape {
            Shape::Scalar => {}
            Shape::Array(items) => items.iter_mut().for_each(|item| item.shift(bytes)),
            Shape::Object(fields) => fields.iter_mut().for_each(|(_, node)| node.shift(bytes)),
        }
    }
}
