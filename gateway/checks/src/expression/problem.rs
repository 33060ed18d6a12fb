//! What is wrong with an expression, where, and how to mend it: in words for policy authors.

use std::ops::Range;

/// One thing wrong with an expression or template, found when the policy loads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Bytes of the source that are meant.
    pub range: Range<usize>,
    /// What is wrong: lower case, no full stop, the author's words in backticks.
    pub message: String,
    /// How to mend it, when that is known.
    pub help: Option<String>,
}

impl Problem {
    /// A problem without advice.
    pub fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self { range, message: message.into(), help: None }
    }

    /// The same problem with advice.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same problem with advice, if there is any.
    #[must_use]
    pub fn maybe_help(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }
}

/// Something that may be meant, and is worth a second look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// What kind of doubt it is.
    pub about: About,
    /// Where, what and how to mend it.
    pub problem: Problem,
}

/// Kinds of doubt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// A pattern that probably says something else.
    Pattern,
    /// A part that always comes to the same.
    Decided,
    /// A part that a long list makes too costly to compute.
    Cost,
}

/// "did you mean `x`?" for the known word nearest to `word`, if one is near enough.
pub(super) fn did_you_mean<'k>(
    word: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<String> {
    nearest(word, known).map(|near| format!("did you mean `{near}`?"))
}

/// The known word that `word` was most likely meant to be.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= (word.chars().count() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}
