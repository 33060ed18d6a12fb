//! How sure an answer is: each block's sources in order, until it is sure or none is left.
//!
//! A missing signal is never sure. The arithmetic of each source is `checks::confidence`'s; here
//! stands only how sources combine (RULES.md section 3, "Confidence block").

mod read;
mod settle;
mod tell;

use std::collections::BTreeMap;

use backstop_domain::{Signal, Source};
use serde_json::Value;

use super::paid::{Ask, Paid, PaidAsk};
use super::state::Judging;
use crate::compiled::{Block, Need};

/// Where the confidence part stands.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// Every block on every choice or tool call; `None` before the first question.
    units: Option<Vec<Unit>>,
    /// What votes said, kept when another of them takes the answer's place.
    carried: BTreeMap<(String, usize), Result<Signal, String>>,
}

/// One block on one choice, or on one tool call.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    place: UnitPlace,
    /// Pointers of the values, below the output or the arguments.
    values: Vec<String>,
    /// What each source said of each value; sources not yet asked are missing from it.
    readings: Vec<Reading>,
    told: bool,
}

/// Which block on what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct UnitPlace {
    /// Place among the policy's blocks, or among the tool's.
    block: usize,
    choice: usize,
    /// Place among the choice's tool calls.
    tool: Option<usize>,
}

/// What one source said.
#[derive(Debug, Clone)]
struct Reading {
    /// Its `when` does not hold: it does not count at all.
    left_out: bool,
    /// By pointer: the signal, or why it is missing.
    values: BTreeMap<String, Result<Signal, String>>,
    /// It could not be computed, which is more than missing.
    error: Option<String>,
}

/// A source that was asked and has not answered.
#[derive(Debug, Clone)]
pub struct Slot {
    pub(super) unit: usize,
    pub(super) source: usize,
}

impl<'f> Judging<'f> {
    /// The next source to ask; empty when every block has said what it says.
    pub(super) fn doubts(&mut self) -> Vec<PaidAsk> {
        if self.is_request() || self.shape.is_some() {
            return Vec::new();
        }
        let mut units = self.doubt.units.take().unwrap_or_else(|| self.units());
        let mut all = units.iter_mut().enumerate();
        let ask = all.find_map(|(index, unit)| self.advance(index, unit));
        if ask.is_none() {
            self.tell_signals(&units);
        }
        self.doubt.units = Some(units);
        ask.into_iter().collect()
    }

    /// Every block on everything it concerns. A kept answer keeps its result.
    fn units(&self) -> Vec<Unit> {
        let source = self.source();
        if source == Source::Cache {
            return Vec::new();
        }
        let mut units = Vec::new();
        for (index, choice) in self.choices.iter().enumerate() {
            for (block, of) in self.policy.confidence.iter().enumerate() {
                let place = UnitPlace { block, choice: index, tool: None };
                if let Some(output) = choice.output().filter(|_| of.sources.holds(source)) {
                    units.extend(unit(place, of, output));
                }
            }
            for (at, call) in choice.tools.iter().enumerate() {
                let blocks = self.policy.tools.find(&call.name).map(|tool| &tool.confidence);
                for (block, of) in blocks.into_iter().flatten().enumerate() {
                    let place = UnitPlace { block, choice: index, tool: Some(at) };
                    if call.sound && of.sources.holds(source) {
                        units.extend(unit(place, of, &call.args));
                    }
                }
            }
        }
        units
    }

    pub(super) fn block(&self, place: &UnitPlace) -> Option<&'f Block> {
        let policy: &'f crate::compiled::Policy = self.policy;
        match place.tool {
            None => policy.confidence.get(place.block),
            Some(at) => {
                let call = self.choices.get(place.choice)?.tools.get(at)?;
                policy.tools.find(&call.name)?.confidence.get(place.block)
            }
        }
    }

    /// Reads free sources until the unit is settled or something has to be asked.
    fn advance(&mut self, index: usize, unit: &mut Unit) -> Option<PaidAsk> {
        let block = self.block(&unit.place)?;
        if unit.told {
            return None;
        }
        while let Some(next) = block.from.get(unit.readings.len())
            && !self.is_settled(unit, block)
        {
            let slot = Slot { unit: index, source: unit.readings.len() };
            match self.ask_or_read(unit, block, next, &slot) {
                Ok(reading) => unit.readings.push(reading),
                Err(ask) => {
                    let timeout = None;
                    return Some(self.open(Paid::Source(slot), *ask, timeout));
                }
            }
        }
        self.tell_unit(unit, block);
        unit.told = true;
        None
    }

    /// Whether no further source can change what the block says.
    fn is_settled(&self, unit: &Unit, block: &Block) -> bool {
        if unit.readings.is_empty() {
            return false;
        }
        match block.need {
            Need::Any => unit.values.iter().all(|value| self.is_sure(unit, block, value)),
            Need::All => unit.readings.iter().zip(&block.from).any(|(reading, source)| {
                let accept = block.accept.of(&source.name, self.model());
                !reading.left_out && !unit.values.iter().all(|at| reading.reaches(at, accept))
            }),
        }
    }

    /// Whether the value at `at` is sure, by what was read so far.
    pub(super) fn is_sure(&self, unit: &Unit, block: &Block, at: &str) -> bool {
        let mut counted = unit.readings.iter().zip(&block.from).filter(|(r, _)| !r.left_out);
        let reaches = |(reading, source): (&Reading, &crate::compiled::ConfidenceSource)| {
            reading.reaches(at, block.accept.of(&source.name, self.model()))
        };
        match block.need {
            Need::Any => counted.any(reaches),
            Need::All => {
                let all = unit.readings.len() == block.from.len();
                let some = unit.readings.iter().any(|reading| !reading.left_out);
                all && some && counted.all(reaches)
            }
        }
    }

    fn record(&mut self, unit: usize, reading: Reading) {
        let units = self.doubt.units.as_mut();
        if let Some(unit) = units.and_then(|units| units.get_mut(unit)) {
            unit.readings.push(reading);
        }
    }
}

impl Reading {
    fn reaches(&self, at: &str, accept: Option<Signal>) -> bool {
        match (self.values.get(at), accept) {
            (Some(Ok(signal)), Some(accept)) => *signal >= accept,
            _ => false,
        }
    }

    /// The same for every value.
    fn of_all(values: &[String], signal: &Result<Signal, String>) -> Self {
        let values = values.iter().map(|at| (at.clone(), signal.clone())).collect();
        Self { left_out: false, values, error: None }
    }

    fn left_out() -> Self {
        Self { left_out: true, values: BTreeMap::new(), error: None }
    }

    fn erred(values: &[String], message: String) -> Self {
        let missing = Self::of_all(values, &Err(message.clone()));
        Self { error: Some(message), ..missing }
    }
}

/// A block on a value; nothing where no value matches its places.
fn unit(place: UnitPlace, block: &Block, value: &Value) -> Option<Unit> {
    let mut values = Vec::new();
    if block.at.is_empty() {
        values.push(String::new());
    }
    for path in &block.at {
        // Too many places: the whole is judged, and no source can speak of the whole, so the
        // answer is not sure.
        match path.select(value) {
            Ok(found) => values.extend(found.into_iter().map(|(pointer, _)| pointer)),
            Err(_) => values.push(String::new()),
        }
    }
    (!values.is_empty()).then_some(Unit { place, values, readings: Vec::new(), told: false })
}

/// Boxed, because requests are large.
pub(super) type AskBox = Box<Ask>;
