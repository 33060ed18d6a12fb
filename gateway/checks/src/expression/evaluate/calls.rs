//! Functions over values that were evaluated already.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::text::checksum;

use super::super::dates;
use super::super::error::EvalError;
use super::super::functions::Function;
use super::super::value::Value;
use super::{Evaluation, Result, numbers, texts};

impl<'a> Evaluation<'a> {
    /// `function(arguments)`.
    pub(super) fn call(&self, function: Function, arguments: Vec<Value<'a>>) -> Result<'a> {
        let mut arguments = arguments.into_iter();
        let mut next = || {
            let missing = || EvalError::new("a function lacks an argument");
            arguments.next().ok_or_else(missing)
        };
        match function {
            Function::Size => self.size(&next()?),
            Function::ToInt => numbers::to_int(&next()?),
            Function::ToDouble => numbers::to_double(&next()?),
            Function::ToText => self.words(next()?),
            Function::ToBool => to_bool(&next()?),
            Function::Abs | Function::Ceil | Function::Floor | Function::Round => {
                numbers::of_one(function, &next()?)
            }
            Function::Greatest => numbers::extreme(vec![next()?, next()?], Ordering::Greater),
            Function::Least => numbers::extreme(vec![next()?, next()?], Ordering::Less),
            Function::Sum | Function::Min | Function::Max | Function::Distinct => {
                self.over_list(function, next()?)
            }
            Function::Lower | Function::Squash | Function::Digits => {
                self.rewritten(function, next()?)
            }
            Function::IbanOk => Ok(Value::Bool(checksum::iban_ok(&self.text(next()?)?))),
            Function::LuhnOk => Ok(Value::Bool(checksum::luhn_ok(&self.text(next()?)?))),
            Function::Contains
            | Function::StartsWith
            | Function::EndsWith
            | Function::Quotes
            | Function::Similar => self.two_texts(function, next()?, next()?),
            Function::Date => day(&next()?).map(Value::Date),
            Function::Days => Ok(Value::Int(dates::days(day(&next()?)?, day(&next()?)?))),
            Function::IsOpen => self.is_open(next()?, &next()?),
            Function::Sample => self.sample(next()?, &next()?),
            Function::Matches => Err(EvalError::new("a pattern was not compiled")),
        }
    }

    fn size(&self, of: &Value<'a>) -> Result<'a> {
        self.spend(of.weight())?;
        match of.size().map(i64::try_from) {
            Some(Ok(size)) => Ok(Value::Int(size)),
            _ => Err(EvalError::new(format!("{} has no size", of.kind()))),
        }
    }

    fn words(&self, of: Value<'a>) -> Result<'a> {
        match of {
            Value::Text(text) => Ok(Value::Text(text)),
            Value::Null
            | Value::Items(_)
            | Value::List(_)
            | Value::Fields(_)
            | Value::Object(_) => {
                Err(EvalError::new(format!("`string` cannot write {}", of.kind())))
            }
            other => Ok(Value::Text(Cow::Owned(other.into_words()))),
        }
    }

    fn over_list(&self, function: Function, list: Value<'a>) -> Result<'a> {
        if let Value::Fields(_) | Value::Object(_) = list {
            return Err(EvalError::new("a list is needed, not an object"));
        }
        self.spend(list.weight())?;
        let items = list.elements()?;
        match function {
            Function::Sum => numbers::sum(&items),
            Function::Min => numbers::extreme(items, Ordering::Less),
            Function::Max => numbers::extreme(items, Ordering::Greater),
            _ => self.distinct(items),
        }
    }

    /// Each element once, in the order of first occurrence.
    fn distinct(&self, items: Vec<Value<'a>>) -> Result<'a> {
        let mut kept: Vec<Value<'a>> = Vec::new();
        'items: for item in items {
            for known in &kept {
                if self.equal(known, &item)? {
                    continue 'items;
                }
            }
            kept.push(item);
        }
        Ok(Value::List(kept))
    }

    fn rewritten(&self, function: Function, of: Value<'a>) -> Result<'a> {
        let text = self.text(of)?;
        let rewritten = match function {
            Function::Lower => text.to_lowercase(),
            Function::Squash => texts::squash(&text),
            _ => texts::digits(&text),
        };
        Ok(Value::Text(Cow::Owned(rewritten)))
    }

    fn two_texts(&self, function: Function, a: Value<'a>, b: Value<'a>) -> Result<'a> {
        let (a, b) = (self.text(a)?, self.text(b)?);
        Ok(Value::Bool(match function {
            Function::Contains => a.contains(&*b),
            Function::StartsWith => a.starts_with(&*b),
            Function::EndsWith => a.ends_with(&*b),
            Function::Quotes => texts::quotes(&a, &b),
            _ => {
                // The distance of two texts takes the product of their lengths.
                self.spend((a.len() as u64).saturating_mul(b.len() as u64) / 16)?;
                return Ok(Value::Double(strsim::normalized_levenshtein(&a, &b)));
            }
        }))
    }

    fn is_open(&self, hours: Value<'a>, at: &Value<'a>) -> Result<'a> {
        let name = self.text(hours)?;
        let at = match at {
            Value::Int(at) => Some(*at),
            Value::Text(text) => dates::unix_ms(text),
            _ => None,
        };
        let Some(at) = at else {
            return Err(EvalError::new("`is_open` needs a time with its offset"));
        };
        match self.environment.calendar(&name) {
            Some(calendar) => Ok(Value::Bool(calendar.is_open(at))),
            None => Err(EvalError::new(format!("the hours `{name}` are not known"))),
        }
    }

    fn sample(&self, key: Value<'a>, share: &Value<'a>) -> Result<'a> {
        let Value::Text(key) = self.words(key)? else {
            return Err(EvalError::new("the key of `sample` is no text"));
        };
        let Some(share) = share.as_f64() else {
            return Err(EvalError::new("the share of `sample` is no number"));
        };
        match self.environment.sampling() {
            Some(sampling) => sampling.draw(&key, share).map(Value::Bool),
            None => Err(EvalError::new("samples cannot be drawn here")),
        }
    }
}

/// The day that a value names.
fn day(value: &Value<'_>) -> std::result::Result<jiff::civil::Date, EvalError> {
    let day = match value {
        Value::Date(date) => Some(*date),
        Value::Text(text) => dates::read(text),
        Value::Int(at) => dates::of_unix_ms(*at),
        _ => None,
    };
    day.ok_or_else(|| EvalError::new("this is not a date such as 2026-11-22"))
}

fn to_bool<'a>(of: &Value<'a>) -> Result<'a> {
    match of {
        Value::Bool(b) => Ok(Value::Bool(*b)),
        Value::Text(text) if text == "true" => Ok(Value::Bool(true)),
        Value::Text(text) if text == "false" => Ok(Value::Bool(false)),
        other => Err(EvalError::new(format!("`bool` cannot read {}", other.kind()))),
    }
}
