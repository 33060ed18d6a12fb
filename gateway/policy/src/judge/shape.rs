//! The shape of an answer, in this order, the first failure ending it: declined, truncated,
//! malformed (mended first, inventing nothing), schema. Rules never see an answer of wrong shape.

use backstop_checks::read_json;
use backstop_checks::schema::Schema;
use backstop_domain::{FailureClass, Source};
use serde_json::Value;

use super::View;
use super::objection::{Objects, class_ladder};
use super::state::{ChoiceState, Judging};
use crate::answer::Choice;
use crate::compiled::OutputOf;

/// What final output has to be.
enum Wanted<'a> {
    Text,
    Json,
    Schema(&'a Schema),
}

/// What is wrong with one choice.
struct Wrong {
    class: FailureClass,
    at: String,
    message: String,
}

impl Wrong {
    fn new(class: FailureClass, message: impl Into<String>) -> Self {
        Self { class, at: String::new(), message: message.into() }
    }
}

/// Final output as it was read.
#[derive(Default)]
struct Output {
    value: Option<Value>,
    aside: Option<Value>,
    is_json: bool,
}

/// Reads every choice, mending texts in place; sets the shape if one of them is wrong.
pub(super) fn read(judging: &mut Judging<'_>) {
    let Some(mut given) = judging.given.take() else { return };
    let several = given.answer.choices.len() > 1;
    if given.answer.choices.is_empty() {
        let wrong = Wrong::new(FailureClass::Malformed, "the answer has no choices");
        object(judging, String::new(), vec![wrong]);
    }
    for (index, choice) in given.answer.choices.iter_mut().enumerate() {
        let prefix = if several { format!("/choices/{index}") } else { String::new() };
        let mut view = judging.facts.view();
        view.set_answer(given.source, given.model.as_deref(), given.attempt);
        match choice_of(judging, choice, given.source) {
            Ok(read) => judging.choices.push(state(index, prefix, view, read)),
            Err(wrong) => object(judging, prefix, wrong),
        }
    }
    judging.mended.dedup();
    judging.given = Some(given);
}

fn state<'f>(index: usize, prefix: String, mut view: View<'f>, read: Output) -> ChoiceState<'f> {
    let Output { value, aside, is_json } = read;
    if let Some(value) = value {
        view.set("output", value);
    }
    ChoiceState { index, prefix, view, aside, is_json, tools: Vec::new() }
}

fn choice_of(
    judging: &mut Judging<'_>,
    choice: &mut Choice,
    source: Source,
) -> Result<Output, Vec<Wrong>> {
    if let Some(wrong) = stopped(choice, source) {
        return Err(vec![wrong]);
    }
    let text = choice.text.as_deref().unwrap_or_default();
    if !choice.tool_calls.is_empty() {
        return Ok(beside_tools(text, matches!(judging.policy.output, OutputOf::Text)));
    }
    if text.trim().is_empty() {
        return Err(vec![Wrong::new(FailureClass::Malformed, "the answer is empty")]);
    }
    let schema = match wanted(judging) {
        Wanted::Text => {
            let value = Some(Value::String(text.to_owned()));
            return Ok(Output { value, ..Output::default() });
        }
        Wanted::Json => None,
        Wanted::Schema(schema) => Some(schema),
    };
    let mended = read_json(text).map_err(|fault| {
        vec![Wrong::new(FailureClass::Malformed, format!("the answer is not JSON: {fault}"))]
    })?;
    let problems = match schema {
        Some(schema) => schema.validate(&mended.value),
        None if mended.value.is_object() => Vec::new(),
        None => {
            let message = "the answer has to be a JSON object";
            return Err(vec![Wrong::new(FailureClass::Schema, message)]);
        }
    };
    if !problems.is_empty() {
        let wrong = problems.into_iter().map(|problem| Wrong {
            class: FailureClass::Schema,
            at: problem.pointer,
            message: problem.message,
        });
        return Err(wrong.collect());
    }
    if !mended.steps.is_empty() {
        judging.mended.extend(mended.steps.iter().map(|step| step.name().to_owned()));
        choice.text = Some(mended.text);
    }
    Ok(Output { value: Some(mended.value), aside: None, is_json: true })
}

/// A refusal, a filter's stop, or a cut.
fn stopped(choice: &Choice, source: Source) -> Option<Wrong> {
    if let Some(words) = choice.refusal.as_deref().filter(|words| !words.is_empty()) {
        return Some(Wrong::new(FailureClass::Declined, format!("the model declined: {words}")));
    }
    if source != Source::Model {
        return None;
    }
    match choice.finish.as_deref() {
        Some("content_filter" | "refusal" | "safety") => {
            let message = "a content filter stopped the answer";
            Some(Wrong::new(FailureClass::Declined, message))
        }
        Some("length" | "max_tokens") => {
            Some(Wrong::new(FailureClass::Truncated, "the answer was cut off at its length limit"))
        }
        _ => None,
    }
}

/// Words beside tool calls are final output only where any text is; checks look at them anyway.
fn beside_tools(text: &str, is_output: bool) -> Output {
    let words = (!text.is_empty()).then(|| Value::String(text.to_owned()));
    let (value, aside) = if is_output { (words, None) } else { (None, words) };
    Output { value, aside, is_json: false }
}

fn wanted<'f>(judging: &Judging<'f>) -> Wanted<'f> {
    let policy: &'f crate::compiled::Policy = judging.policy;
    match &policy.output {
        OutputOf::Text => Wanted::Text,
        OutputOf::Schema(schema) => Wanted::Schema(schema),
        OutputOf::Request => match judging.facts.requested() {
            super::input::Requested::Schema(schema) => Wanted::Schema(schema),
            super::input::Requested::Json => Wanted::Json,
            super::input::Requested::Text => Wanted::Text,
        },
    }
}

/// Records what is wrong with one choice; the first class found is the answer's shape.
fn object(judging: &mut Judging<'_>, prefix: String, wrong: Vec<Wrong>) {
    let view = judging.facts.view();
    for wrong in wrong {
        judging.shape.get_or_insert(wrong.class);
        let ladder = class_ladder(wrong.class);
        let objects = Objects::fail(wrong.class.name(), wrong.class, wrong.message);
        let at = format!("{prefix}{}", wrong.at);
        let finding = objects.taking(Some(&ladder)).at(at).finding(judging.policy, &view);
        judging.find(0, finding);
    }
}
