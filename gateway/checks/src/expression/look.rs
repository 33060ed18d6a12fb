//! Looking into an expression, for editors: what each part of it is, also where parts are wrong.

use std::ops::Range;

use super::check::{Checker, Facts};
use super::functions::{Style, TABLE};
use super::scope::Scope;
use super::types::Type;

/// A part of an expression and what it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// Its bytes in the source.
    pub range: Range<usize>,
    /// Its type.
    pub kind: Type,
    /// The place that it reads, such as `output.lines.*.amount`.
    pub place: Option<String>,
}

/// Every part of `source` whose type is known, in no particular order. Guards are taken as given; a
/// part that is wrong is left out, and so is everything if the text does not parse.
pub fn look(source: &str, scope: &Scope) -> Vec<Seen> {
    let Ok(syntax) = super::parse::parse(source) else { return Vec::new() };
    let mut checker = Checker::looking(scope, source);
    // What is wrong is told by whoever loads the file.
    drop(checker.check(&syntax, &Facts::new()));
    checker.into_seen()
}

/// Every function: its name, how it is written, and whether it is written behind a value
/// (`x.contains(y)`).
pub fn functions() -> impl Iterator<Item = (&'static str, String, bool)> {
    TABLE.iter().map(|row| {
        let takes = |from: usize| {
            let words = row.takes.iter().skip(from).map(|takes| takes.words());
            words.collect::<Vec<_>>().join(", ")
        };
        let method = matches!(row.style, Style::Method);
        let written = match method {
            true => format!("….{}({})", row.name, takes(1)),
            false => format!("{}({})", row.name, takes(0)),
        };
        (row.name, written, method)
    })
}
