//! What a value can be, kind by kind: the form in which the parts of a schema are put together.
//!
//! `both` may keep more than the values that are to both sides, `either` more than those that are
//! to one of them; neither ever loses one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use crate::expression::{Bounds, Field, Fields, Texts, Type};

/// What a value can be; a kind that is absent is impossible.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Shape {
    pub null: bool,
    pub boolean: bool,
    pub number: Option<Number>,
    pub text: Option<Texts>,
    pub list: Option<List>,
    pub object: Option<Object>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Number {
    pub whole: bool,
    pub min: Option<f64>,
    pub max: Option<f64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct List {
    /// `None` is anything.
    pub item: Option<Box<Shape>>,
    pub min_items: u64,
    pub max_items: Option<u64>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    /// Named fields, each with its shape and whether it is always there.
    Fields { known: BTreeMap<String, (Shape, bool)>, open: bool },
    /// Entries of one shape under any name.
    Map(Box<Shape>),
}

impl Shape {
    pub fn nothing() -> Self {
        Self { null: false, boolean: false, number: None, text: None, list: None, object: None }
    }

    pub fn anything() -> Self {
        let object = Object::Fields { known: BTreeMap::new(), open: true };
        Self {
            null: true,
            boolean: true,
            number: Some(Number::ANY),
            text: Some(Texts::ANY),
            list: Some(List::any()),
            object: Some(object),
        }
    }

    pub fn constant(value: &Value) -> Self {
        let of = Self::nothing();
        match value {
            Value::Null => Self { null: true, ..of },
            Value::Bool(_) => Self { boolean: true, ..of },
            Value::Number(number) => {
                let (at, whole) = (number.as_f64(), !number.is_f64());
                Self { number: Some(Number { whole, min: at, max: at }), ..of }
            }
            Value::String(text) => {
                Self { text: Some(Texts::Words(Arc::from([text.clone()]))), ..of }
            }
            Value::Array(items) => {
                let item = items.iter().map(Self::constant).reduce(Self::either);
                let item = Some(Box::new(item.unwrap_or_else(Self::nothing)));
                let count = items.len() as u64;
                Self { list: Some(List { item, min_items: count, max_items: Some(count) }), ..of }
            }
            Value::Object(fields) => {
                let known = fields.iter().map(|(k, v)| (k.clone(), (Self::constant(v), true)));
                let object = Object::Fields { known: known.collect(), open: false };
                Self { object: Some(object), ..of }
            }
        }
    }

    /// Values that are to both.
    pub fn both(self, other: Self) -> Self {
        Self {
            null: self.null && other.null,
            boolean: self.boolean && other.boolean,
            number: self.number.zip(other.number).map(|(a, b)| a.both(b)),
            text: self.text.zip(other.text).and_then(|(a, b)| a.both(b)),
            list: self.list.zip(other.list).map(|(a, b)| a.both(b)),
            object: self.object.zip(other.object).map(|(a, b)| a.both(b)),
        }
    }

    /// Values that are to one of the two, or to both.
    pub fn either(self, other: Self) -> Self {
        Self {
            null: self.null || other.null,
            boolean: self.boolean || other.boolean,
            number: joined(self.number, other.number, Number::either),
            text: joined(self.text, other.text, Texts::either),
            list: joined(self.list, other.list, List::either),
            object: joined(self.object, other.object, Object::either),
        }
    }

    /// The type for expressions. What can be of every kind is untyped.
    pub fn into_type(self) -> Type {
        let parts = [self.text.is_some(), self.list.is_some(), self.object.is_some()];
        if self.null && self.boolean && self.number.is_some() && parts == [true; 3] {
            return Type::Any;
        }
        let kinds = [
            self.boolean.then_some(Type::Bool),
            self.number.map(Number::into_type),
            self.text.map(Type::Text),
            self.list.map(List::into_type),
            self.object.map(Object::into_type),
            self.null.then_some(Type::Null),
        ];
        Type::union(kinds.into_iter().flatten())
    }
}

fn joined<T>(a: Option<T>, b: Option<T>, join: impl FnOnce(T, T) -> T) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(join(a, b)),
        (a, b) => a.or(b),
    }
}

impl Number {
    pub const ANY: Self = Self { whole: false, min: None, max: None };
    pub const WHOLE: Self = Self { whole: true, min: None, max: None };

    pub fn both(self, other: Self) -> Self {
        Self {
            whole: self.whole || other.whole,
            min: joined(self.min, other.min, f64::max),
            max: joined(self.max, other.max, f64::min),
        }
    }

    fn either(self, other: Self) -> Self {
        Self {
            whole: self.whole && other.whole,
            min: self.min.zip(other.min).map(|(a, b)| a.min(b)),
            max: self.max.zip(other.max).map(|(a, b)| a.max(b)),
        }
    }

    fn into_type(self) -> Type {
        let bounds = Bounds { min: self.min, max: self.max };
        if self.whole { Type::Int(bounds) } else { Type::Double(bounds) }
    }
}

impl List {
    fn any() -> Self {
        Self { item: None, min_items: 0, max_items: None }
    }

    fn both(self, other: Self) -> Self {
        Self {
            item: joined(self.item, other.item, |a, b| Box::new(a.both(*b))),
            min_items: self.min_items.max(other.min_items),
            max_items: joined(self.max_items, other.max_items, u64::min),
        }
    }

    fn either(self, other: Self) -> Self {
        Self {
            item: self.item.zip(other.item).map(|(a, b)| Box::new(a.either(*b))),
            min_items: self.min_items.min(other.min_items),
            max_items: self.max_items.zip(other.max_items).map(|(a, b)| a.max(b)),
        }
    }

    fn into_type(self) -> Type {
        let item = Arc::new(self.item.map_or(Type::Any, |item| item.into_type()));
        Type::List { item, min_items: self.min_items, max_items: self.max_items }
    }
}

impl Object {
    fn both(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fields { mut known, open }, Self::Fields { known: more, open: other_open }) => {
                for (name, (shape, required)) in more {
                    let field = match known.remove(&name) {
                        Some((mine, always)) => (mine.both(shape), required || always),
                        None => (shape, required),
                    };
                    known.insert(name, field);
                }
                Self::Fields { known, open: open && other_open }
            }
            (Self::Map(a), Self::Map(b)) => Self::Map(Box::new(a.both(*b))),
            // A look-up whose entries are named elsewhere: the names say more.
            (Self::Fields { known, open: true }, Self::Map(entry))
            | (Self::Map(entry), Self::Fields { known, open: true })
                if known.is_empty() =>
            {
                Self::Map(entry)
            }
            (fields @ Self::Fields { .. }, Self::Map(_)) | (Self::Map(_), fields) => fields,
        }
    }

    fn either(self, other: Self) -> Self {
        match (self, other) {
            (Self::Fields { known, open }, Self::Fields { known: more, open: other_open }) => {
                Self::Fields {
                    known: either_fields(known, open, more, other_open),
                    open: open || other_open,
                }
            }
            (Self::Map(a), Self::Map(b)) => Self::Map(Box::new(a.either(*b))),
            _ => Self::Fields { known: BTreeMap::new(), open: true },
        }
    }

    fn into_type(self) -> Type {
        match self {
            Self::Map(entry) => Type::map(entry.into_type()),
            Self::Fields { known, open } => {
                let field = |(name, (shape, required)): (String, (Shape, bool))| {
                    (name, Field { kind: shape.into_type(), required })
                };
                Type::Object(Arc::new(Fields {
                    known: known.into_iter().map(field).collect(),
                    open,
                }))
            }
        }
    }
}

type Known = BTreeMap<String, (Shape, bool)>;

/// Fields of one object or the other. A field that one side does not name is optional, and
/// anything if that side is open.
fn either_fields(known: Known, open: bool, more: Known, other_open: bool) -> Known {
    let mut out = Known::new();
    let mut more = more;
    for (name, (shape, required)) in known {
        let field = match more.remove(&name) {
            Some((other, also)) => (shape.either(other), required && also),
            None if other_open => (Shape::anything(), false),
            None => (shape, false),
        };
        out.insert(name, field);
    }
    for (name, (shape, _)) in more {
        out.insert(name, (if open { Shape::anything() } else { shape }, false));
    }
    out
}
