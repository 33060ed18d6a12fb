//! The toolkit that turns a YAML tree into raw shapes.
//!
//! Every mistake is reported and decoding goes on, so that an author sees all of them at once. A
//! decoder returns `None` exactly when it has reported why.

mod fields;
mod values;
mod word;

pub use fields::Fields;
pub(crate) use fields::looks_cut;
pub use values::{Name, Named, OneOrMany};
pub(crate) use word::words;

use crate::diagnostics::{Code, Problem, Report};
use crate::source::{Sources, Spanned};
use crate::yaml::Node;

/// Where decoders report.
#[derive(Debug)]
pub struct Decoder<'a> {
    /// The files that are decoded.
    pub sources: &'a Sources,
    /// Where problems go.
    pub report: &'a mut Report,
}

impl<'a> Decoder<'a> {
    /// A decoder over `sources` that reports to `report`.
    pub fn new(sources: &'a Sources, report: &'a mut Report) -> Self {
        Self { sources, report }
    }

    /// Reports `problem`; returns `None`, so that a decoder can end with it.
    pub fn refuse<T>(&mut self, problem: Problem) -> Option<T> {
        self.report.push(problem);
        None
    }

    /// Reports that something else is wanted at `node`.
    pub fn expected<T>(&mut self, what: &str, node: &Node, help: Option<&str>) -> Option<T> {
        let message = format!("expected {what}, found {}", node.found());
        let problem = Problem::error(Code::WrongKind, node.span, message);
        self.refuse(problem.help_if(help.map(str::to_owned)))
    }
}

/// A shape that can be read from a YAML node.
pub trait Decode: Sized {
    /// The shape at `node`, or `None` after reporting why not.
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self>;
}

impl<T: Decode> Decode for Spanned<T> {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        T::decode(node, d).map(|value| Self::new(value, node.span))
    }
}

impl<T: Decode> Decode for Box<T> {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        T::decode(node, d).map(Self::new)
    }
}

#[cfg(test)]
mod tests;
