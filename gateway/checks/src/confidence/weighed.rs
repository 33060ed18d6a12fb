//! Which tokens' alternatives a signal can ever speak of: those of values that a schema lists.
//!
//! Everywhere else [`super::of_value`] and [`super::of_text`] look at the token alone, so whoever
//! keeps an answer for later may leave the alternatives out and loses nothing.

use crate::json::{Node, Shape};
use crate::mend::read_json;
use crate::path::{Path, PathStep};
use crate::schema::Schema;

use super::logprobs::inner;
use super::tokens::{Token, aligned};

/// For each token, whether its alternatives can count under `schema`. `None`: it cannot be told,
/// because the tokens do not spell the answer.
pub fn weighed(answer: &str, tokens: &[Token], schema: &Schema) -> Option<Vec<bool>> {
    let placed = aligned(answer, tokens).ok()?;
    // Of what is no JSON there is no signal at all.
    let Ok(read) = read_json(answer) else { return Some(vec![false; tokens.len()]) };
    let mut listed = Vec::new();
    let mut open = vec![(&read.spans, Vec::new())];
    while let Some((node, way)) = open.pop() {
        if lists(schema, &way) {
            listed.push(inner(answer, &node.span));
        }
        open.extend(below(node, &way));
    }
    let touches = |token: &core::ops::Range<usize>| {
        listed.iter().any(|span| token.start < span.end && span.start < token.end)
    };
    Some(placed.iter().map(|(range, _)| touches(range)).collect())
}

/// Whether the schema lists values there, by whichever path a policy may name the place.
fn lists(schema: &Schema, way: &[PathStep]) -> bool {
    let every = |step: &PathStep| match step {
        PathStep::Index(_) => PathStep::Every,
        step => step.clone(),
    };
    let paths = [
        Path::of(way.iter().cloned()),
        Path::of(way.iter().map(every)),
        Path::of(way.iter().map(|_| PathStep::Every)),
    ];
    paths.iter().any(|path| !schema.allowed_at(path).is_empty())
}

fn below<'n>(node: &'n Node, way: &[PathStep]) -> Vec<(&'n Node, Vec<PathStep>)> {
    let further = |step: PathStep| way.iter().cloned().chain([step]).collect();
    match &node.shape {
        Shape::Scalar => Vec::new(),
        Shape::Array(items) => {
            let items = items.iter().enumerate();
            items.map(|(at, item)| (item, further(PathStep::Index(at)))).collect()
        }
        Shape::Object(fields) => {
            let fields = fields.iter();
            fields.map(|(name, node)| (node, further(PathStep::Field(name.clone())))).collect()
        }
    }
}
