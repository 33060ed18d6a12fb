//! The values that are left to one place: for numbers a range with gaps, for texts a list or all
//! but a list. Too wide is harmless, too narrow is not.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::super::syntax::{Constant, Operator};
use super::super::types::{Bounds, Texts, Type};

/// Values that a place may still have.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Domain {
    null: bool,
    yes: bool,
    no: bool,
    numbers: Option<Range>,
    texts: Words,
    /// Lists, objects, dates: what no constant is compared with.
    other: bool,
}

/// Numbers between two ends, with gaps.
#[derive(Debug, Clone, PartialEq)]
struct Range {
    whole: bool,
    min: f64,
    max: f64,
    /// Whether an end itself is out.
    open: (bool, bool),
    gaps: Vec<f64>,
}

#[derive(Debug, Clone, PartialEq)]
enum Words {
    Only(BTreeSet<String>),
    AllBut(BTreeSet<String>),
}

impl Range {
    const ALL: Self = Self {
        whole: false,
        min: f64::NEG_INFINITY,
        max: f64::INFINITY,
        open: (false, false),
        gaps: Vec::new(),
    };

    fn is_empty(&self) -> bool {
        let (mut min, mut max) = (self.min, self.max);
        if self.whole {
            min = if self.open.0 && min.fract() == 0.0 { min + 1.0 } else { min.ceil() };
            max = if self.open.1 && max.fract() == 0.0 { max - 1.0 } else { max.floor() };
            let gaps = self.gaps.iter().filter(|gap| (min..=max).contains(*gap));
            let gaps: BTreeSet<i64> = gaps.map(|gap| *gap as i64).collect();
            return min > max || (max - min + 1.0) <= gaps.len() as f64;
        }
        let point = min == max;
        min > max || (point && (self.open.0 || self.open.1 || self.gaps.contains(&min)))
    }

    fn both(&self, other: &Self) -> Self {
        let min = self.min.max(other.min);
        let max = self.max.min(other.max);
        let open = |of: fn(&Self) -> (f64, bool), end: f64| {
            [of(self), of(other)].into_iter().any(|(at, open)| at == end && open)
        };
        Self {
            whole: self.whole || other.whole,
            min,
            max,
            open: (open(|r| (r.min, r.open.0), min), open(|r| (r.max, r.open.1), max)),
            gaps: self.gaps.iter().chain(&other.gaps).copied().collect(),
        }
    }
}

impl Words {
    fn both(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Only(a), Self::Only(b)) => Self::Only(a.intersection(b).cloned().collect()),
            (Self::Only(a), Self::AllBut(b)) | (Self::AllBut(b), Self::Only(a)) => {
                Self::Only(a.difference(b).cloned().collect())
            }
            (Self::AllBut(a), Self::AllBut(b)) => Self::AllBut(a.union(b).cloned().collect()),
        }
    }

    fn either(&self, other: &Self) -> Self {
        match (self, other) {
            (Self::Only(a), Self::Only(b)) => Self::Only(a.union(b).cloned().collect()),
            (Self::Only(a), Self::AllBut(b)) | (Self::AllBut(b), Self::Only(a)) => {
                Self::AllBut(b.difference(a).cloned().collect())
            }
            (Self::AllBut(a), Self::AllBut(b)) => {
                Self::AllBut(a.intersection(b).cloned().collect())
            }
        }
    }
}

impl Domain {
    /// No restriction.
    pub(super) const ANYTHING: Self = Self {
        null: true,
        yes: true,
        no: true,
        numbers: Some(Range::ALL),
        texts: Words::AllBut(BTreeSet::new()),
        other: true,
    };
    const NOTHING: Self = Self {
        null: false,
        yes: false,
        no: false,
        numbers: None,
        texts: Words::Only(BTreeSet::new()),
        other: false,
    };

    /// Just `true`, or just `false`.
    pub(super) fn boolean(value: bool) -> Self {
        Self { yes: value, no: !value, ..Self::NOTHING }
    }

    /// What a value of type `kind` can be.
    pub(super) fn of(kind: &Type) -> Self {
        kind.parts().iter().fold(Self::NOTHING, |all, part| all.either(&Self::of_part(part)))
    }

    fn of_part(kind: &Type) -> Self {
        let range = |whole: bool, bounds: &Bounds| Range {
            whole,
            min: bounds.min.unwrap_or(f64::NEG_INFINITY),
            max: bounds.max.unwrap_or(f64::INFINITY),
            ..Range::ALL
        };
        let of = Self::NOTHING;
        match kind {
            Type::Any => Self::ANYTHING,
            Type::Null => Self { null: true, ..of },
            Type::Bool => Self { yes: true, no: true, ..of },
            Type::Int(bounds) => Self { numbers: Some(range(true, bounds)), ..of },
            Type::Double(bounds) => Self { numbers: Some(range(false, bounds)), ..of },
            Type::Text(Texts::Words(words)) => {
                Self { texts: Words::Only(words.iter().cloned().collect()), ..of }
            }
            Type::Text(_) => Self { texts: Words::AllBut(BTreeSet::new()), ..of },
            _ => Self { other: true, ..of },
        }
    }

    /// Values for which `value OPERATOR constant` is true, and those for which it is false; `None`
    /// where a bound could be rounded, or nothing is known of such a comparison.
    pub(super) fn compared(operator: Operator, constant: &Json) -> Option<(Self, Self)> {
        match operator {
            Operator::Equal => Self::equal(constant),
            Operator::NotEqual => Self::equal(constant).map(|(same, other)| (other, same)),
            Operator::Less | Operator::GreaterEqual => {
                let bound = number(constant)?;
                let below = Range { max: bound, open: (false, true), ..Range::ALL };
                let rest = Range { min: bound, ..Range::ALL };
                let (yes, no) =
                    if operator == Operator::Less { (below, rest) } else { (rest, below) };
                Some((Self::numbers(yes), Self::numbers(no)))
            }
            Operator::Greater | Operator::LessEqual => {
                let bound = number(constant)?;
                let above = Range { min: bound, open: (true, false), ..Range::ALL };
                let rest = Range { max: bound, ..Range::ALL };
                let (yes, no) =
                    if operator == Operator::Greater { (above, rest) } else { (rest, above) };
                Some((Self::numbers(yes), Self::numbers(no)))
            }
            _ => None,
        }
    }

    fn numbers(range: Range) -> Self {
        Self { numbers: Some(range), ..Self::NOTHING }
    }

    fn equal(constant: &Json) -> Option<(Self, Self)> {
        let all = Self::ANYTHING;
        Some(match constant {
            Json::Null => (Self { null: true, ..Self::NOTHING }, Self { null: false, ..all }),
            Json::Bool(true) => (Self::boolean(true), Self { yes: false, ..all }),
            Json::Bool(false) => (Self::boolean(false), Self { no: false, ..all }),
            Json::Number(_) => {
                let at = number(constant)?;
                let point = Range { min: at, max: at, ..Range::ALL };
                let rest = Range { gaps: vec![at], ..Range::ALL };
                (Self::numbers(point), Self { numbers: Some(rest), ..all })
            }
            Json::String(word) => {
                let word = BTreeSet::from([word.clone()]);
                let same = Self { texts: Words::Only(word.clone()), ..Self::NOTHING };
                (same, Self { texts: Words::AllBut(word), ..all })
            }
            _ => return None,
        })
    }

    /// Values that are in both.
    pub(super) fn both(&self, other: &Self) -> Self {
        let numbers = self.numbers.as_ref().zip(other.numbers.as_ref());
        let numbers = numbers.map(|(a, b)| a.both(b)).filter(|range| !range.is_empty());
        Self {
            null: self.null && other.null,
            yes: self.yes && other.yes,
            no: self.no && other.no,
            numbers,
            texts: self.texts.both(&other.texts),
            other: self.other && other.other,
        }
    }

    /// Values that are in one of them at least, and perhaps some between two ranges.
    pub(super) fn either(&self, other: &Self) -> Self {
        let numbers = match (&self.numbers, &other.numbers) {
            (Some(a), Some(b)) => Some(Range {
                whole: a.whole && b.whole,
                min: a.min.min(b.min),
                max: a.max.max(b.max),
                ..Range::ALL
            }),
            (a, b) => a.clone().or_else(|| b.clone()),
        };
        Self {
            null: self.null || other.null,
            yes: self.yes || other.yes,
            no: self.no || other.no,
            numbers,
            texts: self.texts.either(&other.texts),
            other: self.other || other.other,
        }
    }

    /// Whether no value is left.
    pub(super) fn is_empty(&self) -> bool {
        let texts = matches!(&self.texts, Words::Only(words) if words.is_empty());
        !self.null && !self.yes && !self.no && self.numbers.is_none() && texts && !self.other
    }
}

/// The number, where it is exact.
fn number(constant: &Json) -> Option<f64> {
    constant.as_f64().filter(|number| number.abs() < 9_007_199_254_740_992.0)
}

/// A literal as JSON.
pub(super) fn json(constant: &Constant) -> Json {
    match constant {
        Constant::Null => Json::Null,
        Constant::Bool(value) => Json::from(*value),
        Constant::Int(value) => Json::from(*value),
        Constant::Double(value) => Json::from(*value),
        Constant::Text(value) => Json::from(value.as_str()),
    }
}
