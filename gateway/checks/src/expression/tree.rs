//! The checked tree that is evaluated: names resolved, patterns compiled, numbers given their kind.

use std::sync::Arc;

use serde_json::Value as Json;

use crate::text::Pattern;

use super::functions::Function;
use super::syntax::{Constant, LoopKind, Operator};

/// One step of an evaluation.
#[derive(Debug, Clone)]
pub(super) enum Node {
    Literal(Constant),
    /// A constant of `values`.
    Constant(Arc<Json>),
    /// An expression of `values`.
    Shared(Arc<Node>),
    Root(String),
    Local(usize),
    Field(Box<Node>, String),
    Has(Box<Node>, String),
    Index(Box<Node>, Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    If(Box<(Node, Node, Node)>),
    Binary(Operator, Box<Node>, Box<Node>),
    /// A comparison of the expression's own source, by its place among them.
    Compare(usize, Operator, Box<Node>, Box<Node>),
    List(Vec<Node>),
    Object(Vec<(Node, Node)>),
    Loop(Box<LoopNode>),
    Call(Function, Vec<Node>),
    Matches(Box<Node>, Pattern),
    /// The number as the schema calls it: `5.0` as a whole 5, `7` as the decimal 7.0.
    Numeric(Numeric, Box<Node>),
}

/// A macro over elements.
#[derive(Debug, Clone)]
pub(super) struct LoopNode {
    pub(super) kind: LoopKind,
    pub(super) over: Node,
    pub(super) slot: usize,
    pub(super) filter: Option<Node>,
    pub(super) body: Node,
}

/// What a schema says about a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numeric {
    Whole,
    Decimal,
}
