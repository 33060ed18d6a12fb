//! The parser's complaints in the words of authors. Only the first is told: the rest follow.

use std::ops::Range;

use super::super::problem::Problem;

/// Translates the first of `errors`.
pub(super) fn first(source: &str, errors: &cel::ParseErrors) -> Problem {
    let Some(error) = errors.errors.first() else {
        return Problem::new(0..source.len(), "the expression is not understood");
    };
    let at = offset(source, error.pos);
    if let Some(word) = error.msg.strip_prefix("reserved identifier: ") {
        let message = format!("`{word}` is a reserved word");
        return Problem::new(word_at(source, at, word.len()), message);
    }
    if error.msg.starts_with("invalid int literal") {
        let range = word_at(source, at, number_length(source, at));
        return Problem::new(range, "this whole number is too large")
            .help("write it with a decimal point");
    }
    if error.msg.starts_with("invalid string literal") {
        return Problem::new(at..source.len(), "this text has an escape that CEL does not know")
            .help("write `\\\\` for a backslash, or put `r` before the opening quote");
    }
    if error.msg.ends_with("at '<EOF>'") {
        return ends_early(source);
    }
    if let Some((wanted, _)) = error.msg.split_once(" at ")
        && let Some(wanted) = wanted.strip_prefix("Syntax error: missing ")
    {
        let wanted = wanted.trim_matches('\'');
        return Problem::new(word_at(source, at, 1), format!("`{wanted}` is missing before this"));
    }
    match quoted(&error.msg) {
        Some("<EOF>") | None => ends_early(source),
        Some(token) => unexpected(source, at, token),
    }
}

fn ends_early(source: &str) -> Problem {
    let end = source.trim_end().len();
    let start = source.get(..end).and_then(|s| s.char_indices().last()).map_or(0, |(at, _)| at);
    Problem::new(start..end, "the expression ends too early")
        .help("an operand or a closing bracket is missing")
}

fn unexpected(source: &str, at: usize, token: &str) -> Problem {
    let token = token.trim();
    let range = word_at(source, at, token.len().max(1));
    if token.starts_with(['"', '\'']) {
        let line_end = source.get(at..).and_then(|s| s.find('\n')).map_or(source.len(), |n| at + n);
        return Problem::new(at..line_end, "this text has no closing quote");
    }
    let help = match token {
        "=" => Some("write `==` to compare"),
        "&" | "and" => Some("write `&&`"),
        "|" | "or" => Some("write `||`"),
        "not" => Some("write `!`"),
        _ => None,
    };
    Problem::new(range, format!("`{token}` does not belong here"))
        .maybe_help(help.map(ToOwned::to_owned))
}

/// The first text between single quotes in a message, such as `extraneous input 'b' expecting …`.
fn quoted(message: &str) -> Option<&str> {
    let (_, rest) = message.split_once('\'')?;
    let end = rest.find("' expecting").or_else(|| rest.rfind('\''))?;
    rest.get(..end)
}

fn number_length(source: &str, at: usize) -> usize {
    let digits = source.get(at..).unwrap_or_default();
    digits.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(digits.len())
}

/// `length` bytes from `at`, kept inside the source and on character borders.
fn word_at(source: &str, at: usize, length: usize) -> Range<usize> {
    let mut end = (at + length).min(source.len());
    while !source.is_char_boundary(end) {
        end += 1;
    }
    at.min(end)..end
}

/// Line and column (both from 1, columns in characters) as a byte offset.
fn offset(source: &str, (line, column): (isize, isize)) -> usize {
    let skip = usize::try_from(line - 1).unwrap_or(0);
    let columns = usize::try_from(column - 1).unwrap_or(0);
    let start: usize = source.split_inclusive('\n').take(skip).map(str::len).sum();
    let rest = source.get(start..).unwrap_or_default();
    start + rest.char_indices().nth(columns).map_or(rest.len(), |(at, _)| at)
}
