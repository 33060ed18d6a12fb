//! Refuses schemas whose checking could explode: long before a value is seen.
//!
//! `jsonschema` has no fuel, and schemas also come from callers (`response_format`, tools). So the
//! most subschema visits that one nested value can cost are counted beforehand, level by level.
//! It is an upper bound: a schema that passes is cheap, one that is refused may only look costly.

use super::SchemaError;
use super::documents::Documents;
use super::graph::{Edges, Graph};
use crate::json::DEPTH_MAX;

/// Most visits for the places of one path from the root to a leaf.
const VISITS_MAX: u64 = 200_000;
/// Longest chain of references and branches on one value.
const CHAIN_MAX: usize = 200;
/// Most subschemas in all files that can be reached.
const NODES_MAX: usize = 50_000;

/// Visits for a value of some depth, if it is an array and if it is an object.
#[derive(Debug, Clone, Copy, Default)]
struct Visits {
    array: u64,
    object: u64,
}

impl Visits {
    fn most(self) -> u64 {
        self.array.max(self.object)
    }
}

/// Checks that a value nested [`DEPTH_MAX`] deep costs at most [`VISITS_MAX`] visits per path.
pub(super) fn bounded(documents: &Documents) -> Result<(), SchemaError> {
    let too_costly = |message: &str| SchemaError::TooCostly {
        file: documents.root_place().file.to_owned(),
        message: message.to_owned(),
    };
    let graph = Graph::of(documents);
    if graph.nodes.len() > NODES_MAX {
        return Err(too_costly("it has too many subschemas"));
    }
    let order = in_order(&graph).map_err(too_costly)?;
    let mut below = vec![Visits::default(); graph.nodes.len()];
    for _ in 0..=DEPTH_MAX {
        let mut level = vec![Visits::default(); graph.nodes.len()];
        for &index in &order {
            let Some(edges) = graph.nodes.get(index) else { continue };
            let visits = visits(edges, &level, &below);
            if visits.most() > VISITS_MAX {
                return Err(too_costly("several branches check the same nested part again"));
            }
            if let Some(slot) = level.get_mut(index) {
                *slot = visits;
            }
        }
        below = level;
    }
    Ok(())
}

fn visits(edges: &Edges, level: &[Visits], below: &[Visits]) -> Visits {
    let at = |from: &[Visits], index: &usize| from.get(*index).copied().unwrap_or_default();
    let sum = |indices: &[usize]| {
        indices.iter().map(|index| at(below, index).most()).fold(0, u64::saturating_add)
    };
    let most =
        |indices: &[usize]| indices.iter().map(|index| at(below, index).most()).max().unwrap_or(0);
    let times = if edges.again { 2 } else { 1 };
    let mut array = 1 + sum(&edges.elements) + most(&edges.one_element);
    let mut object = 1 + sum(&edges.fields) + most(&edges.one_field);
    for index in &edges.same {
        array = array.saturating_add(at(level, index).array.saturating_mul(times));
        object = object.saturating_add(at(level, index).object.saturating_mul(times));
    }
    Visits { array, object }
}

/// The nodes in such an order that what a node applies to the same value comes before it.
fn in_order(graph: &Graph) -> Result<Vec<usize>, &'static str> {
    let mut order = Vec::with_capacity(graph.nodes.len());
    let mut done = vec![false; graph.nodes.len()];
    let mut open = vec![false; graph.nodes.len()];
    for start in 0..graph.nodes.len() {
        let mut stack = vec![(start, 0)];
        while let Some((index, next)) = stack.pop() {
            if done.get(index).copied().unwrap_or(true) {
                continue;
            }
            if stack.len() > CHAIN_MAX {
                return Err("it is a chain of too many references");
            }
            if let Some(slot) = open.get_mut(index) {
                *slot = true;
            }
            let child = graph.nodes.get(index).and_then(|edges| edges.same.get(next)).copied();
            match child {
                None => {
                    order.push(index);
                    if let Some(slot) = done.get_mut(index) {
                        *slot = true;
                    }
                }
                Some(child) => {
                    stack.push((index, next + 1));
                    let is_done = done.get(child).copied().unwrap_or(true);
                    if !is_done && open.get(child).copied().unwrap_or(false) {
                        return Err("it refers to itself without going deeper");
                    }
                    stack.push((child, 0));
                }
            }
        }
    }
    Ok(order)
}
