//! Finds words of a list in texts, case aside, as whole words unless told otherwise.
//!
//! It knows no grammar: `refund` does not find `refunds` unless both are listed, or whole words
//! are turned off.

use regex::{Regex, RegexBuilder};

use super::{Finds, Found, Text};

/// Most words of one list.
pub const WORDS_MAX: usize = 10_000;
/// Largest compiled form of one part of the list, in bytes.
const COMPILED_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Words per compiled part, so that no part grows too large.
const WORDS_PER_PART: usize = 500;

/// Why a list of words was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordsError {
    /// Nothing to find would be a check that always passes.
    #[error("the list of words is empty")]
    Empty,
    /// A word of white space alone.
    #[error("word {0} of the list is empty")]
    Blank(usize),
    /// More than [`WORDS_MAX`].
    #[error("the list has more than {WORDS_MAX} words")]
    TooMany,
    /// The compiled list would be too large.
    #[error("the words are too long in all")]
    TooLarge,
}

/// A list of words, compiled.
#[derive(Debug, Clone)]
pub struct Words {
    parts: Vec<Regex>,
    whole: bool,
}

impl Words {
    /// Compiles a list. With `whole`, no letter, digit or mark may stand right before or after a
    /// find, by Unicode; white space inside a phrase matches any white space.
    ///
    /// # Errors
    /// [`WordsError`] for an empty list or word, or one that is too large.
    pub fn compile(words: &[String], whole: bool) -> Result<Self, WordsError> {
        if words.is_empty() {
            return Err(WordsError::Empty);
        }
        if words.len() > WORDS_MAX {
            return Err(WordsError::TooMany);
        }
        if let Some(blank) = words.iter().position(|word| word.trim().is_empty()) {
            return Err(WordsError::Blank(blank + 1));
        }
        // The longest first: of two words that start together, the longer one is reported.
        let mut sorted: Vec<&str> = words.iter().map(|word| word.trim()).collect();
        sorted.sort_by_key(|word| core::cmp::Reverse(word.len()));
        let parts = sorted.chunks(WORDS_PER_PART).map(compile_part).collect::<Result<_, _>>()?;
        Ok(Self { parts, whole })
    }
}

fn compile_part(words: &[&str]) -> Result<Regex, WordsError> {
    let escaped: Vec<String> = words
        .iter()
        .map(|word| word.split_whitespace().map(regex::escape).collect::<Vec<_>>().join(r"\s+"))
        .collect();
    RegexBuilder::new(&escaped.join("|"))
        .case_insensitive(true)
        .size_limit(COMPILED_BYTES_MAX)
        .build()
        .map_err(|_| WordsError::TooLarge)
}

impl Finds for Words {
    fn find_in(&self, text: &Text<'_>, into: &mut Vec<Found>) {
        if text.is_name {
            return;
        }
        let first = into.len();
        for part in &self.parts {
            let mut at = 0;
            while let Some(found) = part.find_at(&text.text, at) {
                let whole = !self.whole || stands_alone(&text.text, found.range());
                // A find inside a longer word is passed over by one character, not as a whole:
                // a listed word may start within it.
                let step = text.text.get(found.start()..).and_then(|s| s.chars().next());
                at = if whole {
                    found.end()
                } else {
                    found.start() + step.map_or(1, char::len_utf8)
                };
                if whole {
                    into.push(Found {
                        kind: "word",
                        text: found.as_str().to_owned(),
                        path: text.path.clone(),
                        span: found.range(),
                        in_name: text.is_name,
                    });
                }
            }
        }
        if let Some(new) = into.get_mut(first..) {
            new.sort_by_key(|found| found.span.start);
        }
    }
}

/// Whether no word character touches the span. A word that itself ends in a sign, such as `C++`,
/// needs no more than that the next character is not one that continues a word.
pub(super) fn stands_alone(text: &str, span: core::ops::Range<usize>) -> bool {
    let before = text.get(..span.start).and_then(|s| s.chars().next_back());
    let after = text.get(span.end..).and_then(|s| s.chars().next());
    ![before, after].into_iter().flatten().any(is_word_char)
}

/// Letters, digits, marks and `_`, by Unicode.
fn is_word_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || ('\u{300}'..='\u{36f}').contains(&c)
}
