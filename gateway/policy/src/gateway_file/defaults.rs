//! What policies get for keys they lack. A key is taken whole, `on` class by class.

use backstop_domain::FailureClass;

use crate::decode::{Decode, Decoder, Fields};
use crate::keys;
use crate::raw::{Budget, Durability, Ladder, Limit, Pending, Retain, classes, stream};
use crate::source::Spanned;
use crate::units::Time;
use crate::yaml::Node;

/// The gateway's `defaults`, as written: they take part in each policy that lacks the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Defaults {
    /// `deadline`.
    pub deadline: Option<Spanned<Time>>,
    /// `budget`.
    pub budget: Option<Spanned<Budget>>,
    /// `limits`.
    pub limits: Option<Vec<Limit>>,
    /// `durability`.
    pub durability: Option<Spanned<Durability>>,
    /// `retain`.
    pub retain: Option<Retain>,
    /// `pending`.
    pub pending: Option<Pending>,
    /// `on`, class by class.
    pub on: Vec<(Spanned<FailureClass>, Ladder)>,
}

impl Decode for Defaults {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let mut fields = Fields::open(node, &keys::DEFAULTS, d)?;
        let defaults = Self {
            deadline: fields.optional("deadline", d),
            budget: fields.optional("budget", d),
            limits: fields.optional("limits", d),
            durability: fields.optional("durability", d),
            retain: fields.optional("retain", d),
            pending: fields.optional("pending", d),
            on: fields.node("on", d).map_or_else(Vec::new, |node| classes(node, d)),
        };
        stream(&mut fields, d);
        fields.finish(d);
        Some(defaults)
    }
}
