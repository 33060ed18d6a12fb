//! A canary: a draft that answers a share of a policy's calls, and when it is taken back.

use super::data::FilePath;
use super::expression::{Expression, marked};
use crate::decode::{Decode, Decoder, Fields, words};
use crate::diagnostics::{Code, Problem, suggest};
use crate::keys;
use crate::source::Spanned;
use crate::units::{Count, Share};
use crate::yaml::Node;

/// Most calls that bounds may be held over: each is remembered.
const AFTER_MAX: u64 = 100_000;

/// A draft that answers a share of the calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The draft's file.
    pub to: Spanned<FilePath>,
    /// The share of calls.
    pub share: Spanned<Share>,
    /// Which calls go together; default none: each is drawn by its own key.
    pub stick_to: Option<Spanned<StickTo>>,
    /// When it is taken back by itself.
    pub return_if: Option<ReturnIf>,
}

words! {
    /// The words of [`StickTo`].
    pub(crate) enum StickWord: "what calls stick to" {
        /// All calls of one caller meet the same revision.
        Caller = "caller",
    }
}

/// Which calls go together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StickTo {
    /// All of a caller's.
    Caller,
    /// All for which this is the same.
    Expression(Expression),
}

/// When a canary is taken back by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnIf {
    /// More than this share of its calls was put to a person.
    pub escalated_over: Option<Spanned<Share>>,
    /// More than this share of its calls failed.
    pub failed_over: Option<Spanned<Share>>,
    /// Over how many of its newest calls; default 100.
    pub after: Option<Spanned<Count>>,
}

impl Decode for Canary {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::CANARY, d)?;
        let to = fields.required("to", d);
        let share: Option<Spanned<Share>> = fields.required("share", d);
        let stick_to = fields.optional("stick_to", d);
        let return_if = fields.optional("return_if", d);
        fields.finish(d);
        let share = share?;
        if share.value.0 == 0 || share.value == Share::ONE {
            let say = "a canary answers a part of the calls: neither none nor all";
            let help = "write a share such as `5%`; to let it answer all, make it the policy";
            d.report.push(Problem::error(Code::OutOfRange, share.span, say).help(help));
        }
        Some(Self { to: to?, share, stick_to, return_if })
    }
}

impl Decode for StickTo {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        if let Some(expression) = marked(node) {
            return Some(Self::Expression(expression));
        }
        let text = node.as_text().unwrap_or("");
        match StickWord::parse(text) {
            Some(StickWord::Caller) => Some(Self::Caller),
            None => {
                let say = format!("calls cannot stick to `{text}`");
                let words = StickWord::ALL.iter().map(|word| word.name());
                let help = suggest::nearest(text, words).map_or_else(
                    || "write `caller`, or an expression: \"= input.customer\"".to_owned(),
                    |word| format!("did you mean `{word}`?"),
                );
                d.refuse(Problem::error(Code::UnknownWord, node.span, say).help(help))
            }
        }
    }
}

impl Decode for ReturnIf {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::RETURN_IF, d)?;
        let bounds = Self {
            escalated_over: fields.optional("escalated_over", d),
            failed_over: fields.optional("failed_over", d),
            after: fields.optional("after", d),
        };
        fields.finish(d);
        if bounds.escalated_over.is_none() && bounds.failed_over.is_none() {
            let say = "`return_if` names no bound";
            let help = "write `escalated_over` or `failed_over`, each a share such as `20%`";
            d.report.push(Problem::error(Code::MissingKey, node.span, say).help(help));
        }
        if let Some(after) = bounds.after.as_ref().filter(|n| !(1..=AFTER_MAX).contains(&n.0)) {
            let say = format!("`after: {}` is not in 1 to 100k calls", after.value.0);
            let help = "write how many of its newest calls count, such as `after: 200`";
            d.report.push(Problem::error(Code::OutOfRange, after.span, say).help(help));
        }
        Some(bounds)
    }
}
