//! A report as workflow commands of GitHub: each problem becomes an annotation on its line.

use std::fmt::Write;

use super::{Report, Severity};
use crate::source::{Sources, Span};

/// One command a line. `folder` is where the workspace stands in the repository, empty or with a
/// `/` at its end.
pub fn github(report: &Report, sources: &Sources, folder: &str) -> String {
    let mut out = String::new();
    for problem in report.sorted() {
        let start = sources.line_column(problem.span);
        let end = sources.line_column(Span { start: problem.span.end, ..problem.span });
        let word = match problem.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        let path = sources.path(problem.span.file);
        // A file that is not there has no line to stand at.
        let mut place = if path.is_empty() {
            String::new()
        } else {
            let file = property(&format!("{folder}{path}"));
            format!("file={file},line={},col={},", start.line, start.column)
        };
        // Columns are shown only where a place ends on its own line.
        if end.line == start.line && end.column > start.column {
            let _ = write!(place, "endLine={},endColumn={},", end.line, end.column);
        }
        let help = problem.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
        let text = data(&format!("{}{help}", problem.message));
        let _ = writeln!(out, "::{word} {place}title={}::{text}", problem.code.id());
    }
    out
}

/// Text behind the second `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A value before it, which also ends at `:` and `,`.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
