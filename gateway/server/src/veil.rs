//! Who sees which call, and what of it is hidden from them. Every route that shows a call, its
//! events or a review asks here.
//!
//! A policy's `private` places are shown to its caller, and to people whose entry says
//! `sees_private`. From all others the places are hidden, and so are words that may quote them:
//! a provider's message, what a check found, what the caller was told. Where nobody knows what is
//! private, everything is.

use std::sync::Arc;

use backstop_domain::{CallId, Digest, ReviewKind};
use backstop_engine::{InForce, Snapshot};
use backstop_ledger::{ReviewFilter, ReviewPhase};
use backstop_policy::{Answer, Policy};
use serde_json::Value;

use crate::{
    app::App,
    auth::Identity,
    problem::{self, Problem},
};

/// What stands where something is not shown.
pub const MASK: &str = "[private]";

/// What is hidden from one viewer of one call.
pub enum Veil {
    /// Nothing.
    Lifted,
    /// That policy's private places, and words that may quote them.
    Places(Arc<Policy>),
    /// Input, answer and words.
    Whole,
}

/// Lets that viewer look at a call, as far as they may. Others' calls look as if they were not.
///
/// # Errors
/// [`Problem`], 404, for who may not see the call at all.
pub async fn look(app: &App, identity: &Identity, call: &Snapshot) -> Result<Veil, Problem> {
    let received = &call.state.received;
    match identity.only_own() {
        Some(own) if own != received.caller => return Err(Problem::not_found("call")),
        Some(_) => return Ok(Veil::Lifted),
        None => {}
    }
    if !identity.oversees() && !decides_on(app, identity, &call.id).await? {
        return Err(Problem::not_found("call"));
    }
    Ok(Veil::over(app, identity, &received.policy, received.revision))
}

/// Whether a person was asked about the call in one of their queues. An audit counts only once it
/// is over: it is decided blind.
async fn decides_on(app: &App, identity: &Identity, id: &CallId) -> Result<bool, Problem> {
    let filter = ReviewFilter { call: Some(id.clone()), ..ReviewFilter::default() };
    let page = app.engine.ledger().reviews(filter).await;
    let reviews = page.map_err(|error| problem::of_stop(&error.into()))?.rows;
    let waits = |phase: ReviewPhase| matches!(phase, ReviewPhase::Open | ReviewPhase::Claimed);
    let theirs = || reviews.iter().filter(|review| crate::access::looks_into(identity, *review));
    let blind = theirs().any(|one| one.kind == ReviewKind::Audit && waits(one.phase));
    Ok(!blind && theirs().next().is_some())
}

impl Veil {
    /// What that viewer does not see of a call of that policy under that revision.
    pub fn over(app: &App, identity: &Identity, policy: &str, revision: Digest) -> Self {
        if identity.sees_private() {
            return Self::Lifted;
        }
        Self::of(&app.engine.workspace(), policy, revision)
    }

    /// What nobody sees of a call of that policy under that revision who may not see what is
    /// private.
    pub fn of(workspace: &InForce, policy: &str, revision: Digest) -> Self {
        let pinned = workspace.policies.get(policy);
        match pinned.filter(|policy| policy.plan.revision == revision) {
            Some(policy) if policy.private.is_empty() => Self::Lifted,
            Some(policy) => Self::Places(Arc::clone(policy)),
            None => Self::Whole,
        }
    }

    /// Whether everything is shown.
    pub const fn is_lifted(&self) -> bool {
        matches!(self, Self::Lifted)
    }

    /// Words that may quote what is private.
    pub fn words<'a>(&self, text: &'a str) -> &'a str {
        if self.is_lifted() || text.is_empty() { text } else { MASK }
    }

    /// Hides what is private in an input; what stood there.
    pub fn input(&self, input: &mut Value) -> Vec<String> {
        let mut hidden = Vec::new();
        match self {
            Self::Lifted => {}
            Self::Places(policy) => {
                for steps in places(policy, "input") {
                    hide(input, &steps, &mut hidden);
                }
            }
            Self::Whole => *input = MASK.into(),
        }
        hidden
    }

    /// Hides what is private in a stored answer; what stood there.
    pub fn stored_answer(&self, answer: &mut Value) -> Vec<String> {
        let mut hidden = Vec::new();
        match self {
            Self::Lifted => {}
            Self::Places(policy) => {
                for steps in places(policy, "output") {
                    answer_texts(answer, &steps, &mut hidden);
                }
            }
            Self::Whole => *answer = MASK.into(),
        }
        hidden
    }

    /// The answer with its private places hidden; `None`: nothing of it is shown.
    pub fn answer(&self, answer: Answer) -> Option<Answer> {
        match self {
            Self::Lifted => Some(answer),
            Self::Whole => None,
            Self::Places(_) => {
                let mut value = serde_json::to_value(answer).ok()?;
                self.stored_answer(&mut value);
                serde_json::from_value(value).ok()
            }
        }
    }

    /// Hides, in every text of `value`, what stood in a private place. For words that a policy says
    /// about an answer and that a person needs to decide on it.
    pub fn quotes(&self, value: &mut Value, hidden: &[String]) {
        match (self, value) {
            (Self::Lifted, _) => {}
            (_, Value::String(text)) if matches!(self, Self::Whole) => *text = MASK.to_owned(),
            (_, Value::String(text)) => {
                // The longest first: a part of it must not leave the rest standing.
                let mut hidden: Vec<&String> = hidden.iter().collect();
                hidden.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
                for secret in hidden {
                    *text = text.replace(secret.as_str(), MASK);
                }
            }
            (_, Value::Array(items)) => items.iter_mut().for_each(|item| self.quotes(item, hidden)),
            (_, Value::Object(map)) => map.values_mut().for_each(|item| self.quotes(item, hidden)),
            _ => {}
        }
    }
}

/// Steps of the private places under that root.
fn places<'a>(policy: &'a Policy, root: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
    policy.private.iter().filter_map(move |path| {
        let mut steps = path.split('.');
        (steps.next() == Some(root)).then(|| steps.collect())
    })
}

fn answer_texts(answer: &mut Value, steps: &[&str], hidden: &mut Vec<String>) {
    let choices = answer.get_mut("choices").and_then(Value::as_array_mut);
    for choice in choices.into_iter().flatten() {
        let Some(text) = choice.get_mut("text") else { continue };
        let parsed = text.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        match parsed {
            Some(mut value) if !steps.is_empty() => {
                hide(&mut value, steps, hidden);
                *text = value.to_string().into();
            }
            // Not the shape that the place was named for: nobody knows where it stands.
            _ => hide(text, &[], hidden),
        }
    }
}

/// Replaces what stands at a path; `*` is each element or field.
fn hide(value: &mut Value, steps: &[&str], hidden: &mut Vec<String>) {
    let Some((step, rest)) = steps.split_first() else {
        texts(value, hidden);
        *value = MASK.into();
        return;
    };
    match value {
        Value::Object(map) if *step == "*" => {
            map.values_mut().for_each(|value| hide(value, rest, hidden));
        }
        Value::Object(map) => {
            if let Some(value) = map.get_mut(*step) {
                hide(value, rest, hidden);
            }
        }
        Value::Array(items) if *step == "*" => {
            items.iter_mut().for_each(|value| hide(value, rest, hidden));
        }
        _ => {}
    }
}

/// Every text and number in a value, as words would quote it.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if !text.is_empty() => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(map) => map.values().for_each(|item| texts(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_private_place_is_hidden_and_the_rest_stays() {
        let mut input =
            json!({ "iban": "DE1", "lines": [{ "text": "a", "n": 1 }, { "text": "b" }] });
        let mut hidden = Vec::new();
        hide(&mut input, &["iban"], &mut hidden);
        hide(&mut input, &["lines", "*", "text"], &mut hidden);
        let left = json!({ "iban": MASK, "lines": [{ "text": MASK, "n": 1 }, { "text": MASK }] });
        assert_eq!(input, left);
        assert_eq!(hidden, ["DE1", "a", "b"]);
    }

    #[test]
    fn a_private_place_of_the_output_is_hidden_inside_its_text() {
        let mut answer = json!({ "choices": [{ "text": "{\"iban\":\"DE1\",\"n\":1}" }] });
        answer_texts(&mut answer, &["iban"], &mut Vec::new());
        assert_eq!(answer, json!({ "choices": [{ "text": "{\"iban\":\"[private]\",\"n\":1}" }] }));
    }

    #[test]
    fn an_answer_of_another_shape_than_the_place_is_hidden_whole() {
        let mut answer = json!({ "choices": [{ "text": "the IBAN is DE1" }] });
        answer_texts(&mut answer, &["iban"], &mut Vec::new());
        assert_eq!(answer, json!({ "choices": [{ "text": MASK }] }));
    }

    #[test]
    fn where_nobody_knows_what_is_private_everything_is() {
        let (mut input, mut answer) = (json!({ "a": 1 }), json!({ "choices": [] }));
        Veil::Whole.input(&mut input);
        Veil::Whole.stored_answer(&mut answer);
        assert_eq!((input, answer), (json!(MASK), json!(MASK)));
        assert_eq!(Veil::Whole.answer(Answer::text("words")), None);
        assert_eq!(Veil::Whole.words("words"), MASK);
    }
}
