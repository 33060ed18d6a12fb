//! How a call may end without a checked answer of a model: fallback, pending, cache.

use super::data::{Data, DataKind};
use super::expression::{Expression, Text};
use crate::decode::{Decode, Decoder, Fields, OneOrMany, words};
use crate::diagnostics::{Code, Problem, suggest};
use crate::keys;
use crate::path::Path;
use crate::source::{Span, Spanned};
use crate::units::Time;
use crate::yaml::{Kind, Node};

/// What a fallback row answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This value, with its expressions computed.
    Value(Data),
    /// The last accepted answer to the same question.
    LastGood {
        /// Not older than this.
        within: Option<Spanned<Time>>,
        /// What must be the same; empty means all of the input.
        same: Vec<Spanned<Path>>,
    },
}

/// One row of `fallback`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FallbackRow {
    /// The row answers when this is true; the last row has none.
    pub when: Option<Expression>,
    /// What it answers.
    pub answer: Answer,
    /// Where the row stands.
    pub span: Span,
}

impl Decode for FallbackRow {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::ROW, d)?;
        let when = fields.optional("when", d);
        let answer: Option<Data> = fields.required("answer", d);
        let last_good = answer.as_ref().is_some_and(
            |answer| matches!(&answer.kind, DataKind::Text(text) if text == "last_good"),
        );
        let within = fields.optional("within", d);
        let same = fields.all::<OneOrMany<_>>("same", d).0;
        for key in ["within", "same"] {
            if let (Some(span), false) = (fields.key_span(key), last_good) {
                let say = format!("`{key}` belongs to `answer: last_good`");
                d.report.push(Problem::error(Code::Conflict, span, say).help("remove the key"));
            }
        }
        fields.finish(d);
        let answer = answer?;
        let answer =
            if last_good { Answer::LastGood { within, same } } else { Answer::Value(answer) };
        Some(Self { when, answer, span: node.span })
    }
}

/// Reports rows that can never be reached, and a last row that may not match.
pub(super) fn check_rows(rows: &[FallbackRow], d: &mut Decoder<'_>) {
    let always =
        |row: &FallbackRow| row.when.is_none() && !matches!(row.answer, Answer::LastGood { .. });
    if let Some(end) = rows.iter().position(always)
        && let Some(after) = rows.get(end + 1)
    {
        let say = "this row is never reached";
        let problem = Problem::error(Code::RowAfterLast, after.span, say);
        let first = rows.get(end).map_or(after.span, |row| row.span);
        let problem = problem.related(first, "this row has no `when`, so it always answers");
        d.report.push(problem.help("put the row without `when` last"));
    }
    if let Some(last) = rows.last()
        && !always(last)
        && !rows.iter().any(always)
    {
        let (say, help) = match last.when {
            Some(_) => ("the last fallback row must always answer", "add a row without `when`"),
            None => ("`last_good` may find nothing", "add a row with a constant answer after it"),
        };
        d.report.push(Problem::error(Code::LastRow, last.span, say).help(help));
    }
}

/// What an OpenAI client gets while a person decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PendingThen {
    /// The fallback, marked as interim.
    Fallback,
    /// A refusal message that carries the call's id.
    Refuse(Text),
    /// An error.
    Error,
}

/// What happens on the OpenAI face while a person decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// How long the request is held first; default 0.
    pub wait: Option<Spanned<Time>>,
    /// What is answered then.
    pub then: PendingThen,
    /// Where it stands.
    pub span: Span,
}

impl Decode for PendingThen {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match node.as_text() {
            Some("fallback") => return Some(Self::Fallback),
            Some("error") => return Some(Self::Error),
            Some(word) => {
                let say = format!("`{word}` cannot be answered while a person decides");
                let help = suggest::nearest(word, ["fallback", "error"]).map_or_else(
                    || "write `fallback`, `{refuse: \"text\"}` or `error`".to_owned(),
                    |word| format!("did you mean `{word}`?"),
                );
                return d.refuse(Problem::error(Code::UnknownWord, node.span, say).help(help));
            }
            None => {}
        }
        let mut fields = Fields::open(node, &keys::PENDING_THEN, d)?;
        let text = fields.required("refuse", d);
        fields.finish(d);
        text.map(Self::Refuse)
    }
}

impl Decode for Pending {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let span = node.span;
        let short = match &node.kind {
            Kind::Map(entries) => entries.iter().any(|entry| entry.key.value == "refuse"),
            _ => true,
        };
        if short {
            return PendingThen::decode(node, d).map(|then| Self { wait: None, then, span });
        }
        let mut fields = Fields::open(node, &keys::PENDING, d)?;
        let wait = fields.optional("wait", d);
        let then = fields.or("then", PendingThen::Error, d);
        fields.finish(d);
        Some(Self { wait, then, span })
    }
}

words! {
    /// Who shares cached answers.
    pub enum CachePer: "who shares cached answers" {
        /// Each caller has its own.
        Caller = "caller",
        /// A tenant's callers share them.
        Tenant = "tenant",
        /// All callers of the policy share them.
        Policy = "policy",
    }
}

/// The cache of accepted answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cache {
    /// None.
    Off,
    /// Answers are kept.
    On {
        /// For so long.
        keep: Spanned<Time>,
        /// Who shares them; default each caller its own.
        per: CachePer,
        /// What makes two questions the same; empty means all of the input.
        key: Vec<Spanned<Path>>,
    },
}

impl Decode for Cache {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let on = |keep, per, key| Some(Self::On { keep, per, key });
        match &node.kind {
            Kind::Scalar(scalar) if scalar.text == "off" => Some(Self::Off),
            Kind::Scalar(_) => on(Spanned::decode(node, d)?, CachePer::Caller, Vec::new()),
            _ => {
                let mut fields = Fields::open(node, &keys::CACHE, d)?;
                let keep = fields.required("for", d);
                let per = fields.or("per", CachePer::Caller, d);
                let key = fields.all::<OneOrMany<_>>("key", d).0;
                fields.finish(d);
                on(keep?, per, key)
            }
        }
    }
}
