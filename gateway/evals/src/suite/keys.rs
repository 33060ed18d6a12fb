//! Keys of suite files: what may stand in `evals/<suite>/suite.yaml`, and what each key is for.

use backstop_policy::keys::json_schema::Kind;
use backstop_policy::keys::{Names, Unit, Value, Word, shapes};

/// What editors know of suite files.
pub const FILE: Kind = Kind::new("suite", "Backstop suite", &SUITE);

const TIERS_KNOWN: &[Word] = &[
    Word { name: "replay", doc: "Recorded answers; costs nothing." },
    Word { name: "live", doc: "Real models; costs money." },
];
const NAMES: Value = Value::OneOrMany(&Value::Name(Names::Own));
static NEAR: &[Value] = &[Value::Unit(Unit::Number), Value::Unit(Unit::Share)];
/// Which of these it is depends on the metric; only the loader knows.
static BOUND: &[Value] = &[
    Value::Unit(Unit::Share),
    Value::Unit(Unit::Number),
    Value::Unit(Unit::Money),
    Value::Unit(Unit::Time),
];
static MEASURED: &[Value] = &[Value::Words(METRICS), Value::Like("^score[.].+$", "score.label")];

/// The gateway's own metrics; those of scores are `score.NAME`.
pub(super) const METRICS: &[Word] = &[
    Word { name: "wrong_accepted", doc: "Wrong answers among the accepted." },
    Word { name: "wrong_automatic", doc: "Wrong answers among all that left without a person." },
    Word { name: "automatic", doc: "Cases that ended with an answer and without a person." },
    Word { name: "escalated", doc: "Cases that a person was asked about." },
    Word { name: "escalation_precision", doc: "Escalations that were needed." },
    Word { name: "fallback_correct", doc: "Right answers among those of the fallback." },
    Word { name: "expected", doc: "Cases that came to the end that they expect." },
    Word { name: "failed", doc: "Cases that ended without answer or decision." },
    Word { name: "errors", doc: "Cases that could not be run; a plain cap." },
    Word { name: "repairs", doc: "Repairs per case." },
    Word { name: "attempts", doc: "Requests to models per case." },
    Word { name: "cost_per_accepted", doc: "Money per accepted answer." },
    Word { name: "review_minutes", doc: "Minutes of people per 1,000 cases." },
    Word { name: "latency_p50", doc: "Time of half of the cases; in the live tier only." },
    Word { name: "latency_p95", doc: "Time of 95 % of the cases; in the live tier only." },
];

shapes! {
    /// A suite: cases, what is measured on them, and what must hold.
    SUITE = "a suite" {
        /// The suite's name: that of its folder.
        "suite" required => Value::Name(Names::Own),
        /// The policy that is measured.
        "policy" required => Value::Name(Names::Policy),
        /// What it is for.
        "description" => Value::Text,
        /// The team that answers for it.
        "owner" required => Value::Text,
        /// Where answers come from, and what that may cost.
        "tiers" => Value::Map(&TIERS),
        /// Cases that must pass, one by one: ids, or `tag:` and a tag.
        "must_pass" some => Value::OneOrMany(&Value::Text),
        /// What is measured, by name.
        "scores" => Value::Named(Names::Own, &Value::Map(&SCORE)),
        /// The scores that make an answer correct.
        "correct" => NAMES,
        /// How long a person looks at one review.
        "review" = "3min" => Value::Unit(Unit::Time),
        /// What must hold.
        "gates" some => Value::List(&Value::Map(&GATE)),
        /// How sure a gate must be.
        "confidence" = "95%" => Value::Unit(Unit::Share),
        /// Cases that are left out for a while.
        "quarantine" => Value::List(&Value::Map(&QUARANTINE)),
    }

    /// What must hold for a number of the suite.
    GATE = "a gate" {
        /// The number.
        "of" required => Value::OneOf(MEASURED),
        /// It may not be above this.
        "at_most" either => Value::OneOf(BOUND),
        /// It may not be below this.
        "at_least" either => Value::OneOf(BOUND),
        /// It may not be worse than the baseline by more than this.
        "no_worse_by" either => Value::Unit(Unit::Share),
        /// How sure the gate must be; else as the suite says.
        "confidence" => Value::Unit(Unit::Share),
        /// The tier that it is measured in.
        "tier" => Value::Words(TIERS_KNOWN),
    }

    /// A case that is left out for a while.
    QUARANTINE = "a quarantine" {
        /// The case.
        "case" required => Value::Text,
        /// The day until which it is left out.
        "until" required => Value::Like("^[0-9]{4}-[0-9]{2}-[0-9]{2}$", "2026-12-31"),
        /// Why.
        "because" required => Value::Text,
    }

    /// What is measured on each answer.
    SCORE = "a score" {
        /// The place must be as expected.
        "exact" either => Value::Path,
        /// The number at the place must be near the expected one.
        "number" either => Value::Path,
        /// The list at the place must hold what is expected.
        "set" either => Value::Path,
        /// A condition over the answer.
        "when" either => Value::Expression,
        /// A policy that judges the answer.
        "judge" either => Value::Name(Names::Policy),
        /// How near a number must be.
        "within" ["number"] = "0" => Value::OneOf(NEAR),
        /// The least share of a set that must be there.
        "at_least" ["set"] = "100%" => Value::Unit(Unit::Share),
        /// The lowest score of a judge that passes.
        "pass" ["judge"] = "50%" => Value::Unit(Unit::Share),
        /// How often a judge must agree with people before a gate rests on it.
        "agreement" ["judge"] = "80%" => Value::Unit(Unit::Share),
    }

    /// The tiers of a suite.
    TIERS = "`tiers`" {
        /// Recorded answers; costs nothing.
        "replay" => Value::Map(&TIER),
        /// Real models.
        "live" => Value::Map(&LIVE_TIER),
    }

    /// How the replay tier is run.
    TIER = "the replay tier" {
        /// How often each case is asked.
        "repeats" = "1" => Value::Unit(Unit::Number),
    }

    /// How the live tier is run.
    LIVE_TIER = "the live tier" {
        /// How often each case is asked.
        "repeats" = "1" => Value::Unit(Unit::Number),
        /// The most that a run may cost; what it would take is estimated before it starts.
        "cost" required => Value::Unit(Unit::Money),
    }
}
