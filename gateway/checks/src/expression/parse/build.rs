//! From the parser's nodes, which know only where their operator stands, to nodes with ranges.

use std::ops::Range;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};

use super::super::problem::Problem;
use super::super::scan::Outline;
use super::super::syntax::{Constant, Form, LoopKind, LoopSyntax, Name, Operator, Syntax};

/// Builds one tree.
pub(super) struct Builder<'s> {
    source: &'s str,
    outline: &'s Outline,
    places: &'s SourceInfo,
    /// Names of macro variables in force, innermost last, with their slots.
    locals: Vec<(String, usize)>,
    slots: usize,
    pub(super) problems: Vec<Problem>,
}

impl<'s> Builder<'s> {
    pub(super) fn new(source: &'s str, outline: &'s Outline, places: &'s SourceInfo) -> Self {
        let (locals, problems) = (Vec::new(), Vec::new());
        Self { source, outline, places, locals, slots: 0, problems }
    }

    /// The node for `expr`; none after a problem was noted.
    pub(super) fn node(&mut self, expr: IdedExpr) -> Option<Syntax> {
        let token = self.token(expr.id);
        match expr.expr {
            Expr::Literal(literal) => self.literal(literal, token),
            Expr::Ident(name) => self.identifier(name, token),
            Expr::Select(select) => {
                let of = self.node(*select.operand)?;
                let name = self.name_after(token.end, select.field);
                let range = self.outline.widen(of.range.start, name.range.end);
                Some(Syntax { range, form: Form::Field(Box::new(of), name) })
            }
            Expr::Call(call) => self.call(call, token),
            Expr::List(list) => {
                let items = list.elements.into_iter().map(|item| self.node(item));
                let items = items.collect::<Option<Vec<_>>>()?;
                Some(Syntax { range: self.bracketed(token), form: Form::List(items) })
            }
            Expr::Map(map) => self.object(map.entries, token),
            Expr::Struct(_) => self.refuse(token, "messages with a type name are not supported"),
            Expr::Comprehension(_) | Expr::Unspecified => {
                self.refuse(token, "the expression is not understood here")
            }
        }
    }

    fn literal(&mut self, literal: LiteralValue, token: Range<usize>) -> Option<Syntax> {
        let constant = match literal {
            LiteralValue::Null => Constant::Null,
            LiteralValue::Boolean(b) => Constant::Bool(b.into_inner()),
            LiteralValue::Int(i) => Constant::Int(i.into_inner()),
            LiteralValue::Double(d) => Constant::Double(d.into_inner()),
            LiteralValue::String(s) => Constant::Text(s.into_inner()),
            LiteralValue::UInt(u) => match i64::try_from(*u.inner()) {
                Ok(i) => Constant::Int(i),
                Err(_) => return self.refuse(token, "this whole number is too large"),
            },
            LiteralValue::Bytes(_) => return self.refuse(token, "bytes are not supported"),
        };
        let negative = matches!(constant, Constant::Int(i) if i < 0)
            || matches!(constant, Constant::Double(d) if d.is_sign_negative());
        let before = self.source.get(..token.start).unwrap_or_default().trim_end();
        let signed = negative && before.ends_with('-');
        let start = if signed { before.len() - 1 } else { token.start };
        Some(Syntax { range: start..token.end, form: Form::Literal(constant) })
    }

    fn identifier(&mut self, name: String, token: Range<usize>) -> Option<Syntax> {
        if name.starts_with('.') {
            return self.refuse(token, format!("`{name}` must not start with a dot"));
        }
        let local = self.locals.iter().rev().find(|(known, _)| *known == name);
        let form = match local {
            Some((_, slot)) => Form::Local(*slot),
            None => Form::Variable(name),
        };
        Some(Syntax { range: token, form })
    }

    fn object(
        &mut self,
        entries: Vec<cel::common::ast::IdedEntryExpr>,
        token: Range<usize>,
    ) -> Option<Syntax> {
        let mut pairs = Vec::with_capacity(entries.len());
        for entry in entries {
            let EntryExpr::MapEntry(entry) = entry.expr else {
                return self.refuse(token, "messages with a type name are not supported");
            };
            pairs.push((self.node(entry.key)?, self.node(entry.value)?));
        }
        Some(Syntax { range: self.bracketed(token), form: Form::Object(pairs) })
    }

    fn call(&mut self, call: CallExpr, token: Range<usize>) -> Option<Syntax> {
        if call.target.is_none() && !call.func_name.starts_with(|c: char| c.is_alphabetic()) {
            return self.operator(&call.func_name, call.args, token);
        }
        let count = call.args.len();
        let name = self.name_before(token.start, call.func_name);
        if call.target.is_none() && name.text == "has" {
            return self.has(call.args, name, token);
        }
        let target = match call.target {
            Some(target) => Some(self.node(*target)?),
            None => None,
        };
        let start = target.as_ref().map_or(name.range.start, |target| target.range.start);
        let range = self.outline.widen(start, self.bracketed(token).end);
        match (target, LoopKind::of(&name.text, count)) {
            (Some(target), Some(kind)) => self.visit(kind, target, call.args, &name, range),
            (target, _) => {
                let arguments = call.args.into_iter().map(|argument| self.node(argument));
                let arguments = arguments.collect::<Option<Vec<_>>>()?;
                let form = Form::Call(target.map(Box::new), name, arguments);
                Some(Syntax { range, form })
            }
        }
    }

    fn has(&mut self, args: Vec<IdedExpr>, name: Name, token: Range<usize>) -> Option<Syntax> {
        let range = name.range.start..self.bracketed(token).end;
        let argument = <[IdedExpr; 1]>::try_from(args).ok().and_then(|[only]| self.node(only));
        match argument.map(|argument| argument.form) {
            Some(Form::Field(of, field)) => Some(Syntax { range, form: Form::Has(of, field) }),
            _ if !self.problems.is_empty() => None,
            _ => {
                let problem = Problem::new(range, "`has(...)` takes one field");
                self.problems.push(problem.help("write `has(output.field)`"));
                None
            }
        }
    }

    /// `over.map(name, filter, body)` and its kin.
    fn visit(
        &mut self,
        kind: LoopKind,
        over: Syntax,
        mut args: Vec<IdedExpr>,
        name: &Name,
        range: Range<usize>,
    ) -> Option<Syntax> {
        let body = args.pop()?;
        let variable = args.remove(0);
        let Expr::Ident(variable) = variable.expr else {
            let message = format!("the first argument of `{}` must be a plain name", name.text);
            return self.refuse(self.token(variable.id), message);
        };
        let slot = self.slots;
        self.slots += 1;
        self.locals.push((variable, slot));
        let filter = args.pop().map(|filter| self.node(filter));
        let body = self.node(body);
        self.locals.pop();
        let filter = match filter {
            Some(filter) => Some(filter?),
            None => None,
        };
        let form = Form::Loop(Box::new(LoopSyntax { kind, over, slot, filter, body: body? }));
        Some(Syntax { range, form })
    }

    fn operator(&mut self, word: &str, args: Vec<IdedExpr>, token: Range<usize>) -> Option<Syntax> {
        let mut nodes = Vec::with_capacity(args.len());
        for argument in args {
            nodes.push(self.node(argument)?);
        }
        let start = nodes.first().map_or(token.start, |n| n.range.start.min(token.start));
        let end = nodes.last().map_or(token.end, |n| n.range.end);
        let mut range = self.outline.widen(start, end);
        let mut nodes = nodes.into_iter().map(Box::new);
        let form = match (word, nodes.next(), nodes.next(), nodes.next()) {
            (operators::LOGICAL_NOT, Some(of), None, None) => Form::Not(of),
            (operators::NEGATE, Some(of), None, None) => Form::Negate(of),
            (operators::LOGICAL_AND, Some(a), Some(b), None) => Form::And(a, b),
            (operators::LOGICAL_OR, Some(a), Some(b), None) => Form::Or(a, b),
            (operators::CONDITIONAL, Some(a), Some(b), Some(c)) => Form::If(Box::new((*a, *b, *c))),
            (operators::INDEX, Some(of), Some(index), None) => {
                range = self.outline.widen(of.range.start, self.bracketed(token).end);
                Form::Index(of, index)
            }
            (word, Some(a), Some(b), None) => match binary(word) {
                Some(operator) => Form::Binary(operator, a, b),
                None => return self.refuse(token, "this operator is not supported"),
            },
            _ => return self.refuse(token, "this operator is not supported"),
        };
        Some(Syntax { range, form })
    }

    fn refuse(&mut self, range: Range<usize>, message: impl Into<String>) -> Option<Syntax> {
        self.problems.push(Problem::new(range, message));
        None
    }

    /// The bytes of the token that made node `id`.
    fn token(&self, id: u64) -> Range<usize> {
        let end = self.source.len();
        let Some((start, stop)) = self.places.offset_for(id) else { return 0..end };
        let start = (start as usize).min(end);
        let mut stop = (stop as usize + 1).clamp(start, end);
        while !self.source.is_char_boundary(stop) {
            stop += 1;
        }
        start..stop
    }

    /// From an opening bracket to its partner.
    fn bracketed(&self, token: Range<usize>) -> Range<usize> {
        let close = self.outline.partner(token.start).map_or(token.end, |close| close + 1);
        token.start..close
    }

    fn name_after(&self, at: usize, text: String) -> Name {
        let rest = self.source.get(at..).unwrap_or_default();
        let start = at + (rest.len() - rest.trim_start().len());
        Name { range: start..(start + text.len()).min(self.source.len()), text }
    }

    fn name_before(&self, at: usize, text: String) -> Name {
        let end = self.source.get(..at).unwrap_or_default().trim_end().len();
        Name { range: end.saturating_sub(text.len())..end, text }
    }
}

/// The operator that the parser calls `word`.
fn binary(word: &str) -> Option<Operator> {
    Some(match word {
        operators::EQUALS => Operator::Equal,
        operators::NOT_EQUALS => Operator::NotEqual,
        operators::LESS => Operator::Less,
        operators::LESS_EQUALS => Operator::LessEqual,
        operators::GREATER => Operator::Greater,
        operators::GREATER_EQUALS => Operator::GreaterEqual,
        operators::IN => Operator::In,
        operators::ADD => Operator::Add,
        operators::SUBSTRACT => Operator::Subtract,
        operators::MULTIPLY => Operator::Multiply,
        operators::DIVIDE => Operator::Divide,
        operators::MODULO => Operator::Remainder,
        _ => return None,
    })
}
