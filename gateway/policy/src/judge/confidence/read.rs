//! Reads one source of a block: at once where it is free, else by asking.

use backstop_checks::confidence::{Token, of_text, of_value, reported};
use backstop_checks::path::Path;
use backstop_domain::Signal;
use serde::Deserialize;
use serde_json::Value;

use super::{AskBox, Reading, Slot, Unit};
use crate::compiled::{Block, ConfidenceSource, Evidence};
use crate::judge::formula;
use crate::judge::paid::Ask;
use crate::judge::state::{ChoiceState, Judging};

impl Judging<'_> {
    /// What the source says, or what has to be asked for it.
    pub(super) fn ask_or_read(
        &self,
        unit: &Unit,
        block: &Block,
        source: &ConfidenceSource,
        slot: &Slot,
    ) -> Result<Reading, AskBox> {
        let Some(choice) = self.choices.get(unit.place.choice) else {
            return Ok(Reading::left_out());
        };
        if self.facts.pretended().broken_sources.contains(&source.name) {
            return Ok(Reading::erred(&unit.values, "the test says so".to_owned()));
        }
        if let Some(signal) = self.facts.pretended().signals.get(&source.name) {
            let signal = signal.ok_or_else(|| "the test says so".to_owned());
            return Ok(Reading::of_all(&unit.values, &signal));
        }
        let call = unit.place.tool.and_then(|at| choice.tools.get(at));
        let of_call = call.map(|call| choice.view.with("tool", call.variable()));
        let view = of_call.as_ref().unwrap_or(&choice.view);
        if let Some(when) = &source.when {
            match formula::holds(when, view, &block.by) {
                Ok(true) => {}
                Ok(false) => return Ok(Reading::left_out()),
                Err(message) => return Ok(Reading::erred(&unit.values, message)),
            }
        }
        match &source.evidence {
            Evidence::Logprobs => Ok(self.logprobs(unit, block, choice)),
            Evidence::Reported { field } => {
                let value = call.map_or(choice.output(), |call| Some(&call.args));
                Ok(each(unit, |at| {
                    let value = value.ok_or("there is no output")?;
                    reported(value, at, field).map_err(|missing| missing.to_string())
                }))
            }
            Evidence::Calc(expression) => Ok(match formula::value(expression, view, &block.by) {
                Ok(value) => {
                    let signal = value.as_f64().and_then(Signal::from_f64);
                    let signal = signal.ok_or_else(|| format!("{value} is not in 0 to 1"));
                    Reading::of_all(&unit.values, &signal)
                }
                Err(message) => Reading::erred(&unit.values, message),
            }),
            Evidence::Votes { k, .. } => self.votes(unit, block, *k, slot),
            Evidence::Judge { prompt, model } => {
                let whole = call.map_or(choice.output(), |call| Some(&call.args));
                let subject = whole.map(|value| subject(value, &unit.values)).unwrap_or_default();
                match self.judge_request(choice, prompt, model, &subject) {
                    Ok(ask) => Err(Box::new(ask)),
                    Err(message) => Ok(Reading::erred(&unit.values, message)),
                }
            }
        }
    }

    fn votes(&self, unit: &Unit, block: &Block, k: u32, slot: &Slot) -> Result<Reading, AskBox> {
        if let Some(signal) = self.doubt.carried.get(&(block.by.clone(), slot.source)) {
            return Ok(Reading::of_all(&unit.values, signal));
        }
        let missing = |why: &str| Ok(Reading::of_all(&unit.values, &Err(why.to_owned())));
        if self.choices.len() > 1 {
            return missing("votes are not counted when the caller asked for several choices");
        }
        match self.model() {
            Some(model) => {
                Err(Box::new(Ask::Votes { more: k.saturating_sub(1), model: model.to_owned() }))
            }
            None => missing("no model gave this answer"),
        }
    }

    fn logprobs(&self, unit: &Unit, block: &Block, choice: &ChoiceState<'_>) -> Reading {
        if unit.place.tool.is_some() {
            let why = "token log-probabilities do not cover tool arguments".to_owned();
            return Reading::of_all(&unit.values, &Err(why));
        }
        let raw = self.given.as_ref().and_then(|given| given.raw.as_deref());
        let raw = raw.and_then(|raw| raw.get("choices")?.get(choice.index));
        let text = raw.and_then(|raw| raw.get("message")?.get("content")?.as_str());
        let tokens = raw.and_then(|raw| raw.get("logprobs")?.get("content"));
        let tokens = tokens.and_then(|tokens| Vec::<Token>::deserialize(tokens).ok());
        let (Some(text), Some(tokens)) = (text, tokens) else {
            let why = "the model gave no token log-probabilities".to_owned();
            return Reading::of_all(&unit.values, &Err(why));
        };
        each(unit, |at| {
            let signal = if choice.is_json {
                of_value(text, &tokens, at, self.allowed(block, at))
            } else {
                of_text(text, &tokens, &[])
            };
            signal.map_err(|missing| missing.to_string())
        })
    }

    /// The values that the schema allows at a place, if it names them.
    fn allowed<'b>(&self, block: &'b Block, at: &str) -> &'b [Value] {
        let Some(output) = self.choices.first().and_then(ChoiceState::output) else {
            return &[];
        };
        let names = |path: &Path| {
            path.select(output).is_ok_and(|found| found.iter().any(|(pointer, _)| pointer == at))
        };
        let place = block.at.iter().position(names);
        place.and_then(|place| block.allowed.get(place)).map_or(&[], Vec::as_slice)
    }
}

fn each(unit: &Unit, read: impl Fn(&str) -> Result<Signal, String>) -> Reading {
    let values = unit.values.iter().map(|at| (at.clone(), read(at))).collect();
    Reading { left_out: false, values, error: None }
}

/// What a judge is shown: the values at the places, or the whole.
fn subject(value: &Value, places: &[String]) -> String {
    let at = |place: &String| value.pointer(place).map(|value| format!("{place}: {value}"));
    match places {
        [whole] if whole.is_empty() => match value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        },
        places => places.iter().filter_map(at).collect::<Vec<_>>().join("\n"),
    }
}
