//! Rules: a named condition with the ladder it asks for.

use super::check::Audience;
use super::expression::{Expression, Text};
use super::shape::Mode;
use super::step::{Ladder, On};
use crate::decode::{Decode, Decoder, Fields, Name, OneOrMany};
use crate::keys;
use crate::source::{Span, Spanned};
use crate::yaml::Node;

/// A rule as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Its id, unique in the policy.
    pub id: Spanned<Name>,
    /// It fires when this is true …
    pub when: Option<Expression>,
    /// … and this is not. With neither it always fires.
    pub unless: Option<Expression>,
    /// What it asks for.
    pub then: Ladder,
    /// Why, for caller, reviewer and record; default the id in words.
    pub because: Option<Text>,
    /// Whose answers it judges; empty means all.
    pub audience: Vec<Spanned<Audience>>,
    /// `observe`: recorded, no say.
    pub mode: Option<Spanned<Mode>>,
    /// The ladder if it cannot be computed; default the policy's.
    pub on_error: Option<Ladder>,
    /// Where the rule stands.
    pub span: Span,
}

impl Decode for Rule {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::RULE, d)?;
        let id = fields.required("id", d);
        let when = fields.optional("when", d);
        let unless = fields.optional("unless", d);
        let then = fields.required("then", d);
        let because = fields.optional("because", d);
        let audience = fields.all::<OneOrMany<_>>("for", d).0;
        let mode = fields.optional("mode", d);
        let on_error: Option<Ladder> = fields.optional("on_error", d);
        if let Some(ladder) = &on_error {
            ladder.check(On::Other, d);
        }
        fields.finish(d);
        let (id, then, span) = (id?, then?, node.span);
        Some(Self { id, when, unless, then, because, audience, mode, on_error, span })
    }
}
