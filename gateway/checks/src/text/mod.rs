//! Judges of texts: patterns, words, secrets, personal data, size; and the mask for what they find.
//!
//! They walk the texts inside a JSON value and say where each find stands. Names of fields are
//! judged for secrets and personal data only. They change nothing by themselves: only [`mask()`]
//! does, when it is asked to.

pub mod checksum;
mod doubts;
pub mod mask;
pub mod pattern;
pub mod personal_data;
pub mod secrets;
pub mod size;
mod walk;
pub mod words;

#[cfg(test)]
mod tests;

use core::ops::Range;

pub use doubts::{PatternDoubt, doubts, unanchored};
pub use mask::mask;
pub use pattern::{Pattern, PatternError};
pub use personal_data::{PersonalData, PersonalKind};
pub use secrets::{SecretKind, Secrets};
pub use size::{Size, SizeLimit};
pub use walk::{Text, texts};
pub use words::{Words, WordsError};

/// Most finds that one judge reports for one value; one is enough to object. A masked value has to
/// be judged again, and is then found to hold the rest.
pub const FOUND_MAX: usize = 1_000;

/// Something found in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// What it is, such as `iban`; for a word list and a pattern, `word` and `pattern`.
    pub kind: &'static str,
    /// The text that was found. Of a secret only the ends: see [`Secrets`].
    pub text: String,
    /// RFC 6901 pointer of the string in which it stands; empty for a plain text.
    pub path: String,
    /// Bytes in that string.
    pub span: Range<usize>,
    /// Whether it stands in the name of the field at `path`; then it cannot be masked.
    pub in_name: bool,
}

/// A judge that finds pieces in one text.
pub trait Finds {
    /// Adds what it finds in `text` to `into`, in order. A judge that does not look at names of
    /// fields passes them over.
    fn find_in(&self, text: &Text<'_>, into: &mut Vec<Found>);

    /// What it finds in all texts of `value`, at most [`FOUND_MAX`].
    fn find(&self, value: &serde_json::Value) -> Vec<Found> {
        let mut found = Vec::new();
        for text in &texts(value) {
            self.find_in(text, &mut found);
            if found.len() >= FOUND_MAX {
                found.truncate(FOUND_MAX);
                break;
            }
        }
        found
    }
}
