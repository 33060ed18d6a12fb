//! Reads what a caller sent: the input to its schema, and the contract that a passed-through
//! request brings along.

use std::collections::BTreeMap;

use backstop_checks::read_json;
use backstop_checks::schema::Schema;
use serde_json::Value;

use super::{Facts, text_of};
use crate::compiled::{InputOf, OutputOf, Policy, Tools};

/// What is wrong with an input, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InputProblem {
    /// JSON pointer into the input.
    pub pointer: String,
    /// In words.
    pub message: String,
}

impl InputProblem {
    fn new(pointer: &str, message: impl Into<String>) -> Self {
        Self { pointer: pointer.to_owned(), message: message.into() }
    }
}

/// The answer that a passed-through request asks for.
#[derive(Debug)]
pub enum Requested {
    /// A text.
    Text,
    /// Any JSON object.
    Json,
    /// A value to that schema.
    Schema(Schema),
}

/// What a passed-through request brings along.
#[derive(Debug)]
pub(super) struct Contract {
    pub output: Requested,
    /// Schemas of the caller's tools; `None` for a tool without one.
    pub tools: BTreeMap<String, Option<Schema>>,
}

impl Policy {
    /// The input in a body of the calls API, or given by hand.
    ///
    /// # Errors
    /// Every place where it is not to the policy's schema.
    pub fn read_input(&self, input: Value) -> Result<Value, Vec<InputProblem>> {
        match &self.input {
            InputOf::Text => match input {
                Value::String(text) if !text.trim().is_empty() => Ok(Value::String(text)),
                Value::String(_) => Err(vec![InputProblem::new("", "the text is empty")]),
                _ => Err(vec![InputProblem::new("", "the input has to be a text")]),
            },
            InputOf::Schema(schema) => held_to(schema, input),
            InputOf::Body => self.read_body(input),
        }
    }

    /// The input in a chat completion request: the body itself, `backstop.input`, or the last user
    /// message (as JSON where the policy has an input schema).
    ///
    /// # Errors
    /// Every place where it is not to the policy's schema.
    pub fn read_chat(&self, body: &Value) -> Result<Value, Vec<InputProblem>> {
        if matches!(self.input, InputOf::Body) {
            return self.read_body(body.clone());
        }
        if let Some(given) = body.pointer("/backstop/input") {
            return self
                .read_input(given.clone())
                .map_err(|problems| under(problems, "/backstop/input"));
        }
        let messages = body.get("messages").and_then(Value::as_array);
        let last = messages.and_then(|messages| {
            messages.iter().rev().find(|message| crate::prompt::role(message) == "user")
        });
        let Some(last) = last else {
            let message = "there is no user message, and no `backstop.input`";
            return Err(vec![InputProblem::new("/messages", message)]);
        };
        let text = text_of(last);
        match &self.input {
            InputOf::Schema(schema) => {
                let read = read_json(&text).map_err(|fault| {
                    let message = format!(
                        "policy `{}` takes JSON: send it as `backstop.input`, or as the last user \
                         message ({fault})",
                        self.name
                    );
                    vec![InputProblem::new("/messages", message)]
                })?;
                held_to(schema, read.value)
            }
            _ => self.read_input(Value::String(text)),
        }
    }

    /// A body that is passed through, with what it brings along.
    fn read_body(&self, body: Value) -> Result<Value, Vec<InputProblem>> {
        let messages = body.get("messages").and_then(Value::as_array);
        if messages.is_none_or(Vec::is_empty) {
            let message = "`messages` has to be a list with at least one message";
            return Err(vec![InputProblem::new("/messages", message)]);
        }
        contract(self, &body)?;
        Ok(body)
    }
}

/// The contract that a body brings along.
pub(super) fn contract(policy: &Policy, body: &Value) -> Result<Contract, Vec<InputProblem>> {
    let mut problems = Vec::new();
    let output = match policy.output {
        OutputOf::Request => requested(body).unwrap_or_else(|problem| {
            problems.push(problem);
            Requested::Text
        }),
        _ => Requested::Text,
    };
    let tools = match policy.tools {
        Tools::Request => tools(body, &mut problems),
        Tools::Listed(_) => BTreeMap::new(),
    };
    if problems.is_empty() { Ok(Contract { output, tools }) } else { Err(problems) }
}

fn requested(body: &Value) -> Result<Requested, InputProblem> {
    let Some(format) = body.get("response_format").filter(|format| !format.is_null()) else {
        return Ok(Requested::Text);
    };
    match format.get("type").and_then(Value::as_str) {
        None | Some("text") => Ok(Requested::Text),
        Some("json_object") => Ok(Requested::Json),
        Some("json_schema") => {
            let at = "/response_format/json_schema/schema";
            let schema = body.pointer(at).ok_or_else(|| InputProblem::new(at, "it is missing"))?;
            Schema::of_value("response_format", schema)
                .map(Requested::Schema)
                .map_err(|error| InputProblem::new(at, error.to_string()))
        }
        Some(other) => {
            let message = format!("`{other}` is not `text`, `json_object` or `json_schema`");
            Err(InputProblem::new("/response_format/type", message))
        }
    }
}

fn tools(body: &Value, problems: &mut Vec<InputProblem>) -> BTreeMap<String, Option<Schema>> {
    let mut found = BTreeMap::new();
    let listed = body.get("tools").and_then(Value::as_array).into_iter().flatten();
    for (index, tool) in listed.enumerate() {
        let Some(name) = tool.pointer("/function/name").and_then(Value::as_str) else { continue };
        let schema = tool.pointer("/function/parameters").filter(|schema| !schema.is_null());
        let schema = match schema.map(|schema| Schema::of_value(name, schema)).transpose() {
            Ok(schema) => schema,
            Err(error) => {
                let at = format!("/tools/{index}/function/parameters");
                problems.push(InputProblem::new(&at, error.to_string()));
                None
            }
        };
        found.insert(name.to_owned(), schema);
    }
    found
}

fn held_to(schema: &Schema, input: Value) -> Result<Value, Vec<InputProblem>> {
    let problems = schema.validate(&input);
    if problems.is_empty() {
        return Ok(input);
    }
    let problem = |found: backstop_checks::SchemaProblem| InputProblem {
        pointer: found.pointer,
        message: found.message,
    };
    Err(problems.into_iter().map(problem).collect())
}

fn under(problems: Vec<InputProblem>, root: &str) -> Vec<InputProblem> {
    let moved = |problem: InputProblem| InputProblem {
        pointer: format!("{root}{}", problem.pointer),
        ..problem
    };
    problems.into_iter().map(moved).collect()
}

impl Facts {
    /// What final output the caller's own request asks for.
    pub(super) fn requested(&self) -> &Requested {
        self.contract().map_or(&Requested::Text, |contract| &contract.output)
    }

    /// Schema of the caller's own tool of that name; `None` if the caller lists no such tool.
    pub(super) fn requested_tool(&self, name: &str) -> Option<Option<&Schema>> {
        self.contract()?.tools.get(name).map(Option::as_ref)
    }
}
