//! Canonical JSON: keys sorted by code point, no space, numbers as `serde_json` prints them.
//!
//! Written in one pass, without a tree in between: every event is, and a tree of each would cost
//! more than its text. Keys are sorted here and not left to a map, whose order another crate's
//! features could change.

use alloc::{borrow::Cow, borrow::ToOwned, format, string::String, vec::Vec};
use core::fmt::{self, Write as _};

use serde::{Serialize, Serializer, ser};
use serde_json::{Error, Value};

/// The canonical JSON of a value.
pub fn canonical(value: &Value) -> String {
    // A tree of JSON has text keys only, so this cannot fail.
    text_of(value).unwrap_or_default()
}

/// The canonical JSON of whatever can be written as JSON: that of the tree it would make.
///
/// # Errors
/// What `serde_json` says of a value that is no JSON, such as a map whose keys are lists.
pub(crate) fn text_of(value: &(impl Serialize + ?Sized)) -> Result<String, Error> {
    // An event's body is seldom larger, and grows seldom more than once then.
    let mut writer = Writer(String::with_capacity(512));
    value.serialize(&mut writer)?;
    Ok(writer.0)
}

/// A string as JSON, which is plain in nearly every case and copied then.
pub fn write_text(text: &str, out: &mut String) {
    let plain = |byte: u8| byte >= 0x20 && byte != b'"' && byte != b'\\';
    // Every byte is looked at, also behind one that is not plain: that takes many at a time.
    if text.bytes().fold(true, |so_far, byte| so_far & plain(byte)) {
        out.push('"');
        out.push_str(text);
        out.push('"');
    } else {
        out.push_str(&serde_json::to_string(text).unwrap_or_default());
    }
}

/// The text in the making.
struct Writer(String);

impl Writer {
    fn raw(&mut self, text: &str) {
        self.0.push_str(text);
    }

    /// A number, as `serde_json` prints it in a tree.
    fn number(&mut self, number: impl Serialize) -> Result<(), Error> {
        let text = serde_json::to_string(&serde_json::to_value(number)?)?;
        self.raw(&text);
        Ok(())
    }

    fn whole(&mut self, number: impl fmt::Display) -> Result<(), Error> {
        // Writing to memory cannot fail.
        let _ = write!(self.0, "{number}");
        Ok(())
    }

    fn list(&mut self, closing: &'static str) -> List<'_> {
        self.raw("[");
        List { writer: self, closing, first: true }
    }

    fn map(&mut self, entries: usize, closing: &'static str) -> Object<'_> {
        self.raw("{");
        let start = self.0.len();
        Object { writer: self, closing, start, entries: Vec::with_capacity(entries) }
    }

    /// Opens the object that serde wraps a variant with content in.
    fn variant(&mut self, name: &str) {
        self.raw("{");
        write_text(name, &mut self.0);
        self.raw(":");
    }
}

/// A list in the making.
struct List<'w> {
    writer: &'w mut Writer,
    closing: &'static str,
    first: bool,
}

impl List<'_> {
    fn item(&mut self, item: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        if !self.first {
            self.writer.raw(",");
        }
        self.first = false;
        item.serialize(&mut *self.writer)
    }

    fn close(self) {
        self.writer.raw(self.closing);
    }
}

/// An object in the making. Its entries are written as they come, and put in order at its end.
struct Object<'w> {
    writer: &'w mut Writer,
    closing: &'static str,
    /// Where its first entry begins.
    start: usize,
    entries: Vec<Entry>,
}

/// An entry that is written: its key, and where its text, key included, begins.
struct Entry {
    key: Cow<'static, str>,
    start: usize,
}

impl Object<'_> {
    fn key(&mut self, key: Cow<'static, str>) {
        let start = self.writer.0.len();
        write_text(&key, &mut self.writer.0);
        self.writer.raw(":");
        self.entries.push(Entry { key, start });
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
        value.serialize(&mut *self.writer)?;
        // Behind each entry, so that entries can change places; the last one's goes at the end.
        self.writer.raw(",");
        Ok(())
    }

    fn close(mut self) {
        if !self.entries.is_sorted_by(|a, b| a.key < b.key) {
            self.put_in_order();
        }
        if !self.entries.is_empty() {
            self.writer.0.pop();
        }
        self.writer.raw(self.closing);
    }

    fn put_in_order(&mut self) {
        let written = self.writer.0.split_off(self.start);
        let mut ends: Vec<usize> = self.entries.iter().skip(1).map(|entry| entry.start).collect();
        ends.push(self.start + written.len());
        let mut entries: Vec<_> = self.entries.iter().zip(ends).collect();
        // Stable, and of equal keys the last one stands: as in a map.
        entries.sort_by(|(a, _), (b, _)| a.key.cmp(&b.key));
        for (place, (entry, end)) in entries.iter().enumerate() {
            let again = entries.get(place + 1).is_some_and(|(next, _)| next.key == entry.key);
            let text = written.get(entry.start - self.start..end - self.start);
            if let Some(text) = text.filter(|_| !again) {
                self.writer.raw(text);
            }
        }
    }
}

impl<'w> Serializer for &'w mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = List<'w>;
    type SerializeTuple = List<'w>;
    type SerializeTupleStruct = List<'w>;
    type SerializeTupleVariant = List<'w>;
    type SerializeMap = Object<'w>;
    type SerializeStruct = Object<'w>;
    type SerializeStructVariant = Object<'w>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.raw(if value { "true" } else { "false" });
        Ok(())
    }
    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.whole(value)
    }
    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.whole(value)
    }
    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.whole(value)
    }
    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.whole(value)
    }
    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.whole(value)
    }
    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.whole(value)
    }
    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.whole(value)
    }
    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.whole(value)
    }
    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.number(value)
    }
    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        write_text(value, &mut self.0);
        Ok(())
    }
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Result<(), Error> {
        self.raw("null");
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &str, _: u32, variant: &str) -> Result<(), Error> {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.variant(variant);
        value.serialize(&mut *self)?;
        self.raw("}");
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<List<'w>, Error> {
        Ok(self.list("]"))
    }
    fn serialize_tuple(self, _: usize) -> Result<List<'w>, Error> {
        Ok(self.list("]"))
    }
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List<'w>, Error> {
        Ok(self.list("]"))
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'w>, Error> {
        self.variant(variant);
        Ok(self.list("]}"))
    }
    fn serialize_map(self, entries: Option<usize>) -> Result<Object<'w>, Error> {
        Ok(self.map(entries.unwrap_or_default(), "}"))
    }
    fn serialize_struct(self, _: &'static str, entries: usize) -> Result<Object<'w>, Error> {
        Ok(self.map(entries, "}"))
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        entries: usize,
    ) -> Result<Object<'w>, Error> {
        self.variant(variant);
        Ok(self.map(entries, "}}"))
    }
}

/// Every kind of list is written alike.
macro_rules! list {
    ($($kind:ident $method:ident),*) => {$(
        impl ser::$kind for List<'_> {
            type Ok = ();
            type Error = Error;
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.item(value)
            }
            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}

list!(
    SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field
);

/// And every kind of struct.
macro_rules! object {
    ($($kind:ident),*) => {$(
        impl ser::$kind for Object<'_> {
            type Ok = ();
            type Error = Error;
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.key(Cow::Borrowed(key));
                self.value(value)
            }
            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        }
    )*};
}

object!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Object<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let key = match serde_json::to_value(key)? {
            Value::String(text) => text,
            Value::Number(number) => format!("{number}"),
            Value::Bool(truth) => (if truth { "true" } else { "false" }).to_owned(),
            _ => return Err(ser::Error::custom("a key must be a text")),
        };
        self.key(Cow::Owned(key));
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use alloc::{
        collections::BTreeMap,
        string::{String, ToString},
        vec,
        vec::Vec,
    };

    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::{canonical, text_of};

    /// What canonical JSON is, said in the plainest way.
    fn plainly(value: &Value) -> String {
        match value {
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(plainly).collect();
                alloc::format!("[{}]", items.join(","))
            }
            Value::Object(map) => {
                let sorted: BTreeMap<_, _> = map.iter().collect();
                let entries = sorted.into_iter().map(|(key, item)| {
                    alloc::format!("{}:{}", Value::from(key.as_str()), plainly(item))
                });
                alloc::format!("{{{}}}", entries.collect::<Vec<_>>().join(","))
            }
            scalar => scalar.to_string(),
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 64, 6, |inner| {
            let map = prop::collection::btree_map(".{0,4}", inner.clone(), 0..6);
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(Value::from),
                map.prop_map(|map| map.into_iter().collect()),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_tree_is_written_with_its_keys_in_order_and_no_space(value in any_json()) {
            prop_assert_eq!(canonical(&value), plainly(&value));
        }
    }

    #[derive(Serialize)]
    enum Shape {
        Unit,
        One(u8),
        Two(u8, f32),
        Named { z: Option<char>, a: () },
    }

    #[derive(Serialize)]
    struct Inner {
        b: i128,
        a: &'static [u8],
    }

    #[derive(Serialize)]
    struct Whole {
        zebra: Vec<Shape>,
        numbers: BTreeMap<u32, bool>,
        #[serde(flatten)]
        inner: Inner,
        quoted: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        absent: Option<u8>,
        empty: BTreeMap<String, u8>,
        apple: f64,
    }

    #[test]
    fn whatever_can_be_written_is_written_as_the_tree_it_would_make() {
        let shapes = vec![
            Shape::Unit,
            Shape::One(1),
            Shape::Two(2, 0.1),
            Shape::Named { z: Some('"'), a: () },
            Shape::Named { z: None, a: () },
        ];
        let whole = Whole {
            zebra: shapes,
            numbers: [(10, true), (9, false)].into(),
            inner: Inner { b: -5, a: &[1, 2] },
            quoted: "a\"b\\c\u{1}é",
            absent: None,
            empty: BTreeMap::new(),
            apple: f64::NAN,
        };
        let tree = serde_json::to_value(&whole).unwrap();
        assert_eq!(text_of(&whole).unwrap(), plainly(&tree));
    }

    #[test]
    fn of_a_key_that_comes_twice_the_last_one_stands() {
        struct Twice;
        impl Serialize for Twice {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map([("b", 1), ("a", 2), ("b", 3), ("a", 4)])
            }
        }
        assert_eq!(text_of(&Twice).unwrap(), json!({ "a": 4, "b": 3 }).to_string());
    }

    #[test]
    fn a_key_that_is_no_text_is_an_error() {
        let odd: BTreeMap<Vec<u8>, u8> = [(vec![1], 1)].into();
        assert!(text_of(&odd).is_err());
    }
}
