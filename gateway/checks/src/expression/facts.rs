//! What a condition proves for the rest of an expression: fields that are there, keys that are
//! known, lists that are long enough. Proofs flow through `&&`, `||`, `!` and `? :`.

use std::collections::BTreeSet;

use super::scope::{Scope, Shared};
use super::syntax::{Constant, Form, LoopKind, Operator, Syntax};

/// One thing known. Places are spelt by [`Syntax`]'s one spelling.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fact {
    /// `has(place)`.
    There(String),
    /// `key in place`.
    Key(String, String),
    /// `place != null`.
    NotNull(String),
    /// The place holds at least so many elements.
    Holds(String, u64),
    /// `index < size(place)`.
    Below(String, String),
}

/// How deep one shared value may use another, here and in the checker.
pub(super) const SHARED_DEPTH_MAX: usize = 3;

/// What follows when `condition` is `outcome`.
pub(super) fn facts(condition: &Syntax, outcome: bool, scope: &Scope) -> BTreeSet<Fact> {
    Prover { scope, left: SHARED_DEPTH_MAX }.prove(condition, outcome)
}

struct Prover<'s> {
    scope: &'s Scope,
    left: usize,
}

impl Prover<'_> {
    fn prove(&mut self, condition: &Syntax, outcome: bool) -> BTreeSet<Fact> {
        match (&condition.form, outcome) {
            (Form::Not(of), _) => self.prove(of, !outcome),
            (Form::And(a, b), true) | (Form::Or(a, b), false) => {
                let mut both = self.prove(a, outcome);
                both.extend(self.prove(b, outcome));
                both
            }
            (Form::And(a, b), false) | (Form::Or(a, b), true) => {
                let (a, b) = (self.prove(a, outcome), self.prove(b, outcome));
                a.intersection(&b).cloned().collect()
            }
            (Form::Has(of, name), true) => BTreeSet::from([Fact::There(place(of, &name.text))]),
            (Form::Binary(operator, a, b), _) => {
                let operator = if outcome { Some(*operator) } else { operator.negated() };
                operator.map(|operator| compared(operator, a, b)).unwrap_or_default()
            }
            (Form::Loop(l), true) if matches!(l.kind, LoopKind::Exists | LoopKind::ExistsOne) => {
                BTreeSet::from([Fact::Holds(l.over.to_string(), 1)])
            }
            (Form::Loop(l), false) if l.kind == LoopKind::All => {
                BTreeSet::from([Fact::Holds(l.over.to_string(), 1)])
            }
            (Form::Field(of, name), _) if of.form == Form::Variable("values".into()) => {
                self.shared(&name.text, outcome)
            }
            _ => BTreeSet::new(),
        }
    }

    fn shared(&mut self, name: &str, outcome: bool) -> BTreeSet<Fact> {
        let Some(Shared::Expression { syntax, .. }) = self.scope.value(name) else {
            return BTreeSet::new();
        };
        if self.left == 0 {
            return BTreeSet::new();
        }
        self.left -= 1;
        let found = self.prove(&syntax.clone(), outcome);
        self.left += 1;
        found
    }
}

/// The spelling of the field `name` of `of`.
pub(super) fn place(of: &Syntax, name: &str) -> String {
    format!("{of}.{name}")
}

fn compared(operator: Operator, a: &Syntax, b: &Syntax) -> BTreeSet<Fact> {
    let mut found = BTreeSet::new();
    if operator == Operator::In {
        if let Form::Literal(Constant::Text(key)) = &a.form {
            found.insert(Fact::There(place(b, key)));
        }
        found.insert(Fact::Key(a.to_string(), b.to_string()));
        found.insert(Fact::Holds(b.to_string(), 1));
        return found;
    }
    for (operator, a, b) in [(operator, a, b), (operator.mirrored(), b, a)] {
        let null = b.form == Form::Literal(Constant::Null);
        let literal = matches!(b.form, Form::Literal(_)) && !null;
        match operator {
            Operator::NotEqual if null => drop(found.insert(Fact::NotNull(a.to_string()))),
            Operator::Equal if literal => drop(found.insert(Fact::NotNull(a.to_string()))),
            Operator::NotEqual if b.form == Form::List(Vec::new()) => {
                found.insert(Fact::Holds(a.to_string(), 1));
            }
            _ => {}
        }
        if let Some(list) = measured(a) {
            found.extend(at_least(operator, b).map(|n| Fact::Holds(list.to_string(), n)));
            if operator == Operator::Greater {
                found.insert(Fact::Below(b.to_string(), list.to_string()));
            }
        }
    }
    found
}

/// The `x` of `size(x)` or `x.size()`.
pub(super) fn measured(syntax: &Syntax) -> Option<&Syntax> {
    match &syntax.form {
        Form::Call(None, name, arguments) if name.text == "size" => arguments.first(),
        Form::Call(Some(target), name, arguments)
            if name.text == "size" && arguments.is_empty() =>
        {
            Some(target)
        }
        _ => None,
    }
}

/// The least size that `size OPERATOR bound` proves.
fn at_least(operator: Operator, bound: &Syntax) -> Option<u64> {
    let Form::Literal(Constant::Int(bound)) = bound.form else { return None };
    let bound = u64::try_from(bound).ok()?;
    match operator {
        Operator::Greater => bound.checked_add(1),
        Operator::GreaterEqual | Operator::Equal => Some(bound),
        Operator::NotEqual if bound == 0 => Some(1),
        _ => None,
    }
}
