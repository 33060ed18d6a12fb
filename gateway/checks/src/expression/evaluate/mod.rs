//! The evaluator: a checked tree over borrowed values, with bounded steps and errors as values.
//!
//! It never panics, never waits and never takes an error for an answer.

mod calls;
mod numbers;
mod operators;
mod texts;

use std::borrow::Cow;
use std::cell::Cell;

use super::compared::Recorder;
use super::environment::Environment;
use super::error::EvalError;
use super::syntax::{Constant, LoopKind};
use super::tree::{LoopNode, Node, Numeric};
use super::value::{Value, whole};

/// Steps that one evaluation may take: twice what the checker lets a schema ask for.
pub(super) const STEPS_MAX: u64 = 2_000_000;

type Result<'a> = std::result::Result<Value<'a>, EvalError>;

/// One evaluation.
pub(super) struct Evaluation<'a> {
    environment: &'a dyn Environment,
    limit: u64,
    left: Cell<u64>,
    recorder: Option<&'a Recorder>,
}

/// Macro variables in force: innermost first.
#[derive(Clone, Copy)]
struct Locals<'l, 'a> {
    slot: usize,
    value: &'l Value<'a>,
    outer: Option<&'l Locals<'l, 'a>>,
}

impl<'a> Evaluation<'a> {
    pub(super) fn new(environment: &'a dyn Environment, limit: u64) -> Self {
        Self { environment, limit, left: Cell::new(limit), recorder: None }
    }

    /// With a note of every comparison.
    pub(super) fn watched(
        environment: &'a dyn Environment,
        limit: u64,
        recorder: &'a Recorder,
    ) -> Self {
        Self { recorder: Some(recorder), ..Self::new(environment, limit) }
    }

    pub(super) fn run(&self, node: &'a Node) -> Result<'a> {
        self.value(node, None)
    }

    /// Steps taken so far.
    pub(super) fn spent(&self) -> u64 {
        self.limit - self.left.get()
    }

    /// Takes `steps` from what is left.
    fn spend(&self, steps: u64) -> std::result::Result<(), EvalError> {
        match self.left.get().checked_sub(steps) {
            Some(left) => {
                self.left.set(left);
                Ok(())
            }
            None => {
                self.left.set(0);
                Err(EvalError::OutOfFuel { limit: self.limit })
            }
        }
    }

    fn value(&self, node: &'a Node, locals: Option<&Locals<'_, 'a>>) -> Result<'a> {
        self.spend(1)?;
        match node {
            Node::Literal(constant) => Ok(literal(constant)),
            Node::Constant(json) => Ok(Value::of(json)),
            Node::Shared(node) => self.value(node, None),
            Node::Root(name) => self.root(name),
            Node::Local(slot) => {
                let value = local(*slot, locals)?;
                if let Value::List(_) | Value::Object(_) = value {
                    // A list made here is copied at each mention.
                    self.spend(value.weight())?;
                }
                Ok(value)
            }
            Node::Field(of, name) => self
                .value(of, locals)?
                .field(name)?
                .ok_or_else(|| EvalError::new(format!("there is no `{name}`"))),
            Node::Has(of, name) => Ok(Value::Bool(self.value(of, locals)?.field(name)?.is_some())),
            Node::Index(of, index) => {
                operators::element(&self.value(of, locals)?, &self.value(index, locals)?)
            }
            Node::Not(of) => Ok(Value::Bool(!self.truth(of, locals)?)),
            Node::Negate(of) => numbers::negate(&self.value(of, locals)?),
            Node::And(a, b) => self.both(a, b, false, locals),
            Node::Or(a, b) => self.both(a, b, true, locals),
            Node::If(parts) => {
                let (condition, yes, no) = &**parts;
                let branch = if self.truth(condition, locals)? { yes } else { no };
                self.value(branch, locals)
            }
            Node::Binary(operator, a, b) => {
                let (a, b) = (self.value(a, locals)?, self.value(b, locals)?);
                self.binary(*operator, a, b)
            }
            Node::Compare(site, operator, a, b) => {
                let (a, b) = (self.value(a, locals)?, self.value(b, locals)?);
                let Some(recorder) = self.recorder else { return self.binary(*operator, a, b) };
                let value = self.binary(*operator, a.clone(), b.clone())?;
                if let Value::Bool(holds) = value {
                    recorder.note(*site, &a, &b, holds);
                }
                Ok(value)
            }
            Node::List(items) => {
                let items = items.iter().map(|item| self.value(item, locals));
                Ok(Value::List(items.collect::<std::result::Result<_, _>>()?))
            }
            Node::Object(entries) => self.object(entries, locals),
            Node::Loop(l) => self.visit(l, locals),
            Node::Call(function, arguments) => {
                let arguments = arguments.iter().map(|argument| self.value(argument, locals));
                let arguments = arguments.collect::<std::result::Result<Vec<_>, _>>()?;
                self.call(*function, arguments)
            }
            Node::Matches(text, pattern) => {
                let text = self.text(self.value(text, locals)?)?;
                self.spend(1 + (text.len() / 16) as u64)?;
                Ok(Value::Bool(pattern.is_match(&text)))
            }
            Node::Numeric(numeric, of) => as_schema_says(*numeric, self.value(of, locals)?),
        }
    }

    fn root(&self, name: &str) -> Result<'a> {
        let json = self.environment.variable(name);
        json.map(Value::of)
            .ok_or_else(|| EvalError::new(format!("`{name}` is not known for this call")))
    }

    /// A condition's outcome.
    fn truth(
        &self,
        node: &'a Node,
        locals: Option<&Locals<'_, 'a>>,
    ) -> std::result::Result<bool, EvalError> {
        match self.value(node, locals)? {
            Value::Bool(outcome) => Ok(outcome),
            other => {
                let kind = other.kind();
                Err(EvalError::new(format!("a condition is true or false, not {kind}")))
            }
        }
    }

    /// `&&` (decided by false) or `||` (decided by true). As CEL says, a side that decides does so
    /// even if the other one is an error.
    fn both(
        &self,
        a: &'a Node,
        b: &'a Node,
        decisive: bool,
        locals: Option<&Locals<'_, 'a>>,
    ) -> Result<'a> {
        let left = self.truth(a, locals);
        match left {
            Ok(outcome) if outcome == decisive => return Ok(Value::Bool(decisive)),
            Err(error) if !error.absorbable() => return Err(error),
            _ => {}
        }
        match self.truth(b, locals) {
            Ok(outcome) if outcome == decisive => Ok(Value::Bool(decisive)),
            Err(error) if !error.absorbable() => Err(error),
            right => {
                left?;
                right.map(Value::Bool)
            }
        }
    }

    fn object(&self, entries: &'a [(Node, Node)], locals: Option<&Locals<'_, 'a>>) -> Result<'a> {
        let mut fields: Vec<(String, Value<'a>)> = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let key = self.text(self.value(key, locals)?)?.into_owned();
            if fields.iter().any(|(known, _)| *known == key) {
                return Err(EvalError::new(format!("the key `{key}` occurs twice")));
            }
            fields.push((key, self.value(value, locals)?));
        }
        Ok(Value::Object(fields))
    }

    fn visit(&self, l: &'a LoopNode, locals: Option<&Locals<'_, 'a>>) -> Result<'a> {
        let over = self.value(&l.over, locals)?;
        self.spend(over.weight())?;
        let items = over.elements()?;
        let mut kept = Vec::new();
        let mut found = 0_usize;
        let mut error = None;
        for item in items {
            let inner = Locals { slot: l.slot, value: &item, outer: locals };
            let value = self.turn(l, &inner);
            match (l.kind, value) {
                (LoopKind::Map, value) => kept.extend(value?),
                (LoopKind::Filter, Ok(Some(Value::Bool(true)))) => kept.push(item),
                (LoopKind::Filter, value) => drop(value?),
                (LoopKind::All, Ok(Some(Value::Bool(false)))) => return Ok(Value::Bool(false)),
                (LoopKind::Exists, Ok(Some(Value::Bool(true)))) => return Ok(Value::Bool(true)),
                (LoopKind::ExistsOne, Ok(Some(Value::Bool(true)))) => found += 1,
                (LoopKind::ExistsOne, value) => drop(value?),
                (_, Ok(_)) => {}
                (_, Err(absorbed)) if absorbed.absorbable() => error = error.or(Some(absorbed)),
                (_, Err(other)) => return Err(other),
            }
        }
        match (l.kind, error) {
            (_, Some(error)) => Err(error),
            (LoopKind::Map | LoopKind::Filter, None) => Ok(Value::List(kept)),
            (LoopKind::All, None) => Ok(Value::Bool(true)),
            (LoopKind::Exists, None) => Ok(Value::Bool(false)),
            (LoopKind::ExistsOne, None) => Ok(Value::Bool(found == 1)),
        }
    }

    /// One element: none when the filter of a `map` leaves it out.
    fn turn(
        &self,
        l: &'a LoopNode,
        locals: &Locals<'_, 'a>,
    ) -> std::result::Result<Option<Value<'a>>, EvalError> {
        if let Some(filter) = &l.filter
            && !self.truth(filter, Some(locals))?
        {
            return Ok(None);
        }
        match l.kind {
            LoopKind::Map => self.value(&l.body, Some(locals)).map(Some),
            _ => self.truth(&l.body, Some(locals)).map(|outcome| Some(Value::Bool(outcome))),
        }
    }

    /// The text that `value` is.
    fn text(&self, value: Value<'a>) -> std::result::Result<Cow<'a, str>, EvalError> {
        match value {
            Value::Text(text) => {
                self.spend((text.len() / 64) as u64)?;
                Ok(text)
            }
            other => Err(EvalError::new(format!("a text is needed, not {}", other.kind()))),
        }
    }
}

fn local<'a>(slot: usize, mut locals: Option<&Locals<'_, 'a>>) -> Result<'a> {
    while let Some(frame) = locals {
        if frame.slot == slot {
            return Ok(frame.value.clone());
        }
        locals = frame.outer;
    }
    Err(EvalError::new("a macro variable has no value"))
}

fn literal(constant: &Constant) -> Value<'_> {
    match constant {
        Constant::Null => Value::Null,
        Constant::Bool(b) => Value::Bool(*b),
        Constant::Int(i) => Value::Int(*i),
        Constant::Double(d) => Value::Double(*d),
        Constant::Text(text) => Value::Text(Cow::Borrowed(text)),
    }
}

/// A number as its schema calls it; other values stay, so that `null` can be asked for.
fn as_schema_says(numeric: Numeric, value: Value<'_>) -> Result<'_> {
    match (numeric, value) {
        (Numeric::Whole, Value::Double(decimal)) => whole(decimal)
            .map(Value::Int)
            .ok_or_else(|| EvalError::new(format!("{decimal} is not a whole number"))),
        (Numeric::Decimal, Value::Int(whole)) => Ok(Value::Double(whole as f64)),
        (_, value) => Ok(value),
    }
}
