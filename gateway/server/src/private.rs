//! Places that a policy calls `private`: shown only to people whose entry says `sees_private`.
//!
//! Masked where a review is shown. Texts that a policy's own rules made (`because`) are not: who
//! writes a private value into a reason shows it.

use backstop_policy::Policy;
use serde_json::Value;

/// What stands where something is not shown.
const MASK: &str = "[private]";

/// Masks the private places of `input` and of every choice of `answer`. Without the policy nobody
/// knows what is private, so everything is.
pub fn mask(policy: Option<&Policy>, input: &mut Value, answer: &mut Value) {
    let Some(policy) = policy else {
        *input = MASK.into();
        *answer = MASK.into();
        return;
    };
    for path in &policy.private {
        let mut steps = path.split('.');
        let root = steps.next().unwrap_or_default();
        let steps: Vec<&str> = steps.collect();
        match root {
            "input" => hide(input, &steps),
            "output" => answer_texts(answer, &steps),
            _ => {}
        }
    }
}

fn answer_texts(answer: &mut Value, steps: &[&str]) {
    let choices = answer.get_mut("choices").and_then(Value::as_array_mut);
    for choice in choices.into_iter().flatten() {
        let Some(text) = choice.get_mut("text") else { continue };
        let parsed = text.as_str().and_then(|text| serde_json::from_str::<Value>(text).ok());
        match parsed {
            Some(mut value) if !steps.is_empty() => {
                hide(&mut value, steps);
                *text = value.to_string().into();
            }
            _ if steps.is_empty() => *text = MASK.into(),
            _ => {}
        }
    }
}

/// Replaces what stands at a path; `*` is each element or field.
fn hide(value: &mut Value, steps: &[&str]) {
    let Some((step, rest)) = steps.split_first() else {
        *value = MASK.into();
        return;
    };
    match value {
        Value::Object(map) if *step == "*" => map.values_mut().for_each(|v| hide(v, rest)),
        Value::Object(map) => {
            if let Some(value) = map.get_mut(*step) {
                hide(value, rest);
            }
        }
        Value::Array(items) if *step == "*" => items.iter_mut().for_each(|v| hide(v, rest)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_private_place_is_hidden_and_the_rest_stays() {
        let mut input =
            json!({ "iban": "DE1", "lines": [{ "text": "a", "n": 1 }, { "text": "b" }] });
        hide(&mut input, &["iban"]);
        hide(&mut input, &["lines", "*", "text"]);
        let left = json!({ "iban": MASK, "lines": [{ "text": MASK, "n": 1 }, { "text": MASK }] });
        assert_eq!(input, left);
    }

    #[test]
    fn a_private_place_of_the_output_is_hidden_inside_its_text() {
        let mut answer = json!({ "choices": [{ "text": "{\"iban\":\"DE1\",\"n\":1}" }] });
        answer_texts(&mut answer, &["iban"]);
        assert_eq!(answer, json!({ "choices": [{ "text": "{\"iban\":\"[private]\",\"n\":1}" }] }));
    }

    #[test]
    fn without_the_policy_everything_is_private() {
        let (mut input, mut answer) = (json!({ "a": 1 }), json!({ "choices": [] }));
        mask(None, &mut input, &mut answer);
        assert_eq!((input, answer), (json!(MASK), json!(MASK)));
    }
}
