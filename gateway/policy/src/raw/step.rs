//! Steps (a verdict with its options) and ladders, in all short and long forms.
//!
//! The same ladder may stand in many places, but not every step in each: [`Ladder::check`] says
//! which.

use super::expression::{Expression, Text};
use crate::decode::{Decode, Decoder, Fields, Name, OneOrMany, words};
use crate::diagnostics::{Code, Problem, suggest};
use crate::keys;
use crate::path::Path;
use crate::source::{Span, Spanned};
use crate::units::{Count, Time};
use crate::yaml::{Entry, Kind, Node};

words! {
    /// How soon a review is wanted.
    pub enum Priority: "a priority" {
        /// After the others.
        Low = "low",
        /// As it comes.
        Normal = "normal",
        /// Before the others.
        High = "high",
    }
}

/// One step of a ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Ends as `refused`; the caller gets the text.
    Reject {
        /// What the caller is told; default the rule's `because`.
        say: Option<Text>,
    },
    /// A person decides.
    Escalate(Box<Escalate>),
    /// The policy's `fallback:` answers.
    Fallback,
    /// The next model, or skip ahead to that one.
    NextModel {
        /// The model to skip to.
        to: Option<Spanned<Name>>,
    },
    /// The same request again.
    Retry {
        /// How often; default once.
        times: Option<Spanned<Count>>,
        /// First wait, doubling, full jitter; default 500 ms.
        backoff: Option<Spanned<Time>>,
    },
    /// Until the limiter or breaker allows.
    Wait {
        /// At most so long; default until the deadline.
        at_most: Option<Spanned<Time>>,
    },
    /// Ask the model again with the findings, or mask what was found.
    Repair {
        /// How often; default once.
        times: Option<Spanned<Count>>,
        /// What to tell the model.
        tell: Option<Text>,
        /// The model to ask in place of the same one.
        model: Option<Spanned<Name>>,
        /// The check whose found spans are masked; needs no model.
        mask: Option<Spanned<Name>>,
    },
    /// No objection.
    Accept {
        /// The queue of a blind audit afterwards.
        also_review: Option<Spanned<Name>>,
    },
}

/// The options of `escalate`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Escalate {
    /// The queue; default the policy's.
    pub queue: Option<Spanned<Name>>,
    /// Until when, in opening hours; default the queue's.
    pub due: Option<Spanned<Time>>,
    /// How soon.
    pub priority: Option<Spanned<Priority>>,
    /// How many must approve; may only tighten the queue's number.
    pub approvals: Option<Spanned<Count>>,
    /// Whether reviewers see each other's votes; may only tighten.
    pub blind: Option<Spanned<bool>>,
    /// A list of reviewers who are left out.
    pub not: Option<Expression>,
    /// What the reviewer is shown first.
    pub show: Option<Spanned<Show>>,
    /// What the reviewer may edit; default all of the output, nothing of a tool call.
    pub may_edit: Option<Vec<Spanned<Path>>>,
}

/// What a reviewer is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Show {
    /// Everything.
    All,
    /// The places that confidence found weak.
    Weak,
    /// These places.
    Paths(Vec<Spanned<Path>>),
}

/// Where a ladder stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// `then` of a rule or check over the answer.
    Then,
    /// `then` of a `before` rule, or of a check of the input.
    Before,
    /// `on.<class>`.
    Class,
    /// `on_error`, and `then` of tools and confidence blocks.
    Other,
    /// `otherwise`.
    Otherwise,
}

/// Steps in the order they are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ladder {
    /// The steps; never empty.
    pub steps: Vec<Spanned<Step>>,
    /// Where the ladder stands.
    pub span: Span,
}

const WORDS: [&str; 8] =
    ["reject", "escalate", "fallback", "next_model", "retry", "wait", "repair", "accept"];

impl Step {
    /// The verdict's word.
    pub const fn verdict(&self) -> &'static str {
        match self {
            Self::Reject { .. } => "reject",
            Self::Escalate(_) => "escalate",
            Self::Fallback => "fallback",
            Self::NextModel { .. } => "next_model",
            Self::Retry { .. } => "retry",
            Self::Wait { .. } => "wait",
            Self::Repair { .. } => "repair",
            Self::Accept { .. } => "accept",
        }
    }

    fn bare(word: &str) -> Option<Self> {
        Some(match word {
            "reject" => Self::Reject { say: None },
            "escalate" => Self::Escalate(Box::default()),
            "fallback" => Self::Fallback,
            "next_model" => Self::NextModel { to: None },
            "retry" => Self::Retry { times: None, backoff: None },
            "wait" => Self::Wait { at_most: None },
            "repair" => Self::Repair { times: None, tell: None, model: None, mask: None },
            "accept" => Self::Accept { also_review: None },
            _ => return None,
        })
    }
}

impl Decode for Step {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(scalar) => {
                Self::bare(&scalar.text).or_else(|| unknown(&scalar.text, node.span, d))
            }
            Kind::Map(entries) => match entries.as_slice() {
                [entry] => with_options(entry, d),
                [_, second, ..] => {
                    let say = "a step has exactly one key, its verdict";
                    let help = "put options inside it, as in `{escalate: {queue: q, due: 4h}}`; \
                                further steps are further entries of a list";
                    d.refuse(Problem::error(Code::BadStep, second.key.span, say).help(help))
                }
                [] => d.refuse(Problem::error(Code::BadStep, node.span, "the step is empty")),
            },
            Kind::List(_) => d.expected("one step", node, Some("a ladder cannot hold a ladder")),
        }
    }
}

fn unknown<T>(word: &str, span: Span, d: &mut Decoder<'_>) -> Option<T> {
    let help = match word {
        "refuse" | "block" | "deny" => Some("write `reject`".to_owned()),
        "human" | "review" => Some("write `escalate`".to_owned()),
        _ => suggest::did_you_mean(word, WORDS),
    };
    let message = format!("`{word}` is not a step");
    d.refuse(Problem::error(Code::UnknownWord, span, message).help_if(help))
}

fn with_options(entry: &Entry, d: &mut Decoder<'_>) -> Option<Step> {
    let node = &entry.value;
    if node.is_null() {
        // `- repair:` is read as the bare word: nothing else can be meant.
        let word = &entry.key.value;
        return Step::bare(word).or_else(|| unknown(word, entry.key.span, d));
    }
    let long = matches!(node.kind, Kind::Map(_));
    match entry.key.value.as_str() {
        "reject" => reject(node, long, d),
        "escalate" => escalate(node, long, d).map(|options| Step::Escalate(Box::new(options))),
        "next_model" => next_model(node, long, d),
        "retry" => retry(node, long, d),
        "wait" => wait(node, long, d),
        "repair" => repair(node, long, d),
        "accept" => accept(node, d),
        "fallback" => {
            let say = "`fallback` has no options here";
            let help = "write the bare word `fallback`; its answer stands in `fallback:`";
            d.refuse(Problem::error(Code::BadStep, node.span, say).help(help))
        }
        other => unknown(other, entry.key.span, d),
    }
}

fn reject(node: &Node, long: bool, d: &mut Decoder<'_>) -> Option<Step> {
    if !long {
        return Some(Step::Reject { say: Some(Spanned::decode(node, d)?) });
    }
    let mut fields = Fields::open(node, &keys::REJECT, d)?;
    let say = fields.optional("say", d);
    fields.finish(d);
    Some(Step::Reject { say })
}

fn escalate(node: &Node, long: bool, d: &mut Decoder<'_>) -> Option<Escalate> {
    if !long {
        return Some(Escalate { queue: Some(Spanned::decode(node, d)?), ..Escalate::default() });
    }
    let mut fields = Fields::open(node, &keys::ESCALATE, d)?;
    let options = Escalate {
        queue: fields.optional("queue", d),
        due: fields.optional("due", d),
        priority: fields.optional("priority", d),
        approvals: fields.optional("approvals", d),
        blind: fields.optional("blind", d),
        not: fields.optional("not", d),
        show: fields.optional("show", d),
        may_edit: paths(&mut fields, d),
    };
    fields.finish(d);
    Some(options)
}

/// `may_edit` may be an empty list, which means nothing at all.
fn paths(fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Option<Vec<Spanned<Path>>> {
    let node = fields.node("may_edit", d)?;
    match &node.kind {
        Kind::List(_) => Vec::decode(node, d),
        _ => Spanned::decode(node, d).map(|one| vec![one]),
    }
}

fn next_model(node: &Node, long: bool, d: &mut Decoder<'_>) -> Option<Step> {
    if !long {
        return Some(Step::NextModel { to: Some(Spanned::decode(node, d)?) });
    }
    let mut fields = Fields::open(node, &keys::NEXT_MODEL, d)?;
    let to = fields.optional("to", d);
    fields.finish(d);
    Some(Step::NextModel { to })
}

fn retry(node: &Node, long: bool, d: &mut Decoder<'_>) -> Option<Step> {
    if !long {
        return Some(Step::Retry { times: Some(times(node, d)?), backoff: None });
    }
    let mut fields = Fields::open(node, &keys::RETRY, d)?;
    let count = fields.node("times", d).and_then(|node| times(node, d));
    let backoff = fields.optional("backoff", d);
    fields.finish(d);
    Some(Step::Retry { times: count, backoff })
}

fn wait(node: &Node, long: bool, d: &mut Decoder<'_>) -> Option<Step> {
    if !long {
        return Some(Step::Wait { at_most: Some(Spanned::decode(node, d)?) });
    }
    let mut fields = Fields::open(node, &keys::WAIT, d)?;
    let at_most = fields.optional("at_most", d);
    fields.finish(d);
    Some(Step::Wait { at_most })
}

fn repair(node: &Node, long: bool, d: &mut Decoder<'_>) -> Option<Step> {
    let none = |times, tell| Some(Step::Repair { times, tell, model: None, mask: None });
    if !long {
        return if node.as_number().is_some() {
            none(Some(times(node, d)?), None)
        } else {
            none(None, Some(Spanned::decode(node, d)?))
        };
    }
    let mut fields = Fields::open(node, &keys::REPAIR, d)?;
    let count = fields.node("times", d).and_then(|node| times(node, d));
    let tell = fields.optional("tell", d);
    let model = fields.optional("model", d);
    let mask = fields.optional("mask", d);
    let asks = fields.key_span("times").or(fields.key_span("tell")).or(fields.key_span("model"));
    if let (Some(span), true) = (asks, fields.has("mask")) {
        let say = "`mask` asks no model, so `times`, `tell` and `model` cannot stand beside it";
        d.report.push(Problem::error(Code::Conflict, span, say));
    }
    fields.finish(d);
    Some(Step::Repair { times: count, tell, model, mask })
}

fn accept(node: &Node, d: &mut Decoder<'_>) -> Option<Step> {
    let mut fields = Fields::open(node, &keys::ACCEPT, d)?;
    let also_review = fields.optional("also_review", d);
    fields.finish(d);
    Some(Step::Accept { also_review })
}

fn times(node: &Node, d: &mut Decoder<'_>) -> Option<Spanned<Count>> {
    let count: Spanned<Count> = Spanned::decode(node, d)?;
    if (1..=100).contains(&count.value.0) {
        return Some(count);
    }
    let say = format!("`{}` is not in 1 to 100", count.value.0);
    let help = "write a number from 1 to 100, or leave the step out";
    d.refuse(Problem::error(Code::OutOfRange, node.span, say).help(help))
}

impl Decode for Show {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match node.as_text() {
            Some("all") => Some(Self::All),
            Some("weak") => Some(Self::Weak),
            _ => OneOrMany::decode(node, d).map(|paths| Self::Paths(paths.0)),
        }
    }
}

impl Decode for Ladder {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let steps: OneOrMany<Spanned<Step>> = OneOrMany::decode(node, d)?;
        (!steps.0.is_empty()).then_some(Self { steps: steps.0, span: node.span })
    }
}

impl Ladder {
    /// Reports the steps that may not stand in a ladder at `place`.
    pub fn check(&self, place: On, d: &mut Decoder<'_>) {
        for step in &self.steps {
            if let Some((say, help)) = self.objection(&step.value, place) {
                let message = format!("`{}` {say}", step.value.verdict());
                d.report.push(Problem::error(Code::StepPlace, step.span, message).help(help));
            }
        }
    }

    fn objection(&self, step: &Step, place: On) -> Option<(&'static str, &'static str)> {
        use Step::{Accept, Escalate, Fallback, Reject, Repair, Retry, Wait};
        let then = matches!(place, On::Then | On::Before);
        match (step, place) {
            (Escalate(_) | Fallback | Reject { .. }, _) => None,
            (_, On::Otherwise) => {
                Some(("cannot end a ladder", "use `fallback`, `escalate` or `reject`"))
            }
            (Accept { .. }, _) if then && self.steps.len() == 1 => None,
            (Accept { .. }, _) => Some((
                "may stand only as the whole `then` of a rule or check",
                "remove it: what nobody objects to is accepted",
            )),
            (Wait { .. }, On::Class) => None,
            (Wait { .. }, _) => {
                Some(("may stand only under `on:`", "nothing frees itself by waiting here"))
            }
            (Repair { .. } | Retry { .. }, On::Before) => Some((
                "cannot stand before a model was asked",
                "allowed here: `accept`, `next_model`, `fallback`, `escalate`, `reject`",
            )),
            _ => None,
        }
    }
}
