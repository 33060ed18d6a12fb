//! Confidence blocks: where to look, whom to ask, and how sure is sure.

use super::expression::Expression;
use super::step::{Ladder, On};
use crate::decode::{Decode, Decoder, Fields, Name, Named, OneOrMany, words};
use crate::diagnostics::{Code, Problem, suggest};
use crate::keys;
use crate::path::Path;
use crate::source::{Span, Spanned};
use crate::units::{Count, Share};
use crate::yaml::{Kind, Node};

words! {
    /// How many sources must be sure.
    pub enum Need: "`any` or `all`" {
        /// One is enough; the rest is then not asked.
        Any = "any",
        /// Each must be.
        All = "all",
    }
}

words! {
    /// When two answers of a vote are the same.
    pub enum Compare: "a way to compare" {
        /// The same value.
        Exact = "exact",
        /// The same elements, whatever their order.
        Set = "set",
        /// The same text, case and white space aside.
        Loose = "loose",
    }
}

/// Where a signal comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceKind {
    /// Log-probabilities of the value's tokens.
    Logprobs,
    /// Agreement of that many answers.
    Votes {
        /// Answers in all.
        votes: Spanned<Count>,
        /// When two are the same; default `exact`.
        compare: Compare,
    },
    /// A prompt that answers `{score, reason}`.
    Judge {
        /// The prompt.
        prompt: Spanned<Name>,
        /// The model that judges.
        model: Spanned<Name>,
    },
    /// A number that the model reports beside the value.
    Reported(Spanned<String>),
    /// An expression.
    Calc(Expression),
}

impl SourceKind {
    /// The word of the kind, which is also the default name of its signal.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Logprobs => "logprobs",
            Self::Votes { .. } => "votes",
            Self::Judge { .. } => "judge",
            Self::Reported(_) => "reported",
            Self::Calc(_) => "calc",
        }
    }
}

/// A source of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfidenceSource {
    /// Where its signal comes from.
    pub kind: SourceKind,
    /// Asked only when this is true.
    pub when: Option<Expression>,
    /// Its name in `signals`; default the kind.
    pub name: Option<Spanned<Name>>,
    /// Where it stands.
    pub span: Span,
}

impl ConfidenceSource {
    /// Its name in `signals`.
    pub fn signal(&self) -> &str {
        self.name.as_ref().map_or(self.kind.name(), |name| name.as_str())
    }
}

const KINDS: &[&str] = &["logprobs", "votes", "judge", "reported", "calc"];

impl Decode for ConfidenceSource {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if let Some(word) = node.as_text() {
            return bare(word, node, d);
        }
        let mut fields = Fields::open(node, &keys::SOURCE, d)?;
        let kind = fields.one_of(d).and_then(|word| source_kind(word, &mut fields, d));
        let when = fields.optional("when", d);
        let name = fields.optional("as", d);
        fields.finish(d);
        Some(Self { kind: kind?, when, name, span: node.span })
    }
}

fn bare(word: &str, node: &Node, d: &mut Decoder<'_>) -> Option<ConfidenceSource> {
    if word == "logprobs" {
        let (kind, span) = (SourceKind::Logprobs, node.span);
        return Some(ConfidenceSource { kind, when: None, name: None, span });
    }
    let (say, help) = match word {
        "votes" => ("`votes` needs a number", "write `votes: 3`".to_owned()),
        "judge" => ("`judge` needs a prompt", "write `{judge: prompt, model: name}`".to_owned()),
        "reported" => ("`reported` needs a field", "write `reported: field`".to_owned()),
        "calc" => ("`calc` needs an expression", "write `calc: expression`".to_owned()),
        _ => {
            let say = format!("`{word}` is not a confidence source");
            let help = suggest::did_you_mean(word, KINDS.iter().copied());
            let problem = Problem::error(Code::UnknownWord, node.span, say);
            return d.refuse(problem.help_if(help));
        }
    };
    d.refuse(Problem::error(Code::MissingKey, node.span, say).help(help))
}

fn source_kind(word: &str, fields: &mut Fields<'_>, d: &mut Decoder<'_>) -> Option<SourceKind> {
    match word {
        "logprobs" => match fields.optional("logprobs", d)? {
            true => Some(SourceKind::Logprobs),
            false => {
                let span = fields.key_span("logprobs")?;
                let say = "a source that is off does not belong in the list";
                d.refuse(Problem::error(Code::Refused, span, say).help("remove the entry"))
            }
        },
        "votes" => {
            let compare = fields.or("compare", Compare::Exact, d);
            let votes: Spanned<Count> = fields.optional("votes", d)?;
            if !(2..=100).contains(&votes.value.0) {
                let say = format!("`votes: {}` is not in 2 to 100", votes.value.0);
                return d.refuse(Problem::error(Code::OutOfRange, votes.span, say));
            }
            Some(SourceKind::Votes { votes, compare })
        }
        "judge" => {
            let model = fields.required("model", d);
            Some(SourceKind::Judge { prompt: fields.optional("judge", d)?, model: model? })
        }
        "reported" => fields.optional("reported", d).map(SourceKind::Reported),
        _ => fields.optional("calc", d).map(SourceKind::Calc),
    }
}

/// How sure is sure: the least signal, in millionths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accept {
    /// The same for every source.
    Every(Spanned<Share>),
    /// By the model that answered.
    ByModel(Named<Spanned<Share>>),
    /// By the source's signal name.
    BySource(Named<Spanned<Share>>),
}

impl Decode for Accept {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            return Spanned::decode(node, d).map(Self::Every);
        };
        let later = entries.iter().find(|e| matches!(e.key.value.as_str(), "wrong" | "assurance"));
        if let Some(later) = later {
            let say = "a threshold from labels is not available yet in this version";
            let help = "set the threshold by hand: `accept: 0.90`";
            return d.refuse(Problem::error(Code::NotYet, later.key.span, say).help(help));
        }
        match entries.as_slice() {
            [] => d.refuse(Problem::error(Code::Empty, node.span, "`accept` is empty")),
            [only] if only.key.value == "by_model" => {
                Named::decode(&only.value, d).map(Self::ByModel)
            }
            many => match many.iter().find(|entry| entry.key.value == "by_model") {
                Some(entry) => {
                    let say = "`by_model` cannot stand beside other keys";
                    d.refuse(Problem::error(Code::Conflict, entry.key.span, say))
                }
                None => Named::decode(node, d).map(Self::BySource),
            },
        }
    }
}

/// One block of `confidence`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfidenceBlock {
    /// Where; empty only if all sources judge the whole.
    pub at: Vec<Spanned<Path>>,
    /// Whom to ask, in order; never empty.
    pub from: Vec<ConfidenceSource>,
    /// Whether one or all must be sure; default `any`.
    pub need: Need,
    /// How sure is sure.
    pub accept: Accept,
    /// The ladder of doubt; default `on.low_confidence`.
    pub then: Option<Ladder>,
    /// Where the block stands.
    pub span: Span,
}

impl Decode for ConfidenceBlock {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::BLOCK, d)?;
        let has_at = fields.has("at");
        let at = fields.all::<OneOrMany<Spanned<Path>>>("at", d).0;
        let from: Option<OneOrMany<ConfidenceSource>> = fields.required("from", d);
        let need = fields.or("need", Need::Any, d);
        let accept = fields.required("accept", d);
        let then: Option<Ladder> = fields.optional("then", d);
        if let Some(ladder) = &then {
            ladder.check(On::Other, d);
        }
        fields.finish(d);
        let from = from?.0;
        check_sources(&from, has_at, d);
        Some(Self { at, from, need, accept: accept?, then, span: node.span })
    }
}

fn check_sources(from: &[ConfidenceSource], has_at: bool, d: &mut Decoder<'_>) {
    for (index, source) in from.iter().enumerate() {
        let whole = matches!(source.kind, SourceKind::Judge { .. } | SourceKind::Calc(_));
        if !has_at && !whole {
            let say = format!("`{}` needs a place to look at", source.kind.name());
            let problem = Problem::error(Code::MissingKey, source.span, say);
            d.report.push(problem.help("add `at: output.field` to the block"));
        }
        let twin = from.iter().take(index).find(|other| other.signal() == source.signal());
        if let Some(twin) = twin {
            let say = format!("two sources are named `{}`", source.signal());
            let problem = Problem::error(Code::Duplicate, source.span, say);
            let problem = problem.related(twin.span, "the first one");
            d.report.push(problem.help("give one of them another name with `as:`"));
        }
    }
}
