//! Decoders of single values, lists and maps with free names.

use super::{Decode, Decoder};
use crate::diagnostics::{Code, Problem};
use crate::source::Spanned;
use crate::yaml::{Kind, Node};

impl Decode for String {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let is_text = node.found() == "text";
        match node.as_text().filter(|_| is_text) {
            Some(text) => Some(text.to_owned()),
            None => {
                let help = node.as_text().map(|_| "put it in quotes to make it text");
                d.expected("text", node, help)
            }
        }
    }
}

impl Decode for bool {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        node.as_bool().or_else(|| {
            let help = match node.plain().map(str::to_lowercase).as_deref() {
                Some("yes" | "on" | "true") => Some("write `true`"),
                Some("no" | "off" | "false") => Some("write `false`"),
                _ => None,
            };
            d.expected("`true` or `false`", node, help)
        })
    }
}

/// A name: letters, digits, `-`, `_` and `.`, not starting with a sign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

impl Name {
    /// The longest name, in bytes.
    pub const BYTES_MAX: usize = 100;

    /// `text` as a name, if it is one.
    pub fn parse(text: &str) -> Option<Self> {
        let first = text.bytes().next()?;
        let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let good = first.is_ascii_alphanumeric()
            && text.len() <= Self::BYTES_MAX
            && text.bytes().all(fine);
        good.then(|| Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

fn bad_name(text: &str, span: crate::source::Span) -> Problem {
    Problem::error(Code::BadName, span, format!("`{text}` is not a name")).help(
        "a name holds only letters, digits, `-`, `_` and `.`, and starts with a letter or digit",
    )
}

impl Decode for Name {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, d)?;
        Self::parse(&text).or_else(|| d.refuse(bad_name(&text, node.span)))
    }
}

impl<T: Decode> Decode for Vec<T> {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.kind {
            Kind::List(items) => Some(items.iter().filter_map(|item| T::decode(item, d)).collect()),
            _ => {
                let help = match node.as_text() {
                    Some(text) => format!("write `[{text}]`"),
                    None => "begin each entry with `- `, as in `- id: name`".to_owned(),
                };
                d.expected("a list", node, Some(help).filter(|h| h.len() < 80).as_deref())
            }
        }
    }
}

/// `T` or a list of `T`, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OneOrMany<T>(pub Vec<T>);

// Not derived: a `T` without a default is fine here.
impl<T> Default for OneOrMany<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Decode> Decode for OneOrMany<T> {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.kind {
            Kind::List(items) if items.is_empty() => {
                let say = "the list is empty";
                let help = "write at least one entry, or remove the key";
                d.refuse(Problem::error(Code::Empty, node.span, say).help(help))
            }
            Kind::List(_) => Vec::decode(node, d).map(Self),
            _ => T::decode(node, d).map(|one| Self(vec![one])),
        }
    }
}

/// A map from names to `T`, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named<T>(pub Vec<(Spanned<Name>, T)>);

impl<T> Default for Named<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Named<T> {
    /// The entry of that name.
    pub fn get(&self, name: &str) -> Option<&T> {
        self.iter().find(|(key, _)| key.as_str() == name).map(|(_, value)| value)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.iter().map(|(key, _)| key.as_str())
    }

    /// Names and values, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, (Spanned<Name>, T)> {
        self.0.iter()
    }
}

impl<T: Decode> Decode for Named<T> {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            return d.expected("a map from names to values", node, None);
        };
        let mut all = Vec::with_capacity(entries.len());
        for entry in entries {
            let key = &entry.key;
            let name = Name::parse(&key.value).or_else(|| d.refuse(bad_name(&key.value, key.span)));
            if entry.value.is_null() {
                let say = format!("`{}` has no value", key.value);
                d.report.push(Problem::error(Code::Empty, key.span, say));
                continue;
            }
            let value = T::decode(&entry.value, d);
            if let (Some(name), Some(value)) = (name, value) {
                all.push((Spanned::new(name, key.span), value));
            }
        }
        Some(Self(all))
    }
}
