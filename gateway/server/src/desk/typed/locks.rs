//! What of a value may not be changed: places that the policy does not let reviewers edit, and
//! places that this person is not shown.

use serde_json::Value;

use crate::veil::MASK;

use super::below;

/// What may not be changed.
#[derive(Debug, Clone, Default)]
pub struct Locks {
    /// Pointers to what is hidden.
    hidden: Vec<String>,
    /// Paths that may be changed, step by step; `None`: all.
    open: Option<Vec<Vec<String>>>,
    /// Whether nothing may.
    all: bool,
}

impl Locks {
    /// Of a value and what is shown of it; `may_edit` as the policy writes it, `root` such as
    /// `output` or `tool.args`.
    pub fn new(
        original: Option<&Value>,
        shown: Option<&Value>,
        may_edit: Option<&[String]>,
        root: &str,
    ) -> Self {
        let mut hidden = Vec::new();
        if let (Some(original), Some(shown)) = (original, shown) {
            find_hidden(original, shown, String::new(), &mut hidden);
        }
        let open = may_edit.map(|paths| {
            let own = paths.iter().filter_map(|path| path.strip_prefix(root));
            own.filter(|rest| rest.is_empty() || rest.starts_with('.'))
                .map(|rest| rest.split('.').skip(1).map(str::to_owned).collect())
                .collect()
        });
        let all = original.is_some() && shown.is_none();
        Self { hidden, open, all }
    }

    /// Whether the place may not be changed, nor anything below it.
    pub fn holds(&self, pointer: &str) -> bool {
        self.all
            || self.hidden.iter().any(|hidden| hidden == pointer)
            || self.open.as_ref().is_some_and(|open| {
                let steps = steps(pointer);
                !open.iter().any(|path| agrees(path, &steps))
            })
    }

    /// Whether the place may be changed with everything below it.
    pub fn is_free(&self, pointer: &str) -> bool {
        let steps = steps(pointer);
        let covered = self.open.as_ref().is_none_or(|open| {
            open.iter().any(|path| path.len() <= steps.len() && agrees(path, &steps))
        });
        let inside = format!("{pointer}/");
        let hides = |hidden: &String| hidden == pointer || hidden.starts_with(&inside);
        !self.all && covered && !self.hidden.iter().any(hides)
    }
}

/// Whether one is the start of the other.
fn agrees(path: &[String], steps: &[String]) -> bool {
    path.iter().zip(steps).all(|(path, step)| path == "*" || path == step)
}

fn steps(pointer: &str) -> Vec<String> {
    let steps = pointer.split('/').skip(1);
    steps.map(|step| step.replace("~1", "/").replace("~0", "~")).collect()
}

fn find_hidden(original: &Value, shown: &Value, at: String, hidden: &mut Vec<String>) {
    match (original, shown) {
        (original, Value::String(text)) if text == MASK && original != shown => hidden.push(at),
        (Value::Object(original), Value::Object(shown)) => {
            for (name, value) in original {
                if let Some(shown) = shown.get(name) {
                    find_hidden(value, shown, below(&at, name), hidden);
                }
            }
        }
        (Value::Array(original), Value::Array(shown)) => {
            for (index, (value, shown)) in original.iter().zip(shown).enumerate() {
                find_hidden(value, shown, format!("{at}/{index}"), hidden);
            }
        }
        _ => {}
    }
}
