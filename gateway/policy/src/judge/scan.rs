//! What a free text check looks for, compiled.

use backstop_checks::text::{Finds, Found, Pattern, PersonalData, Secrets, Text, Words};

/// Finds texts of a kind.
#[derive(Debug)]
pub enum Scan {
    /// A regular expression.
    Pattern {
        /// The expression.
        pattern: Pattern,
        /// `true`: a text that it does not match fails.
        must_match: bool,
    },
    /// Words of a list.
    Words(Words),
    /// Personal data.
    PersonalData(PersonalData),
    /// Keys, tokens and passwords.
    Secrets(Secrets),
}

impl Scan {
    /// What is found in one text. Of a pattern that must match, nothing: see [`Scan::misses`].
    pub fn find(&self, text: &Text<'_>, into: &mut Vec<Found>) {
        match self {
            Self::Pattern { must_match: true, .. } => {}
            Self::Pattern { pattern, must_match: false } => pattern.find_in(text, into),
            Self::Words(words) => words.find_in(text, into),
            Self::PersonalData(data) => data.find_in(text, into),
            Self::Secrets(secrets) => secrets.find_in(text, into),
        }
    }

    /// Whether the text lacks what must be in it.
    pub fn misses(&self, text: &str) -> bool {
        match self {
            Self::Pattern { pattern, must_match: true } => !pattern.is_match(text),
            _ => false,
        }
    }

    /// Whether it finds spans that can be masked.
    pub const fn has_spans(&self) -> bool {
        !matches!(self, Self::Pattern { must_match: true, .. })
    }

    /// What it looks for, in words.
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Pattern { .. } => "text that the policy does not allow",
            Self::Words(_) => "a word that the policy does not allow",
            Self::PersonalData(_) => "personal data",
            Self::Secrets(_) => "a secret",
        }
    }
}
