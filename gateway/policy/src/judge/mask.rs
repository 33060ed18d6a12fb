//! Masking an answer: what checks found in it becomes `[iban]` and so on, in output and arguments.

use backstop_checks::text::{Found, mask};
use serde_json::Value;

use super::checks::look;
use super::state::{ChoiceState, Judging};
use super::{Facts, Given};
use crate::answer::{Answer, Choice};

/// Why an answer could not be masked. It then stays as it was, and must not leave as masked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the answer cannot be masked: {0}")]
pub struct MaskRefused(pub String);

/// The answer with everything masked that the named checks find in it.
///
/// # Errors
/// [`MaskRefused`] if its shape is wrong, a check cannot run, or a find cannot be replaced.
pub(crate) fn masked(
    facts: &Facts,
    given: Given<'_>,
    names: &[String],
) -> Result<Answer, MaskRefused> {
    let mut judging = Judging::of_answer(facts, given, &[]);
    let Some(mut given) = judging.given.take().filter(|_| judging.shape.is_none()) else {
        return Err(MaskRefused("its shape is not right".to_owned()));
    };
    for choice in &judging.choices {
        let mut found = Vec::new();
        for check in facts.policy().checks.iter().filter(|check| names.contains(&check.name)) {
            let places = super::places::places(&check.at, false, facts, choice);
            let scanned = places.and_then(|places| look(check, &places, &choice.view));
            found.extend(scanned.map_err(MaskRefused)?.found);
        }
        if let Some(answer) = given.answer.choices.get_mut(choice.index) {
            mask_choice(answer, choice, &found)?;
        }
    }
    Ok(given.answer)
}

fn mask_choice(
    answer: &mut Choice,
    choice: &ChoiceState<'_>,
    found: &[Found],
) -> Result<(), MaskRefused> {
    let tools = format!("{}/tool_calls/", choice.prefix);
    if let Some(words) = choice.words() {
        let mine = |found: &&Found| !found.path.starts_with(&tools);
        let here = found.iter().filter(mine).filter_map(|found| below(found, &choice.prefix));
        if let Some(text) = replaced(words, here.collect())? {
            answer.text = Some(text);
        }
    }
    for call in &choice.tools {
        let root = format!("{tools}{}/function/arguments", call.index);
        let here = found.iter().filter_map(|found| below(found, &root)).collect();
        let text = replaced(&call.args, here)?;
        if let (Some(text), Some(call)) = (text, answer.tool_calls.get_mut(call.index)) {
            call.arguments = text;
        }
    }
    Ok(())
}

/// The find as it stands below `root`; `None` if it stands elsewhere.
fn below(found: &Found, root: &str) -> Option<Found> {
    let path = found.path.strip_prefix(root)?;
    (path.is_empty() || path.starts_with('/'))
        .then(|| Found { path: path.to_owned(), ..found.clone() })
}

fn replaced(value: &Value, found: Vec<Found>) -> Result<Option<String>, MaskRefused> {
    if found.is_empty() {
        return Ok(None);
    }
    let mut value = value.clone();
    mask(&mut value, &found).map_err(|error| MaskRefused(error.to_string()))?;
    Ok(Some(match value {
        Value::String(text) => text,
        other => other.to_string(),
    }))
}
