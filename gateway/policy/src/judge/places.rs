//! The values that a check looks at, each with its JSON pointer.

use std::borrow::Cow;

use backstop_checks::path::Path;
use serde_json::Value;

use super::state::ChoiceState;
use super::{Facts, text_of};
use crate::compiled::{At, Root};

/// A value and where it stands.
#[derive(Debug)]
pub(super) struct Place<'a> {
    /// Pointer into the answer or the request.
    pub pointer: String,
    /// The value: of a message its words, put together here.
    pub value: Cow<'a, Value>,
}

/// Every value at these places; only those of the request, or only those of the answer.
pub(super) fn places<'a>(
    at: &[At],
    request: bool,
    facts: &'a Facts,
    choice: &'a ChoiceState<'_>,
) -> Result<Vec<Place<'a>>, String> {
    let mut found = Vec::new();
    for at in at.iter().filter(|at| at.root.is_request() == request) {
        for root in roots(at.root, facts, choice) {
            select(&at.path, root, &mut found)?;
        }
    }
    Ok(found)
}

fn roots<'a>(root: Root, facts: &'a Facts, choice: &'a ChoiceState<'_>) -> Vec<Place<'a>> {
    let at = |pointer: String, value: &'a Value| Place { pointer, value: Cow::Borrowed(value) };
    let one = |pointer: &str, value: Option<&'a Value>| {
        value.map(|value| at(pointer.to_owned(), value)).into_iter().collect()
    };
    match root {
        Root::Input => one("", choice.view.variable("input")),
        Root::Message => one("/message", choice.view.variable("message")),
        Root::Messages => said(facts, |_| true),
        Root::ToolResults => said(facts, |role| role == "tool"),
        Root::Output => one(&choice.prefix, choice.words()),
        Root::ToolArgs => {
            let tools = choice.tools.iter().map(|tool| {
                let pointer =
                    format!("{}/tool_calls/{}/function/arguments", choice.prefix, tool.index);
                at(pointer, &tool.args)
            });
            tools.collect()
        }
    }
}

/// Texts of the conversation whose role is wanted.
fn said(facts: &Facts, wanted: impl Fn(&str) -> bool) -> Vec<Place<'_>> {
    let messages = facts.messages().iter().enumerate();
    let texts = messages.filter(|(_, message)| wanted(crate::prompt::role(message)));
    texts
        .map(|(at, message)| Place {
            pointer: format!("/messages/{at}/content"),
            value: Cow::Owned(Value::from(text_of(message))),
        })
        .collect()
}

fn select<'a>(path: &Path, root: Place<'a>, into: &mut Vec<Place<'a>>) -> Result<(), String> {
    if path.is_root() {
        into.push(root);
        return Ok(());
    }
    // Only texts are made here, and there is nothing below a text.
    let Cow::Borrowed(value) = root.value else { return Ok(()) };
    let found = path.select(value).map_err(|error| error.to_string())?;
    into.extend(found.into_iter().map(|(pointer, value)| Place {
        pointer: format!("{}{pointer}", root.pointer),
        value: Cow::Borrowed(value),
    }));
    Ok(())
}
