//! Reasons in words, for people.

use backstop_domain::SkipReason;

/// Why a rung or a request was not taken.
pub const fn skip(why: SkipReason) -> &'static str {
    match why {
        SkipReason::Spent => "it was taken as often as the policy allows",
        SkipReason::NoModelLeft => "no model is left",
        SkipReason::NoFallback => "there is no fallback, or it was objected to",
        SkipReason::Budget => "the budget cannot pay for it",
        SkipReason::Deadline => "the deadline leaves no time for it",
        SkipReason::NotAModels => "there is no answer of a model to send back",
        SkipReason::NotRepeatable => "the policy says that asking already acts",
        SkipReason::NoTimeKnown => "nobody said when it may be tried again",
        SkipReason::Decided => "that queue has decided on this call",
        SkipReason::Persons => "a person's answer is not asked again of a machine",
    }
}
