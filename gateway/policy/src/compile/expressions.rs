//! Compiles conditions and texts, and says where in the file each problem stands.

use backstop_checks::expression::{
    About, Expression, Problem as Fault, Scope, Template, Want, compile,
};

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
            Ok(expression) => {
                self.doubts(&expression, written.span, &written.text);
                Some(expression)
            }
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

    /// Warns of what may be meant, and is worth a second look.
    fn doubts(&mut self, expression: &Expression, span: Span, text: &str) {
        for doubt in expression.doubts() {
            let code = match doubt.about {
                About::Pattern => Code::PatternDoubt,
                About::Decided => Code::Decided,
                About::Cost => Code::Costly,
            };
            let place = self.sources.place_in(span, text, doubt.problem.range.clone());
            let problem = Problem::warning(code, place, doubt.problem.message.clone());
            self.report.push(problem.help_if(doubt.problem.help.clone()));
        }
    }

    fn faults(&mut self, faults: Vec<Fault>, span: Span, text: &str) {
        // What cannot be known because a schema is broken, and the half of a condition that a comma
        // cut in two, were told of already.
        let broken = self.broken.iter().any(|root| text.contains(root));
        let line = self.sources.line_column(span).line;
        let sources = self.sources;
        let cut = self.report.has(|problem| {
            problem.code == Code::Quoting
                && problem.span.file == span.file
                && sources.line_column(problem.span).line == line
        });
        if broken || cut {
            return;
        }
        for fault in faults {
            let place = self.sources.place_in(span, text, fault.range);
            let problem = Problem::error(Code::Expression, place, fault.message);
            self.report.push(problem.help_if(fault.help));
        }
    }
}
