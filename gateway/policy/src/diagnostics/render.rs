//! Showing a report: as rustc would, in colour or plainly, and as JSON for editors and CI.
//!
//! It returns text and prints nothing. Secrets are never shown: the line that holds one is left
//! out of the picture.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use serde_json::{Map, Value, json};

use super::{Code, Problem, Report, Severity};
use crate::source::{Sources, Span};

/// How a report is shown to a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// No escape codes.
    Plain,
    /// With terminal colours.
    Coloured,
}

/// The report as text for a terminal, one picture per problem and a count at the end; empty if
/// there is no problem.
pub fn text(report: &Report, sources: &Sources, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let problems = report.sorted();
    let mut out = String::new();
    for problem in &problems {
        out.push_str(&picture(problem, sources, &renderer));
        out.push_str("\n\n");
    }
    if !problems.is_empty() {
        out.push_str(&count(&problems));
        if report.left_out() > 0 {
            out.push_str(&format!(", and {} more that are not shown", report.left_out()));
        }
        out.push('\n');
    }
    out
}

fn picture(problem: &Problem, sources: &Sources, renderer: &Renderer) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(problem.message.as_str()).id(problem.code.id());
    let mut group = Group::with_title(title);
    let hide = problem.code == Code::Secret;
    if hide || sources.text(problem.span.file).is_empty() {
        let place = sources.line_column(problem.span);
        let path = annotate_snippets::Origin::path(sources.path(problem.span.file));
        group = group.element(path.line(place.line).char_column(place.column));
    } else {
        group = group.elements(snippets(problem, sources));
    }
    if let Some(help) = &problem.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// One snippet per file, the problem's own first.
fn snippets<'s>(
    problem: &'s Problem,
    sources: &'s Sources,
) -> Vec<Snippet<'s, annotate_snippets::Annotation<'s>>> {
    let own = AnnotationKind::Primary.span(visible(problem.span, sources));
    let mut first = Snippet::source(sources.text(problem.span.file))
        .path(sources.path(problem.span.file))
        .annotation(own);
    let mut others = Vec::new();
    for related in &problem.related {
        let mark = AnnotationKind::Context
            .span(visible(related.span, sources))
            .label(related.message.as_str());
        if related.span.file == problem.span.file {
            first = first.annotation(mark);
        } else {
            let path = sources.path(related.span.file);
            let text = sources.text(related.span.file);
            others.push(Snippet::source(text).path(path).annotation(mark));
        }
    }
    let mut all = vec![first];
    all.append(&mut others);
    all
}

/// The span cut to its first line and to the borders of characters, so that a picture stays
/// small and no span can be out of range.
fn visible(span: Span, sources: &Sources) -> std::ops::Range<usize> {
    let text = sources.text(span.file);
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let start = floor(span.start as usize);
    let end = floor(span.end as usize).max(start);
    let line = text.get(start..end).unwrap_or("").lines().next().unwrap_or("");
    start..start + line.trim_end().len()
}

fn count(problems: &[&Problem]) -> String {
    let errors = problems.iter().filter(|p| p.severity == Severity::Error).count();
    let say = |n: usize, word: &str| match n {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    };
    match (errors, problems.len() - errors) {
        (errors, 0) => say(errors, "error"),
        (0, warnings) => say(warnings, "warning"),
        (errors, warnings) => format!("{}, {}", say(errors, "error"), say(warnings, "warning")),
    }
}

/// The report as a JSON list, in the same order. Lines and columns count from 1, columns in
/// characters; `start` and `end` are bytes.
pub fn json(report: &Report, sources: &Sources) -> Value {
    report.sorted().into_iter().map(|problem| one_as_json(problem, sources)).collect()
}

fn one_as_json(problem: &Problem, sources: &Sources) -> Value {
    let related = problem.related.iter().map(|related| {
        let mut place = place_as_json(related.span, sources);
        place.insert("message".to_owned(), json!(related.message));
        Value::Object(place)
    });
    let mut all = place_as_json(problem.span, sources);
    let mut put = |key: &str, value: Value| all.insert(key.to_owned(), value);
    put("code", json!(problem.code.id()));
    put("severity", json!(problem.severity.name()));
    put("message", json!(problem.message));
    put("help", json!(problem.help));
    put("related", related.collect());
    Value::Object(all)
}

fn place_as_json(span: Span, sources: &Sources) -> Map<String, Value> {
    let start = sources.line_column(span);
    let end = sources.line_column(Span { start: span.end, ..span });
    let pairs = [
        ("file", json!(sources.path(span.file))),
        ("line", json!(start.line)),
        ("column", json!(start.column)),
        ("end_line", json!(end.line)),
        ("end_column", json!(end.column)),
        ("start", json!(span.start)),
        ("end", json!(span.end)),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}
