//! Settles a source that was asked: a judge's score, or what further answers agree on.

use backstop_checks::confidence::{Compare, votes};
use backstop_checks::read_json;
use serde_json::Value;

use super::{Reading, Slot};
use crate::answer::Answer;
use crate::compiled::{Evidence, OutputOf};
use crate::judge::Given;
use crate::judge::paid::{PaidResult, Vote, judge_said};
use crate::judge::state::Judging;

impl Judging<'_> {
    /// Records what came of a source that was asked.
    pub(in crate::judge) fn settle_source(
        &mut self,
        slot: &Slot,
        result: Result<PaidResult, String>,
    ) {
        let unit = self.doubt.units.as_ref().and_then(|units| units.get(slot.unit)).cloned();
        let Some(unit) = unit else { return };
        let Some(source) = self.block(&unit.place).and_then(|block| block.from.get(slot.source))
        else {
            return;
        };
        match (&source.evidence, result) {
            (Evidence::Votes { compare, .. }, Ok(PaidResult::Votes(more))) => {
                self.count(slot, *compare, more);
            }
            (Evidence::Judge { .. }, Ok(PaidResult::Judge(answer))) => {
                let reading = match judge_said(&answer) {
                    Ok((signal, _)) => Reading::of_all(&unit.values, &Ok(signal)),
                    Err(message) => Reading::erred(&unit.values, message),
                };
                self.record(slot.unit, reading);
            }
            (_, Ok(_)) => {
                let message = "something else was brought than was asked".to_owned();
                self.record(slot.unit, Reading::erred(&unit.values, message));
            }
            // Not asked, because it could not be paid for, or no answer: missing.
            (_, Err(why)) => self.record(slot.unit, Reading::of_all(&unit.values, &Err(why))),
        }
    }

    /// Counts the votes. The first answer of the largest group goes on: if it is another one, it
    /// takes the place of the first and is judged from the start, the count being kept.
    fn count(&mut self, slot: &Slot, compare: Compare, more: Vec<Vote>) {
        let unit = self.doubt.units.as_ref().and_then(|units| units.get(slot.unit)).cloned();
        let Some(unit) = unit else { return };
        let Some(block) = self.block(&unit.place) else { return };
        let first = self.choices.first().and_then(|choice| choice.output().cloned());
        let rest = more.iter().map(|vote| self.read(&vote.answer));
        let answers: Vec<Option<Value>> = core::iter::once(first).chain(rest).collect();
        let counted = votes(&answers, &block.at, compare);
        let signal = counted.signal.map_err(|missing| missing.to_string());
        self.doubt.carried.insert((block.by.clone(), slot.source), signal.clone());
        let winner = counted.winner.and_then(|winner| winner.checked_sub(1));
        match winner.and_then(|winner| more.into_iter().nth(winner)) {
            None => self.record(slot.unit, Reading::of_all(&unit.values, &signal)),
            Some(vote) => self.replace(vote),
        }
    }

    fn replace(&mut self, vote: Vote) {
        let model = self.model().unwrap_or_default().to_owned();
        let given = Given::of_model(vote.answer, vote.attempt, &model, vote.raw);
        let mut fresh = Judging::of_answer(self.facts, given, self.before);
        fresh.asked = self.asked;
        fresh.doubt.carried = core::mem::take(&mut self.doubt.carried);
        *self = fresh;
    }

    /// The value of another answer, if its shape is right; else it agrees with nobody.
    fn read(&self, answer: &Answer) -> Option<Value> {
        let [choice] = answer.choices.as_slice() else { return None };
        let stopped = matches!(choice.finish.as_deref(), Some("length" | "content_filter"));
        if stopped || choice.refusal.is_some() || !choice.tool_calls.is_empty() {
            return None;
        }
        let text = choice.text.as_deref()?;
        match &self.policy.output {
            OutputOf::Schema(schema) => {
                let value = read_json(text).ok()?.value;
                schema.is_valid(&value).then_some(value)
            }
            OutputOf::Text => Some(Value::String(text.trim().to_owned())),
            OutputOf::Request => match self.facts.requested() {
                crate::judge::input::Requested::Text => Some(Value::String(text.trim().to_owned())),
                crate::judge::input::Requested::Json => read_json(text).ok().map(|read| read.value),
                crate::judge::input::Requested::Schema(schema) => {
                    let value = read_json(text).ok()?.value;
                    schema.is_valid(&value).then_some(value)
                }
            },
        }
    }
}
