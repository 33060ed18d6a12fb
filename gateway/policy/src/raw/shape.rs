//! The words of a policy's head: criticality, mode, and the shapes of input and output.

use super::data::FilePath;
use crate::decode::{Decode, Decoder, words};
use crate::diagnostics::{Code, Problem, suggest};
use crate::yaml::Node;

words! {
    /// What goes first under load.
    pub enum Criticality: "a criticality" {
        /// First.
        Critical = "critical",
        /// Next.
        Standard = "standard",
        /// Last; must be able to end without a model.
        Sheddable = "sheddable",
    }
}

words! {
    /// Whether a verdict has a say.
    pub enum Mode: "a mode" {
        /// It has.
        Enforce = "enforce",
        /// Judged and recorded only.
        Observe = "observe",
    }
}

words! {
    /// When a response may leave.
    pub enum Durability: "a durability" {
        /// After its events are on disk.
        Strict = "strict",
        /// Perhaps before.
        Relaxed = "relaxed",
    }
}

words! {
    /// What becomes of a call whose caller hangs up.
    pub enum OnDisconnect: "what to do when the caller hangs up" {
        /// It goes on.
        Continue = "continue",
        /// It ends as `cancelled`.
        Cancel = "cancel",
    }
}

/// What callers send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputShape {
    /// Text.
    Text,
    /// JSON to this schema.
    Schema(FilePath),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputShape {
    /// Text.
    Text,
    /// What the caller's own `response_format` says, else text.
    Request,
    /// JSON to this schema.
    Schema(FilePath),
}

impl Decode for InputShape {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match node.as_text() {
            Some("text") => Some(Self::Text),
            _ => schema(node, &["text"], d).map(Self::Schema),
        }
    }
}

impl Decode for OutputShape {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        match node.as_text() {
            Some("text") => Some(Self::Text),
            Some("request") => Some(Self::Request),
            _ => schema(node, &["text", "request"], d).map(Self::Schema),
        }
    }
}

fn schema(node: &Node, words: &[&str], d: &mut Decoder<'_>) -> Option<FilePath> {
    let path: FilePath = Decode::decode(node, d)?;
    if path.as_str().ends_with(".json") {
        return Some(path);
    }
    let say = format!("`{}` is neither a JSON Schema file nor a known word", path.as_str());
    let help = suggest::nearest(path.as_str(), words.iter().copied()).map_or_else(
        || format!("write a path such as `schemas/x.json`, or {}", words.join(" or ")),
        |word| format!("did you mean `{word}`?"),
    );
    d.refuse(Problem::error(Code::UnknownWord, node.span, say).help(help))
}
