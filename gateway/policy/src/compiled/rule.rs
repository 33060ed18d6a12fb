//! Rules, ladders' texts and named values, compiled.

use backstop_checks::expression::{Expression, Template};
use backstop_domain::Source;

/// A named condition with the ladder that it asks for.
#[derive(Debug)]
pub struct Rule {
    /// Its name in findings: `rules.large-amount`.
    pub by: String,
    /// Its id alone.
    pub id: String,
    /// Its place in file order.
    pub order: u32,
    /// Fires when this holds; `None` is always.
    pub when: Option<Expression>,
    /// Unless this holds.
    pub unless: Option<Expression>,
    /// Its ladder; `None` for `then: accept`.
    pub ladder: Option<String>,
    /// Queue of a blind audit.
    pub also_review: Option<String>,
    /// Why, for people; `None` is the id in words.
    pub because: Option<Template>,
    /// Whose answers it judges.
    pub sources: SourceSet,
    /// Recorded, without a say.
    pub observe: bool,
    /// Ladder for when it cannot be computed.
    pub on_error: String,
    /// Whether it needs a paid check or a signal.
    pub paid: bool,
    /// Whether it speaks of `output`: then it runs only on answers that have one.
    pub of_output: bool,
}

/// Whose answers something judges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceSet {
    /// A model's, from the cache too.
    pub model: bool,
    /// A person's.
    pub human: bool,
    /// The policy's.
    pub fallback: bool,
}

impl SourceSet {
    /// Everyone's.
    pub const ALL: Self = Self { model: true, human: true, fallback: true };
    /// Only models'.
    pub const MODEL: Self = Self { model: true, human: false, fallback: false };

    /// Whether it judges answers of that source.
    pub const fn holds(self, source: Source) -> bool {
        match source {
            Source::Model | Source::Cache => self.model,
            Source::Human => self.human,
            Source::Fallback => self.fallback,
        }
    }
}

/// What the rungs of one ladder say, in the ladder's order.
pub type LadderTexts = Vec<RungTexts>;

/// What one rung says.
#[derive(Debug, Default)]
pub struct RungTexts {
    /// What a repair tells the model, or a reject the caller.
    pub text: Option<Template>,
    /// List of reviewers that an escalation excludes.
    pub not: Option<Expression>,
}
