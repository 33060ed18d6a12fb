//! Numbers: whole ones are checked for overflow, decimal ones must stay finite, both mix freely.

use std::cmp::Ordering;

use super::super::error::EvalError;
use super::super::functions::Function;
use super::super::syntax::Operator;
use super::super::value::{Value, whole};
use super::Result;

/// `-x`.
pub(super) fn negate<'a>(of: &Value<'a>) -> Result<'a> {
    match of {
        Value::Int(number) => number.checked_neg().map(Value::Int).ok_or_else(overflow),
        Value::Double(number) => Ok(Value::Double(-number)),
        other => Err(EvalError::new(format!("`-` needs a number, not {}", other.kind()))),
    }
}

/// `a OPERATOR b` for `+ - * / %`.
pub(super) fn calculate<'a>(operator: Operator, a: &Value<'a>, b: &Value<'a>) -> Result<'a> {
    if let (Value::Int(a), Value::Int(b)) = (a, b) {
        return exact(operator, *a, *b).map(Value::Int);
    }
    let (Some(x), Some(y)) = (a.as_f64(), b.as_f64()) else {
        let (word, a, b) = (operator.word(), a.kind(), b.kind());
        return Err(EvalError::new(format!("`{word}` cannot take {a} and {b}")));
    };
    finite(match operator {
        Operator::Add => x + y,
        Operator::Subtract => x - y,
        Operator::Multiply => x * y,
        Operator::Divide if y == 0.0 => return Err(by_zero()),
        Operator::Divide => x / y,
        Operator::Remainder if y == 0.0 => return Err(by_zero()),
        Operator::Remainder => x % y,
        other => return Err(EvalError::new(format!("`{}` does not calculate", other.word()))),
    })
}

fn exact(operator: Operator, a: i64, b: i64) -> std::result::Result<i64, EvalError> {
    let result = match operator {
        Operator::Add => a.checked_add(b),
        Operator::Subtract => a.checked_sub(b),
        Operator::Multiply => a.checked_mul(b),
        Operator::Divide | Operator::Remainder if b == 0 => return Err(by_zero()),
        Operator::Divide => a.checked_div(b),
        Operator::Remainder => a.checked_rem(b),
        other => return Err(EvalError::new(format!("`{}` does not calculate", other.word()))),
    };
    result.ok_or_else(overflow)
}

/// The sum of numbers; 0 for none.
pub(super) fn sum<'a>(items: &[Value<'a>]) -> Result<'a> {
    items.iter().try_fold(Value::Int(0), |sum, item| match item {
        // A whole number that was written `5.0` keeps a sum of whole numbers whole.
        Value::Double(decimal) if matches!(sum, Value::Int(_)) && whole(*decimal).is_some() => {
            let item = whole(*decimal).map_or(Value::Double(*decimal), Value::Int);
            calculate(Operator::Add, &sum, &item)
        }
        item => calculate(Operator::Add, &sum, item),
    })
}

/// The least (`Less`) or greatest element.
pub(super) fn extreme<'a>(items: Vec<Value<'a>>, wanted: Ordering) -> Result<'a> {
    let mut best: Option<Value<'a>> = None;
    for item in items {
        let Some(known) = &best else {
            best = Some(item);
            continue;
        };
        let order = item.order(known).ok_or_else(|| {
            let (a, b) = (item.kind(), known.kind());
            EvalError::new(format!("{a} cannot be compared with {b}"))
        })?;
        if order == wanted {
            best = Some(item);
        }
    }
    best.ok_or_else(|| EvalError::new("an empty list has no least or greatest element"))
}

/// `math.abs` and its kin, of one number.
pub(super) fn of_one<'a>(function: Function, of: &Value<'a>) -> Result<'a> {
    match (function, of) {
        (Function::Abs, Value::Int(n)) => n.checked_abs().map(Value::Int).ok_or_else(overflow),
        (Function::Abs, Value::Double(n)) => Ok(Value::Double(n.abs())),
        (_, Value::Int(n)) => Ok(Value::Int(*n)),
        (Function::Ceil, Value::Double(n)) => as_whole(n.ceil()),
        (Function::Floor, Value::Double(n)) => as_whole(n.floor()),
        (_, Value::Double(n)) => as_whole(n.round()),
        (_, other) => Err(EvalError::new(format!("a number is needed, not {}", other.kind()))),
    }
}

/// `int(x)`: a decimal number loses its fraction, a text must be a whole number.
pub(super) fn to_int<'a>(of: &Value<'a>) -> Result<'a> {
    match of {
        Value::Int(n) => Ok(Value::Int(*n)),
        Value::Double(n) => as_whole(n.trunc()),
        Value::Text(text) => {
            let number = text.trim().parse();
            number.map(Value::Int).map_err(|_| unreadable("a whole number"))
        }
        other => Err(EvalError::new(format!("`int` cannot read {}", other.kind()))),
    }
}

/// `double(x)`.
pub(super) fn to_double<'a>(of: &Value<'a>) -> Result<'a> {
    match of {
        Value::Int(n) => Ok(Value::Double(*n as f64)),
        Value::Double(n) => Ok(Value::Double(*n)),
        Value::Text(text) => {
            let number = text.trim().parse::<f64>().ok().filter(|n| n.is_finite());
            number.map(Value::Double).ok_or_else(|| unreadable("a number"))
        }
        other => Err(EvalError::new(format!("`double` cannot read {}", other.kind()))),
    }
}

fn as_whole<'a>(decimal: f64) -> Result<'a> {
    whole(decimal).map(Value::Int).ok_or_else(overflow)
}

fn finite<'a>(decimal: f64) -> Result<'a> {
    if decimal.is_finite() { Ok(Value::Double(decimal)) } else { Err(overflow()) }
}

fn unreadable(what: &str) -> EvalError {
    EvalError::new(format!("the text is not {what}"))
}

fn overflow() -> EvalError {
    EvalError::new("a number became too large")
}

fn by_zero() -> EvalError {
    EvalError::new("something was divided by zero")
}
