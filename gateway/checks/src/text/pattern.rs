//! A regular expression as a check: linear time, bounded size, and linted for two usual mistakes.
//!
//! It has no look-around and no back-references; the engine refuses them with the place.

use regex::{Regex, RegexBuilder};
use regex_syntax::hir::{Class, Hir, HirKind};

use super::doubts::is_letter_set;
use super::{FOUND_MAX, Finds, Found, Text};

/// Largest compiled form, in bytes.
const COMPILED_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest source, in bytes.
pub const PATTERN_BYTES_MAX: usize = 4096;

/// Why a pattern was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// The engine does not take it.
    #[error("this is not a regular expression that can be used: {0}")]
    Syntax(String),
    /// Source or compiled form is too large.
    #[error("the pattern is too large")]
    TooLarge,
    /// It matches the empty text, so it matches everywhere.
    #[error("the pattern also matches the empty text, so it says nothing")]
    Empty,
    /// Repetition of a repetition, as in `(a+)+`.
    #[error("a repetition stands directly inside a repetition")]
    NestedRepetition,
    /// A class that spells a word, as in `[^refund]`.
    #[error("`{0}` is a set of single characters, not the word")]
    WordInClass(String),
}

impl PatternError {
    /// How to mend it, where the message does not say so itself.
    pub fn help(&self) -> Option<&'static str> {
        let why = match self {
            Self::Syntax(why) => why,
            Self::TooLarge => return Some("write it shorter, or as a list of `words`"),
            Self::Empty => return Some("write `+` for `*`, so that something has to be there"),
            Self::NestedRepetition => {
                return Some("remove one of the two: the other says the same");
            }
            Self::WordInClass(_) => return Some("write the word without the brackets"),
        };
        let says = |part: &str| why.contains(part);
        if says("repetition operator missing") {
            Some("`*` repeats what stands before it: for any text write `.*`")
        } else if says("look-around") {
            Some("write a second check, or a rule with `matches` in `when` and in `unless`")
        } else if says("unclosed group") || says("unopened group") {
            Some("close every bracket; for a bracket in the text write `\\(`")
        } else if says("backreference") {
            Some("write out what is to be repeated")
        } else {
            None
        }
    }
}

/// A compiled pattern.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles and lints a pattern.
    ///
    /// # Errors
    /// [`PatternError`] with what to write instead.
    pub fn compile(source: &str) -> Result<Self, PatternError> {
        if source.len() > PATTERN_BYTES_MAX {
            return Err(PatternError::TooLarge);
        }
        let parsed = regex_syntax::parse(source)
            .map_err(|error| PatternError::Syntax(one_line(&error.to_string())))?;
        if let Some(class) = word_in_class(source) {
            return Err(PatternError::WordInClass(class));
        }
        let anywhere = parsed.properties().look_set().is_empty();
        if anywhere && parsed.properties().minimum_len() == Some(0) {
            return Err(PatternError::Empty);
        }
        if has_nested_repetition(&parsed) {
            return Err(PatternError::NestedRepetition);
        }
        let regex = RegexBuilder::new(source)
            .size_limit(COMPILED_BYTES_MAX)
            .build()
            .map_err(|_| PatternError::TooLarge)?;
        Ok(Self(regex))
    }

    /// Whether the pattern matches somewhere in `text`.
    pub fn is_match(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl Finds for Pattern {
    fn find_in(&self, text: &Text<'_>, into: &mut Vec<Found>) {
        if text.is_name {
            return;
        }
        into.extend(self.0.find_iter(&text.text).take(FOUND_MAX).map(|found| Found {
            kind: "pattern",
            text: found.as_str().to_owned(),
            path: text.path.clone(),
            span: found.range(),
            in_name: text.is_name,
        }));
    }
}

/// The last line of the engine's message, which says what is wrong.
fn one_line(message: &str) -> String {
    let last = message.lines().rev().find(|line| line.starts_with("error:")).unwrap_or(message);
    last.trim_start_matches("error:").trim().to_owned()
}

/// Whether an unbounded repetition holds nothing but another one.
fn has_nested_repetition(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Repetition(outer) => {
            let inner = skip_groups(&outer.sub);
            let unbounded =
                |hir: &Hir| matches!(hir.kind(), HirKind::Repetition(r) if r.max.is_none());
            (outer.max.is_none() && unbounded(inner)) || has_nested_repetition(&outer.sub)
        }
        HirKind::Capture(capture) => has_nested_repetition(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => {
            parts.iter().any(has_nested_repetition)
        }
        HirKind::Class(Class::Unicode(_) | Class::Bytes(_))
        | HirKind::Empty
        | HirKind::Literal(_)
        | HirKind::Look(_) => false,
    }
}

fn skip_groups(hir: &Hir) -> &Hir {
    match hir.kind() {
        HirKind::Capture(capture) => skip_groups(&capture.sub),
        _ => hir,
    }
}

/// A negated class of four or more letters and no range, such as `[^refund]`; or any class that
/// holds `|`, which is a plain sign there.
fn word_in_class(source: &str) -> Option<String> {
    let mut rest = source;
    while let Some(start) = rest.find(['[', '\\']) {
        let tail = rest.get(start..)?;
        if tail.starts_with('\\') {
            let next = tail.chars().nth(1).map_or(1, char::len_utf8);
            rest = tail.get(1 + next..).unwrap_or_default();
            continue;
        }
        let end = tail.find(']')?;
        let inner = tail.get(1..end)?;
        let negated = inner.strip_prefix('^');
        let body = negated.unwrap_or(inner);
        let letters = body.chars().all(char::is_alphabetic) && body.chars().count() >= 4;
        let choice = body.contains('|')
            && body.chars().filter(|c| c.is_alphabetic()).count() >= 4
            && body.chars().all(|c| c.is_alphabetic() || c == '|');
        if (negated.is_some() && letters && !is_letter_set(body)) || choice {
            return tail.get(..=end).map(str::to_owned);
        }
        rest = tail.get(end + 1..).unwrap_or_default();
    }
    None
}
