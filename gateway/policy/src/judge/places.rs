//! The values that a check looks at, each with its JSON pointer.

use backstop_checks::path::Path;
use serde_json::Value;

use super::state::ChoiceState;
use super::{Facts, text_of};
use crate::compiled::{At, Root};

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// Pointer into the answer or the request.
    pub pointer: String,
    /// The value.
    pub value: Value,
}

/// Every value at these places; only those of the request, or only those of the answer.
pub(super) fn places(
    at: &[At],
    request: bool,
    facts: &Facts,
    choice: &ChoiceState<'_>,
) -> Result<Vec<Place>, String> {
    let mut found = Vec::new();
    for at in at.iter().filter(|at| at.root.is_request() == request) {
        for (pointer, value) in roots(at.root, facts, choice) {
            select(&at.path, &pointer, &value, &mut found)?;
        }
    }
    Ok(found)
}

fn roots(root: Root, facts: &Facts, choice: &ChoiceState<'_>) -> Vec<(String, Value)> {
    let variable = |name: &str| choice.view.variable(name).cloned();
    match root {
        Root::Input => variable("input").map(|value| (String::new(), value)).into_iter().collect(),
        Root::Message => {
            variable("message").map(|value| ("/message".to_owned(), value)).into_iter().collect()
        }
        Root::Messages => said(facts, |_| true),
        Root::ToolResults => said(facts, |role| role == "tool"),
        Root::Output => {
            let words = choice.words.clone();
            words.map(|value| (choice.prefix.clone(), value)).into_iter().collect()
        }
        Root::ToolArgs => {
            let tools = choice.tools.iter().map(|tool| {
                let pointer =
                    format!("{}/tool_calls/{}/function/arguments", choice.prefix, tool.index);
                (pointer, tool.args.clone())
            });
            tools.collect()
        }
    }
}

/// Texts of the conversation whose role is wanted.
fn said(facts: &Facts, wanted: impl Fn(&str) -> bool) -> Vec<(String, Value)> {
    let messages = facts.messages().iter().enumerate();
    let texts = messages.filter(|(_, message)| wanted(crate::prompt::role(message)));
    texts
        .map(|(at, message)| (format!("/messages/{at}/content"), Value::from(text_of(message))))
        .collect()
}

fn select(path: &Path, root: &str, value: &Value, into: &mut Vec<Place>) -> Result<(), String> {
    let found = path.select(value).map_err(|error| error.to_string())?;
    into.extend(found.into_iter().map(|(pointer, value)| Place {
        pointer: format!("{root}{pointer}"),
        value: value.clone(),
    }));
    Ok(())
}
