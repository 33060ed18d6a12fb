//! A suite's record without what no judgement can look at.
//!
//! A provider that is asked for log-probabilities lists, beside each token, the likeliest others:
//! nine tenths of such an answer. They count where a signal is weighed among listed values (an
//! `enum`, a boolean), and nowhere else. The request tells the schema that lists them and is the
//! answer's key, so what is left out is asked anew whenever it could come to count.

use backstop_checks::Schema;
use backstop_checks::confidence::{Token, weighed};
use backstop_policy::Policy;
use backstop_policy::compiled::OutputOf;
use serde_json::{Map, Value};

/// The line as a suite keeps it: of an answer with log-probabilities `body` in place of `raw`, with
/// only such alternatives as can count, and no bytes that a token's text says already. Every other
/// line stays as it is.
pub fn slim(line: &str, policy: &Policy) -> String {
    slimmed(line, policy).unwrap_or_else(|| line.to_owned())
}

fn slimmed(text: &str, policy: &Policy) -> Option<String> {
    let line: Map<String, Value> = serde_json::from_str(text).ok()?;
    let mut body: Value = match (line.get("raw"), line.get("body")) {
        (Some(Value::String(raw)), _) => serde_json::from_str(raw).ok()?,
        (None, Some(body)) => body.clone(),
        _ => return None,
    };
    let schema = match &policy.output {
        OutputOf::Schema(schema) if tells(line.get("request")?, schema) => Some(schema),
        _ => None,
    };
    let mut touched = false;
    for choice in body.get_mut("choices")?.as_array_mut()? {
        touched |= slim_choice(choice, schema).is_some();
    }
    touched.then_some(())?;
    let put = |(name, value): (String, Value)| match name.as_str() {
        "raw" | "body" => ("body".to_owned(), body.clone()),
        _ => (name, value),
    };
    serde_json::to_string(&line.into_iter().map(put).collect::<Map<_, _>>()).ok()
}

/// Whether the request tells the model that schema: as its form, or in words.
fn tells(request: &Value, schema: &Schema) -> bool {
    let form = request.pointer("/response_format/json_schema/schema");
    let words = schema.value().to_string();
    let messages = request.get("messages").and_then(Value::as_array).into_iter().flatten();
    let mut contents = messages.filter_map(|message| message.get("content")?.as_str());
    form == Some(schema.value()) || contents.any(|content| content.contains(&words))
}

fn slim_choice(choice: &mut Value, schema: Option<&Schema>) -> Option<()> {
    let answer = choice.pointer("/message/content")?.as_str()?.to_owned();
    let content = choice.pointer_mut("/logprobs/content")?;
    let tokens: Vec<Token> = serde_json::from_value(content.clone()).ok()?;
    let counts = schema.and_then(|schema| weighed(&answer, &tokens, schema));
    for (at, token) in content.as_array_mut()?.iter_mut().enumerate() {
        let counts = counts.as_ref().and_then(|counts| counts.get(at)).copied().unwrap_or(true);
        if let Some(others) = token.get_mut("top_logprobs").and_then(Value::as_array_mut) {
            if !counts {
                others.clear();
            }
            others.iter_mut().for_each(drop_bytes);
        }
        drop_bytes(token);
    }
    Some(())
}

/// Drops `bytes` where they are those of the text.
fn drop_bytes(token: &mut Value) {
    let Some(fields) = token.as_object_mut() else { return };
    let text = fields.get("token").and_then(Value::as_str).unwrap_or_default();
    let same = fields.get("bytes").and_then(Value::as_array).is_some_and(|bytes| {
        bytes.iter().map(Value::as_u64).eq(text.bytes().map(|byte| Some(u64::from(byte))))
    });
    if same {
        fields.remove("bytes");
    }
}
