//! The pieces of an expression that can be changed one at a time: sides of `&&` and `||`, numbers.

use std::ops::Range;

use super::parse;
use super::syntax::{Constant, Form, Syntax};

/// One piece.
#[derive(Debug, Clone, PartialEq)]
pub struct Piece {
    /// Where it stands in the source.
    pub range: Range<usize>,
    /// What it is.
    pub kind: PieceKind,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub enum PieceKind {
    /// `a && b` (or `||`, with `or`): where its sides stand.
    Junction {
        /// Whether it is `||`.
        or: bool,
        /// The left side.
        left: Range<usize>,
        /// The right side.
        right: Range<usize>,
    },
    /// A number as written; not the share of a sample.
    Number,
    /// `!x`: where `x` stands.
    Not(Range<usize>),
}

/// The pieces of `source`, outermost first; none if it cannot be read.
pub fn pieces(source: &str) -> Vec<Piece> {
    let mut found = Vec::new();
    if let Ok(syntax) = parse::parse(source) {
        visit(&syntax, &mut found);
    }
    found
}

fn visit(syntax: &Syntax, found: &mut Vec<Piece>) {
    let kind = match &syntax.form {
        Form::And(a, b) | Form::Or(a, b) => Some(PieceKind::Junction {
            or: matches!(syntax.form, Form::Or(..)),
            left: a.range.clone(),
            right: b.range.clone(),
        }),
        Form::Literal(Constant::Int(_) | Constant::Double(_)) => Some(PieceKind::Number),
        Form::Not(of) => Some(PieceKind::Not(of.range.clone())),
        _ => None,
    };
    found.extend(kind.map(|kind| Piece { range: syntax.range.clone(), kind }));
    match &syntax.form {
        Form::Literal(_) | Form::Variable(_) | Form::Local(_) => {}
        Form::Field(of, _) | Form::Has(of, _) | Form::Not(of) | Form::Negate(of) => {
            visit(of, found);
        }
        Form::Index(a, b) | Form::And(a, b) | Form::Or(a, b) | Form::Binary(_, a, b) => {
            visit(a, found);
            visit(b, found);
        }
        Form::Call(_, name, _) if name.text == "sample" => {}
        Form::Call(target, _, arguments) => {
            target.iter().for_each(|target| visit(target, found));
            arguments.iter().for_each(|argument| visit(argument, found));
        }
        Form::Loop(l) => {
            visit(&l.over, found);
            l.filter.iter().for_each(|filter| visit(filter, found));
            visit(&l.body, found);
        }
        Form::If(parts) => {
            let (condition, yes, no) = &**parts;
            [condition, yes, no].into_iter().for_each(|part| visit(part, found));
        }
        Form::List(items) => items.iter().for_each(|item| visit(item, found)),
        Form::Object(entries) => entries.iter().for_each(|(key, value)| {
            visit(key, found);
            visit(value, found);
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_and_numbers_are_found_where_they_stand() {
        let source = "(a.b > 5 || c) && d == 2.50 && sample(call.key, 0.02)";
        let at = |range: &Range<usize>| source.get(range.clone()).unwrap_or_default();
        let numbers: Vec<&str> = pieces(source)
            .iter()
            .filter(|piece| piece.kind == PieceKind::Number)
            .map(|piece| at(&piece.range))
            .collect();
        assert_eq!(numbers, ["5", "2.50"]);
        let sides: Vec<(&str, &str)> = pieces(source)
            .iter()
            .filter_map(|piece| match &piece.kind {
                PieceKind::Junction { left, right, .. } => {
                    Some((source.get(left.clone())?, source.get(right.clone())?))
                }
                _ => None,
            })
            .collect();
        assert_eq!(sides.last(), Some(&("a.b > 5", "c")), "{sides:?}");
        assert_eq!(sides.len(), 3, "{sides:?}");
    }
}
