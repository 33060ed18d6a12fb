//! Keys of what judges: rules, checks, tools, confidence; and of what then happens.

use super::step::LADDER;
use super::{FileUse, Names, SIZE, Unit, Value, Word, shapes};
use crate::raw::{Audience, Compare, Effect, Mode, Must, Need as Agreement, PerWord, PersonalData};

const ALL: &[Word] = &[Word { name: "all", doc: "Every kind." }];
const LAST_GOOD: &[Word] =
    &[Word { name: "last_good", doc: "The last accepted answer to the same question." }];
const SOURCES: &[Word] =
    &[Word { name: "logprobs", doc: "Log-probabilities of the value's tokens." }];
const OFF_OR_ON: Value = Value::Bool;

static WORD_LIST: &[Value] = &[Value::File(FileUse::Lines), Value::OneOrMany(&Value::Text)];
static PERSONAL: &[Value] =
    &[Value::Words(ALL), Value::OneOrMany(&Value::Words(PersonalData::WORDS))];
static SECRETS: &[Value] = &[Value::Words(ALL), Value::OneOrMany(&Value::Name(Names::Own))];
static FROM: &[Value] = &[Value::Words(SOURCES), Value::Map(&SOURCE)];
static ACCEPT_FORMS: &[Value] = &[
    Value::Unit(Unit::Share),
    Value::Map(&BY_MODEL),
    Value::Named(Names::Signal, &Value::Unit(Unit::Share)),
];
static ANSWERS: &[Value] = &[Value::Words(LAST_GOOD), Value::Data];
static PER: &[Value] = &[Value::Words(PerWord::WORDS), Value::Marked];

const PATHS: Value = Value::OneOrMany(&Value::Path);
const AUDIENCE: Value = Value::OneOrMany(&Value::Words(Audience::WORDS));

shapes! {
    /// A rule: a named condition with the ladder it asks for. It fires when `when` is true and
    /// `unless` is not; with neither it always fires.
    RULE = "a rule" {
        /// Its id, unique in the policy.
        "id" required => Value::Name(Names::Own),
        /// Whose answers it judges; else everybody's.
        "for" => AUDIENCE,
        /// `observe`: recorded, no say.
        "mode" = "enforce" => Value::Words(Mode::WORDS),
        /// It fires when this is true …
        "when" => Value::Expression,
        /// … and this is not.
        "unless" => Value::Expression,
        /// What it asks for: a ladder, one step or a list.
        "then" required => LADDER,
        /// Why, for caller, reviewer and record; else the id in words.
        "because" => Value::Template,
        /// The ladder if it cannot be computed; else the policy's.
        "on_error" => LADDER,
    }

    /// A check: a judge of a place, of exactly one kind.
    CHECK = "a check" {
        /// A regular expression (linear time).
        "pattern" either => Value::Pattern,
        /// Words, case aside: a list, or a file with one a line.
        "words" either => Value::OneOf(WORD_LIST),
        /// Personal data of these kinds that is not allowed.
        "personal_data" either => Value::OneOf(PERSONAL),
        /// Keys, tokens and passwords: `all`, or kinds.
        "secrets" either => Value::OneOf(SECRETS),
        /// It may not be larger.
        "size" either => Value::Map(&SIZE),
        /// Paid: a prompt that answers `{score, reason}`.
        "judge" either => Value::Name(Names::Prompt),
        /// Paid: a service of `gateway.yaml`.
        "service" either => Value::Name(Names::Service),
        /// Whether the pattern must occur or must not.
        "must" ["pattern"] = "not_match" => Value::Words(Must::WORDS),
        /// Whether only whole words count.
        "whole_words" ["words"] = "true" => Value::Bool,
        /// The model that judges.
        "model" required ["judge"] => Value::Name(Names::Model),
        /// Where it looks: a path, or several.
        "at" required => PATHS,
        /// Texts that may occur: an expression that gives a list of texts.
        "allow" ["personal_data"] => Value::Expression,
        /// The lowest score that passes.
        "pass" ["judge"] = "0.5" => Value::Unit(Unit::Share),
        /// A score above this fails.
        "fail_over" ["service"] = "0.5" => Value::Unit(Unit::Share),
        /// Else it does not apply.
        "when" => Value::Expression,
        /// Whose answers it judges.
        "for" => AUDIENCE,
        /// `observe`: recorded, no say.
        "mode" = "enforce" => Value::Words(Mode::WORDS),
        /// How long a judge or service may take.
        "timeout" = "2s" => Value::Unit(Unit::Time),
        /// What a failure asks for. `accept`: only rules look at it.
        "then" = "otherwise" => LADDER,
        /// The ladder if it cannot be computed; else the policy's.
        "on_error" => LADDER,
    }

    /// A tool that the model may call.
    TOOL = "a tool" {
        /// What calling it does.
        "effect" required => Value::Words(Effect::WORDS),
        /// The JSON Schema of its arguments.
        "args" required => Value::File(FileUse::Arguments),
        /// What its executor does to make a released call of it good, in the executor's word.
        "compensate" => Value::Name(Names::Own),
        /// Limits on its use.
        "limits" => Value::List(&Value::Map(&TOOL_LIMIT)),
        /// How sure the arguments must be.
        "confidence" => Value::OneOrMany(&Value::Map(&BLOCK)),
        /// Rules over each call of it; they know `tool`.
        "rules" => Value::List(&Value::Map(&RULE)),
        /// The ladder for arguments not to schema and for a limit.
        "then" = "on.tool_invalid, on.tool_denied" => LADDER,
    }

    /// A limit on a tool: its calls, or a sum over them.
    TOOL_LIMIT = "a tool's limit" {
        /// Calls per time.
        "calls" either => Value::Unit(Unit::Rate),
        /// The number of one call that is summed, such as `"= tool.args.amount_cents"`.
        "sum" either => Value::Marked,
        /// The most per time that the sum may come to.
        "at_most" required ["sum"] => Value::Unit(Unit::Rate),
        /// What has a count of its own.
        "per" = "policy" => Value::OneOf(PER),
    }

    /// A confidence block: where to look, whom to ask, how sure is sure.
    BLOCK = "a confidence block" {
        /// The place, or several; each matching value is judged apart. Left out only for `judge`
        /// and `calc`.
        "at" => PATHS,
        /// Whom to ask, in order.
        "from" required => Value::OneOrMany(&Value::OneOf(FROM)),
        /// Whether one or all must be sure.
        "need" = "any" => Value::Words(Agreement::WORDS),
        /// How sure is sure: a share, `{by_model: {name: share}}`, or `{source: share}`.
        "accept" required => Value::OneOf(ACCEPT_FORMS),
        /// The ladder of doubt.
        "then" = "on.low_confidence" => LADDER,
    }

    /// Where a signal comes from.
    SOURCE = "a confidence source" {
        /// Log-probabilities of the value's tokens.
        "logprobs" either => OFF_OR_ON,
        /// Agreement of so many answers in all.
        "votes" either => Value::Unit(Unit::Count),
        /// A prompt that answers `{score, reason}`.
        "judge" either => Value::Name(Names::Prompt),
        /// A number that the model reports beside the value: the name of the field.
        "reported" either => Value::Text,
        /// A formula.
        "calc" either => Value::Expression,
        /// When two answers are the same.
        "compare" ["votes"] = "exact" => Value::Words(Compare::WORDS),
        /// The model that judges.
        "model" required ["judge"] => Value::Name(Names::Model),
        /// Asked only when this is true.
        "when" => Value::Expression,
        /// Its name in `signals`; else the kind.
        "as" => Value::Name(Names::Own),
    }

    /// Thresholds by the model that answered.
    BY_MODEL = "`accept`" {
        /// The least signal of each model.
        "by_model" required => Value::Named(Names::Model, &Value::Unit(Unit::Share)),
    }

    /// One row of `fallback`.
    ROW = "a fallback row" {
        /// The row answers when this is true; the last row has none.
        "when" => Value::Expression,
        /// What it answers: a value in which `"= …"` is computed, or `last_good`.
        "answer" required => Value::OneOf(ANSWERS),
        /// For `last_good`: not older than this.
        "within" => Value::Unit(Unit::Time),
        /// For `last_good`: what must be the same; else all of the input.
        "same" => PATHS,
    }

    /// Ladders by failure class.
    ON = "`on`" {
        /// Connect, TLS, reset, or a body that is no API answer.
        "transport" = "[retry: 1, next_model, fallback]" => LADDER,
        /// First byte, idle, attempt or call deadline.
        "timeout" = "[next_model, fallback]" => LADDER,
        /// The model's server says 429.
        "throttled" = "[wait, next_model, fallback]" => LADDER,
        /// The model's server says 5xx or 529, or the stream was cut.
        "overloaded" = "[retry: 1, next_model, fallback]" => LADDER,
        /// The quota at the provider is used up.
        "quota" = "[next_model, fallback]" => LADDER,
        /// 401, 403 or 404 of ours toward the model.
        "misconfigured" = "[next_model, fallback]" => LADDER,
        /// The caller's request does not go: 400, 413, 422, or too long a context.
        "invalid_request" = "reject" => LADDER,
        /// The model refuses, or a content filter.
        "declined" = "escalate" => LADDER,
        /// The answer was cut at its length.
        "truncated" = "[retry: 1, fallback]" => LADDER,
        /// The answer is not JSON. Local mending is always tried first and invents nothing.
        "malformed" = "[repair: 2, next_model, fallback]" => LADDER,
        /// JSON, but not to the contract.
        "schema" = "[repair: 2, next_model, fallback]" => LADDER,
        /// Below the threshold, or missing.
        "low_confidence" = "escalate" => LADDER,
        /// A tool's arguments are not to their schema.
        "tool_invalid" = "[repair: 1, escalate]" => LADDER,
        /// A tool that is not listed, or over its limit.
        "tool_denied" = "[repair: 1, escalate]" => LADDER,
        /// A limit of ours on the model.
        "limit" = "[wait, next_model, fallback]" => LADDER,
        /// The budget cannot pay for what is next.
        "budget" = "[wait, next_model, fallback]" => LADDER,
        /// The model rests because it kept failing.
        "breaker_open" = "[next_model, wait, fallback]" => LADDER,
        /// The load level, or the caller's limits at the door. Without a ladder it is refused
        /// there.
        "shed" => LADDER,
        /// A crash between an attempt's start and end.
        "interrupted" = "[retry: 1] if repeatable, else escalate" => LADDER,
    }
}
