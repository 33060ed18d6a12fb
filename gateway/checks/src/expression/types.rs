//! What an expression may know about a value before any call: its kind, fields, bounds and words.
//!
//! `checks::schema` writes these from JSON Schemas, the loader from data files and the table of
//! variables. A type never says less than the schema allows: what is not known is [`Type::Any`].

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::syntax::Operator;

/// The kind of a value, as precisely as a schema says it. Cheap to clone.
#[derive(Debug, Clone, PartialEq)]
pub enum Type {
    /// Untyped JSON: anything, checked when it is used.
    Any,
    /// Only `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A whole number within bounds; `5.0` counts as 5.
    Int(Bounds),
    /// A number, whole or decimal, within bounds.
    Double(Bounds),
    /// A text.
    Text(Texts),
    /// A day, made by `date(...)`; never the type of an input.
    Date,
    /// A list.
    List {
        /// Type of every element.
        item: Arc<Type>,
        /// Fewest elements that the schema allows; 0 when it does not say.
        min_items: u64,
        /// Most elements that the schema allows.
        max_items: Option<u64>,
    },
    /// A look-up by text, such as a data file with a `key`: `k in m` first, then `m[k]`.
    Map {
        /// Type of every entry.
        value: Arc<Type>,
    },
    /// An object with named fields.
    Object(Arc<Fields>),
    /// One of several types; with [`Type::Null`] among them, `x != null` has to come first.
    Union(Arc<[Type]>),
}

/// The least and greatest value of a number, both included. An exclusive bound of a decimal number
/// is given as if it were included: too wide is harmless, too narrow is not.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bounds {
    /// Least value.
    pub min: Option<f64>,
    /// Greatest value.
    pub max: Option<f64>,
}

/// The texts that a text can be.
#[derive(Debug, Clone, PartialEq)]
pub enum Texts {
    /// Any text so long, in characters.
    Any {
        /// Fewest characters.
        min: u64,
        /// Most characters; `None` when the schema does not say.
        max: Option<u64>,
    },
    /// Only these words (`enum`, `const`); never none.
    Words(Arc<[String]>),
}

/// The fields of an object.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Fields {
    /// Known fields by name.
    pub known: BTreeMap<String, Field>,
    /// Whether fields beside the known ones may occur (`additionalProperties`).
    pub open: bool,
}

/// One field of an object.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// Its type.
    pub kind: Type,
    /// Whether it is always there; if not, conditions need `has(...)` first.
    pub required: bool,
}

impl Bounds {
    /// No bounds.
    pub const NONE: Self = Self { min: None, max: None };

    /// Exactly one value.
    pub const fn exactly(value: f64) -> Self {
        Self { min: Some(value), max: Some(value) }
    }

    /// From `min` to `max`.
    pub const fn between(min: f64, max: f64) -> Self {
        Self { min: Some(min), max: Some(max) }
    }

    /// The bounds of `a OPERATOR b`, for what is in these bounds and in those of `other`. Rounding
    /// keeps the order of numbers, so the ends of a range bound what lies between them.
    pub(super) fn calculated(self, operator: Operator, other: Self) -> Self {
        const FAR: f64 = f64::INFINITY;
        // Where whole numbers begin to be rounded.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let (a, b) = (self.min.unwrap_or(-FAR), self.max.unwrap_or(FAR));
        let (c, d) = (other.min.unwrap_or(-FAR), other.max.unwrap_or(FAR));
        let ends = match operator {
            Operator::Add => vec![a + c, b + d],
            Operator::Subtract => vec![a - d, b - c],
            // Nothing times an unbounded number is still nothing.
            Operator::Multiply => [a * c, a * d, b * c, b * d]
                .map(|end| if end.is_nan() { 0.0 } else { end })
                .to_vec(),
            _ => return Self::NONE,
        };
        let least = ends.iter().copied().fold(FAR, f64::min);
        let most = ends.iter().copied().fold(-FAR, f64::max);
        let finite = |end: f64| (end.abs() < EXACT).then_some(end);
        Self { min: finite(least), max: finite(most) }
    }

    /// The narrowest bounds that hold both.
    fn around(self, other: Self) -> Self {
        let min = self.min.zip(other.min).map(|(a, b)| a.min(b));
        Self { min, max: self.max.zip(other.max).map(|(a, b)| a.max(b)) }
    }
}

impl Texts {
    /// Any text at all.
    pub const ANY: Self = Self::Any { min: 0, max: None };

    /// Texts that are to both; `None` if there are none.
    pub fn both(self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Any { min: a, max: x }, Self::Any { min: b, max: y }) => {
                let (min, max) = (a.max(b), x.into_iter().chain(y).min());
                max.is_none_or(|max| min <= max).then_some(Self::Any { min, max })
            }
            (Self::Words(words), other) | (other, Self::Words(words)) => {
                let fits = words.iter().filter(|word| other.may_be(word)).cloned();
                let fits: Arc<[String]> = fits.collect();
                (!fits.is_empty()).then_some(Self::Words(fits))
            }
        }
    }

    /// Texts that are to one of the two, or to both.
    #[must_use]
    pub fn either(self, other: Self) -> Self {
        match (self, other) {
            (Self::Words(a), Self::Words(b)) => {
                let new = b.iter().filter(|word| !a.contains(word));
                Self::Words(a.iter().chain(new).cloned().collect())
            }
            (a, b) => {
                let ((a, x), (b, y)) = (a.length(), b.length());
                Self::Any { min: a.min(b), max: x.zip(y).map(|(x, y)| x.max(y)) }
            }
        }
    }

    /// Fewest and most characters.
    pub fn length(&self) -> (u64, Option<u64>) {
        match self {
            Self::Any { min, max } => (*min, *max),
            Self::Words(words) => {
                let lengths = || words.iter().map(|word| word.chars().count() as u64);
                (lengths().min().unwrap_or(0), lengths().max())
            }
        }
    }

    /// Whether `word` is one of them.
    pub fn may_be(&self, word: &str) -> bool {
        match self {
            Self::Any { min, max } => {
                let length = word.chars().count() as u64;
                *min <= length && max.is_none_or(|max| length <= max)
            }
            Self::Words(words) => words.iter().any(|known| known == word),
        }
    }
}

impl Type {
    /// A whole number without bounds.
    pub const INT: Self = Self::Int(Bounds::NONE);
    /// A number without bounds.
    pub const DOUBLE: Self = Self::Double(Bounds::NONE);
    /// Any text.
    pub const TEXT: Self = Self::Text(Texts::ANY);

    /// A list of `item` without limits.
    pub fn list(item: Self) -> Self {
        Self::List { item: Arc::new(item), min_items: 0, max_items: None }
    }

    /// A look-up of `value` by text.
    pub fn map(value: Self) -> Self {
        Self::Map { value: Arc::new(value) }
    }

    /// A text that can only be one of `words`.
    pub fn words<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::Text(Texts::Words(words.into_iter().map(Into::into).collect()))
    }

    /// `kind` or `null`.
    pub fn or_null(kind: Self) -> Self {
        Self::union([kind, Self::Null])
    }

    /// One of `kinds`: flat, without repeats, and plain when only one is left.
    pub fn union(kinds: impl IntoIterator<Item = Self>) -> Self {
        let mut flat: Vec<Self> = Vec::new();
        for kind in kinds {
            let parts = match &kind {
                Self::Union(parts) => parts.to_vec(),
                _ => vec![kind],
            };
            for part in parts {
                if part == Self::Any {
                    return Self::Any;
                }
                match flat.iter_mut().find_map(|known| Some((known.merged(&part)?, known))) {
                    Some((merged, known)) => *known = merged,
                    None => flat.push(part),
                }
            }
        }
        match flat.len() {
            0 => Self::Any,
            1 => flat.pop().unwrap_or(Self::Any),
            _ => Self::Union(flat.into()),
        }
    }

    /// Both in one, where that loses nothing that a check needs.
    fn merged(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (a, b) if a == b => Some(a.clone()),
            (Self::Text(a), Self::Text(b)) => Some(Self::Text(a.clone().either(b.clone()))),
            (Self::Int(a), Self::Int(b)) => Some(Self::Int(a.around(*b))),
            (Self::Double(a), Self::Double(b)) => Some(Self::Double(a.around(*b))),
            _ => None,
        }
    }

    /// A closed object of `(name, type, required)`.
    pub fn object<N: Into<String>>(fields: impl IntoIterator<Item = (N, Self, bool)>) -> Self {
        let known = fields
            .into_iter()
            .map(|(name, kind, required)| (name.into(), Field { kind, required }))
            .collect();
        Self::Object(Arc::new(Fields { known, open: false }))
    }

    /// The same object, in which other fields may occur too; other types stay as they are.
    #[must_use]
    pub fn opened(self) -> Self {
        match self {
            Self::Object(fields) => {
                let known = fields.known.clone();
                Self::Object(Arc::new(Fields { known, open: true }))
            }
            other => other,
        }
    }

    /// The type of a constant, as narrow as it gets: its value, its words, its number of elements.
    pub fn of_constant(value: &serde_json::Value) -> Self {
        use serde_json::Value as Json;
        match value {
            Json::Null => Self::Null,
            Json::Bool(_) => Self::Bool,
            Json::Number(n) => {
                let bounds = n.as_f64().map_or(Bounds::NONE, Bounds::exactly);
                if n.is_f64() { Self::Double(bounds) } else { Self::Int(bounds) }
            }
            Json::String(s) => Self::words([s.as_str()]),
            Json::Array(items) => Self::List {
                item: Arc::new(Self::union(items.iter().map(Self::of_constant))),
                min_items: items.len() as u64,
                max_items: Some(items.len() as u64),
            },
            Json::Object(fields) => {
                Self::object(fields.iter().map(|(k, v)| (k.as_str(), Self::of_constant(v), true)))
            }
        }
    }

    /// Its alternatives: the parts of a union, or the type alone.
    pub fn parts(&self) -> &[Self] {
        match self {
            Self::Union(parts) => parts,
            other => std::slice::from_ref(other),
        }
    }

    /// Whether `null` is among its values for certain knowledge; untyped JSON does not say.
    pub fn may_be_null(&self) -> bool {
        self.parts().contains(&Self::Null)
    }

    /// The type once `null` is excluded.
    #[must_use]
    pub fn without_null(&self) -> Self {
        match self {
            Self::Union(parts) => {
                Self::union(parts.iter().filter(|part| **part != Self::Null).cloned())
            }
            other => other.clone(),
        }
    }
}

/// The readable name, as messages use it: "text", "a whole number", "a list of texts".
impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("untyped JSON"),
            Self::Null => f.write_str("null"),
            Self::Bool => f.write_str("true or false"),
            Self::Int(bounds) => write!(f, "a whole number{bounds}"),
            Self::Double(bounds) => write!(f, "a number{bounds}"),
            Self::Text(Texts::Any { min, max }) => write_length(f, *min, *max),
            Self::Text(Texts::Words(words)) => write_words(f, words),
            Self::Date => f.write_str("a date"),
            Self::List { item, .. } => write!(f, "a list (each {item})"),
            Self::Map { .. } => f.write_str("a look-up"),
            Self::Object(_) => f.write_str("an object"),
            Self::Union(parts) => {
                for (at, part) in parts.iter().enumerate() {
                    write!(f, "{}{part}", if at == 0 { "" } else { " or " })?;
                }
                Ok(())
            }
        }
    }
}

/// "a text of 2 to 20 characters"; a least length of one is not worth a word.
fn write_length(f: &mut fmt::Formatter<'_>, min: u64, max: Option<u64>) -> fmt::Result {
    f.write_str("a text")?;
    match (min, max) {
        (0, None) => Ok(()),
        (1, None) => f.write_str(" that is not empty"),
        (min, None) => write!(f, " of at least {min} characters"),
        (0, Some(max)) => write!(f, " of at most {max} characters"),
        (min, Some(max)) if min == max => write!(f, " of {min} characters"),
        (min, Some(max)) => write!(f, " of {min} to {max} characters"),
    }
}

/// Lists the words that a text can be; long lists are cut.
fn write_words(f: &mut fmt::Formatter<'_>, words: &[String]) -> fmt::Result {
    const SHOWN: usize = 6;
    if let [only] = words {
        return write!(f, "the text `{only}`");
    }
    f.write_str("one of ")?;
    for (at, word) in words.iter().take(SHOWN).enumerate() {
        write!(f, "{}`{word}`", if at == 0 { "" } else { ", " })?;
    }
    if words.len() > SHOWN { write!(f, " and {} more", words.len() - SHOWN) } else { Ok(()) }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.min, self.max) {
            (None, None) => Ok(()),
            (Some(min), None) => write!(f, " of at least {min}"),
            (None, Some(max)) => write!(f, " of at most {max}"),
            (Some(min), Some(max)) if min == max => write!(f, " ({min})"),
            (Some(min), Some(max)) => write!(f, " from {min} to {max}"),
        }
    }
}
