//! From what was typed to a value of the schema's types, or words at the place that is wrong.

use serde_json::{Map, Value};

use super::{
    Raw, Typed, Wrong, below,
    build::pretty,
    raw::What,
    shape::{Shape, is_required, resolve, shape},
};
use crate::tongue::{say, tell};

impl Typed {
    /// The value that was typed. What may not be changed is the original's.
    ///
    /// # Errors
    /// Every place that is no value of its type. Whether the whole is to its schema and passes the
    /// policy is for the engine to say.
    pub fn read(&self, raw: &Raw) -> Result<Value, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let value = self.place(raw, self.root(), "", self.original.as_ref(), &mut wrong);
        match value {
            Some(value) if wrong.is_empty() => Ok(value),
            _ => {
                if wrong.is_empty() {
                    wrong.push((String::new(), say("there is nothing here").into_owned()));
                }
                Err(wrong)
            }
        }
    }

    fn place(
        &self,
        raw: &Raw,
        node: &Value,
        at: &str,
        original: Option<&Value>,
        wrong: &mut Vec<Wrong>,
    ) -> Option<Value> {
        if self.locks.holds(at) {
            return original.cloned();
        }
        if let Some(text) = raw.get(What::Json, at) {
            return json(text, at, original, wrong);
        }
        let shape = shape(self.root(), node, at);
        match shape {
            Shape::Object(places) => {
                let node = resolve(self.root(), node);
                let mut map = Map::new();
                for (name, place) in places {
                    let at = below(at, name);
                    let original = original.and_then(|value| value.get(name));
                    let locked = self.locks.holds(&at);
                    if !locked && !is_required(node, name) && raw.get(What::Given, &at).is_none() {
                        continue;
                    }
                    if let Some(value) = self.place(raw, place, &at, original, wrong) {
                        map.insert(name.clone(), value);
                    }
                }
                self.others(raw, places, at, original, &mut map, wrong);
                Some(Value::Object(map))
            }
            Shape::List(items) => {
                // Where an entry may not be changed, none comes or goes.
                let fixed = original.and_then(Value::as_array).filter(|_| !self.locks.is_free(at));
                let count = fixed.map_or_else(|| raw.count(at), Vec::len);
                let entries = (0..count).filter_map(|index| {
                    let original = original.and_then(|value| value.get(index));
                    self.place(raw, items, &format!("{at}/{index}"), original, wrong)
                });
                Some(Value::Array(entries.collect()))
            }
            _ => {
                let Some(text) = raw.get(What::Text, at) else {
                    wrong.push((at.to_owned(), say("this field was not sent").into_owned()));
                    return None;
                };
                scalar(shape, text, original)
                    .map_err(|words| wrong.push((at.to_owned(), words)))
                    .ok()
            }
        }
    }

    /// Places that the schema does not name: typed as JSON, or kept as they were.
    fn others(
        &self,
        raw: &Raw,
        places: &Map<String, Value>,
        at: &str,
        original: Option<&Value>,
        map: &mut Map<String, Value>,
        wrong: &mut Vec<Wrong>,
    ) {
        let before = original.and_then(Value::as_object);
        for (name, value) in before.into_iter().flatten() {
            if places.contains_key(name) {
                continue;
            }
            let at = below(at, name);
            let value = match raw.get(What::Json, &at) {
                Some(text) if !self.locks.holds(&at) => json(text, &at, Some(value), wrong),
                _ => Some(value.clone()),
            };
            map.extend(value.map(|value| (name.clone(), value)));
        }
    }
}

fn json(text: &str, at: &str, original: Option<&Value>, wrong: &mut Vec<Wrong>) -> Option<Value> {
    if let Some(original) = original.filter(|original| pretty(original).trim() == text.trim()) {
        return Some(original.clone());
    }
    match backstop_checks::json::read_strict(text) {
        Ok((value, _)) => Some(value),
        Err(fault) => {
            wrong.push((
                at.to_owned(),
                tell("this is not JSON: {fault}", &[("fault", &fault.to_string())]),
            ));
            None
        }
    }
}

fn scalar(shape: Shape<'_>, text: &str, original: Option<&Value>) -> Result<Value, String> {
    if let Some(original) = original.filter(|original| is_untouched(original, text)) {
        return Ok(original.clone());
    }
    match shape {
        Shape::Number { whole: true } => {
            let text = text.trim();
            let number = text.parse::<i64>().map(Value::from);
            let number = number.or_else(|_| text.parse::<u64>().map(Value::from));
            number.map_err(|_| {
                tell("`{text}` is not a whole number, such as 1200", &[("text", text)])
            })
        }
        Shape::Number { whole: false } => {
            let text = text.trim();
            let number = serde_json::from_str::<Value>(text).ok().filter(Value::is_number);
            number.ok_or_else(|| tell("`{text}` is not a number, such as 12.5", &[("text", text)]))
        }
        Shape::Flag => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(say("choose yes or no").into_owned()),
        },
        Shape::Choice(all) => {
            let chosen = all.iter().find(|choice| is_written(choice, text));
            chosen.cloned().ok_or_else(|| say("choose one").into_owned())
        }
        _ => Ok(Value::String(text.to_owned())),
    }
}

/// Whether the text is what the form showed of that value. Browsers end lines in their own way, and
/// 5.0 shall not become 5.
fn is_untouched(original: &Value, text: &str) -> bool {
    match original {
        Value::String(before) => before.replace("\r\n", "\n") == text,
        other => is_written(other, text.trim()),
    }
}

/// Whether that is how the value is written: the text `"5"` is not the number 5.
fn is_written(value: &Value, text: &str) -> bool {
    let written = value.to_string();
    written == text
}
