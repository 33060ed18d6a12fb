//! The attempts side by side: what each model answered, and where they differ.

use std::collections::BTreeMap;

use backstop_domain::AttemptResult;
use serde_json::Value;

use super::{
    super::{trouble::Trouble, words},
    matter::{Matter, json},
};
use crate::{
    app::App,
    tongue::{say, tell},
};

/// Most attempts that stand side by side.
const COLUMNS_MAX: usize = 6;
/// Most places at which answers are compared.
const PLACES_MAX: usize = 200;

/// One request to a model.
pub struct Attempt {
    pub number: u32,
    pub model: String,
    pub purpose: &'static str,
    pub result: String,
    pub took: String,
    pub tokens: u64,
    pub cost: String,
}

/// The attempts, and a table of the places at which their answers differ.
#[derive(Default)]
pub struct Attempts {
    pub all: Vec<Attempt>,
    /// Heads of the columns.
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
    /// How many places are the same in all.
    pub same: usize,
}

/// One place, and what each attempt has there.
pub struct Row {
    pub at: String,
    pub values: Vec<String>,
}

/// Reads them.
///
/// # Errors
/// [`Trouble`] if the ledger cannot be read.
pub async fn attempts(app: &App, matter: &Matter) -> Result<Attempts, Trouble> {
    let attempts = &matter.call.state.attempts;
    let mut told = Attempts::default();
    let mut columns: Vec<BTreeMap<String, String>> = Vec::new();
    for attempt in attempts {
        let started = &attempt.started;
        let ended = attempt.ended.as_ref();
        let result = match ended.map(|ended| &ended.result) {
            None => say("under way").into_owned(),
            Some(AttemptResult::Answered { finish, .. }) => match finish {
                Some(finish) => tell("answered ({finish})", &[("finish", finish)]),
                None => say("answered").into_owned(),
            },
            Some(AttemptResult::Failed { class, message, .. }) => {
                let message = matter.veil.words(message);
                format!("{class}: {message}")
            }
        };
        told.all.push(Attempt {
            number: started.attempt,
            model: started.model.clone(),
            purpose: started.purpose.name(),
            result,
            took: ended.map(|ended| words::span(ended.took_ms)).unwrap_or_default(),
            tokens: ended.map_or(0, |ended| ended.usage.total()),
            cost: ended.map(|ended| words::money(ended.cost.0)).unwrap_or_default(),
        });
        let answered = ended.and_then(|ended| match &ended.result {
            AttemptResult::Answered { answer, .. } => Some(*answer),
            AttemptResult::Failed { .. } => None,
        });
        let judge = started.purpose == backstop_domain::Purpose::Judge;
        if let Some(digest) = answered.filter(|_| !judge && columns.len() < COLUMNS_MAX) {
            let mut answer = json(app, digest).await?;
            matter.veil.stored_answer(&mut answer);
            columns.push(leaves(&answer));
            told.columns.push(format!("{}. {}", started.attempt, started.model));
        }
    }
    if columns.len() > 1 {
        compare(&mut told, &columns);
    } else {
        told.columns.clear();
    }
    Ok(told)
}

fn compare(told: &mut Attempts, columns: &[BTreeMap<String, String>]) {
    let mut places: Vec<&String> = columns.iter().flat_map(BTreeMap::keys).collect();
    places.sort();
    places.dedup();
    for place in places.into_iter().take(PLACES_MAX) {
        let values: Vec<String> =
            columns.iter().map(|column| column.get(place).cloned().unwrap_or_default()).collect();
        if values.windows(2).all(|pair| pair.first() == pair.last()) {
            told.same += 1;
        } else {
            told.rows.push(Row { at: place.clone(), values });
        }
    }
}

/// Every value of an answer by its place: of the output's fields, or of the arguments of tools.
fn leaves(answer: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let choice = answer.pointer("/choices/0").unwrap_or(&Value::Null);
    if let Some(text) = choice.get("text").and_then(Value::as_str) {
        match serde_json::from_str::<Value>(text) {
            Ok(value) if value.is_object() || value.is_array() => leaf(&value, "", &mut found),
            _ => drop(found.insert("text".to_owned(), text.to_owned())),
        }
    }
    for tool in choice.get("tool_calls").and_then(Value::as_array).into_iter().flatten() {
        let name = tool.get("name").and_then(Value::as_str).unwrap_or_default();
        let args = tool.get("arguments").and_then(Value::as_str).unwrap_or_default();
        let args = serde_json::from_str(args).unwrap_or_else(|_| Value::from(args));
        leaf(&args, name, &mut found);
    }
    found
}

fn leaf(value: &Value, at: &str, found: &mut BTreeMap<String, String>) {
    let step = |name: &str| if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
    match value {
        Value::Object(map) => map.iter().for_each(|(name, value)| leaf(value, &step(name), found)),
        Value::Array(list) => {
            let entries = list.iter().enumerate();
            entries.for_each(|(index, value)| leaf(value, &step(&(index + 1).to_string()), found));
        }
        Value::String(text) => drop(found.insert(at.to_owned(), text.clone())),
        other => drop(found.insert(at.to_owned(), other.to_string())),
    }
}
