//! From a checked condition to a formula over the places that it reads.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::super::functions::{Function, item_of};
use super::super::scope::Scope;
use super::super::syntax::Operator;
use super::super::tree::Node;
use super::super::types::Type;
use super::domain::{Domain, json};

/// A condition, as far as it is understood.
#[derive(Debug, Clone)]
pub(super) enum Formula {
    Certain(bool),
    /// True or false, the same wherever it is spelt the same.
    Claim(String),
    /// What is left to a place if this is true, and if it is false.
    Within {
        place: String,
        yes: Domain,
        no: Domain,
    },
    Not(Box<Formula>),
    All(Vec<Formula>),
    Any(Vec<Formula>),
}

impl Formula {
    /// Whether nothing in it is a mere claim.
    pub(super) fn is_exact(&self) -> bool {
        match self {
            Self::Certain(_) | Self::Within { .. } => true,
            Self::Claim(_) => false,
            Self::Not(of) => of.is_exact(),
            Self::All(parts) | Self::Any(parts) => parts.iter().all(Self::is_exact),
        }
    }
}

/// Writes formulas, and notes what the schemas allow at each place.
pub(super) struct Writer<'s> {
    scope: &'s Scope,
    /// Draws of two rules are independent, so their claims are not the same.
    index: usize,
    pub(super) kinds: BTreeMap<String, Domain>,
}

impl<'s> Writer<'s> {
    pub(super) fn new(scope: &'s Scope, index: usize) -> Self {
        Self { scope, index, kinds: BTreeMap::new() }
    }

    /// The formula of a condition.
    pub(super) fn formula(&mut self, node: &Node) -> Formula {
        match bare(node) {
            Node::Not(of) => Formula::Not(Box::new(self.formula(of))),
            Node::And(a, b) => Formula::All(vec![self.formula(a), self.formula(b)]),
            Node::Or(a, b) => Formula::Any(vec![self.formula(a), self.formula(b)]),
            Node::If(parts) => {
                let (condition, yes, no) = &**parts;
                let condition = self.formula(condition);
                let not = Formula::Not(Box::new(condition.clone()));
                let yes = Formula::All(vec![condition, self.formula(yes)]);
                let no = Formula::All(vec![not, self.formula(no)]);
                Formula::Any(vec![yes, no])
            }
            Node::Has(of, name) => match self.kind(of) {
                Type::Object(fields) if fields.known.get(name).is_some_and(|f| f.required) => {
                    Formula::Certain(true)
                }
                _ => self.claim(node),
            },
            Node::Binary(operator, a, b) | Node::Compare(_, operator, a, b) => {
                self.compared(*operator, a, b)
            }
            other => match constant(other) {
                Some(Json::Bool(value)) => Formula::Certain(value),
                _ => {
                    let (yes, no) = (Domain::boolean(true), Domain::boolean(false));
                    self.within(other, yes, no)
                }
            },
        }
    }

    fn compared(&mut self, operator: Operator, a: &Node, b: &Node) -> Formula {
        let whole = || Node::Binary(operator, Box::new(a.clone()), Box::new(b.clone()));
        if operator == Operator::In {
            return self.among(a, b).unwrap_or_else(|| self.claim(&whole()));
        }
        let compared = match (constant(a), constant(b)) {
            (None, Some(bound)) => Domain::compared(operator, &bound).map(|domains| (a, domains)),
            (Some(bound), None) => {
                Domain::compared(operator.mirrored(), &bound).map(|domains| (b, domains))
            }
            _ => None,
        };
        if let Some((place, (yes, no))) = compared {
            return self.within(place, yes, no);
        }
        // `a != b`, `a > b`, … in the two words that are enough.
        let claim = |of: &mut Self, operator, a: &Node, b: &Node| {
            of.claim(&Node::Binary(operator, Box::new(a.clone()), Box::new(b.clone())))
        };
        let not = |formula| Formula::Not(Box::new(formula));
        match operator {
            Operator::NotEqual => not(claim(self, Operator::Equal, a, b)),
            Operator::Greater => claim(self, Operator::Less, b, a),
            Operator::GreaterEqual => not(claim(self, Operator::Less, a, b)),
            Operator::LessEqual => not(claim(self, Operator::Less, b, a)),
            operator => claim(self, operator, a, b),
        }
    }

    /// `place in [constants]`.
    fn among(&mut self, place: &Node, list: &Node) -> Option<Formula> {
        let items: Vec<Json> = match bare(list) {
            Node::List(items) => items.iter().map(constant).collect::<Option<_>>()?,
            Node::Constant(list) => list.as_array()?.clone(),
            _ => return None,
        };
        if constant(place).is_some() {
            return None;
        }
        let each = items.iter().map(|item| {
            let (yes, no) = Domain::compared(Operator::Equal, item)?;
            Some(self.within(place, yes, no))
        });
        each.collect::<Option<Vec<_>>>().map(Formula::Any)
    }

    fn within(&mut self, place: &Node, yes: Domain, no: Domain) -> Formula {
        let kind = Domain::of(&self.kind(place));
        let place = self.spelling(bare(place));
        self.kinds.insert(place.clone(), kind);
        Formula::Within { place, yes, no }
    }

    fn claim(&self, node: &Node) -> Formula {
        Formula::Claim(self.spelling(node))
    }

    /// One spelling for what has one value in a call.
    fn spelling(&self, node: &Node) -> String {
        let text = format!("{node:?}");
        if text.contains("Sample") { format!("{} {text}", self.index) } else { text }
    }

    /// The type of a node, as far as it matters here.
    fn kind(&self, node: &Node) -> Type {
        match bare(node) {
            Node::Root(name) => self.scope.kind_of(name).cloned().unwrap_or(Type::Any),
            Node::Field(of, name) => match self.kind(of) {
                Type::Object(fields) => {
                    fields.known.get(name).map_or(Type::Any, |field| field.kind.clone())
                }
                Type::Map { value } => (*value).clone(),
                _ => Type::Any,
            },
            Node::Index(of, _) => match self.kind(of) {
                Type::Map { value } => (*value).clone(),
                list @ Type::List { .. } => item_of(&list),
                _ => Type::Any,
            },
            Node::Call(function, arguments) => {
                let kinds: Vec<Type> = arguments.iter().map(|node| self.kind(node)).collect();
                function.yields(&kinds)
            }
            Node::Constant(json) => Type::of_constant(json),
            Node::Literal(literal) => Type::of_constant(&json(literal)),
            Node::Matches(..) | Node::Has(..) | Node::Loop(_) => Type::Any,
            _ => Type::Any,
        }
    }

    /// Whether computing it may fail: arithmetic that overflows, an untyped value of another kind.
    pub(super) fn may_fail(&self, node: &Node) -> bool {
        use Operator::{Equal, Greater, GreaterEqual, In, Less, LessEqual, NotEqual};
        match bare(node) {
            Node::Literal(_) | Node::Constant(_) | Node::Root(_) => false,
            Node::Field(of, _) | Node::Has(of, _) | Node::Not(of) => self.may_fail(of),
            Node::And(a, b)
            | Node::Or(a, b)
            | Node::Binary(Equal | NotEqual, a, b)
            | Node::Compare(_, Equal | NotEqual, a, b) => self.may_fail(a) || self.may_fail(b),
            Node::Binary(In, a, b) | Node::Compare(_, In, a, b) => {
                let listed = matches!(bare(b), Node::List(_) | Node::Constant(_));
                let looked_up = matches!(self.kind(b), Type::List { .. } | Type::Map { .. });
                !(listed || looked_up) || self.may_fail(a) || self.may_fail(b)
            }
            Node::Binary(Less | LessEqual | Greater | GreaterEqual, a, b)
            | Node::Compare(_, Less | LessEqual | Greater | GreaterEqual, a, b) => {
                let untyped = |node: &Node| matches!(self.kind(node), Type::Any | Type::Union(_));
                untyped(a) || untyped(b) || self.may_fail(a) || self.may_fail(b)
            }
            Node::List(items) => items.iter().any(|item| self.may_fail(item)),
            Node::Call(Function::Size, arguments) => arguments.iter().any(|a| self.may_fail(a)),
            Node::Matches(of, _) => self.may_fail(of),
            _ => true,
        }
    }
}

/// The node without what only says how it is read.
fn bare(node: &Node) -> &Node {
    match node {
        Node::Shared(of) => bare(of),
        Node::Numeric(_, of) => bare(of),
        other => other,
    }
}

/// The value of a node that every call sees alike.
fn constant(node: &Node) -> Option<Json> {
    match bare(node) {
        Node::Literal(literal) => Some(json(literal)),
        Node::Constant(value) => Some(Json::clone(value)),
        Node::Negate(of) => {
            let number = constant(of)?.as_f64()?;
            serde_json::Number::from_f64(-number).map(Json::Number)
        }
        _ => None,
    }
}
