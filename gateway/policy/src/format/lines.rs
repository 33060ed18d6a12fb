//! Writing parts down: two spaces a level, one line while it fits, comments in a column.

use super::parts::{Body, Document, Many, Note, Part, Written};
use super::scalar::Scalar;
use super::{COMMENT_COLUMN, WIDTH};

/// One line, without its line end.
struct Line {
    indent: usize,
    text: String,
    /// The comment behind it.
    tail: Option<String>,
    kind: LineKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum LineKind {
    Part,
    Comment,
    Blank,
    /// A line of a block: not ours to change.
    Raw,
}

/// The text of a document.
pub(super) fn print(document: &Document) -> String {
    let mut lines = Vec::new();
    notes(&document.head, 0, &mut lines);
    match &document.root {
        Body::Many(many) if many.written == Written::Block || !many.parts.is_empty() => {
            block(many, 0, &mut lines);
        }
        Body::Many(many) => lines.push(Line::part(0, empty(many).to_owned())),
        Body::Scalar(scalar) if scalar.line.as_deref() == Some("") => {}
        Body::Scalar(scalar) => single(scalar, "", 0, None, &mut lines),
    }
    notes(&document.foot, 0, &mut lines);
    let mut out = String::new();
    for line in &lines {
        out.push_str(&written(line));
        out.push('\n');
    }
    let end = out.trim_end_matches('\n').len();
    let kept = lines.last().is_some_and(|line| line.kind == LineKind::Raw);
    if !kept {
        out.truncate(end);
        if !out.is_empty() {
            out.push('\n');
        }
    }
    out
}

impl Line {
    fn part(indent: usize, text: String) -> Self {
        Self { indent, text, tail: None, kind: LineKind::Part }
    }
}

fn written(line: &Line) -> String {
    let text = if line.text.is_empty() {
        String::new()
    } else {
        format!("{}{}", " ".repeat(line.indent), line.text)
    };
    match &line.tail {
        None => text,
        Some(tail) => {
            let wide = text.chars().count();
            let gap = COMMENT_COLUMN.saturating_sub(wide).max(2);
            format!("{text}{}{tail}", " ".repeat(gap))
        }
    }
}

fn notes(notes: &[Note], indent: usize, lines: &mut Vec<Line>) {
    for note in notes {
        blank(note.blank_above, lines);
        let text = note.text.clone();
        lines.push(Line { indent, text, tail: None, kind: LineKind::Comment });
    }
}

/// A blank line, unless nothing stands before it or one is there.
fn blank(wanted: bool, lines: &mut Vec<Line>) {
    let parted = lines.last().is_none_or(|last| last.text.is_empty());
    if wanted && !parted {
        lines.push(Line { indent: 0, text: String::new(), tail: None, kind: LineKind::Blank });
    }
}

/// The parts of a list or map, each on lines of its own.
fn block(many: &Many, indent: usize, lines: &mut Vec<Line>) {
    for (index, part) in many.parts.iter().enumerate() {
        let first = index == 0 && indent > 0;
        let mut lead = part.lead.as_slice();
        if let (true, Some((top, rest))) = (first, lead.split_first()) {
            // Nothing parts a key from what stands right below it.
            notes(&[Note { text: top.text.clone(), blank_above: false }], indent, lines);
            lead = rest;
        }
        notes(lead, indent, lines);
        blank(part.blank_above && !(first && part.lead.is_empty()), lines);
        if many.list { element(part, indent, lines) } else { entry(part, indent, lines) }
    }
    notes(&many.foot, indent, lines);
}

fn entry(part: &Part, indent: usize, lines: &mut Vec<Line>) {
    let key = part.key.as_deref().unwrap_or("");
    match &part.body {
        Body::Scalar(scalar) => {
            single(scalar, &format!("{key}:"), indent, part.tail.as_deref(), lines);
        }
        Body::Many(many) => {
            if let Some(flow) = fits(many, indent + key.chars().count() + 2) {
                let text = format!("{key}: {flow}");
                let tail = part.tail.clone();
                lines.push(Line { indent, text, tail, kind: LineKind::Part });
                return;
            }
            let text = format!("{key}:");
            let tail = part.tail.clone();
            lines.push(Line { indent, text, tail, kind: LineKind::Part });
            block(many, indent + 2, lines);
        }
    }
}

fn element(part: &Part, indent: usize, lines: &mut Vec<Line>) {
    let many = match &part.body {
        Body::Scalar(scalar) => {
            single(scalar, "-", indent, part.tail.as_deref(), lines);
            return;
        }
        Body::Many(many) => many,
    };
    if let Some(flow) = fits(many, indent + 2) {
        let (text, tail) = (format!("- {flow}"), part.tail.clone());
        lines.push(Line { indent, text, tail, kind: LineKind::Part });
        return;
    }
    if let Some(tail) = &part.tail {
        let text = tail.clone();
        lines.push(Line { indent, text, tail: None, kind: LineKind::Comment });
    }
    let mut inner = Vec::new();
    block(many, indent + 2, &mut inner);
    // The dash stands before the first part; comments above that stand above the dash.
    let mut dashed = false;
    for mut line in inner {
        if !dashed {
            match line.kind {
                LineKind::Blank => {}
                LineKind::Comment => line.indent = indent,
                _ => {
                    line.text = format!("- {}", line.text);
                    line.indent = indent;
                    dashed = true;
                }
            }
        }
        lines.push(line);
    }
}

/// A single value behind `before`, which is a key with its colon or a dash.
fn single(scalar: &Scalar, before: &str, indent: usize, tail: Option<&str>, lines: &mut Vec<Line>) {
    let tail = tail.map(str::to_owned);
    let behind = |text: &str| match (before, text) {
        ("", text) => text.to_owned(),
        (before, "") => before.to_owned(),
        (before, text) => format!("{before} {text}"),
    };
    let mut push = |indent, text, tail, kind| lines.push(Line { indent, text, tail, kind });
    if let Some(line) = &scalar.line {
        let text = behind(line);
        if !scalar.words || indent + text.chars().count() <= WIDTH {
            return push(indent, text, tail, LineKind::Part);
        }
        let mut wrapped = wrap(&text, indent).into_iter();
        // A comment cannot stand inside a text over several lines.
        if let Some(tail) = tail {
            push(indent, tail, None, LineKind::Comment);
        }
        push(indent, wrapped.next().unwrap_or_default(), None, LineKind::Part);
        return wrapped.for_each(|line| push(indent + 2, line, None, LineKind::Part));
    }
    if let Some((header, block)) = &scalar.block {
        push(indent, behind(header), tail, LineKind::Part);
        for line in block {
            push(indent + 2, line.clone(), None, LineKind::Raw);
        }
    }
}

/// A bare text over several lines, which YAML joins with spaces.
fn wrap(text: &str, indent: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(last) = lines.last_mut() else { continue };
        let own = if last.is_empty() { 0 } else { last.chars().count() + 1 };
        if !last.is_empty() && indent + 2 + own + word.chars().count() > WIDTH {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines
}

/// A list or map in brackets, if it was written so and fits on the line from `column` on.
fn fits(many: &Many, column: usize) -> Option<String> {
    if many.parts.is_empty() && many.foot.is_empty() {
        return Some(empty(many).to_owned());
    }
    if many.written == Written::Block {
        return None;
    }
    // A pair alone in its element needs no brackets.
    let text = flow(many).filter(|_| many.written == Written::Flow)?;
    (column + text.chars().count() <= WIDTH).then_some(text)
}

fn empty(many: &Many) -> &'static str {
    if many.list { "[]" } else { "{}" }
}

/// A list or map in brackets; `None` if a comment or a block stands inside.
fn flow(many: &Many) -> Option<String> {
    let parts: Option<Vec<String>> = many.parts.iter().map(flow_part).collect();
    let inside = parts.filter(|_| many.foot.is_empty())?.join(", ");
    Some(match (many.list, many.written) {
        (true, _) => format!("[{inside}]"),
        (false, Written::Pair) => inside,
        (false, _) => format!("{{{inside}}}"),
    })
}

fn flow_part(part: &Part) -> Option<String> {
    if !part.lead.is_empty() || part.tail.is_some() {
        return None;
    }
    let value = match &part.body {
        Body::Scalar(scalar) => scalar.flow.clone()?,
        Body::Many(many) if many.parts.is_empty() && many.foot.is_empty() => empty(many).to_owned(),
        Body::Many(many) if many.written == Written::Block => return None,
        Body::Many(many) => flow(many)?,
    };
    Some(match part.key.as_deref() {
        None => value,
        Some(key) if value.is_empty() => format!("{key}:"),
        Some(key) => format!("{key}: {value}"),
    })
}
