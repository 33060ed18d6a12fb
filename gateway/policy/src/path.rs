//! Paths name a place as conditions do: `output.lines.*.amount`.
//!
//! `*` is each element of a list or each field of a map. A path says nothing about whether the
//! schema has the place: that is checked when the policy is compiled.

use std::fmt;

use serde_json::Value;

use crate::decode::{Decode, Decoder};
use crate::diagnostics::{Code, Problem, suggest};
use crate::yaml::Node;

/// What a path starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Root {
    /// What the caller sent.
    Input,
    /// The answer.
    Output,
    /// The last message of the conversation.
    Message,
    /// All messages of the conversation.
    Messages,
    /// The arguments of a tool call.
    ToolArgs,
    /// The results of earlier tool calls.
    ToolResults,
    /// The signals; in tests only.
    Signals,
    /// The caller; in tests only.
    Caller,
    /// The data files; in tests only.
    Data,
}

impl Root {
    /// Roots that a path in a policy may have.
    pub const PLACES: &[Self] = &[
        Self::Input,
        Self::Output,
        Self::Message,
        Self::Messages,
        Self::ToolArgs,
        Self::ToolResults,
    ];
    /// Roots that a test may change.
    pub const CHANGES: &[Self] = &[
        Self::Input,
        Self::Output,
        Self::Message,
        Self::Messages,
        Self::ToolArgs,
        Self::ToolResults,
        Self::Signals,
        Self::Caller,
        Self::Data,
    ];

    /// The root as written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::Message => "message",
            Self::Messages => "messages",
            Self::ToolArgs => "tool.args",
            Self::ToolResults => "tool_results",
            Self::Signals => "signals",
            Self::Caller => "caller",
            Self::Data => "data",
        }
    }
}

/// One part of a path behind its root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Segment {
    /// A field; digits alone also name an element of a list.
    Field(String),
    /// Each element or field.
    Each,
}

/// A place, such as `output.lines.*.amount`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    /// Where it starts.
    pub root: Root,
    /// The parts behind the root.
    pub segments: Vec<Segment>,
}

/// Why a path was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PathError {
    /// What is wrong.
    pub message: String,
    /// How to mend it.
    pub help: Option<String>,
}

impl Path {
    /// Most parts behind the root.
    pub const SEGMENTS_MAX: usize = 32;

    /// Reads a path that starts with one of `roots`.
    ///
    /// # Errors
    /// [`PathError`] if the root is not among them, or a part is empty or no plain name.
    pub fn parse(text: &str, roots: &[Root]) -> Result<Self, PathError> {
        let root = roots.iter().copied().filter(|root| starts(text, root.name()));
        let Some(root) = root.max_by_key(|root| root.name().len()) else {
            let plain = text.trim_start_matches(['$', '/', '.']).replace('/', ".");
            let other = plain != text && roots.iter().any(|root| starts(&plain, root.name()));
            let first = text.split('.').next().unwrap_or("");
            let help = if other {
                Some(format!("write `{plain}`, as in conditions"))
            } else {
                suggest::did_you_mean(first, roots.iter().map(|root| root.name()))
            };
            let message = format!("`{text}` does not start from a place that is known here");
            return Err(PathError { message, help });
        };
        let rest = text.get(root.name().len()..).unwrap_or("");
        let parts: Vec<&str> = match rest.strip_prefix('.') {
            Some(rest) => rest.split('.').collect(),
            None => Vec::new(),
        };
        if let Some(bad) = parts.iter().find(|part| !is_part(part)) {
            let help = "join plain names by dots; `*` stands for each element or field".to_owned();
            let message = format!("`{bad}` cannot be a part of the path `{text}`");
            return Err(PathError { message, help: Some(help) });
        }
        if parts.len() > Self::SEGMENTS_MAX {
            let message = format!("the path has more than {} parts", Self::SEGMENTS_MAX);
            return Err(PathError { message, help: None });
        }
        let segment = |part: &str| match part {
            "*" => Segment::Each,
            name => Segment::Field(name.to_owned()),
        };
        Ok(Self { root, segments: parts.into_iter().map(segment).collect() })
    }

    /// Every place below `value` (the value of the root) that the path names, with its JSON
    /// pointer, in document order. A place that is absent is left out.
    pub fn matches<'v>(&self, value: &'v Value) -> Vec<(String, &'v Value)> {
        let mut found = vec![(String::new(), value)];
        for segment in &self.segments {
            found = found.into_iter().flat_map(|(at, value)| step(segment, &at, value)).collect();
        }
        found
    }
}

fn starts(text: &str, root: &str) -> bool {
    text.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

fn is_part(part: &str) -> bool {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '$' | '@');
    part == "*" || (!part.is_empty() && part.chars().all(fine))
}

fn step<'v>(segment: &Segment, at: &str, value: &'v Value) -> Vec<(String, &'v Value)> {
    match (segment, value) {
        (Segment::Each, Value::Array(items)) => {
            items.iter().enumerate().map(|(i, item)| (format!("{at}/{i}"), item)).collect()
        }
        (Segment::Each, Value::Object(map)) => {
            map.iter().map(|(key, item)| (pointer(at, key), item)).collect()
        }
        (Segment::Field(name), Value::Object(map)) => {
            map.get(name).map(|item| (pointer(at, name), item)).into_iter().collect()
        }
        (Segment::Field(name), Value::Array(items)) => {
            let index = name.parse::<usize>().ok();
            let item = index.and_then(|index| items.get(index));
            item.map(|item| (pointer(at, name), item)).into_iter().collect()
        }
        _ => Vec::new(),
    }
}

fn pointer(at: &str, key: &str) -> String {
    format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"))
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.root.name())?;
        for segment in &self.segments {
            match segment {
                Segment::Field(name) => write!(f, ".{name}")?,
                Segment::Each => f.write_str(".*")?,
            }
        }
        Ok(())
    }
}

impl Decode for Path {
    fn decode(node: &Node, d: &mut Decoder<'_>) -> Option<Self> {
        let Some(text) = node.as_text().filter(|_| !node.is_null()) else {
            return d.expected("a path such as `output.total`", node, None);
        };
        match Self::parse(text, Root::PLACES) {
            Ok(path) => Some(path),
            Err(error) => {
                let problem = Problem::error(Code::BadPath, node.span, error.message);
                d.refuse(problem.help_if(error.help))
            }
        }
    }
}

#[cfg(test)]
mod tests;
