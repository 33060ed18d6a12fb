//! Keys of the example call and of tests.

use super::{Names, Unit, Value, Word, shapes};
use crate::raw::{CheckStatus, Verdict};

const MISSING: &[Word] = &[Word { name: "missing", doc: "There is no such signal." }];
/// How a run may end.
pub const OUTCOMES: &[Word] = &[
    Word { name: "accepted", doc: "Nobody objected." },
    Word { name: "fallback", doc: "The policy's fallback answered." },
    Word { name: "approved", doc: "A person let it go." },
    Word { name: "edited", doc: "A person let it go, changed." },
    Word { name: "rejected", doc: "A person said no." },
    Word { name: "refused", doc: "The policy or a limit said no." },
    Word { name: "expired", doc: "Nobody decided in time." },
    Word { name: "cancelled", doc: "The caller or an operator ended it." },
    Word { name: "failed", doc: "Nothing was left." },
    Word { name: "observed", doc: "Judged and recorded only." },
];
/// The failure classes; what each means stands in the table of `on`.
pub const CLASSES: &[Word] = &[
    Word { name: "transport", doc: "" },
    Word { name: "timeout", doc: "" },
    Word { name: "throttled", doc: "" },
    Word { name: "overloaded", doc: "" },
    Word { name: "quota", doc: "" },
    Word { name: "misconfigured", doc: "" },
    Word { name: "invalid_request", doc: "" },
    Word { name: "declined", doc: "" },
    Word { name: "truncated", doc: "" },
    Word { name: "malformed", doc: "" },
    Word { name: "schema", doc: "" },
    Word { name: "low_confidence", doc: "" },
    Word { name: "tool_invalid", doc: "" },
    Word { name: "tool_denied", doc: "" },
    Word { name: "rule", doc: "" },
    Word { name: "check", doc: "" },
    Word { name: "check_error", doc: "" },
    Word { name: "limit", doc: "" },
    Word { name: "budget", doc: "" },
    Word { name: "breaker_open", doc: "" },
    Word { name: "shed", doc: "" },
    Word { name: "interrupted", doc: "" },
];
const ACTS: &[Word] = &[
    Word { name: "approve", doc: "Lets the answer go." },
    Word { name: "reject", doc: "Says no." },
    Word { name: "changes", doc: "Sends it back." },
    Word { name: "fallback", doc: "Chooses the fallback." },
];

static SIGNAL: &[Value] = &[Value::Words(MISSING), Value::Unit(Unit::Share)];
static ACT: &[Value] = &[Value::Words(ACTS), Value::Map(&REVIEW_ACT)];
const SIGNALS: Value = Value::Named(Names::Signal, &Value::OneOf(SIGNAL));
const STATUSES: Value = Value::Named(Names::Check, &Value::Words(CheckStatus::WORDS));
const FAIL: Value = Value::Words(CLASSES);

shapes! {
    /// A call that is accepted: values, or files that hold them.
    EXAMPLE = "an example" {
        /// What the caller sends.
        "input" => Value::Given,
        /// The conversation.
        "messages" => Value::Given,
        /// What the model answers.
        "output" => Value::Given,
        /// The tool call that the model makes: `{name, args}`.
        "tool" => Value::Given,
        /// The signals of the answer, by name.
        "signals" => SIGNALS,
        /// What paid checks come to, by name.
        "checks" => STATUSES,
    }

    /// What one attempt comes to.
    ANSWER = "an answer" {
        /// What the caller sends.
        "input" => Value::Given,
        /// The conversation.
        "messages" => Value::Given,
        /// What the model answers.
        "output" => Value::Given,
        /// The tool call that the model makes: `{name, args}`.
        "tool" => Value::Given,
        /// The signals of the answer, by name.
        "signals" => SIGNALS,
        /// What paid checks come to, by name.
        "checks" => STATUSES,
        /// The attempt fails with that class.
        "fail" => FAIL,
    }

    /// A test: what differs from the example, and what must follow.
    TEST = "a test" {
        /// Its name, in words.
        "name" required => Value::Text,
        /// What the caller sends.
        "input" => Value::Given,
        /// The conversation.
        "messages" => Value::Given,
        /// What the model answers.
        "output" => Value::Given,
        /// The tool call that the model makes: `{name, args}`.
        "tool" => Value::Given,
        /// The signals of the answer, by name.
        "signals" => SIGNALS,
        /// What checks come to, by name; `error` is one that could not run.
        "checks" => STATUSES,
        /// Reference data that replaces the file's, by name.
        "data" => Value::Given,
        /// The caller: `{name, tenant, roles}`.
        "caller" => Value::Given,
        /// The time received, such as `2026-11-25T10:00:00Z`.
        "now" => Value::Text,
        /// Places that differ from the example, each with its value.
        "change" => Value::Changes,
        /// Every attempt fails with that class.
        "fail" => FAIL,
        /// What each attempt comes to, in order.
        "answers" => Value::List(&Value::Map(&ANSWER)),
        /// What reviewers do, in order.
        "review" => Value::List(&Value::OneOf(ACT)),
        /// What must follow; what is absent is not looked at.
        "expect" required => Value::Map(&EXPECT),
    }

    /// A test file: more tests of the policy that it names.
    TEST_FILE = "a test file" {
        /// The policy whose tests these are.
        "policy" required => Value::Name(Names::Policy),
        /// The tests.
        "tests" required => Value::List(&Value::Map(&TEST)),
    }

    /// What a reviewer does.
    REVIEW_ACT = "an act" {
        /// Lets the answer go.
        "approve" either => Value::Nothing,
        /// Says no, for this reason.
        "reject" either => Value::OneOf(&[Value::Data, Value::Nothing]),
        /// Sends it back, with this text.
        "changes" either => Value::OneOf(&[Value::Data, Value::Nothing]),
        /// Chooses the fallback.
        "fallback" either => Value::Nothing,
        /// Lets it go with these places changed.
        "edit" either => Value::Changes,
    }

    /// What a test expects.
    EXPECT = "`expect`" {
        /// How the run ended.
        "outcome" => Value::Words(OUTCOMES),
        /// A rule that fired.
        "rule" => Value::Name(Names::Rule),
        /// Exactly these rules fired.
        "rules" => Value::List(&Value::Name(Names::Rule)),
        /// Rules that did not fire.
        "not_rule" => Value::OneOrMany(&Value::Name(Names::Rule)),
        /// The first verdict.
        "verdict" => Value::Words(Verdict::WORDS),
        /// The step that was taken, as written in the file.
        "step" => Value::Data,
        /// The models that were asked and the verdicts that were reached, in order, and no others.
        "way" => Value::List(&Value::Text),
        /// The queue.
        "queue" => Value::Name(Names::Queue),
        /// A part of the answer.
        "answer" => Value::Data,
        /// A part of the text that the caller gets: of the answer, or of the refusal.
        "text_has" => Value::Text,
    }
}
