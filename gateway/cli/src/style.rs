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
