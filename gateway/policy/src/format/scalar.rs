//! How single values are written: bare, in quotes, or as a block.

use crate::keys::Value;
use crate::yaml::{self, Node, Style};

/// A value in the forms that it may take.
#[derive(Debug)]
pub(super) struct Scalar {
    /// On one line.
    pub line: Option<String>,
    /// Between brackets.
    pub flow: Option<String>,
    /// Over several lines: behind the key, and below it.
    pub block: Option<(String, Vec<String>)>,
    /// Words of a bare text that was written over several lines.
    pub words: bool,
}

/// A value as it was written.
pub(super) struct Written<'n> {
    pub node: &'n Node,
    pub scalar: &'n yaml::Scalar,
    /// The whole text that it stands in.
    pub text: &'n str,
}

impl Scalar {
    /// The forms of a value of that kind.
    pub(super) fn of(written: &Written<'_>, form: Option<&'static Value>) -> Self {
        let text = written.scalar.text.as_str();
        if written.scalar.style == Style::Block && !text.is_empty() {
            let block = Some(block_of(written));
            return Self { line: None, flow: None, block, words: false };
        }
        if written.scalar.style == Style::Plain && !text.contains('\n') {
            let line = Some(text.to_owned());
            let source = written.text.get(written.node.span.range()).unwrap_or("");
            let words = source.trim_end().contains('\n');
            return Self { flow: line.clone(), line, block: None, words };
        }
        if matches!(form, Some(Value::Expression)) && !text.is_empty() {
            return expression(text);
        }
        let line = Some(quoted(text));
        Self { flow: line.clone(), line, block: None, words: false }
    }
}

/// A condition: bare where YAML leaves it alone, else as a block.
fn expression(text: &str) -> Scalar {
    let line = is_bare(text, false).then(|| text.to_owned());
    let flow = is_bare(text, true).then(|| text.to_owned());
    let chomp = if text.ends_with('\n') { "|" } else { "|-" };
    let lines: Vec<String> = text.trim_end_matches('\n').split('\n').map(str::to_owned).collect();
    // A block cannot tell two line ends at its end from one, or white space alone from nothing.
    let block = (!text.ends_with("\n\n") && !text.starts_with([' ', '\n']))
        .then(|| (chomp.to_owned(), lines));
    if line.is_none() && block.is_none() {
        let line = Some(quoted(text));
        return Scalar { flow: line.clone(), line, block: None, words: false };
    }
    Scalar { line, flow, block, words: false }
}

/// Whether YAML reads a bare `text` as this text and nothing else.
pub(super) fn is_bare(text: &str, flow: bool) -> bool {
    let mut chars = text.chars();
    let (Some(first), second) = (chars.next(), chars.next()) else { return false };
    let starts = match first {
        '-' | '?' | ':' => second.is_some_and(|second| !second.is_whitespace() && !flow),
        other => !"!\"'[]{},&*%@`|>#=<".contains(other) || (!flow && "=<".contains(other)),
    };
    let broken = text.contains(": ")
        || text.contains(" #")
        || text.ends_with(':')
        || text.contains(['\n', '\t'])
        || text.trim() != text
        || (flow && text.contains([',', '[', ']', '{', '}']));
    let number = first.is_ascii_digit()
        || (first == '-' && second.is_some_and(|second| second.is_ascii_digit()));
    let word = matches!(text, "~" | "null" | "true" | "false" | "---" | "...");
    starts && !broken && !word && (!number || is_formula(text))
}

/// Digits first, but more than a number.
fn is_formula(text: &str) -> bool {
    text.contains(' ') && serde_json::from_str::<serde_json::Number>(text).is_err()
}

/// In double quotes; in single ones where that spares escapes.
pub(super) fn quoted(text: &str) -> String {
    let control = text
        .chars()
        .any(|c| c.is_control() || matches!(c, '\u{85}' | '\u{2028}'..='\u{2029}' | '\u{feff}'));
    if !control && text.contains(['\\', '"']) && !text.contains('\'') {
        return format!("'{text}'");
    }
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{2028}'..='\u{2029}' | '\u{feff}') => {
                out.push_str(&format!("\\u{:04X}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Where the lines of a block begin whose first character stands at byte `at`: below the line
/// that ends in `|` or `>`.
pub(super) fn block_start(text: &str, at: usize) -> usize {
    let before = text.get(..at).unwrap_or("");
    let mut start = before.rfind('\n').map_or(0, |newline| newline + 1);
    // Blank lines may stand above the first character.
    while let Some(above) = text.get(..start.saturating_sub(1)) {
        let line = above.rfind('\n').map_or(0, |newline| newline + 1);
        if line >= start || !above.get(line..).unwrap_or("").trim().is_empty() {
            break;
        }
        start = line;
    }
    start
}

/// The mark of a block, such as `|-`, without a number of spaces.
fn mark(header: &str) -> &str {
    let ends = |from: &str| {
        let rest = from.trim_start_matches(['|', '>']);
        let rest = rest.trim_start_matches(|c: char| c == '-' || c == '+' || c.is_ascii_digit());
        rest.trim_start().is_empty() || rest.trim_start().starts_with('#')
    };
    let marks = header.match_indices(['|', '>']).map(|(at, _)| header.get(at..).unwrap_or(""));
    let found = marks.into_iter().find(|from| ends(from)).unwrap_or("|");
    found.split([' ', '#']).next().unwrap_or("|").trim_end()
}

/// The header and the lines of a block, without its indentation.
fn block_of(written: &Written<'_>) -> (String, Vec<String>) {
    let (first, end) = (written.node.span.start as usize, written.node.span.end as usize);
    let start = block_start(written.text, first);
    let above = written.text.get(..start.saturating_sub(1)).unwrap_or("");
    let header = mark(above.rsplit('\n').next().unwrap_or(""));
    let mut lines: Vec<&str> = written.text.get(start..end).unwrap_or("").split('\n').collect();
    if header.contains('+') {
        // What stands behind the last line end is the start of the next line.
        if lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
    } else {
        while lines.last().is_some_and(|line| line.trim().is_empty()) {
            lines.pop();
        }
    }
    let indent = |line: &&str| line.len() - line.trim_start_matches(' ').len();
    let full = |line: &&&str| !line.trim().is_empty();
    let explicit = header.chars().any(|c| c.is_ascii_digit());
    let base = match explicit {
        // Where the text itself starts with spaces the number says where it starts; the least
        // indented line is never to its left.
        true => lines.iter().filter(full).map(indent).min().unwrap_or(0),
        false => lines.iter().find(full).map_or(0, indent),
    };
    let cut = |line: &str| line.get(base..).unwrap_or("").to_owned();
    let lines: Vec<String> = lines.into_iter().map(cut).collect();
    let mark: String = header.chars().filter(|c| !c.is_ascii_digit()).collect();
    let spaced = lines.iter().find(|line| !line.is_empty()).is_some_and(|l| l.starts_with(' '));
    (if spaced { format!("{mark}2") } else { mark }, lines)
}
