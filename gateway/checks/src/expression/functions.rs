//! The table of functions: their names, what they take and what they yield.
//!
//! Macros (`has map filter all exists exists_one`) are syntax, not functions.

use super::syntax::Operator;
use super::types::{Bounds, Type};

/// A function that the evaluator knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    ToInt,
    ToDouble,
    ToText,
    ToBool,
    Abs,
    Ceil,
    Floor,
    Round,
    Greatest,
    Least,
    Sum,
    Min,
    Max,
    Distinct,
    Lower,
    Squash,
    Digits,
    Quotes,
    Similar,
    Date,
    Days,
    IsOpen,
    IbanOk,
    LuhnOk,
    Sample,
    /// Compiled at load, so it has a node of its own.
    Matches,
}

/// What an argument may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    Text,
    Number,
    /// A list, look-up, object or text.
    Sized,
    List,
    Numbers,
    /// A list of numbers, texts or dates.
    Ordered,
    /// A number, text, or boolean.
    Scalar,
    /// A date, or a text or milliseconds from which one is read.
    Moment,
    /// A pattern, written out.
    Pattern,
    /// The name of a calendar, written out.
    Calendar,
}

impl Takes {
    /// The readable name.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Number => "a number",
            Self::Sized => "a text, list or look-up",
            Self::List => "a list",
            Self::Numbers => "a list of numbers",
            Self::Ordered => "a list of numbers, texts or dates",
            Self::Scalar => "a number, text or boolean",
            Self::Moment => "a date or a text that holds one",
            Self::Pattern => "a pattern, written out",
            Self::Calendar => "the name of a calendar, written out",
        }
    }

    /// Whether a value of type `kind` can be one; unknown types are checked when used.
    pub(super) fn accepts(self, kind: &Type) -> bool {
        let number = |kind: &Type| matches!(kind, Type::Int(_) | Type::Double(_));
        let text = |kind: &Type| matches!(kind, Type::Text(_));
        let each = |of: &Type, fits: &dyn Fn(&Type) -> bool| match of {
            Type::List { item, .. } => {
                item.parts().iter().any(|part| *part == Type::Any || fits(part))
            }
            _ => false,
        };
        kind.parts().iter().any(|kind| {
            *kind == Type::Any
                || match self {
                    Self::Text | Self::Pattern | Self::Calendar => text(kind),
                    Self::Number => number(kind),
                    Self::Sized => {
                        text(kind)
                            || matches!(kind, Type::List { .. } | Type::Map { .. })
                            || matches!(kind, Type::Object(_))
                    }
                    Self::List => matches!(kind, Type::List { .. }),
                    Self::Numbers => each(kind, &number),
                    Self::Ordered => each(kind, &|k| number(k) || text(k) || *k == Type::Date),
                    Self::Scalar => {
                        number(kind) || text(kind) || matches!(kind, Type::Bool | Type::Date)
                    }
                    Self::Moment => text(kind) || matches!(kind, Type::Date | Type::Int(_)),
                }
        })
    }
}

/// How a function is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `f(x, y)`.
    Plain,
    /// `x.f(y)`.
    Method,
    /// Either.
    Both,
}

/// One row of the table.
#[derive(Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) style: Style,
    pub(super) function: Function,
    pub(super) takes: &'static [Takes],
}

const fn row(
    name: &'static str,
    style: Style,
    function: Function,
    takes: &'static [Takes],
) -> Signature {
    Signature { name, style, function, takes }
}

/// Every function, CEL's own first.
pub(super) const TABLE: &[Signature] = &[
    row("size", Style::Both, Function::Size, &[Takes::Sized]),
    row("contains", Style::Method, Function::Contains, &[Takes::Text, Takes::Text]),
    row("startsWith", Style::Method, Function::StartsWith, &[Takes::Text, Takes::Text]),
    row("endsWith", Style::Method, Function::EndsWith, &[Takes::Text, Takes::Text]),
    row("matches", Style::Both, Function::Matches, &[Takes::Text, Takes::Pattern]),
    row("int", Style::Plain, Function::ToInt, &[Takes::Scalar]),
    row("double", Style::Plain, Function::ToDouble, &[Takes::Scalar]),
    row("string", Style::Plain, Function::ToText, &[Takes::Scalar]),
    row("bool", Style::Plain, Function::ToBool, &[Takes::Scalar]),
    row("math.abs", Style::Plain, Function::Abs, &[Takes::Number]),
    row("math.ceil", Style::Plain, Function::Ceil, &[Takes::Number]),
    row("math.floor", Style::Plain, Function::Floor, &[Takes::Number]),
    row("math.round", Style::Plain, Function::Round, &[Takes::Number]),
    row("math.greatest", Style::Plain, Function::Greatest, &[Takes::Number, Takes::Number]),
    row("math.least", Style::Plain, Function::Least, &[Takes::Number, Takes::Number]),
    row("sum", Style::Plain, Function::Sum, &[Takes::Numbers]),
    row("min", Style::Plain, Function::Min, &[Takes::Ordered]),
    row("max", Style::Plain, Function::Max, &[Takes::Ordered]),
    row("distinct", Style::Plain, Function::Distinct, &[Takes::List]),
    row("lower", Style::Plain, Function::Lower, &[Takes::Text]),
    row("squash", Style::Plain, Function::Squash, &[Takes::Text]),
    row("digits", Style::Plain, Function::Digits, &[Takes::Text]),
    row("quotes", Style::Plain, Function::Quotes, &[Takes::Text, Takes::Text]),
    row("similar", Style::Plain, Function::Similar, &[Takes::Text, Takes::Text]),
    row("date", Style::Plain, Function::Date, &[Takes::Moment]),
    row("days", Style::Plain, Function::Days, &[Takes::Moment, Takes::Moment]),
    row("is_open", Style::Plain, Function::IsOpen, &[Takes::Calendar, Takes::Moment]),
    row("iban_ok", Style::Plain, Function::IbanOk, &[Takes::Text]),
    row("luhn_ok", Style::Plain, Function::LuhnOk, &[Takes::Text]),
    row("sample", Style::Plain, Function::Sample, &[Takes::Scalar, Takes::Number]),
];

impl Function {
    /// The type of what the function yields for arguments of these types.
    pub(super) fn yields(self, arguments: &[Type]) -> Type {
        let first = arguments.first().unwrap_or(&Type::Any);
        match self {
            Self::Size => size_of(first),
            Self::ToInt => Type::INT,
            Self::ToDouble => Type::DOUBLE,
            Self::ToText | Self::Lower | Self::Squash | Self::Digits => Type::TEXT,
            Self::Ceil | Self::Floor | Self::Round | Self::Days => Type::INT,
            Self::Abs | Self::Greatest | Self::Least => number_of(arguments),
            Self::Sum => sum_of(first),
            Self::Min | Self::Max => item_of(first).without_null(),
            Self::Distinct => match first {
                Type::List { item, max_items, .. } => {
                    Type::List { item: item.clone(), min_items: 0, max_items: *max_items }
                }
                _ => Type::list(Type::Any),
            },
            Self::Similar => Type::Double(Bounds::between(0.0, 1.0)),
            Self::Date => Type::Date,
            Self::Contains
            | Self::StartsWith
            | Self::EndsWith
            | Self::Matches
            | Self::ToBool
            | Self::Quotes
            | Self::IsOpen
            | Self::IbanOk
            | Self::LuhnOk
            | Self::Sample => Type::Bool,
        }
    }
}

/// The type of the elements of a list; unknown where `kind` is no list.
pub(super) fn item_of(kind: &Type) -> Type {
    match kind {
        Type::List { item, .. } => (**item).clone(),
        _ => Type::Any,
    }
}

fn size_of(kind: &Type) -> Type {
    match kind {
        Type::List { min_items, max_items, .. } => {
            Type::Int(Bounds { min: Some(*min_items as f64), max: max_items.map(|max| max as f64) })
        }
        Type::Text(texts) => {
            let (min, max) = texts.length();
            Type::Int(Bounds { min: Some(min as f64), max: max.map(|max| max as f64) })
        }
        _ => Type::Int(Bounds { min: Some(0.0), max: None }),
    }
}

/// A number, as large as so many elements can make it.
fn sum_of(list: &Type) -> Type {
    let Type::List { item, min_items, max_items } = list else { return Type::Any };
    let summed = |bounds: &Bounds| {
        let counts =
            Bounds { min: Some(*min_items as f64), max: max_items.map(|most| most as f64) };
        bounds.calculated(Operator::Multiply, counts)
    };
    match &**item {
        Type::Int(bounds) => Type::Int(summed(bounds)),
        // Decimals are rounded at each step, so only the sign of their sum is certain.
        Type::Double(bounds) if bounds.min >= Some(0.0) => {
            Type::Double(Bounds { min: Some(0.0), max: None })
        }
        Type::Double(_) => Type::DOUBLE,
        other => number_of(std::slice::from_ref(other)),
    }
}

/// Whole where every part is whole, decimal where every part is a number, else unknown.
fn number_of(kinds: &[Type]) -> Type {
    let mut parts = kinds.iter().flat_map(Type::parts).peekable();
    if parts.peek().is_none() {
        return Type::Any;
    }
    let mut whole = true;
    for part in parts {
        match part {
            Type::Int(_) => {}
            Type::Double(_) => whole = false,
            _ => return Type::Any,
        }
    }
    if whole { Type::INT } else { Type::DOUBLE }
}
