//! Changes one place of a request or an answer, as a test's `change:`, a reviewer's edit, or a
//! question of what would have been.

use backstop_domain::Signal;
use serde_json::{Value, json};

use super::given::{Attempt, Scene};
use crate::answer::Answer;
use crate::path::{Path, Root, Segment};
use crate::raw::Change;

/// Puts a value at a path, making objects on the way.
pub(super) fn put(root: &mut Value, path: &Path, value: Value) -> Result<(), String> {
    let mut place = root;
    for segment in &path.segments {
        let Segment::Field(name) = segment else {
            return Err(format!("`{path}` names many places, a change needs one"));
        };
        if place.is_null() {
            *place = json!({});
        }
        place = match place {
            Value::Object(fields) => fields.entry(name.clone()).or_insert(Value::Null),
            Value::Array(items) => {
                let at = name.parse::<usize>().ok();
                let item = at.and_then(|at| items.get_mut(at));
                item.ok_or_else(|| format!("`{path}`: there is no element `{name}`"))?
            }
            _ => return Err(format!("`{path}`: `{name}` stands in no object")),
        };
    }
    *place = value;
    Ok(())
}

/// Changes an answer's output or arguments as a reviewer does.
pub(super) fn edited(answer: &Answer, changes: &[Change]) -> Result<Answer, String> {
    let mut edited = answer.clone();
    for change in changes {
        let value = change.value.constant().ok_or("an edit needs constants")?;
        put_in_answer(&mut edited, &change.path.value, value)?;
    }
    Ok(edited)
}

fn put_in_answer(answer: &mut Answer, path: &Path, value: Value) -> Result<(), String> {
    if let Some(choice) = answer.choices.first_mut() {
        if path.root == Root::ToolArgs {
            let call = choice.tool_calls.first_mut().ok_or("there is no tool call to edit")?;
            let mut args = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
            put(&mut args, path, value)?;
            call.arguments = args.to_string();
        } else if path.segments.is_empty() {
            choice.text = Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        } else {
            let text = choice.text.as_deref().unwrap_or("{}");
            let mut output = serde_json::from_str(text).unwrap_or_else(|_| json!({}));
            put(&mut output, path, value)?;
            choice.text = Some(output.to_string());
        }
    }
    Ok(())
}

/// Changes one place of a scene; see [`Scene::change`].
pub(super) fn change_scene(
    scene: &mut Scene,
    attempt: usize,
    path: &Path,
    value: Value,
) -> Result<(), String> {
    match path.root {
        Root::Input => return put(&mut scene.input, path, value),
        Root::Data => {
            let data = scene.data.as_mut().ok_or("the scene holds no data of its own")?;
            return put(data, path, value);
        }
        _ => {}
    }
    let Some(Attempt::Answers(answer, pretended)) = scene.attempts.get_mut(attempt) else {
        return Err(format!("there is no answer {attempt} in which `{path}` could be changed"));
    };
    match (path.root, path.segments.as_slice()) {
        (Root::Output | Root::ToolArgs, _) => put_in_answer(answer, path, value),
        (Root::Signals, [Segment::Field(name)]) => {
            pretended.signals.insert(name.clone(), value.as_f64().and_then(Signal::from_f64));
            Ok(())
        }
        _ => Err(format!("`{path}` cannot be changed here")),
    }
}
