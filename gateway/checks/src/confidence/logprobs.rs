//! Confidence from token log-probabilities: how likely the model was to write this very value.
//!
//! **What is computed.** The product of the probabilities of the tokens that spell the value: of a
//! string what stands between its quotes, of a number or word the whole, of a list or object all
//! keys and values inside. Tokens of quotes, braces, commas and white space alone are left out,
//! since a schema forces them. A token that straddles an edge (`":"pay`) counts in full.
//!
//! **With an `enum` or boolean** the probability is taken among the allowed values: at each token,
//! the mass of alternatives (`top_logprobs`) that are *surely* no allowed value is left out of the
//! whole: `p / (1 - surely not allowed)`. Mass that was not reported, and alternatives that are
//! unclear (other white space, escapes, part of the quote before), stay in. So without
//! alternatives nothing is normalised, and the signal never exceeds what the data supports.
//!
//! **What it is not.** No chance of being right: a model can be sure and wrong. That the value ends
//! where it does (`12`, not `123`) is in the next token and is not counted.

use core::ops::Range;

use backstop_domain::Signal;
use serde_json::Value;

use super::spelling::Spellings;
use super::tokens::{Token, aligned};
use super::{Missing, Reading};
use crate::json::{Node, Shape};
use crate::mend::read_json;

/// The probability of the value at `pointer` in a JSON answer. `answer` is the text as the model
/// gave it; it is mended as [`read_json`] does. `allowed` are the values that the schema allows
/// there, from [`crate::Schema::allowed_at`]; empty when it names none.
///
/// # Errors
/// [`Missing`] when there are no tokens, they do not spell the answer, or nothing stands there.
pub fn of_value(answer: &str, tokens: &[Token], pointer: &str, allowed: &[Value]) -> Reading {
    let read = read_json(answer).map_err(|_| Missing::because("the answer is not JSON"))?;
    let nothing = || Missing::because(format!("the answer has nothing at `{pointer}`"));
    let node = read.spans.at(pointer).ok_or_else(nothing)?;
    let value = read.value.pointer(pointer).ok_or_else(nothing)?;
    let tokens = aligned(answer, tokens)?;
    match node.shape {
        Shape::Scalar => {
            let span = inner(answer, &node.span);
            let spans = core::slice::from_ref(&span);
            product(answer, &tokens, spans, Spellings::of_values(allowed, value).as_ref())
        }
        _ => {
            let mut spans = leaves(answer, node);
            spans.sort_by_key(|span| span.start);
            product(answer, &tokens, &spans, None)
        }
    }
}

/// The probability of a plain text as a whole, such as a label. `labels` are the texts that are
/// allowed; empty when any is.
///
/// # Errors
/// [`Missing`] when there are no tokens, they do not spell the answer, or it is empty.
pub fn of_text(answer: &str, tokens: &[Token], labels: &[String]) -> Reading {
    let text = answer.trim();
    if text.is_empty() {
        return Err(Missing::because("the answer is empty"));
    }
    let start = answer.len() - answer.trim_start().len();
    let tokens = aligned(answer, tokens)?;
    let spellings = Spellings::of_labels(labels, text);
    let span = start..start + text.len();
    product(answer, &tokens, core::slice::from_ref(&span), spellings.as_ref())
}

/// The bytes between the quotes of a string; of the empty string the quotes, of others the whole.
pub(super) fn inner(answer: &str, span: &Range<usize>) -> Range<usize> {
    let quoted = answer.as_bytes().get(span.start) == Some(&b'"');
    if quoted && span.len() > 2 { span.start + 1..span.end - 1 } else { span.clone() }
}

/// The bytes of all keys and values inside a list or object; its brackets if it is empty.
fn leaves(answer: &str, node: &Node) -> Vec<Range<usize>> {
    let mut out = Vec::new();
    let mut open = vec![node];
    while let Some(node) = open.pop() {
        match &node.shape {
            Shape::Scalar => out.push(inner(answer, &node.span)),
            Shape::Array(items) if !items.is_empty() => open.extend(items),
            Shape::Object(fields) if !fields.is_empty() => {
                out.extend(keys(answer, node, fields));
                open.extend(fields.iter().map(|(_, node)| node));
            }
            Shape::Array(_) | Shape::Object(_) => out.push(node.span.clone()),
        }
    }
    out
}

/// The bytes of the keys of an object: whatever stands before each value and is no structure.
fn keys(answer: &str, node: &Node, fields: &[(String, Node)]) -> Vec<Range<usize>> {
    let mut from = node.span.start;
    let mut out = Vec::new();
    for (_, value) in fields {
        let before = answer.get(from..value.span.start).unwrap_or_default();
        if let (Some(first), Some(last)) = (before.find('"'), before.rfind('"')) {
            out.push(from + first + 1..from + last.max(first + 1));
        }
        from = value.span.end;
    }
    out
}

/// The product over the tokens that touch one of `spans`, which are in order and apart.
fn product(
    answer: &str,
    tokens: &[(Range<usize>, &Token)],
    spans: &[Range<usize>],
    allowed: Option<&Spellings<'_>>,
) -> Reading {
    let mut probability = 1.0;
    let mut covered = 0;
    for (range, token) in tokens {
        let next = spans.partition_point(|span| span.end <= range.start);
        let touched = spans.get(next).filter(|span| span.start < range.end && !range.is_empty());
        let Some(span) = touched else { continue };
        covered += 1;
        probability *= match allowed {
            Some(allowed) => among(answer, range, token, span, allowed),
            None => token.probability(),
        };
    }
    if covered == 0 {
        return Err(Missing::because("no token spells the value"));
    }
    Signal::from_f64(probability)
        .ok_or_else(|| Missing::because("the probability of the value cannot be computed"))
}

/// The probability of `token` among those that may lead to an allowed value.
fn among(
    answer: &str,
    range: &Range<usize>,
    token: &Token,
    span: &Range<usize>,
    allowed: &Spellings<'_>,
) -> f64 {
    let chosen = token.probability();
    let bytes = answer.as_bytes();
    let said = bytes.get(span.start..range.start.max(span.start)).unwrap_or_default();
    let lead = bytes.get(range.start..span.start.max(range.start)).unwrap_or_default();
    let mut seen: Vec<&[u8]> = vec![token.bytes()];
    let mut excluded = 0.0;
    for other in &token.top_logprobs {
        if seen.contains(&other.bytes()) || other.logprob.is_nan() {
            continue;
        }
        seen.push(other.bytes());
        if let Some(rest) = other.bytes().strip_prefix(lead)
            && !rest.is_empty()
        {
            let text = [said, rest].concat();
            if allowed.excludes(&text) {
                excluded += other.logprob.exp();
            }
        }
    }
    let whole = (1.0 - excluded).max(chosen);
    if whole > 0.0 { chosen / whole } else { chosen }
}
