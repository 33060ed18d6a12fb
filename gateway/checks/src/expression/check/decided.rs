//! Comparisons that the schema decides before any call: never true, or always.

use super::super::syntax::Operator;
use super::super::types::{Texts, Type};

/// What `a OPERATOR b` always comes to, if the types already say.
pub(super) fn decided(operator: Operator, a: &Type, b: &Type) -> Option<bool> {
    match operator {
        Operator::Equal => equal(a, b),
        Operator::NotEqual => equal(a, b).map(|same| !same),
        Operator::Less => less(a, b),
        Operator::Greater => less(b, a),
        Operator::LessEqual => less(b, a).map(|greater| !greater),
        Operator::GreaterEqual => less(a, b).map(|less| !less),
        _ => None,
    }
}

/// Whether a value of type `a` can ever equal one of type `b`.
pub(super) fn may_equal(a: &Type, b: &Type) -> bool {
    a.parts().iter().any(|a| b.parts().iter().any(|b| part_may_equal(a, b)))
}

fn equal(a: &Type, b: &Type) -> Option<bool> {
    if !may_equal(a, b) {
        return Some(false);
    }
    match (a, b) {
        (Type::Null, Type::Null) => Some(true),
        (Type::Text(Texts::Words(a)), Type::Text(Texts::Words(b))) => {
            (a.len() == 1 && b.len() == 1 && a == b).then_some(true)
        }
        _ => match (range(a), range(b)) {
            (Some((a, b)), Some((c, d))) if a == b && c == d && a == c && exact(a) => Some(true),
            _ => None,
        },
    }
}

fn part_may_equal(a: &Type, b: &Type) -> bool {
    match (a, b) {
        (Type::Any, _) | (_, Type::Any) => true,
        (Type::Text(a), Type::Text(b)) => a.clone().both(b.clone()).is_some(),
        (Type::List { item: a, min_items: n, .. }, Type::List { item: b, min_items: m, .. }) => {
            (*n == 0 && *m == 0) || may_equal(a, b)
        }
        (Type::Object(_) | Type::Map { .. }, Type::Object(_) | Type::Map { .. }) => true,
        _ => match (range(a), range(b)) {
            (Some((low, high)), Some((least, most))) => {
                let fraction = |point: f64, lone: bool| lone && point.fract() != 0.0;
                let whole = |kind: &Type| matches!(kind, Type::Int(_));
                low <= most
                    && least <= high
                    && !(whole(a) && fraction(least, least == most))
                    && !(whole(b) && fraction(low, low == high))
            }
            (None, None) => std::mem::discriminant(a) == std::mem::discriminant(b),
            _ => false,
        },
    }
}

/// What `a < b` always comes to.
fn less(a: &Type, b: &Type) -> Option<bool> {
    let ((least, most), (low, high)) = (range(a)?, range(b)?);
    if most < low {
        Some(true)
    } else if least >= high && exact(least) {
        Some(false)
    } else {
        None
    }
}

/// Where rounding could move a bound, nothing is decided.
fn exact(point: f64) -> bool {
    point.abs() < 9_007_199_254_740_992.0
}

/// Least and greatest value of a number.
fn range(kind: &Type) -> Option<(f64, f64)> {
    match kind {
        Type::Int(bounds) | Type::Double(bounds) => {
            Some((bounds.min.unwrap_or(f64::NEG_INFINITY), bounds.max.unwrap_or(f64::INFINITY)))
        }
        _ => None,
    }
}
