//! The request that goes to a model: an OpenAI chat completion body, built from a call's facts.

use backstop_domain::{Ask, Purpose};
use serde_json::{Map, Value, json};

use super::{Last, Prompt, PromptError, repair};
use crate::compiled::{Model, OutputOf, Policy, Tools};
use crate::judge::Facts;

/// Alternatives asked for beside each token, from which an enum's other words are weighed.
const ALTERNATIVES: u32 = 10;
/// Fields of a caller's body that are ours to say, not the caller's.
const OURS: [&str; 5] = ["backstop", "stream", "stream_options", "model", "store"];

impl Policy {
    /// What to send to the model of `ask`. `last` is the answer that a repair sends back.
    ///
    /// # Errors
    /// [`PromptError`] if the prompt cannot be rendered with these facts.
    pub fn request(
        &self,
        facts: &Facts,
        ask: &Ask,
        last: Option<Last<'_>>,
    ) -> Result<Value, PromptError> {
        let model = self.model(&ask.model);
        let mut body = match &self.prompt {
            Some(prompt) => self.prompted(facts, prompt, model)?,
            None => self.passed_through(facts),
        };
        let name = model.map_or(ask.model.as_str(), |model| model.wire.as_str());
        body.insert("model".to_owned(), Value::from(name));
        if let (Purpose::Repair, Some(last)) = (ask.purpose, last) {
            append(&mut body, repair::messages(last, &ask.tell));
        }
        widen(&mut body, ask.doublings, model);
        if self.reads_logprobs() && model.is_none_or(|model| model.logprobs) {
            body.insert("logprobs".to_owned(), Value::Bool(true));
            body.entry("top_logprobs").or_insert_with(|| Value::from(ALTERNATIVES));
        }
        Ok(Value::Object(body))
    }

    fn prompted(
        &self,
        facts: &Facts,
        prompt: &Prompt,
        model: Option<&Model>,
    ) -> Result<Map<String, Value>, PromptError> {
        let view = facts.view();
        let context = facts.object(&view, &prompt.names());
        let mut messages = prompt.render(&context)?;
        if self.conversation.is_some() {
            messages.extend(facts.messages().iter().cloned());
        } else if prompt.adds_input() {
            let content = match facts.input() {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            messages.push(json!({ "role": "user", "content": content }));
        }
        let mut body = prompt.settings().clone();
        body.insert("messages".to_owned(), Value::Array(messages));
        self.tell_schema(&mut body, model);
        self.tell_tools(&mut body);
        Ok(body)
    }

    /// The caller's own body, without what is ours to say.
    fn passed_through(&self, facts: &Facts) -> Map<String, Value> {
        let mut body = facts.body().and_then(Value::as_object).cloned().unwrap_or_default();
        body.retain(|key, _| !OURS.contains(&key.as_str()));
        if self.conversation.is_some() {
            body.insert("messages".to_owned(), Value::Array(facts.messages().to_vec()));
        }
        body
    }

    /// Tells the model what its answer must look like: as a setting where it takes one, else in
    /// words.
    fn tell_schema(&self, body: &mut Map<String, Value>, model: Option<&Model>) {
        let OutputOf::Schema(schema) = &self.output else { return };
        let schema = schema.value();
        if model.is_some_and(|model| model.schema) {
            let name: String = self
                .name
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
                .collect();
            let wanted = json!({ "name": name, "schema": schema, "strict": is_strict(schema) });
            let format = json!({ "type": "json_schema", "json_schema": wanted });
            body.insert("response_format".to_owned(), format);
            return;
        }
        let words = format!(
            "Answer with one JSON value and nothing else: no explanation, no code fence. It must \
             be valid against this JSON Schema:\n{schema}"
        );
        let messages = body.get_mut("messages").and_then(Value::as_array_mut);
        let first = messages.and_then(|all| all.first_mut());
        if let Some(Value::String(text)) = first.and_then(|first| first.get_mut("content")) {
            text.push_str("\n\n");
            text.push_str(&words);
        }
    }

    fn tell_tools(&self, body: &mut Map<String, Value>) {
        let Tools::Listed(tools) = &self.tools else { return };
        if tools.is_empty() {
            return;
        }
        let told = tools.iter().map(|tool| {
            let mut function = json!({ "name": tool.name, "parameters": tool.args.value() });
            if let (Some(text), Some(fields)) = (&tool.description, function.as_object_mut()) {
                fields.insert("description".to_owned(), Value::from(text.as_str()));
            }
            json!({ "type": "function", "function": function })
        });
        body.insert("tools".to_owned(), told.collect());
    }

    /// What one request to that model is expected to take: the prompt's tokens, and the answer's
    /// cap. For reserving; what was used is settled by the provider's count.
    pub fn estimate(&self, model: &Model, request: &Value) -> backstop_domain::Usage {
        let messages = request.get("messages").and_then(Value::as_array);
        let messages = messages.map_or(&[][..], Vec::as_slice);
        let input = messages.iter().map(super::messages::tokens_of_message).sum::<u64>();
        let tools = request
            .get("tools")
            .map_or(0, |tools| backstop_checks::tokens::tokens_of(&tools.to_string()));
        let format = request
            .get("response_format")
            .map_or(0, |format| backstop_checks::tokens::tokens_of(&format.to_string()));
        let choices = request.get("n").and_then(Value::as_u64).unwrap_or(1).max(1);
        let output = cap_of(request.as_object()).or(model.max_output).unwrap_or(ANSWER_TOKENS);
        backstop_domain::Usage {
            input: input.saturating_add(tools).saturating_add(format),
            cached: 0,
            output: output.saturating_mul(choices),
        }
    }
}

/// Tokens reserved for an answer when neither the prompt nor the model says how long it may be.
const ANSWER_TOKENS: u64 = 1024;
/// The two names of the answer's cap, the newer one first.
const CAPS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

fn cap_of(body: Option<&Map<String, Value>>) -> Option<u64> {
    let body = body?;
    CAPS.iter().find_map(|name| body.get(*name).and_then(Value::as_u64))
}

fn append(body: &mut Map<String, Value>, more: Vec<Value>) {
    match body.get_mut("messages") {
        Some(Value::Array(messages)) => messages.extend(more),
        _ => {
            body.insert("messages".to_owned(), Value::Array(more));
        }
    }
}

/// Doubles the answer's cap, at most to what the model can answer.
fn widen(body: &mut Map<String, Value>, doublings: u32, model: Option<&Model>) {
    if doublings == 0 {
        return;
    }
    let name = CAPS.into_iter().find(|name| body.contains_key(*name));
    let Some(cap) = cap_of(Some(body)) else { return };
    let wide = cap.saturating_mul(1_u64.checked_shl(doublings).unwrap_or(u64::MAX));
    let most = model.and_then(|model| model.max_output).unwrap_or(u64::MAX);
    if let Some(name) = name {
        body.insert(name.to_owned(), Value::from(wide.min(most).max(cap)));
    }
}

/// Whether providers take the schema in their strict mode: every object closed, every field
/// required. Elsewhere strict mode is an error of theirs.
fn is_strict(schema: &Value) -> bool {
    match schema {
        Value::Object(map) => {
            let closed = match map.get("properties").and_then(Value::as_object) {
                None => true,
                Some(fields) => {
                    let required = map.get("required").and_then(Value::as_array);
                    let named = |name: &String| {
                        required.is_some_and(|all| all.iter().any(|one| one == name.as_str()))
                    };
                    map.get("additionalProperties") == Some(&Value::Bool(false))
                        && fields.keys().all(named)
                }
            };
            closed && map.values().all(is_strict)
        }
        Value::Array(items) => items.iter().all(is_strict),
        _ => true,
    }
}
