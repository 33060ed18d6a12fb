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

/// Columns where there is no terminal.
pub const WIDTH: usize = 140;

/// Most problems that are pictured; nobody reads more, and the others are counted.
const PICTURES_MAX: usize = 100;
/// Longest line that is pictured, in bytes; of a longer one only the place is told.
const LINE_BYTES_MAX: usize = 1_000;

/// The report as text for a terminal, one picture per problem and a count at the end; empty if
/// there is no problem.
pub fn text(report: &Report, sources: &Sources, style: Style) -> String {
    text_within(report, sources, style, WIDTH)
}

/// The same for a terminal of `width` columns.
pub fn text_within(report: &Report, sources: &Sources, style: Style, width: usize) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let renderer = renderer.term_width(width);
    let problems = report.sorted();
    let mut out = String::new();
    for problem in problems.iter().take(PICTURES_MAX) {
        out.push_str(&picture(problem, sources, &renderer, width));
        out.push_str("\n\n");
    }
    if !problems.is_empty() {
        out.push_str(&count(report, &problems));
        let unseen = problems.len().saturating_sub(PICTURES_MAX) + report.left_out();
        if unseen > 0 {
            out.push_str(&format!("; {unseen} of them are not shown"));
        }
        out.push('\n');
    }
    out
}

fn picture(problem: &Problem, sources: &Sources, renderer: &Renderer, width: usize) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let head = problem.severity.name().len() + "[BS0000]: ".len();
    let message = folded(&problem.message, width.saturating_sub(head));
    let title = level.primary_title(message.as_str()).id(problem.code.id());
    let mut group = Group::with_title(title);
    let hide = problem.code == Code::Secret;
    if sources.path(problem.span.file).is_empty() {
        // A file that is not there has no place to show.
    } else if hide || !is_pictured(problem, sources) {
        let place = sources.line_column(problem.span);
        let path = annotate_snippets::Origin::path(sources.path(problem.span.file));
        group = group.element(path.line(place.line).char_column(place.column));
    } else {
        group = group.elements(snippets(problem, sources));
    }
    let lines = sources.text(problem.span.file).lines().count().to_string().len();
    let help = problem.help.as_ref();
    let help = help.map(|help| folded(help, width.saturating_sub(lines + " = help: ".len())));
    if let Some(help) = &help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    renderer.render(&[group])
}

/// The text with line breaks between words, so that no line is longer than `width`; a long word
/// stays whole, and what the author wrote stays on one line with its backticks.
fn folded(text: &str, width: usize) -> String {
    let mut words: Vec<String> = Vec::new();
    let mut quoted = false;
    for word in text.split(' ') {
        match words.last_mut().filter(|_| quoted) {
            Some(last) => *last = format!("{last} {word}"),
            None => words.push(word.to_owned()),
        }
        quoted ^= word.matches('`').count() % 2 == 1;
    }
    let (mut out, mut column) = (String::new(), 0);
    for word in words {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width.max(20) {
            out.push('\n');
            column = 0;
        } else if !out.is_empty() {
            out.push(' ');
            column += 1;
        }
        out.push_str(&word);
        column += length;
    }
    out
}

/// Whether the lines that a problem speaks of can be shown.
fn is_pictured(problem: &Problem, sources: &Sources) -> bool {
    let related = problem.related.iter().map(|related| related.span);
    let mut spans = related.chain([problem.span]);
    let text = sources.text(problem.span.file);
    !text.is_empty() && spans.all(|span| line_around(span, sources).len() <= LINE_BYTES_MAX)
}

/// The line on which a span starts.
fn line_around(span: Span, sources: &Sources) -> &str {
    let text = sources.text(span.file);
    let at = visible(span, sources).start;
    let start = text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("")
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

fn count(report: &Report, problems: &[&Problem]) -> String {
    let errors = report.error_count();
    let all = problems.len() + report.left_out();
    let say = |n: usize, word: &str| match n {
        1 => format!("1 {word}"),
        n => format!("{n} {word}s"),
    };
    match (errors, all.saturating_sub(errors)) {
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
