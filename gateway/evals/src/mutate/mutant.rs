//! Mutants: a policy with one thing changed that its tests should notice.

mod conditions;
mod ladders;
mod settings;

use backstop_policy::diagnostics::Report;
use backstop_policy::raw;
use backstop_policy::yaml::{self, Node};
use backstop_policy::{Policy, Sources, Span};

use super::edit::Edit;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// What was done, in words.
    pub what: String,
    /// How.
    pub edit: Edit,
}

/// What mutants are made from.
pub(super) struct Source<'a> {
    pub sources: &'a Sources,
    pub policy: &'a Policy,
    pub raw: &'a raw::Policy,
    pub tree: Node,
    pub text: &'a str,
    /// Queues of the gateway file.
    pub queues: Vec<&'a str>,
    pub mutants: Vec<Mutant>,
}

/// Every mutant of a policy's own file, in file order.
pub fn mutants(policy: &Policy, sources: &Sources, queues: &[&str]) -> Vec<Mutant> {
    let raw = policy.written();
    let Some(tree) = yaml::parse(sources, raw.file, &mut Report::new()) else { return Vec::new() };
    let text = sources.text(raw.file);
    let queues = queues.to_vec();
    let mut source = Source { sources, policy, raw, tree, text, queues, mutants: Vec::new() };
    source.conditions();
    source.ladders();
    source.settings();
    source.mutants.sort_by_key(|mutant| mutant.edit.range.start);
    source.mutants.dedup_by(|a, b| a.edit == b.edit);
    source.mutants
}

impl Source<'_> {
    fn add(&mut self, what: impl Into<String>, edit: Option<Edit>) {
        if let Some(edit) = edit.filter(|edit| edit.range.end <= self.text.len()) {
            self.mutants.push(Mutant { what: what.into(), edit });
        }
    }

    fn replace(&mut self, what: impl Into<String>, span: Span, with: impl Into<String>) {
        // Only the policy's own file is changed; fragments serve others too.
        if span.file == self.raw.file {
            self.add(what, Some(Edit::at(span, with)));
        }
    }

    /// The words at a place.
    fn words(&self, span: Span) -> &str {
        self.sources.slice(span)
    }

    /// The node whose span is exactly that, with the map or list that holds it.
    fn node(&self, span: Span) -> Option<&Node> {
        find(&self.tree, &|node: &Node| node.span == span)
    }

    /// The smallest map that holds `span` and has `key`.
    fn map_with(&self, span: Span, key: &str) -> Option<&Node> {
        find_last(&self.tree, &|node: &Node| {
            node.span.start <= span.start && node.span.end >= span.end && node.get(key).is_some()
        })
    }
}

fn children(node: &Node) -> Vec<&Node> {
    match &node.kind {
        yaml::Kind::Scalar(_) => Vec::new(),
        yaml::Kind::List(items) => items.iter().collect(),
        yaml::Kind::Map(entries) => entries.iter().map(|entry| &entry.value).collect(),
    }
}

/// The outermost node of that kind.
fn find<'n>(node: &'n Node, wanted: &dyn Fn(&Node) -> bool) -> Option<&'n Node> {
    if wanted(node) {
        return Some(node);
    }
    children(node).into_iter().find_map(|child| find(child, wanted))
}

/// The innermost node of that kind.
fn find_last<'n>(node: &'n Node, wanted: &dyn Fn(&Node) -> bool) -> Option<&'n Node> {
    let inner = children(node).into_iter().find_map(|child| find_last(child, wanted));
    inner.or_else(|| wanted(node).then_some(node))
}

/// The least meaningful steps away from a number as it is written: one in its last digit.
pub(super) fn neighbours(number: &str) -> Vec<String> {
    let digits = number.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let scale = 10_i64.checked_pow(u32::try_from(digits).unwrap_or(u32::MAX));
    let (Some(scale), Ok(value)) = (scale, number.parse::<f64>()) else { return Vec::new() };
    let whole = (value * scale as f64).round() as i64;
    let near = [whole.checked_sub(1), whole.checked_add(1)].into_iter().flatten();
    near.map(|near| match digits {
        0 => near.to_string(),
        _ => format!("{:.digits$}", near as f64 / scale as f64),
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::neighbours;

    #[test]
    fn a_number_moves_by_one_in_its_last_digit() {
        assert_eq!(neighbours("5000"), ["4999", "5001"]);
        assert_eq!(neighbours("0.90"), ["0.89", "0.91"]);
        assert_eq!(neighbours("0.5"), ["0.4", "0.6"]);
        assert!(neighbours("20k").is_empty());
    }
}
