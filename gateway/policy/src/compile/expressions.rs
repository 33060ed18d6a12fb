//! Compiles conditions and texts, and says where in the file each problem stands.

use backstop_checks::expression::{Expression, Problem as Fault, Scope, Template, Want, compile};

use super::Compiler;
use crate::diagnostics::{Code, Problem};
use crate::raw;
use crate::source::Span;

impl Compiler<'_> {
    /// A condition or formula over what `scope` knows.
    pub(super) fn expression(
        &mut self,
        written: &raw::Expression,
        scope: &Scope,
        want: Want,
    ) -> Option<Expression> {
        match compile(&written.text, scope, want) {
            Ok(expression) => Some(expression),
            Err(faults) => {
                self.faults(faults, written.span, &written.text);
                None
            }
        }
    }

    /// The same, where there is one.
    pub(super) fn condition(
        &mut self,
        written: Option<&raw::Expression>,
        scope: &Scope,
    ) -> Option<Expression> {
        written.and_then(|written| self.expression(written, scope, Want::Condition))
    }

    /// A text with expressions in it.
    pub(super) fn text(&mut self, text: &str, span: Span, scope: &Scope) -> Option<Template> {
        match Template::compile(text, 0, scope) {
            Ok(template) => Some(template),
            Err(faults) => {
                self.faults(faults, span, text);
                None
            }
        }
    }

    fn faults(&mut self, faults: Vec<Fault>, span: Span, text: &str) {
        for fault in faults {
            let place = self.sources.place_in(span, text, fault.range);
            let problem = Problem::error(Code::Expression, place, fault.message);
            self.report.push(problem.help_if(fault.help));
        }
    }
}
