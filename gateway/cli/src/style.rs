//! Colour, where a terminal can show it and nobody said no.

use std::io::IsTerminal;

/// Whether to colour standard output.
pub fn colours() -> bool {
    let unwanted = crate::secrets::variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    std::io::stdout().is_terminal() && !unwanted
}

/// Columns of the terminal; a usual number where there is none.
pub fn width() -> usize {
    let seen = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    seen.map_or(100, |width| width.clamp(40, 140))
}

fn paint(code: &str, text: &str) -> String {
    if colours() { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}

/// How problems are shown.
pub fn report() -> backstop_policy::diagnostics::render::Style {
    use backstop_policy::diagnostics::render::Style;
    if colours() { Style::Coloured } else { Style::Plain }
}

/// Something went wrong.
pub fn error(text: &str) -> String {
    paint("1;31", text)
}

/// All is well.
pub fn good(text: &str) -> String {
    paint("32", text)
}

/// Look here.
pub fn warn(text: &str) -> String {
    paint("33", text)
}

/// A heading.
pub fn bold(text: &str) -> String {
    paint("1", text)
}

/// Beside the point.
pub fn faint(text: &str) -> String {
    paint("2", text)
}

/// Columns side by side, each as wide as its widest cell; colour takes no width.
pub fn columns(rows: &[Vec<String>], indent: &str) -> String {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            let width = shown_width(cell);
            match widths.get_mut(at) {
                Some(known) => *known = width.max(*known),
                None => widths.push(width),
            }
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = indent.to_owned();
        for (cell, width) in row.iter().zip(&widths) {
            let space = width.saturating_sub(shown_width(cell)) + 2;
            line.push_str(cell);
            line.push_str(&" ".repeat(space));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// How many characters of a text are seen.
fn shown_width(text: &str) -> usize {
    let mut escaped = false;
    let seen = text.chars().filter(|c| match (escaped, c) {
        (_, '\u{1b}') => {
            escaped = true;
            false
        }
        (true, c) => {
            escaped = *c != 'm';
            false
        }
        (false, _) => true,
    });
    seen.count()
}

/// The word for so many.
pub fn plural(count: usize, one: &'static str, many: &'static str) -> &'static str {
    if count == 1 { one } else { many }
}

#[cfg(test)]
mod tests {
    use super::{columns, shown_width};

    #[test]
    fn colour_takes_no_width() {
        assert_eq!(shown_width("\u{1b}[1;31mred\u{1b}[0m"), 3);
        let rows = [
            vec!["\u{1b}[1ma\u{1b}[0m".to_owned(), "b".to_owned()],
            vec!["long".to_owned(), "c".to_owned()],
        ];
        assert_eq!(columns(&rows, "  "), "  \u{1b}[1ma\u{1b}[0m     b\n  long  c\n");
    }
}
