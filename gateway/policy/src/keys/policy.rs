//! Keys of the policy file and of fragments.

use super::judging::{BLOCK, CHECK, ON, ROW, RULE, TOOL};
use super::step::LADDER;
use super::tests_of::{EXAMPLE, TEST};
use super::{
    BUDGET, CACHE, CONVERSATION, DATA_FILE, FileUse, LIMIT, Names, PENDING, PENDING_THEN, RETAIN,
    Unit, Value, Word, shapes,
};
use crate::raw::{Criticality, Durability, Mode, OnDisconnect, StickWord, Stream};

const INPUTS: &[Word] = &[Word { name: "text", doc: "Plain text." }];
const OUTPUTS: &[Word] = &[
    Word { name: "text", doc: "Plain text, which may not be empty." },
    Word {
        name: "request",
        doc: "What the caller's own `response_format` says, else text; without a prompt only.",
    },
];
const OFF: &[Word] = &[Word { name: "off", doc: "Nothing is kept." }];
const REQUEST: &[Word] = &[Word {
    name: "request",
    doc: "The caller's own tools, their arguments checked against their own schemas; without a \
          prompt only.",
}];

static TOOLS: &[Value] = &[Value::Words(REQUEST), Value::Named(Names::Tool, &Value::Map(&TOOL))];
static STICK_TO: &[Value] = &[Value::Words(StickWord::WORDS), Value::Marked];
static FILES: &[Value] = &[Value::File(FileUse::Data), Value::Map(&DATA_FILE)];
pub(super) static PENDINGS: &[Value] =
    &[Value::Words(super::around::PENDING_WORDS), Value::Map(&PENDING), Value::Map(&PENDING_THEN)];

shapes! {
    /// A policy: how one task is guarded, from what callers send to what leaves.
    POLICY = "a policy" {
        /// The policy's name: that of its file, and the `model` name that callers use.
        "policy" required => Value::Name(Names::Own),
        /// What it is for.
        "description" => Value::Text,
        /// The team that answers for it.
        "owner" required => Value::Text,
        /// What goes first under load. Callers may lower it; `sheddable` needs `on.shed` to end
        /// without a model.
        "criticality" = "standard" => Value::Words(Criticality::WORDS),
        /// `observe` judges and records, and the first answer goes out marked `unchecked`. Classes
        /// without an answer and tools that write stay enforced.
        "mode" = "enforce" => Value::Words(Mode::WORDS),
        /// Fragments, which add checks, rules, tools, ladders, values, data and limits. A name used
        /// twice is an error.
        "include" => Value::OneOrMany(&Value::File(FileUse::Fragment)),
        /// The prompt: `prompts/<name>.md`. Without it the policy passes through: the caller's
        /// messages, tools and other fields go on unchanged, `input` is the request body, and
        /// every check still runs.
        "prompt" => Value::Name(Names::Prompt),
        /// What callers send: a JSON Schema, or `text`.
        "input" = "text" => Value::OneOf(&[Value::Words(INPUTS), Value::File(FileUse::Schema)]),
        /// Passes the caller's messages on, newest kept; over a cap the oldest go.
        "conversation" = "off" => Value::Map(&CONVERSATION),
        /// The contract of the answer: a JSON Schema, `text`, or `request`.
        "output" required =>
            Value::OneOf(&[Value::Words(OUTPUTS), Value::File(FileUse::Schema)]),
        /// Models of `gateway.yaml`, tried in this order.
        "models" required => Value::OneOrMany(&Value::Name(Names::Model)),
        /// Files that conditions look things up in, as `data.<name>`: `.json`, `.csv` with a header
        /// row, or `.txt` with one entry a line. They are part of the revision.
        "data" => Value::Named(Names::Data, &Value::OneOf(FILES)),
        /// Named numbers and shared expressions, used as `values.<name>`.
        "values" => Value::Named(Names::Value, &Value::Data),
        /// Where a bare `escalate` goes.
        "queue" => Value::Name(Names::Queue),
        /// How long the automatic part may take, from received. Callers may shorten it.
        "deadline" = "30s" => Value::Unit(Unit::Time),
        /// What the automatic part may use: one budget for asks, retries, repairs, votes and
        /// judges.
        "budget" => Value::Map(&BUDGET),
        /// Limits at the door; each one of requests, tokens, concurrency or cost.
        "limits" => LIMITS_HERE,
        /// The OpenAI face while a person decides.
        "pending" = "error" => Value::OneOf(PENDINGS),
        /// Keeps accepted answers for a time. Never with writing tools or a conversation.
        "cache" = "off" =>
            Value::OneOf(&[Value::Words(OFF), Value::Unit(Unit::Time), Value::Map(&CACHE)]),
        /// How text leaves. `checked`: in pieces that every check has cleared.
        "stream" = "buffer" => Value::Words(Stream::WORDS),
        /// How sure is sure enough, and of what. All blocks must be sure.
        "confidence" => Value::OneOrMany(&Value::Map(&BLOCK)),
        /// Rules over the request, before any model is asked; `output` is not known here.
        "before" => Value::List(&Value::Map(&RULE)),
        /// Judges of a place, by name: patterns, words, personal data, secrets, sizes, other
        /// models, services.
        "checks" => Value::Named(Names::Check, &Value::Map(&CHECK)),
        /// The tools that the model may call. A tool that is not listed is denied.
        "tools" => Value::OneOf(TOOLS),
        /// Rules over the answer.
        "rules" => Value::List(&Value::Map(&RULE)),
        /// Ladders by failure class. Name only what differs from the defaults.
        "on" => Value::Map(&ON),
        /// The ladder for a check, rule or signal that could not be computed.
        "on_error" = "otherwise" => LADDER,
        /// The answer without a model: one row, or rows of which the first that matches answers.
        /// The last row has no `when`.
        "fallback" => Value::OneOrMany(&Value::Map(&ROW)),
        /// The last rung of every ladder, so that no call is lost: `fallback`, `escalate` or
        /// `reject`.
        "otherwise" required => LADDER,
        /// When a response may leave. `relaxed`: before the disk has its events; never with writing
        /// tools.
        "durability" = "strict" => Value::Words(Durability::WORDS),
        /// `false`: asking the model already acts, so an attempt is on disk before it is sent,
        /// and is never sent twice.
        "repeatable" = "true" => Value::Bool,
        /// What becomes of a call whose caller hangs up.
        "on_disconnect" = "continue" => Value::Words(OnDisconnect::WORDS),
        /// How long things are kept.
        "retain" => Value::Map(&RETAIN),
        /// Places that are masked in pages, logs and exports unless the role may see them.
        "private" => Value::OneOrMany(&Value::Path),
        /// A draft that is judged beside this policy, on the same answers: nobody is asked again,
        /// nothing changes for the caller, and what would have ended otherwise is counted.
        "shadow" => Value::File(FileUse::Draft),
        /// A draft that answers a share of the calls, and is taken back by itself.
        "canary" => Value::Map(&CANARY),
        /// A call that is accepted: where tests start.
        "example" => Value::Map(&EXAMPLE),
        /// Tests: what is given, and what must follow. `backstop test` runs them without a model.
        "tests" => Value::List(&Value::Map(&TEST)),
    }

    /// A fragment: parts that several policies include.
    FRAGMENT = "a fragment" {
        /// The fragment's name.
        "fragment" required => Value::Name(Names::Own),
        /// Files that conditions look things up in, as `data.<name>`.
        "data" => Value::Named(Names::Data, &Value::OneOf(FILES)),
        /// Named numbers and shared expressions, used as `values.<name>`.
        "values" => Value::Named(Names::Value, &Value::Data),
        /// Limits at the door.
        "limits" => LIMITS_HERE,
        /// Rules over the request, before any model is asked.
        "before" => Value::List(&Value::Map(&RULE)),
        /// Judges of a place, by name.
        "checks" => Value::Named(Names::Check, &Value::Map(&CHECK)),
        /// Tools that the model may call.
        "tools" => Value::OneOf(TOOLS),
        /// Rules over the answer.
        "rules" => Value::List(&Value::Map(&RULE)),
        /// Ladders by failure class.
        "on" => Value::Map(&ON),
    }
}

shapes! {
    /// A draft that answers a share of the calls.
    CANARY = "`canary`" {
        /// The draft, in `drafts/`.
        "to" required => Value::File(FileUse::Draft),
        /// Its share of the calls. A larger share keeps the calls of a smaller one.
        "share" required => Value::Unit(Unit::Share),
        /// What calls go together: `caller`, or an expression. Else each call is drawn by its
        /// idempotency key or id.
        "stick_to" => Value::OneOf(STICK_TO),
        /// When it is taken back by itself; it comes back only under other terms, or as another
        /// draft.
        "return_if" => Value::Map(&RETURN_IF),
    }

    /// When a canary is taken back by itself.
    RETURN_IF = "`return_if`" {
        /// More than this share of its calls was put to a person.
        "escalated_over" some => Value::Unit(Unit::Share),
        /// More than this share of its calls failed: without an answer, or with the fallback's,
        /// for another reason than a rule, a check or a limit.
        "failed_over" some => Value::Unit(Unit::Share),
        /// Over how many of its newest calls, once there are as many.
        "after" = "100" => Value::Unit(Unit::Count),
    }
}

const LIMITS_HERE: Value = Value::List(&Value::Map(&LIMIT));
