//! Compiles fallback rows, and proves that the last one cannot break the contract.

use backstop_checks::expression::{Scope, Want};

use super::Compiler;
use super::checks::steps;
use crate::compiled::{Row, RowAnswer, Shape};
use crate::path::Root;
use crate::raw::{Answer, Data, DataKind};

impl Compiler<'_> {
    /// The rows of the fallback.
    pub(super) fn fallback(&mut self) -> Vec<Row> {
        let scope = self.scopes.fallback.clone();
        let rows = &self.raw.fallback;
        let last = rows.len().saturating_sub(1);
        let mut compiled = Vec::with_capacity(rows.len());
        for (index, row) in rows.iter().enumerate() {
            let when = self.condition(row.when.as_ref(), &scope);
            let scope = match &when {
                Some(when) => scope.clone().given(when),
                None => scope.clone(),
            };
            let answer = match &row.answer {
                Answer::LastGood { within, same } => {
                    for path in same.iter().filter(|path| path.root != Root::Input) {
                        let say = "`same` names places of the input";
                        self.error(crate::diagnostics::Code::NoPlace, path.span, say, None);
                    }
                    let places = same.iter().filter_map(|path| self.place(path));
                    Some(RowAnswer::LastGood {
                        within_ms: within.as_ref().map(|time| time.value.0),
                        same: places.map(|at| at.path).collect(),
                    })
                }
                Answer::Value(data) => {
                    let shape = self.shape(data, &scope);
                    if let Some(shape) = &shape {
                        self.prove(data, shape, index == last);
                    }
                    shape.map(RowAnswer::Value)
                }
            };
            compiled.extend(answer.map(|answer| Row { when, answer }));
        }
        self.rows_reached(&compiled, &scope);
        compiled
    }

    /// A value with expressions in it.
    pub(super) fn shape(&mut self, data: &Data, scope: &Scope) -> Option<Shape> {
        if let Some(constant) = data.constant() {
            return Some(Shape::Constant(constant));
        }
        match &data.kind {
            DataKind::Expression(formula) => {
                self.expression(formula, scope, Want::Any).map(Shape::Formula)
            }
            DataKind::Text(text) => self.text(text, data.span, scope).map(Shape::Text),
            DataKind::List(items) => {
                let items: Vec<Option<Shape>> =
                    items.iter().map(|item| self.shape(item, scope)).collect();
                items.into_iter().collect::<Option<_>>().map(Shape::List)
            }
            DataKind::Map(entries) => {
                let fields: Vec<Option<(String, Shape)>> = entries
                    .iter()
                    .map(|(key, value)| Some((key.value.clone(), self.shape(value, scope)?)))
                    .collect();
                fields.into_iter().collect::<Option<_>>().map(Shape::Object)
            }
            _ => None,
        }
    }

    /// The place of the input that an expression copies, if it does nothing else.
    pub(super) fn copied(&self, source: &str) -> Option<backstop_checks::path::Path> {
        let path = crate::path::Path::parse(source.trim(), &[Root::Input]).ok()?;
        Some(steps(&path))
    }
}
