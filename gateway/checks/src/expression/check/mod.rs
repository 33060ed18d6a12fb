//! The checker: syntax in, typed tree out, or every problem at once.
//!
//! A node that cannot be checked yields `None` after its problem was noted, so that one mistake
//! is told once and its neighbours are still looked at.

mod calls;
mod decided;
mod loops;
mod operators;
mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::compared::Comparison;
use super::facts::{Fact, facts};
use super::look::Seen;
use super::problem::{About, Doubt, Problem};
use super::scope::Scope;
use super::syntax::{Constant, Form, Syntax};
use super::tree::{Node, Numeric};
use super::types::{Bounds, Field, Fields, Type};

/// What is known at one point of an expression.
pub(super) type Facts = BTreeSet<Fact>;

/// A part that passed.
#[derive(Debug, Clone)]
pub(super) struct Checked {
    pub(super) node: Node,
    pub(super) kind: Type,
    /// The place that it reads, such as `output.lines.*.amount`.
    pub(super) path: Option<String>,
    /// Steps of one evaluation at most, where lists are as long as their schema allows.
    pub(super) cost: u64,
    /// Known before any call.
    pub(super) constant: bool,
}

impl Checked {
    fn new(node: Node, kind: Type, cost: u64) -> Self {
        Self { node, kind, path: None, cost: cost.saturating_add(1), constant: false }
    }
}

/// Checks one expression.
pub(super) struct Checker<'s> {
    scope: &'s Scope,
    source: String,
    pub(super) problems: Vec<Problem>,
    pub(super) doubts: Vec<Doubt>,
    /// Places that are read, longest form only.
    pub(super) uses: BTreeSet<String>,
    pub(super) samples: bool,
    /// Comparisons outside `values`.
    pub(super) comparisons: Vec<Comparison>,
    /// Type and place of each macro variable, by slot.
    locals: BTreeMap<usize, (Type, Option<String>)>,
    /// Macros around the present point, each with whether its schema bounds its list.
    loops: Vec<bool>,
    /// Entries of `values` that were checked already.
    shared: BTreeMap<String, Option<Checked>>,
    /// Entries of `values` around the present point.
    inside: Vec<String>,
    /// What was seen on the way, for editors; nothing is noted unless somebody looks.
    seen: Option<Vec<Seen>>,
}

impl<'s> Checker<'s> {
    pub(super) fn new(scope: &'s Scope, source: &str) -> Self {
        Self {
            scope,
            source: source.to_owned(),
            problems: Vec::new(),
            doubts: Vec::new(),
            uses: BTreeSet::new(),
            samples: false,
            comparisons: Vec::new(),
            locals: BTreeMap::new(),
            loops: Vec::new(),
            shared: BTreeMap::new(),
            inside: Vec::new(),
            seen: None,
        }
    }

    /// A checker for an editor: it notes what every part is, and takes every guard as given.
    pub(super) fn looking(scope: &'s Scope, source: &str) -> Self {
        Self { seen: Some(Vec::new()), ..Self::new(scope, source) }
    }

    /// What was seen.
    pub(super) fn into_seen(self) -> Vec<Seen> {
        self.seen.unwrap_or_default()
    }

    fn is_looking(&self) -> bool {
        self.seen.is_some()
    }

    fn saw(&mut self, range: &Range<usize>, checked: Option<&Checked>) {
        // The ranges of a shared value count in another text.
        if let (Some(seen), Some(checked), true) = (&mut self.seen, checked, self.inside.is_empty())
        {
            let (kind, place) = (checked.kind.clone(), checked.path.clone());
            seen.push(Seen { range: range.clone(), kind, place });
        }
    }

    /// Checks `syntax` as a value that is used, given `known`.
    pub(super) fn check(&mut self, syntax: &Syntax, known: &Facts) -> Option<Checked> {
        let checked = self.check_form(syntax, known);
        self.saw(&syntax.range, checked.as_ref());
        checked
    }

    fn check_form(&mut self, syntax: &Syntax, known: &Facts) -> Option<Checked> {
        match &syntax.form {
            Form::Variable(_) | Form::Local(_) | Form::Field(..) | Form::Index(..) => {
                let place = self.place(syntax, known)?;
                self.uses.extend(place.path.clone());
                Some(as_schema_says(place))
            }
            Form::Has(of, name) => self.has(of, name, known),
            Form::Literal(constant) => Some(literal(constant)),
            Form::Not(of) => {
                let of = self.condition(of, known)?;
                Some(Checked::new(Node::Not(Box::new(of.node)), Type::Bool, of.cost))
            }
            Form::And(a, b) => self.both(a, b, known, true),
            Form::Or(a, b) => self.both(a, b, known, false),
            Form::If(parts) => self.choice(parts, known),
            Form::Negate(of) => self.negate(of, known),
            Form::Binary(operator, a, b) => self.binary(*operator, a, b, syntax, known),
            Form::Call(target, name, arguments) => {
                self.call(target.as_deref(), name, arguments, syntax, known)
            }
            Form::Loop(l) => self.visit(l, syntax, known),
            Form::List(items) => self.list(items, known),
            Form::Object(entries) => self.object(entries, known),
        }
    }

    /// Checks `syntax` as a condition: a boolean, and nothing else.
    pub(super) fn condition(&mut self, syntax: &Syntax, known: &Facts) -> Option<Checked> {
        let checked = self.check(syntax, known)?;
        match checked.kind {
            Type::Bool => Some(checked),
            ref kind => {
                let text = self.text(syntax);
                let help = match kind.without_null() {
                    Type::Any | Type::Bool => format!("write `{text} == true`"),
                    Type::List { .. } => format!("write `size({text}) > 0`"),
                    _ => "compare it with something".to_owned(),
                };
                let message = format!("a condition is true or false, `{text}` is {kind}");
                self.problem(syntax.range.clone(), message, help);
                None
            }
        }
    }

    /// `&&` (`and`) or `||`: the right side knows what the left side proved.
    fn both(&mut self, a: &Syntax, b: &Syntax, known: &Facts, and: bool) -> Option<Checked> {
        let left = self.condition(a, known);
        let mut after = known.clone();
        after.extend(facts(a, and, self.scope));
        let right = self.condition(b, &after);
        let (left, right) = (left?, right?);
        let cost = left.cost.saturating_add(right.cost);
        let (left, right) = (Box::new(left.node), Box::new(right.node));
        let node = if and { Node::And(left, right) } else { Node::Or(left, right) };
        Some(Checked::new(node, Type::Bool, cost))
    }

    fn choice(&mut self, parts: &(Syntax, Syntax, Syntax), known: &Facts) -> Option<Checked> {
        let (condition, yes, no) = parts;
        let checked = self.condition(condition, known);
        let [yes, no] = [(yes, true), (no, false)].map(|(branch, outcome)| {
            let mut after = known.clone();
            after.extend(facts(condition, outcome, self.scope));
            self.check(branch, &after)
        });
        let (condition, yes, no) = (checked?, yes?, no?);
        let cost = condition.cost.saturating_add(yes.cost).saturating_add(no.cost);
        let kind = Type::union([yes.kind, no.kind]);
        let node = Node::If(Box::new((condition.node, yes.node, no.node)));
        Some(Checked::new(node, kind, cost))
    }

    fn list(&mut self, items: &[Syntax], known: &Facts) -> Option<Checked> {
        let checked: Vec<_> = items.iter().map(|item| self.check(item, known)).collect();
        let checked = checked.into_iter().collect::<Option<Vec<_>>>()?;
        let cost = checked.iter().fold(0_u64, |sum, item| sum.saturating_add(item.cost));
        let count = checked.len() as u64;
        let (nodes, kinds): (Vec<_>, Vec<_>) =
            checked.into_iter().map(|item| (item.node, item.kind)).unzip();
        let item = std::sync::Arc::new(Type::union(kinds));
        let kind = Type::List { item, min_items: count, max_items: Some(count) };
        Some(Checked::new(Node::List(nodes), kind, cost))
    }

    fn object(&mut self, entries: &[(Syntax, Syntax)], known: &Facts) -> Option<Checked> {
        let mut nodes = Vec::with_capacity(entries.len());
        let mut fields = Fields::default();
        let (mut cost, mut whole) = (0_u64, true);
        for (key, value) in entries {
            let name = match &key.form {
                Form::Literal(Constant::Text(name)) => Some(name.clone()),
                _ => None,
            };
            let key = self.argument(key, known, super::functions::Takes::Text, "a key");
            let (Some(key), Some(value)) = (key, self.check(value, known)) else {
                whole = false;
                continue;
            };
            cost = cost.saturating_add(key.cost).saturating_add(value.cost);
            nodes.push((key.node, value.node));
            match name {
                Some(name) => {
                    fields.known.insert(name, Field { kind: value.kind, required: true });
                }
                None => fields.open = true,
            }
        }
        let kind = Type::Object(std::sync::Arc::new(fields));
        whole.then(|| Checked::new(Node::Object(nodes), kind, cost))
    }

    /// Notes a problem, with advice where there is any.
    fn problem(
        &mut self,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<Option<String>>,
    ) {
        self.problems.push(Problem::new(range, message).maybe_help(help.into()));
    }

    /// Notes what is worth a second look.
    fn doubt(
        &mut self,
        about: About,
        range: Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let problem = Problem::new(range, message).help(help);
        self.doubts.push(Doubt { about, problem });
    }

    /// The words of the source that `syntax` spans.
    fn text(&self, syntax: &Syntax) -> String {
        self.source.get(syntax.range.clone()).unwrap_or_default().trim().to_owned()
    }

    /// `checked`, unless it may be null: then `!= null` has to come first.
    fn present(&mut self, checked: Checked, syntax: &Syntax) -> Option<Checked> {
        if !checked.kind.may_be_null() || checked.kind == Type::Null {
            return Some(checked);
        }
        if self.is_looking() {
            return Some(Checked { kind: checked.kind.without_null(), ..checked });
        }
        let text = self.text(syntax);
        let help = format!("write `{text} != null &&` before it");
        self.problem(syntax.range.clone(), format!("`{text}` may be null"), help);
        None
    }
}

/// A literal's own, narrowest type.
fn literal(constant: &Constant) -> Checked {
    let kind = match constant {
        Constant::Null => Type::Null,
        Constant::Bool(_) => Type::Bool,
        Constant::Int(whole) => Type::Int(Bounds::exactly(*whole as f64)),
        Constant::Double(decimal) => Type::Double(Bounds::exactly(*decimal)),
        Constant::Text(text) => Type::words([text.as_str()]),
    };
    Checked { constant: true, ..Checked::new(Node::Literal(constant.clone()), kind, 0) }
}

/// Reads a number as its schema calls it, so that `5.0` is 5 where the schema says integer.
fn as_schema_says(place: Checked) -> Checked {
    let kind = place.kind.without_null();
    let numeric = match kind.parts() {
        parts if parts.iter().all(|part| matches!(part, Type::Int(_))) => Numeric::Whole,
        parts if parts.iter().all(|part| matches!(part, Type::Int(_) | Type::Double(_))) => {
            Numeric::Decimal
        }
        _ => return place,
    };
    Checked { node: Node::Numeric(numeric, Box::new(place.node)), ..place }
}
