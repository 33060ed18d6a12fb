//! What the parser's errors mean for somebody who is not a programmer.
//!
//! Most broken YAML in rules files is a condition that needed a block. The line tells.

use saphyr_parser::ScanError;

use super::read::Places;
use crate::diagnostics::{Code, Problem};
use crate::source::Span;

/// The keys whose value is a condition or another expression.
pub(super) const EXPRESSION_KEYS: [&str; 4] = ["when", "unless", "allow", "calc"];

/// The parser's error as a problem.
pub(super) fn syntax(error: &ScanError, text: &str, place: &Places) -> Problem {
    let at = place.byte(error.marker().index());
    // At the end of a line or the file the caret would be invisible or on the next line.
    let width = text.get(at..).and_then(|s| s.chars().next()).map_or(0, char::len_utf8);
    let span = place.range(at, at + width);
    if let Some(problem) = condition(text, at, span) {
        return problem;
    }
    if let Some(problem) = open_quote(error.info(), text, at, span) {
        return problem;
    }
    let info = error.info();
    let (message, help) = match sentence(info) {
        Some((message, help)) => (message.to_owned(), help),
        None => (format!("this is not YAML: {info}"), None),
    };
    let code = if info.contains("anchor") { Code::YamlFeature } else { Code::Syntax };
    Problem::error(code, span, message).help_if(help.map(str::to_owned))
}

/// A quoted text that goes on over the next lines, which no text in these files does.
fn open_quote(info: &str, text: &str, at: usize, span: Span) -> Option<Problem> {
    let quote = text.get(at..)?.chars().next().filter(|sign| matches!(sign, '"' | '\''))?;
    let rest = text.get(at + 1..)?.lines().next()?;
    (info.contains("indentation") && !rest.contains(quote)).then(|| {
        Problem::error(Code::Syntax, span, "this text is not closed")
            .help(format!("end it with `{quote}` on the same line"))
    })
}

fn sentence(info: &str) -> Option<(&'static str, Option<&'static str>)> {
    let table: &[(&str, &str, Option<&str>)] = &[
        (
            "mapping values are not allowed",
            "a second `: ` stands in this value, or the line is indented too far",
            Some("start a key in the column of the keys above it; put a text in double quotes"),
        ),
        (
            "unknown escape",
            "a backslash in double quotes must be one that YAML knows",
            Some("write the text in single quotes, where a backslash is a backslash"),
        ),
        (
            "illegal placement of ':'",
            "this line still belongs to a `[` or `{` above it, which is not closed",
            Some("close it with `]` or `}`"),
        ),
        (
            "unknown anchor",
            "an alias (`*name`) is not allowed here",
            Some("a text that starts with `*` needs quotes"),
        ),
        (
            "simple key expect",
            "a key without `:` stands here, or a line has the wrong indentation",
            Some("write `key: value`; lines of one map start in the same column"),
        ),
        (
            "did not find expected key",
            "this line does not fit the lines above it",
            Some("lines of one map start in the same column; a quoted text ends with its quote"),
        ),
        (
            "did not find expected '-' indicator",
            "this line does not fit the list above it",
            Some("every entry of a list starts with `- ` in the same column"),
        ),
        (
            "while parsing a flow mapping, did not find expected ',' or '}'",
            "a `,` or `}` is missing",
            Some("a value inside `{…}` that holds a comma or a brace needs quotes"),
        ),
        (
            "while parsing a flow sequence, expected ',' or ']'",
            "a `,` or `]` is missing",
            Some("a value inside `[…]` that holds a comma or a bracket needs quotes"),
        ),
        (
            "invalid indentation",
            "this line has the wrong indentation",
            Some("lines of one map start in the same column"),
        ),
        (
            "unexpected end of stream",
            "the file ends inside a quoted text",
            Some("close the text with the quote that it starts with"),
        ),
        (
            "found unprintable",
            "an unprintable character stands here",
            Some("delete it, and write the place anew"),
        ),
    ];
    table
        .iter()
        .find(|(part, _, _)| info.contains(part))
        .map(|(_, message, help)| (*message, *help))
}

/// The hint to use a block, if the line at byte `at` of `text` holds a condition that needs one.
pub(super) fn condition(text: &str, at: usize, span: Span) -> Option<Problem> {
    let (key, value) = expression_near(text, at)?;
    let reason = if value.contains(": ") {
        "holds `: `".to_owned()
    } else {
        let first = value.chars().next().filter(|first| "!\"'[{&*%@`|>".contains(*first))?;
        if matches!(first, '|' | '>') {
            return None;
        }
        format!("starts with `{first}`")
    };
    let mut help = format!("write `{key}: |` and the condition on the next line, indented");
    if let Some(rest) = value.strip_prefix('!').filter(|_| key == "when") {
        help = format!("{help}; or use `unless: {}`", rest.trim());
    }
    let message = format!("the condition {reason}, which YAML reads in its own way");
    Some(Problem::error(Code::Quoting, span, message).help(help))
}

/// The expression key and value on the line at `at`, or on the line before it (the parser often
/// notices at the start of the next line).
fn expression_near(text: &str, at: usize) -> Option<(&'static str, &str)> {
    let before = text.get(..at)?;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = text.get(start..)?.lines().next().unwrap_or("");
    on_line(line).or_else(|| {
        let above = before.get(..start.checked_sub(1)?)?;
        on_line(above.lines().last()?)
    })
}

/// The expression key that a line begins with, and the text behind it.
pub(super) fn on_line(line: &str) -> Option<(&'static str, &str)> {
    let line = line.trim_start().trim_start_matches("- ").trim_start();
    EXPRESSION_KEYS.into_iter().find_map(|key| {
        let value = line.strip_prefix(key)?.strip_prefix(": ")?;
        Some((key, value.trim()))
    })
}
