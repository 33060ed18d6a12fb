//! Keys of steps: a verdict with its options, in short and long forms.

use super::{Names, Unit, Value, Word, shapes};
use crate::raw::Priority;

const REJECT_DOC: &str = "Ends as `refused`; the caller gets the text.";
const ESCALATE_DOC: &str = "A person decides; the bare word goes to the policy's `queue`.";
const FALLBACK_DOC: &str = "The policy's `fallback:` answers.";
const NEXT_DOC: &str = "The next of `models`, or skip ahead to the one named; never back.";
const RETRY_DOC: &str = "The same request again; after `truncated` with twice the cap.";
const WAIT_DOC: &str = "Wait until the limiter or breaker allows; only under `on:`.";
const REPAIR_DOC: &str =
    "Ask the same model again with findings and text, or mask what a check found.";
const ACCEPT_DOC: &str = "No objection; only as a whole `then` of a rule or check.";

/// The steps as bare words, strictest first.
pub const STEP_WORDS: &[Word] = &[
    Word { name: "reject", doc: REJECT_DOC },
    Word { name: "escalate", doc: ESCALATE_DOC },
    Word { name: "fallback", doc: FALLBACK_DOC },
    Word { name: "next_model", doc: NEXT_DOC },
    Word { name: "retry", doc: RETRY_DOC },
    Word { name: "wait", doc: WAIT_DOC },
    Word { name: "repair", doc: REPAIR_DOC },
    Word { name: "accept", doc: ACCEPT_DOC },
];

/// One step or a list of steps, taken from left to right.
pub const LADDER: Value =
    Value::OneOrMany(&Value::OneOf(&[Value::Words(STEP_WORDS), Value::Map(&STEP)]));

const SHOWN: &[Word] = &[
    Word { name: "all", doc: "Everything." },
    Word { name: "weak", doc: "The places that confidence found weak." },
];
static SHOW: &[Value] = &[Value::Words(SHOWN), Value::OneOrMany(&Value::Path)];
static MAY_EDIT: &[Value] = &[Value::List(&Value::Path), Value::Path];

static REJECTS: &[Value] = &[Value::Template, Value::Map(&REJECT), Value::Nothing];
static ESCALATES: &[Value] = &[Value::Name(Names::Queue), Value::Map(&ESCALATE), Value::Nothing];
static NEXT: &[Value] = &[Value::Name(Names::Model), Value::Map(&NEXT_MODEL), Value::Nothing];
static RETRIES: &[Value] = &[Value::Unit(Unit::Count), Value::Map(&RETRY), Value::Nothing];
static WAITS: &[Value] = &[Value::Unit(Unit::Time), Value::Map(&WAIT), Value::Nothing];
static REPAIRS: &[Value] =
    &[Value::Template, Value::Unit(Unit::Count), Value::Map(&REPAIR), Value::Nothing];
static ACCEPTS: &[Value] = &[Value::Map(&ACCEPT), Value::Nothing];

shapes! {
    /// A step: exactly one verdict, with its options.
    STEP = "a step" {
        /// Ends as `refused`; the caller gets the text.
        "reject" either => Value::OneOf(REJECTS),
        /// A person decides, in the queue named.
        "escalate" either => Value::OneOf(ESCALATES),
        /// The policy's `fallback:` answers; as a bare word.
        "fallback" either => Value::Nothing,
        /// The next of `models`, or skip ahead to the one named; never back.
        "next_model" either => Value::OneOf(NEXT),
        /// The same request again, so often; after `truncated` with twice the cap.
        "retry" either => Value::OneOf(RETRIES),
        /// Wait until the limiter or breaker allows; only under `on:`.
        "wait" either => Value::OneOf(WAITS),
        /// Ask the same model again with findings and text, so often; or mask what a check found.
        "repair" either => Value::OneOf(REPAIRS),
        /// No objection, with a blind audit afterwards; only as a whole `then` of a rule or check.
        "accept" either => Value::OneOf(ACCEPTS),
    }

    /// Options of `reject`.
    REJECT = "`reject`" {
        /// What the caller is told; else the rule's `because`.
        "say" => Value::Template,
    }

    /// Options of `escalate`.
    ESCALATE = "`escalate`" {
        /// The queue; else the policy's.
        "queue" => Value::Name(Names::Queue),
        /// Until when, in opening hours; else the queue's.
        "due" => Value::Unit(Unit::Time),
        /// How soon.
        "priority" = "normal" => Value::Words(Priority::WORDS),
        /// How many must approve; may only tighten the queue's number.
        "approvals" => Value::Unit(Unit::Count),
        /// Whether reviewers are kept from each other's votes; may only tighten.
        "blind" => Value::Bool,
        /// Reviewers who are left out: a list of texts.
        "not" => Value::Expression,
        /// What the reviewer is shown first.
        "show" => Value::OneOf(SHOW),
        /// What the reviewer may edit; else all of the output, and nothing of a tool call.
        "may_edit" => Value::OneOf(MAY_EDIT),
    }

    /// Options of `next_model`.
    NEXT_MODEL = "`next_model`" {
        /// The model to skip to.
        "to" => Value::Name(Names::Model),
    }

    /// Options of `retry`.
    RETRY = "`retry`" {
        /// How often, from 1 to 100.
        "times" = "1" => Value::Unit(Unit::Count),
        /// The first wait; it doubles, with full jitter. A model's own `retry-after` wins.
        "backoff" = "500ms" => Value::Unit(Unit::Time),
    }

    /// Options of `wait`.
    WAIT = "`wait`" {
        /// At most so long; else until the deadline.
        "at_most" => Value::Unit(Unit::Time),
    }

    /// Options of `repair`.
    REPAIR = "`repair`" {
        /// How often, from 1 to 100.
        "times" = "1" => Value::Unit(Unit::Count),
        /// What to tell the model.
        "tell" => Value::Template,
        /// The model to ask in place of the same one.
        "model" => Value::Name(Names::Model),
        /// The check whose found spans are masked, as `[iban]`; needs no model.
        "mask" => Value::Name(Names::Check),
    }

    /// Options of `accept`.
    ACCEPT = "`accept`" {
        /// The queue of a blind audit afterwards.
        "also_review" => Value::Name(Names::Queue),
    }
}
