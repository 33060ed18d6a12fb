//! JSON Lines of OpenAI Evals: `{"input": [messages], "ideal": "…"}`.
//!
//! Source: "build-eval.md" of that project: `input` in chat format, `ideal` a text or a list.

use backstop_policy::Policy;
use serde_json::Value;

use super::{Imported, blank, place_messages, truth};

/// Reads the lines of a sample file.
pub fn openai_evals(policy: &Policy, text: &str) -> Imported {
    let mut imported = Imported::default();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let id = format!("line-{}", number + 1);
        let Ok(Value::Object(sample)) = serde_json::from_str::<Value>(line) else {
            imported.left.push(format!("{id}: it is no JSON object"));
            continue;
        };
        let mut case = blank(id.clone(), None);
        let placed = match sample.get("input") {
            Some(Value::Array(messages)) => place_messages(policy, messages, &mut case),
            Some(Value::String(text)) => {
                case.input = Value::from(text.as_str());
                Ok(())
            }
            _ => Err("it has no `input`".to_owned()),
        };
        if let Err(why) = placed {
            imported.left.push(format!("{id}: {why}"));
            continue;
        }
        match sample.get("ideal") {
            Some(Value::Array(ideals)) => {
                case.expect.output = ideals.first().map(truth);
                if ideals.len() > 1 {
                    let more = ideals.len() - 1;
                    imported
                        .left
                        .push(format!("{id}: {more} more ideal answers; the first is kept"));
                }
            }
            Some(ideal) => case.expect.output = Some(truth(ideal)),
            None => imported
                .left
                .push(format!("{id}: it has no `ideal`, so nothing says what is right")),
        }
        for key in sample.keys().filter(|key| !matches!(key.as_str(), "input" | "ideal")) {
            imported.left.push(format!("{id}: `{key}`"));
        }
        imported.cases.push(case);
    }
    imported
}
