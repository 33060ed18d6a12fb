//! Keys of suite files: what may stand in `evals/<suite>/suite.yaml`, and what each key is for.

use backstop_policy::keys::{Names, Unit, Value, Word, shapes};

const TIERS_KNOWN: &[Word] = &[
    Word { name: "replay", doc: "Recorded answers; costs nothing." },
    Word { name: "live", doc: "Real models; costs money." },
];
const NAMES: Value = Value::OneOrMany(&Value::Name(Names::Own));
static NEAR: &[Value] = &[Value::Unit(Unit::Count), Value::Unit(Unit::Share)];

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
        "must_pass" => Value::OneOrMany(&Value::Text),
        /// What is measured, by name.
        "scores" => Value::Named(Names::Own, &Value::Map(&SCORE)),
        /// The scores that make an answer correct.
        "correct" => NAMES,
        /// How long a person looks at one review.
        "review" = "3min" => Value::Unit(Unit::Time),
        /// What must hold.
        "gates" => Value::List(&Value::Map(&GATE)),
        /// How sure a gate must be.
        "confidence" = "95%" => Value::Unit(Unit::Share),
        /// Cases that are left out for a while.
        "quarantine" => Value::List(&Value::Map(&QUARANTINE)),
    }

    /// What must hold for a number of the suite.
    GATE = "a gate" {
        /// The number.
        "of" required => Value::Text,
        /// It may not be above this.
        "at_most" either => Value::Text,
        /// It may not be below this.
        "at_least" either => Value::Text,
        /// It may not be worse than the baseline by more than this.
        "no_worse_by" either => Value::Text,
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
        "until" required => Value::Text,
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
        "within" = "0" => Value::OneOf(NEAR),
        /// The least share of a set that must be there.
        "at_least" = "100%" => Value::Unit(Unit::Share),
        /// The lowest score of a judge that passes.
        "pass" = "50%" => Value::Unit(Unit::Share),
        /// How often a judge must agree with people before a gate rests on it.
        "agreement" = "80%" => Value::Unit(Unit::Share),
    }

    /// The tiers of a suite.
    TIERS = "`tiers`" {
        /// Recorded answers; costs nothing.
        "replay" => Value::Map(&TIER),
        /// Real models.
        "live" => Value::Map(&TIER),
    }

    /// How a tier is run.
    TIER = "a tier" {
        /// How often each case is asked.
        "repeats" = "1" => Value::Unit(Unit::Count),
        /// The most that a run may cost.
        "cost" => Value::Unit(Unit::Money),
    }
}
