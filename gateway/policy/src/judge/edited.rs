//! What a person changed in an answer, and whether they may have (`may_edit`).

use serde_json::Value;

use crate::answer::{Answer, Choice};
use crate::compiled::Policy;

impl Policy {
    /// The first place that differs between the two answers and that none of these paths covers,
    /// as authors write it; `None` if every change was allowed. Paths are `output.x` or
    /// `tool.args.x`, `*` for each element; a path covers everything below it.
    pub fn edited_beyond(
        &self,
        before: &Answer,
        after: &Answer,
        paths: &[String],
    ) -> Option<String> {
        if before.choices.len() != after.choices.len() {
            return Some("output".to_owned());
        }
        let changed = before.choices.iter().zip(&after.choices).flat_map(|(b, a)| changes(b, a));
        changed.map(|place| place.join(".")).find(|place| !covered(place, paths))
    }
}

fn changes(before: &Choice, after: &Choice) -> Vec<Vec<String>> {
    let mut places = Vec::new();
    let mut here = vec!["output".to_owned()];
    differ(&value(before.text.as_deref()), &value(after.text.as_deref()), &mut here, &mut places);
    let names = |choice: &Choice| {
        choice.tool_calls.iter().map(|call| call.name.clone()).collect::<Vec<_>>()
    };
    if names(before) != names(after) {
        places.push(vec!["tool".to_owned()]);
        return places;
    }
    for (before, after) in before.tool_calls.iter().zip(&after.tool_calls) {
        let mut here = vec!["tool".to_owned(), "args".to_owned()];
        let (before, after) = (value(Some(&before.arguments)), value(Some(&after.arguments)));
        differ(&before, &after, &mut here, &mut places);
    }
    places
}

/// JSON where it is JSON, else the text.
fn value(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| {
        serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()))
    })
}

/// Every place at which two values differ, as deep as they can be told apart.
fn differ(before: &Value, after: &Value, here: &mut Vec<String>, places: &mut Vec<Vec<String>>) {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
            names.sort();
            names.dedup();
            for name in names {
                here.push(name.clone());
                let (b, a) = (before.get(name), after.get(name));
                match (b, a) {
                    (Some(b), Some(a)) => differ(b, a, here, places),
                    _ => places.push(here.clone()),
                }
                here.pop();
            }
        }
        (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
            for (index, (b, a)) in before.iter().zip(after).enumerate() {
                here.push(index.to_string());
                differ(b, a, here, places);
                here.pop();
            }
        }
        (before, after) if before == after => {}
        _ => places.push(here.clone()),
    }
}

fn covered(place: &str, paths: &[String]) -> bool {
    let place: Vec<&str> = place.split('.').collect();
    paths.iter().any(|path| {
        let path: Vec<&str> = path.split('.').collect();
        let fits = |(wanted, found): (&&str, &&str)| *wanted == "*" || wanted == found;
        path.len() <= place.len() && path.iter().zip(&place).all(fits)
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::answer::ToolCall;

    fn tool(arguments: &str) -> Choice {
        let call = ToolCall { id: "1".into(), name: "refund".into(), arguments: arguments.into() };
        Choice { tool_calls: vec![call], ..Choice::default() }
    }

    fn first_beyond(before: &Choice, after: &Choice, paths: &[&str]) -> Option<String> {
        let paths: Vec<String> = paths.iter().map(ToString::to_string).collect();
        let changed = changes(before, after).into_iter().map(|place| place.join("."));
        changed.into_iter().find(|place| !covered(place, &paths))
    }

    #[test]
    fn only_the_named_argument_may_change() {
        let before = tool(r#"{"amount": 100, "order": "A"}"#);
        let smaller = tool(r#"{"amount": 50, "order": "A"}"#);
        let other = tool(r#"{"amount": 50, "order": "B"}"#);
        assert_eq!(first_beyond(&before, &smaller, &["tool.args.amount"]), None);
        let beyond = first_beyond(&before, &other, &["tool.args.amount"]);
        assert_eq!(beyond.unwrap(), "tool.args.order");
    }

    #[test]
    fn nothing_may_change_under_an_empty_list() {
        let choice = |text: &str| Choice { text: Some(text.into()), ..Choice::default() };
        let beyond = first_beyond(&choice(r#"{"a":1}"#), &choice(r#"{"a":2}"#), &[]);
        assert_eq!(beyond.unwrap(), "output.a");
    }

    #[test]
    fn a_star_covers_each_element() {
        let choice = |text: &str| Choice { text: Some(text.into()), ..Choice::default() };
        let (before, after) =
            (choice(r#"{"l":[{"n":1},{"n":2}]}"#), choice(r#"{"l":[{"n":1},{"n":3}]}"#));
        assert_eq!(first_beyond(&before, &after, &["output.l.*.n"]), None);
    }
}
