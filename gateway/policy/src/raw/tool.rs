//! Tools that a model may call, with their own rules and limits.

use super::budget::Per;
use super::confidence::ConfidenceBlock;
use super::data::FilePath;
use super::expression::{Expression, marked};
use super::rule::Rule;
use super::step::{Ladder, On};
use crate::decode::{Decode, Decoder, Fields, Name, Named, OneOrMany, words};
use crate::diagnostics::{Code, Problem};
use crate::keys;
use crate::source::{Span, Spanned};
use crate::units::Rate;
use crate::yaml::Node;

words! {
    /// What calling a tool does.
    pub enum Effect: "an effect" {
        /// It only looks.
        Read = "read",
        /// It changes something.
        Write = "write",
        /// It changes something for good: never sent again after an interruption.
        Irreversible = "irreversible",
    }
}

/// The tools of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tools {
    /// The caller's own tools, arguments checked against their own schemas.
    Request,
    /// These; any other is denied.
    Listed(Named<Tool>),
}

impl Default for Tools {
    fn default() -> Self {
        Self::Listed(Named::default())
    }
}

impl Decode for Tools {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match node.as_text() {
            Some("request") => Some(Self::Request),
            _ => Named::decode(node, d).map(Self::Listed),
        }
    }
}

/// A tool as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    /// What calling it does.
    pub effect: Spanned<Effect>,
    /// The schema of its arguments.
    pub args: Spanned<FilePath>,
    /// Rules over each call of it.
    pub rules: Vec<Rule>,
    /// Confidence in its arguments.
    pub confidence: Vec<ConfidenceBlock>,
    /// Limits on its use.
    pub limits: Vec<ToolLimit>,
    /// The ladder for wrong arguments and for a limit.
    pub then: Option<Ladder>,
    /// What its executor does to make a released call of it good, in the executor's word.
    pub compensate: Option<Spanned<Name>>,
    /// Where it stands.
    pub span: Span,
}

impl Decode for Tool {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::TOOL, d)?;
        let effect = fields.required("effect", d);
        let args = fields.required("args", d);
        let rules: Vec<Rule> = fields.all("rules", d);
        for rule in &rules {
            rule.then.check(On::Then, d);
        }
        let confidence = fields.all::<OneOrMany<_>>("confidence", d).0;
        let limits = fields.all("limits", d);
        let then: Option<Ladder> = fields.optional("then", d);
        if let Some(ladder) = &then {
            ladder.check(On::Other, d);
        }
        let compensate = fields.optional("compensate", d);
        fields.finish(d);
        let (effect, args, span) = (effect?, args?, node.span);
        Some(Self { effect, args, rules, confidence, limits, then, compensate, span })
    }
}

/// What a tool's limit counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ToolLimitKind {
    /// Calls per time.
    Calls(Spanned<Rate>),
    /// The sum of an expression over the calls, per time.
    Sum {
        /// The number of one call, such as `tool.args.amount_cents`.
        of: Expression,
        /// The most per time.
        at_most: Spanned<Rate>,
    },
}

/// A limit on a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolLimit {
    /// What it counts.
    pub kind: ToolLimitKind,
    /// What it is kept for; default the policy.
    pub per: Option<Spanned<Per>>,
    /// Where it stands.
    pub span: Span,
}

impl Decode for ToolLimit {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::TOOL_LIMIT, d)?;
        let kind = match fields.one_of(d) {
            Some("calls") => fields.optional("calls", d).map(ToolLimitKind::Calls),
            Some(_) => {
                let of = fields.node("sum", d).and_then(|node| sum(node, d));
                let at_most = fields.required("at_most", d);
                of.zip(at_most).map(|(of, at_most)| ToolLimitKind::Sum { of, at_most })
            }
            None => None,
        };
        let per = fields.optional("per", d);
        fields.finish(d);
        Some(Self { kind: kind?, per, span: node.span })
    }
}

fn sum(node: &Node, d: &mut Decoder<'_>) -> Option<Expression> {
    marked(node).or_else(|| {
        let say = "the sum is not an expression";
        let help = "write it as \"= tool.args.amount\"";
        d.refuse(Problem::error(Code::WrongKind, node.span, say).help(help))
    })
}
