//! Operators over values: equality, order, membership, elements and arithmetic.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::super::error::EvalError;
use super::super::syntax::Operator;
use super::super::value::Value;
use super::{Evaluation, Result, numbers};

impl<'a> Evaluation<'a> {
    /// `a OPERATOR b`.
    pub(super) fn binary(&self, operator: Operator, a: Value<'a>, b: Value<'a>) -> Result<'a> {
        match operator {
            Operator::Equal => self.equal(&a, &b).map(Value::Bool),
            Operator::NotEqual => self.equal(&a, &b).map(|same| Value::Bool(!same)),
            Operator::In => self.member(&a, b).map(Value::Bool),
            Operator::Less => self.order(operator, &a, &b, Ordering::is_lt),
            Operator::LessEqual => self.order(operator, &a, &b, Ordering::is_le),
            Operator::Greater => self.order(operator, &a, &b, Ordering::is_gt),
            Operator::GreaterEqual => self.order(operator, &a, &b, Ordering::is_ge),
            Operator::Add => self.add(a, b),
            _ => numbers::calculate(operator, &a, &b),
        }
    }

    /// Deep equality; values of different kinds are not equal, numbers compare by value.
    pub(super) fn equal(
        &self,
        a: &Value<'a>,
        b: &Value<'a>,
    ) -> std::result::Result<bool, EvalError> {
        self.spend(a.weight().min(b.weight()))?;
        if let Some(order) = a.order(b) {
            return Ok(order.is_eq());
        }
        let list = |value: &Value<'a>| matches!(value, Value::Items(_) | Value::List(_));
        let object = |value: &Value<'a>| matches!(value, Value::Fields(_) | Value::Object(_));
        match (a, b) {
            (Value::Null, Value::Null) => Ok(true),
            (a, b) if list(a) && list(b) => {
                if a.size() != b.size() {
                    return Ok(false);
                }
                for (a, b) in a.clone().elements()?.iter().zip(&b.clone().elements()?) {
                    if !self.equal(a, b)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            }
            (a, b) if object(a) && object(b) => {
                for key in a.clone().elements()? {
                    let name = key.as_text().unwrap_or_default();
                    let (Some(x), Some(y)) = (a.field(name)?, b.field(name)?) else {
                        return Ok(false);
                    };
                    if !self.equal(&x, &y)? {
                        return Ok(false);
                    }
                }
                Ok(a.size() == b.size())
            }
            _ => Ok(false),
        }
    }

    fn order(
        &self,
        operator: Operator,
        a: &Value<'a>,
        b: &Value<'a>,
        holds: fn(Ordering) -> bool,
    ) -> Result<'a> {
        self.spend(a.weight().min(b.weight()))?;
        let boolean = matches!(a, Value::Bool(_));
        a.order(b).filter(|_| !boolean).map(|order| Value::Bool(holds(order))).ok_or_else(|| {
            let (word, a, b) = (operator.word(), a.kind(), b.kind());
            EvalError::new(format!("`{word}` cannot compare {a} with {b}"))
        })
    }

    /// `item in list`, or `key in look-up`.
    fn member(&self, item: &Value<'a>, of: Value<'a>) -> std::result::Result<bool, EvalError> {
        if let Value::Fields(_) | Value::Object(_) = of {
            let Some(key) = item.as_text() else {
                return Err(EvalError::new(format!("a look-up has texts, not {}", item.kind())));
            };
            return Ok(of.field(key)?.is_some());
        }
        for element in of.elements()? {
            if self.equal(item, &element)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn add(&self, a: Value<'a>, b: Value<'a>) -> Result<'a> {
        let list = |value: &Value<'_>| matches!(value, Value::Items(_) | Value::List(_));
        match (a, b) {
            (Value::Text(a), Value::Text(b)) => {
                self.spend(((a.len() + b.len()) / 16) as u64)?;
                Ok(Value::Text(Cow::Owned(a.into_owned() + &b)))
            }
            (a, b) if list(&a) && list(&b) => {
                self.spend(a.weight().saturating_add(b.weight()))?;
                let mut items = a.elements()?;
                items.extend(b.elements()?);
                Ok(Value::List(items))
            }
            (a, b) => numbers::calculate(Operator::Add, &a, &b),
        }
    }
}

/// `of[index]`.
pub(super) fn element<'a>(of: &Value<'a>, index: &Value<'a>) -> Result<'a> {
    let at = match index {
        Value::Text(name) => {
            return of
                .field(name)?
                .ok_or_else(|| EvalError::new(format!("there is no entry `{name}`")));
        }
        Value::Int(at) => *at,
        Value::Double(decimal) => super::whole(*decimal)
            .ok_or_else(|| EvalError::new(format!("{decimal} is not a place in a list")))?,
        other => return Err(EvalError::new(format!("{} is not a place", other.kind()))),
    };
    let place = usize::try_from(at).ok();
    let found = match of {
        Value::Items(items) => place.and_then(|at| items.get(at)).map(Value::of),
        Value::List(items) => place.and_then(|at| items.get(at)).cloned(),
        other => return Err(EvalError::new(format!("{} has no places", other.kind()))),
    };
    found.ok_or_else(|| EvalError::new(format!("the list has no element {at}")))
}
