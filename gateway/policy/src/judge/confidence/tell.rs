//! What confidence came to: a finding per block, signals for the record and for rules.

use std::collections::BTreeMap;

use backstop_domain::{FailureClass, Finding, Scored, Signal};
use serde_json::{Map, Value};

use super::{Reading, Unit};
use crate::compiled::Block;
use crate::judge::objection::Objects;
use crate::judge::state::Judging;

impl Judging<'_> {
    /// Records what one block says of one choice or tool call.
    pub(super) fn tell_unit(&mut self, unit: &Unit, block: &Block) {
        let Some(choice) = self.choices.get(unit.place.choice) else { return };
        let prefix = match unit.place.tool {
            None => choice.prefix.clone(),
            Some(at) => {
                let place = choice.tools.get(at).map_or(0, |call| call.index);
                format!("{}/tool_calls/{place}/function/arguments", choice.prefix)
            }
        };
        let weak: Vec<&String> =
            unit.values.iter().filter(|at| !self.is_sure(unit, block, at)).collect();
        let finding = match weak.first() {
            None => Finding::pass(block.by.as_str()),
            Some(first) => {
                let error = unit.readings.iter().find_map(|reading| reading.error.as_ref());
                let message = self.in_words(unit, block, first);
                let objects = match error {
                    Some(error) => {
                        let message = format!("{message}; {error}");
                        Objects::error(&block.by, &block.on_error, message)
                    }
                    None => {
                        let class = FailureClass::LowConfidence;
                        Objects::fail(&block.by, class, message).taking(Some(&block.by))
                    }
                };
                objects.at(format!("{prefix}{first}")).finding(self.policy, &choice.view)
            }
        };
        let scored = self.scored(unit, block, &prefix);
        self.signals.extend(scored);
        self.find(block.order, finding);
    }

    fn in_words(&self, unit: &Unit, block: &Block, at: &str) -> String {
        let place = if at.is_empty() { "the answer" } else { at };
        let said = unit.readings.iter().zip(&block.from).filter(|(reading, _)| !reading.left_out);
        let said: Vec<String> = said
            .map(|(reading, source)| {
                let accept = block.accept.of(&source.name, self.model());
                let needs = accept.map_or_else(
                    || "no threshold for this model".to_owned(),
                    |accept| format!("needs {}", accept.as_f64()),
                );
                match reading.values.get(at) {
                    Some(Ok(signal)) => format!("{} {} ({needs})", source.name, signal.as_f64()),
                    Some(Err(why)) => format!("{} missing: {why}", source.name),
                    None => format!("{} missing", source.name),
                }
            })
            .collect();
        match said.as_slice() {
            [] => format!("not sure of {place}: no source applies"),
            said => format!("not sure of {place}: {}", said.join("; ")),
        }
    }

    fn scored(&self, unit: &Unit, block: &Block, prefix: &str) -> Vec<Scored> {
        let mut all = Vec::new();
        for (reading, source) in unit.readings.iter().zip(&block.from) {
            for (at, value) in &reading.values {
                let at = format!("{prefix}{at}");
                all.push(Scored {
                    name: source.name.clone(),
                    value: value.as_ref().ok().copied(),
                    accept: block.accept.of(&source.name, self.model()),
                    at: Some(at).filter(|at| !at.is_empty()),
                    note: value.as_ref().err().cloned().unwrap_or_default(),
                });
            }
        }
        all
    }

    /// Shows `signals` to rules, choice by choice.
    pub(super) fn tell_signals(&mut self, units: &[Unit]) {
        for index in 0..self.choices.len() {
            let mine = units.iter().filter(|unit| unit.place.choice == index);
            let signals = self.signals_of(mine);
            if let Some(choice) = self.choices.get_mut(index) {
                choice.view.set("signals", signals);
            }
        }
    }

    fn signals_of<'a>(&self, units: impl Iterator<Item = &'a Unit>) -> Value {
        let mut lowest: BTreeMap<String, Signal> = BTreeMap::new();
        let mut weak = Vec::new();
        for unit in units {
            let Some(block) = self.block(&unit.place) else { continue };
            for (reading, source) in unit.readings.iter().zip(&block.from) {
                let least = reading.values.values().filter_map(|value| value.as_ref().ok()).min();
                lower(&mut lowest, &source.name, least.copied());
            }
            for at in &unit.values {
                if !self.is_sure(unit, block, at) {
                    weak.push(Value::from(at.as_str()));
                }
                lower(&mut lowest, "confidence", self.decided(unit, block, at));
            }
        }
        let fields = lowest.into_iter().map(|(name, signal)| (name, Value::from(signal.as_f64())));
        let mut signals: Map<String, Value> = fields.collect();
        signals.insert("sure".to_owned(), Value::Bool(weak.is_empty()));
        signals.insert("weak".to_owned(), Value::Array(weak));
        Value::Object(signals)
    }

    /// The signal of the source that decided: the first that was sure, else the last that spoke.
    fn decided(&self, unit: &Unit, block: &Block, at: &str) -> Option<Signal> {
        let readings = unit.readings.iter().zip(&block.from);
        let signal = |reading: &Reading| reading.values.get(at)?.as_ref().ok().copied();
        let sure = readings.clone().find(|(reading, source)| {
            reading.reaches(at, block.accept.of(&source.name, self.model()))
        });
        match sure {
            Some((reading, _)) => signal(reading),
            None => readings.filter_map(|(reading, _)| signal(reading)).next_back(),
        }
    }
}

fn lower(lowest: &mut BTreeMap<String, Signal>, name: &str, signal: Option<Signal>) {
    if let Some(signal) = signal {
        let least = lowest.entry(name.to_owned()).or_insert(signal);
        *least = signal.min(*least);
    }
}
