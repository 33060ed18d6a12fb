//! Keys of what a call may use and of how it may end: budget, limits, cache, pending, retention.

use super::{FileUse, Unit, Value, Word, shapes};
use crate::raw::{CachePer, PerWord};

pub(super) const PENDING_WORDS: &[Word] = &[
    Word { name: "fallback", doc: "The policy's fallback answers, marked as interim." },
    Word { name: "error", doc: "An error, as for a call that did not end in time." },
];
static PER: &[Value] = &[Value::Words(PerWord::WORDS), Value::Marked];
static THEN: &[Value] = &[Value::Words(PENDING_WORDS), Value::Map(&PENDING_THEN)];
static BURST: &[Value] = &[Value::Unit(Unit::Count), Value::Unit(Unit::Money)];

shapes! {
    /// What the automatic part may use. Each request to a model is one attempt.
    BUDGET = "a budget" {
        /// Requests to models: asks, retries, repairs, votes, judges, next models. From 1 to 100.
        "attempts" = "4" => Value::Unit(Unit::Count),
        /// Tokens, in and out together.
        "tokens" => Value::Unit(Unit::Count),
        /// Money.
        "cost" => Value::Unit(Unit::Money),
        /// How often a person may send an answer back.
        "changes" = "1" => Value::Unit(Unit::Count),
    }

    /// One limit: how much of one thing may come.
    LIMIT = "a limit" {
        /// Requests per time.
        "requests" either => Value::Unit(Unit::Rate),
        /// Tokens per time.
        "tokens" either => Value::Unit(Unit::Rate),
        /// Requests at one time.
        "concurrency" either => Value::Unit(Unit::Count),
        /// Money per time.
        "cost" either => Value::Unit(Unit::MoneyRate),
        /// What has a count of its own: each caller, tenant, policy or model, or each value of an
        /// expression.
        "per" = "policy" => Value::OneOf(PER),
        /// How much may come at once; else what comes in ten seconds.
        "burst" ["requests" "tokens" "cost"] => Value::OneOf(BURST),
    }

    /// How much of the caller's own messages goes on.
    CONVERSATION = "`conversation`" {
        /// Most messages, newest kept.
        "messages" => Value::Unit(Unit::Count),
        /// Most tokens, newest kept.
        "tokens" => Value::Unit(Unit::Count),
    }

    /// How long things are kept.
    RETAIN = "`retain`" {
        /// Inputs and answers.
        "bodies" => Value::Unit(Unit::Time),
        /// Words of events; after that only outcomes and decisions can be read.
        "events" => Value::Unit(Unit::Time),
        /// Words of outcomes and decisions, labels among them.
        "labels" => Value::Unit(Unit::Time),
    }

    /// How long the store keeps things.
    STORE_RETAIN = "`retain`" {
        /// Inputs and answers.
        "bodies" = "30d" => Value::Unit(Unit::Time),
        /// Words of events; after that only outcomes and decisions can be read.
        "events" = "400d" => Value::Unit(Unit::Time),
        /// Words of outcomes and decisions, labels among them.
        "labels" = "7y" => Value::Unit(Unit::Time),
    }

    /// The OpenAI face while a person decides: wait first, then answer.
    PENDING = "`pending`" {
        /// How long the request is held first. Callers may shorten it.
        "wait" = "0s" => Value::Unit(Unit::Time),
        /// What is answered then.
        "then" = "error" => Value::OneOf(THEN),
    }

    /// A refusal message that carries the call's id.
    PENDING_THEN = "`pending`" {
        /// What the message says.
        "refuse" required => Value::Template,
    }

    /// The cache of accepted answers.
    CACHE = "`cache`" {
        /// How long an answer is kept.
        "for" required => Value::Unit(Unit::Time),
        /// Who shares cached answers.
        "per" = "caller" => Value::Words(CachePer::WORDS),
        /// What makes two questions the same; else all of the input.
        "key" => Value::OneOrMany(&Value::Path),
    }

    /// A file of reference data.
    DATA_FILE = "a data file" {
        /// The file: `.json`, `.csv` or `.txt`.
        "file" required => Value::File(FileUse::Data),
        /// The column that makes it a look-up: `data.vendors["Acme"]`.
        "key" => Value::Text,
    }

    /// The most that a text or list may hold.
    SIZE = "`size`" {
        /// Characters.
        "chars" some => Value::Unit(Unit::Count),
        /// Tokens, estimated.
        "tokens" some => Value::Unit(Unit::Count),
        /// Elements of a list.
        "items" some => Value::Unit(Unit::Count),
    }
}
