//! Values of an evaluation: borrowed from the call wherever possible, never converted ahead.

use std::borrow::Cow;
use std::cmp::Ordering;

use serde_json::Value as Json;

use super::error::EvalError;

/// What an expression, or a part of one, came to.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A decimal number; finite.
    Double(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A day.
    Date(jiff::civil::Date),
    /// A list of the call's own.
    Items(&'a [Json]),
    /// A list made here.
    List(Vec<Value<'a>>),
    /// An object or look-up of the call's own.
    Fields(&'a serde_json::Map<String, Json>),
    /// An object made here, in the order written.
    Object(Vec<(String, Value<'a>)>),
}

impl<'a> Value<'a> {
    /// Reads `json` without copying.
    pub fn of(json: &'a Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(b) => Self::Bool(*b),
            Json::Number(n) => match n.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Double(n.as_f64().unwrap_or(f64::NAN)),
            },
            Json::String(s) => Self::Text(Cow::Borrowed(s)),
            Json::Array(items) => Self::Items(items),
            Json::Object(fields) => Self::Fields(fields),
        }
    }

    /// The readable name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Int(_) => "a whole number",
            Self::Double(_) => "a number",
            Self::Text(_) => "a text",
            Self::Date(_) => "a date",
            Self::Items(_) | Self::List(_) => "a list",
            Self::Fields(_) | Self::Object(_) => "an object",
        }
    }

    /// The text, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number as a decimal one, if it is a number.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Int(whole) => Some(*whole as f64),
            Self::Double(decimal) => Some(*decimal),
            _ => None,
        }
    }

    /// The same value as JSON; a date becomes its text.
    pub fn into_json(self) -> Json {
        match self {
            Self::Null => Json::Null,
            Self::Bool(b) => Json::Bool(b),
            Self::Int(i) => Json::from(i),
            Self::Double(d) => Json::from(d),
            Self::Text(text) => Json::String(text.into_owned()),
            Self::Date(date) => Json::String(date.to_string()),
            Self::Items(items) => Json::Array(items.to_vec()),
            Self::List(items) => Json::Array(items.into_iter().map(Value::into_json).collect()),
            Self::Fields(fields) => Json::Object(fields.clone()),
            Self::Object(fields) => {
                Json::Object(fields.into_iter().map(|(k, v)| (k, v.into_json())).collect())
            }
        }
    }

    /// The value as it reads inside a text: a text as it is, all else as JSON.
    pub fn into_words(self) -> String {
        match self {
            Self::Text(text) => text.into_owned(),
            other => match other.into_json() {
                Json::String(text) => text,
                json => json.to_string(),
            },
        }
    }

    /// The field or entry `name`.
    pub(super) fn field(&self, name: &str) -> Result<Option<Value<'a>>, EvalError> {
        match self {
            Self::Fields(fields) => Ok(fields.get(name).map(Value::of)),
            Self::Object(fields) => {
                Ok(fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()))
            }
            other => Err(EvalError::new(format!(
                "`{name}` is asked of {}, which has no fields",
                other.kind()
            ))),
        }
    }

    /// The elements of a list, or the keys of an object.
    pub(super) fn elements(self) -> Result<Vec<Value<'a>>, EvalError> {
        match self {
            Self::Items(items) => Ok(items.iter().map(Value::of).collect()),
            Self::List(items) => Ok(items),
            Self::Fields(fields) => {
                Ok(fields.keys().map(|key| Self::Text(Cow::Borrowed(key))).collect())
            }
            Self::Object(fields) => {
                Ok(fields.into_iter().map(|(key, _)| Self::Text(Cow::Owned(key))).collect())
            }
            other => Err(EvalError::new(format!("a list is needed, not {}", other.kind()))),
        }
    }

    /// Elements of a list, fields of an object, characters of a text.
    pub(super) fn size(&self) -> Option<usize> {
        match self {
            Self::Text(text) => Some(text.chars().count()),
            Self::Items(items) => Some(items.len()),
            Self::List(items) => Some(items.len()),
            Self::Fields(fields) => Some(fields.len()),
            Self::Object(fields) => Some(fields.len()),
            _ => None,
        }
    }

    /// What looking at the whole value costs, in steps.
    pub(super) fn weight(&self) -> u64 {
        match self {
            Self::Text(text) => 1 + (text.len() / 64) as u64,
            other => 1 + other.size().unwrap_or(0) as u64,
        }
    }

    /// The order of two numbers, texts, dates or booleans; none for other pairs.
    pub(super) fn order(&self, other: &Self) -> Option<Ordering> {
        match (self, other) {
            (Self::Int(a), Self::Int(b)) => Some(a.cmp(b)),
            (Self::Double(a), Self::Double(b)) => a.partial_cmp(b),
            (Self::Int(a), Self::Double(b)) => order_mixed(*a, *b),
            (Self::Double(a), Self::Int(b)) => order_mixed(*b, *a).map(Ordering::reverse),
            (Self::Text(a), Self::Text(b)) => Some(a.cmp(b)),
            (Self::Date(a), Self::Date(b)) => Some(a.cmp(b)),
            (Self::Bool(a), Self::Bool(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// Compares exactly, where converting the whole number could round it.
fn order_mixed(whole: i64, decimal: f64) -> Option<Ordering> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if decimal.is_nan() {
        return None;
    }
    if decimal >= BEYOND {
        return Some(Ordering::Less);
    }
    if decimal < -BEYOND {
        return Some(Ordering::Greater);
    }
    let floor = decimal.floor();
    let fraction = if decimal > floor { Ordering::Less } else { Ordering::Equal };
    Some(whole.cmp(&(floor as i64)).then(fraction))
}

/// `decimal` as a whole number, if it is one that fits.
pub(super) fn whole(decimal: f64) -> Option<i64> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    (decimal.fract() == 0.0 && (-BEYOND..BEYOND).contains(&decimal)).then_some(decimal as i64)
}
