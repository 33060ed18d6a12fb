//! Operators with two sides, and the minus sign.

use std::ops::Range;

use super::super::functions::Takes;
use super::super::problem::did_you_mean;
use super::super::syntax::{Constant, Form, Operator, Syntax};
use super::super::tree::Node;
use super::super::types::{Bounds, Texts, Type};
use super::decided::{decided, may_equal};
use super::{Checked, Checker, Comparison, Facts};

impl Checker<'_> {
    /// `-x`.
    pub(super) fn negate(&mut self, of: &Syntax, known: &Facts) -> Option<Checked> {
        let checked = self.argument(of, known, Takes::Number, "`-`")?;
        let flip = |bounds: Bounds| Bounds {
            min: bounds.max.map(|max| -max),
            max: bounds.min.map(|min| -min),
        };
        let kind = match checked.kind {
            Type::Int(bounds) => Type::Int(flip(bounds)),
            Type::Double(bounds) => Type::Double(flip(bounds)),
            _ => Type::Any,
        };
        Some(Checked::new(Node::Negate(Box::new(checked.node)), kind, checked.cost))
    }

    /// `a OPERATOR b`.
    pub(super) fn binary(
        &mut self,
        operator: Operator,
        a: &Syntax,
        b: &Syntax,
        whole: &Syntax,
        known: &Facts,
    ) -> Option<Checked> {
        let left = self.check(a, known).map(Box::new);
        let right = self.check(b, known).map(Box::new);
        self.joined(operator, (a, left?), (b, right?), whole)
    }

    /// Apart from [`Self::binary`], so that a deep tree needs little stack per level.
    fn joined(
        &mut self,
        operator: Operator,
        (a, left): (&Syntax, Box<Checked>),
        (b, right): (&Syntax, Box<Checked>),
        whole: &Syntax,
    ) -> Option<Checked> {
        let sides = [(a, &*left), (b, &*right)];
        let kind = match operator {
            Operator::Equal | Operator::NotEqual => self.compare(operator, sides, whole)?,
            Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
                let left = self.present((*left).clone(), a);
                let right = self.present((*right).clone(), b);
                let (left, right) = (left?, right?);
                self.ordered(operator, [(a, &left), (b, &right)], whole)?
            }
            Operator::In => self.member(sides, whole)?,
            _ => {
                let left = self.present((*left).clone(), a);
                let right = self.present((*right).clone(), b);
                let (left, right) = (left?, right?);
                self.arithmetic(operator, [(a, &left), (b, &right)], whole)?
            }
        };
        let cost = left.cost.saturating_add(right.cost);
        let between = a.range.end..b.range.start;
        let site = self.comparison(operator, &left, &right, (between, &whole.range));
        let (left, right) = (Box::new(left.node), Box::new(right.node));
        let node = match site {
            Some(site) => Node::Compare(site, operator, left, right),
            None => Node::Binary(operator, left, right),
        };
        Some(Checked::new(node, kind, cost))
    }

    /// Notes a comparison of this source, and its place among them.
    fn comparison(
        &mut self,
        operator: Operator,
        left: &Checked,
        right: &Checked,
        (between, whole): (Range<usize>, &Range<usize>),
    ) -> Option<usize> {
        if !operator.compares() || !self.inside.is_empty() {
            return None;
        }
        // The same words may be looked at twice; they are one comparison.
        let known = self.comparisons.iter().position(|known| known.range == *whole);
        Some(known.unwrap_or_else(|| {
            let number = |kind: &Type| kind.parts().iter().all(|part| rank(part) == Some(0));
            let word = operator.word();
            let found = self.source.get(between.clone()).and_then(|text| text.find(word));
            let start = between.start + found.unwrap_or(0);
            self.comparisons.push(Comparison {
                range: whole.clone(),
                operator: word,
                operator_at: start..start + word.len(),
                left: left.path.clone(),
                right: right.path.clone(),
                numeric: number(&left.kind) || number(&right.kind),
            });
            self.comparisons.len() - 1
        }))
    }

    /// `==` and its kin: refused when the types already decide it.
    fn compare(
        &mut self,
        operator: Operator,
        sides: [(&Syntax, &Checked); 2],
        whole: &Syntax,
    ) -> Option<Type> {
        let [(a, left), (b, right)] = sides;
        // Two settings may be compared, even if the answer is known until somebody edits them.
        let settings = left.constant && right.constant && (!is_literal(a) || !is_literal(b));
        let Some(outcome) = decided(operator, &left.kind, &right.kind).filter(|_| !settings) else {
            return Some(Type::Bool);
        };
        let always = if outcome { "is always true" } else { "can never be true" };
        let mut why = Vec::new();
        for (syntax, checked) in sides.iter().filter(|(syntax, _)| !is_literal(syntax)) {
            why.push(format!("`{}` is {}", self.text(syntax), checked.kind));
        }
        let why = if why.is_empty() { String::new() } else { format!(": {}", why.join(", ")) };
        let help: Option<String> =
            [(a, right), (b, left)].into_iter().find_map(|(literal, other)| match &literal.form {
                Form::Literal(Constant::Text(word)) => known_word(word, &other.kind),
                Form::Literal(Constant::Int(percent)) => as_share(*percent, &other.kind),
                _ => None,
            });
        let help =
            help.unwrap_or_else(|| "correct the condition, or the schema that decides it".into());
        self.problem(whole.range.clone(), format!("this comparison {always}{why}"), help);
        None
    }

    fn ordered(
        &mut self,
        operator: Operator,
        sides: [(&Syntax, &Checked); 2],
        whole: &Syntax,
    ) -> Option<Type> {
        let [(a, left), (b, right)] = sides;
        let fits = left.kind.parts().iter().any(|left| {
            right.kind.parts().iter().any(|right| match (left, right) {
                (Type::Any, other) | (other, Type::Any) => {
                    *other == Type::Any || rank(other).is_some()
                }
                (left, right) => rank(left).is_some() && rank(left) == rank(right),
            })
        });
        if fits {
            return self.compare(operator, sides, whole);
        }
        let (text, other) = (self.text(a), self.text(b));
        let told = |syntax: &Syntax, kind: &Type| match syntax.form {
            Form::Literal(_) => String::new(),
            _ => format!(", {kind},"),
        };
        let message = format!(
            "`{}` cannot compare `{text}`{} with `{other}`{}",
            operator.word(),
            told(a, &left.kind),
            told(b, &right.kind).trim_end_matches(','),
        );
        let dated = left.kind == Type::Date || right.kind == Type::Date;
        let now = ["now", "call.received"];
        let help = if dated {
            Some("write `date(...)` around the text".to_owned())
        } else if now.contains(&text.as_str()) || now.contains(&other.as_str()) {
            Some(format!("write `date({text}) {} date({other})`", operator.word()))
        } else {
            let text_of = |kind: &Type| matches!(kind, Type::Text(_));
            let one = if text_of(&left.kind) { &text } else { &other };
            (text_of(&left.kind) != text_of(&right.kind)).then(|| {
                format!("write `size({one})` for its length, `int({one})` if it holds a number")
            })
        };
        self.problem(whole.range.clone(), message, help);
        None
    }

    /// `a in b`.
    fn member(&mut self, sides: [(&Syntax, &Checked); 2], whole: &Syntax) -> Option<Type> {
        let [(a, left), (b, right)] = sides;
        self.present(right.clone(), b)?;
        let (item, list) = (self.text(a), self.text(b));
        let text = left.kind.parts().iter().any(|k| matches!(k, Type::Any | Type::Text(_)));
        if let (Form::List(items), Type::List { .. }) = (&b.form, &right.kind) {
            return self.among(a, left, items);
        }
        let possible = right.kind.parts().iter().any(|part| match part {
            Type::Any => true,
            Type::List { item, .. } => may_equal(&left.kind, item),
            Type::Map { .. } => text,
            Type::Object(fields) => match &left.kind {
                Type::Text(Texts::Words(words)) if !fields.open => {
                    words.iter().any(|word| fields.known.contains_key(word))
                }
                _ => text,
            },
            _ => false,
        });
        if possible {
            return Some(Type::Bool);
        }
        if matches!(right.kind, Type::Text(_)) {
            let message = format!("`in` looks into lists and look-ups, `{list}` is a text");
            let help = format!("write `{list}.contains({item})`");
            self.problem(whole.range.clone(), message, help);
        } else {
            let (left, right) = (&left.kind, &right.kind);
            let message =
                format!("this can never be true: `{item}` is {left}, `{list}` is {right}");
            self.problem(whole.range.clone(), message, None);
        }
        None
    }

    /// `a in ["x", "y"]`: each element has to be possible.
    fn among(&mut self, a: &Syntax, left: &Checked, items: &[Syntax]) -> Option<Type> {
        let mut fits = true;
        for item in items {
            let Form::Literal(constant) = &item.form else { continue };
            let kind = super::literal(constant).kind;
            if may_equal(&left.kind, &kind) {
                continue;
            }
            fits = false;
            let (text, word) = (self.text(a), self.text(item));
            let help = match constant {
                Constant::Text(word) => known_word(word, &left.kind),
                _ => None,
            };
            let message = format!("`{text}` is never `{word}`: it is {}", left.kind);
            self.problem(item.range.clone(), message, help);
        }
        fits.then_some(Type::Bool)
    }

    fn arithmetic(
        &mut self,
        operator: Operator,
        sides: [(&Syntax, &Checked); 2],
        whole: &Syntax,
    ) -> Option<Type> {
        let [(a, left), (b, right)] = sides;
        let zero = matches!(b.form, Form::Literal(Constant::Int(0)));
        if zero && matches!(operator, Operator::Divide | Operator::Remainder) {
            let help = "write another number behind the sign".to_owned();
            self.problem(whole.range.clone(), "this divides by zero", help);
            return None;
        }
        let add = operator == Operator::Add;
        match (&left.kind, &right.kind) {
            (Type::Int(a), Type::Int(b)) => Some(Type::Int(a.calculated(operator, *b))),
            (Type::Int(a) | Type::Double(a), Type::Int(b) | Type::Double(b)) => {
                Some(Type::Double(a.calculated(operator, *b)))
            }
            (Type::Text(_), Type::Text(_)) if add => Some(Type::TEXT),
            (Type::List { item: a, .. }, Type::List { item: b, .. }) if add => Some(concatenated(
                &left.kind,
                &right.kind,
                Type::union([(**a).clone(), (**b).clone()]),
            )),
            (left, right) if perhaps(left, right, add) => Some(Type::Any),
            (left, right) => {
                let (word, x, y) = (operator.word(), self.text(a), self.text(b));
                let message = format!("`{word}` cannot take `{x}`, {left}, and `{y}`, {right}");
                let text = |kind: &Type| matches!(kind, Type::Text(_));
                let help = match (text(left), text(right)) {
                    (true, false) if add => Some(format!("write `string({y})`")),
                    (false, true) if add => Some(format!("write `string({x})`")),
                    _ => None,
                };
                self.problem(whole.range.clone(), message, help);
                None
            }
        }
    }
}

/// Whether arithmetic with the two can work out: for untyped values and unions only the call will
/// tell.
fn perhaps(a: &Type, b: &Type, add: bool) -> bool {
    let number = |kind: &Type| matches!(kind, Type::Int(_) | Type::Double(_));
    a.parts().iter().any(|a| {
        b.parts().iter().any(|b| match (a, b) {
            (Type::Any, other) | (other, Type::Any) => {
                let joined = matches!(other, Type::Any | Type::Text(_) | Type::List { .. });
                number(other) || *other == Type::Any || (add && joined)
            }
            (Type::Text(_), Type::Text(_)) | (Type::List { .. }, Type::List { .. }) => add,
            (a, b) => number(a) && number(b),
        })
    })
}

/// What a share was meant to be that is written in percent.
fn as_share(percent: i64, kind: &Type) -> Option<String> {
    let share =
        matches!(kind, Type::Double(bounds) if bounds.min >= Some(0.0) && bounds.max == Some(1.0));
    (share && (2..=100).contains(&percent))
        .then(|| format!("write {percent}% as `{}`", percent as f64 / 100.0))
}

/// The type of two lists after one another.
fn concatenated(a: &Type, b: &Type, item: Type) -> Type {
    let (
        Type::List { min_items: n, max_items: x, .. },
        Type::List { min_items: m, max_items: y, .. },
    ) = (a, b)
    else {
        return Type::list(item);
    };
    let max_items = x.zip(*y).map(|(x, y)| x.saturating_add(y));
    Type::List { item: std::sync::Arc::new(item), min_items: n.saturating_add(*m), max_items }
}

/// Kinds that can be put in order; only those of one rank with each other.
fn rank(kind: &Type) -> Option<u8> {
    match kind {
        Type::Int(_) | Type::Double(_) => Some(0),
        Type::Text(_) => Some(1),
        Type::Date => Some(2),
        _ => None,
    }
}

fn is_literal(syntax: &Syntax) -> bool {
    matches!(syntax.form, Form::Literal(_))
}

/// The word that `word` was meant to be, among those that `kind` allows.
fn known_word(word: &str, kind: &Type) -> Option<String> {
    let words = kind.parts().iter().filter_map(|part| match part {
        Type::Text(Texts::Words(words)) => Some(words),
        _ => None,
    });
    did_you_mean(word, words.flat_map(|words| words.iter()).map(String::as_str))
}
