//! Everything that a decision rests on, read once, with what this person may not see taken out.

use std::sync::Arc;

use backstop_domain::{Millis, ReviewId, ReviewState};
use backstop_engine::Snapshot;
use backstop_ledger::{Recorded, StoredBody};
use backstop_policy::{Answer, Policy, Tools, compiled::OutputOf};
use serde_json::Value;

use super::super::{
    trouble::Trouble,
    typed::{Locks, Typed},
    visitor::Visitor,
};
use crate::{access, app::App, problem::Problem, veil::Veil};

/// What a decision rests on.
pub struct Matter {
    /// The review.
    pub id: ReviewId,
    /// As it stands.
    pub review: ReviewState,
    /// Its call.
    pub call: Snapshot,
    /// The policy that the call is pinned to, unless it is gone.
    pub policy: Option<Arc<Policy>>,
    /// What is hidden from the person.
    pub veil: Veil,
    /// Texts that are hidden, so that words which quote them can be hidden too.
    pub hidden: Vec<String>,
    /// The input, as the person may see it.
    pub input: Value,
    /// The conversation, as the person may see it.
    pub messages: Value,
    /// The answer, as it is.
    pub answer: Option<Answer>,
    /// The answer, as the person may see it.
    pub shown: Option<Answer>,
    /// Whether the person has had a part in another one of those that are decided apart.
    pub has_another: bool,
    /// Events of the call; none for an audit that is not over, which is blind.
    pub events: Vec<Recorded>,
}

impl Matter {
    /// Reads it for that visitor.
    ///
    /// # Errors
    /// [`Trouble`] if there is no such review for them, or the ledger cannot be read.
    pub async fn read(app: &App, visitor: &Visitor, id: ReviewId) -> Result<Self, Trouble> {
        let review = access::found(app, &id).await?;
        if !access::looks_into(&visitor.identity, &review) {
            return Err(Problem::not_found("review").into());
        }
        let has_another = app.engine.has_another(&id, &review, visitor.identity.name()).await?;
        let found = access::call_of(app, &review).await?;
        let (call, events) = found.ok_or_else(|| Problem::not_found("call"))?;
        let received = &call.state.received;
        let policy = app.engine.policy(&received.policy, received.revision).await?;
        let veil = Veil::over(app, &visitor.identity, &received.policy, received.revision);
        let request = json(app, received.request).await?;
        let mut input = request.get("input").cloned().unwrap_or_default();
        let mut messages = request.get("messages").cloned().unwrap_or_default();
        let stored = match review.opened.subject {
            Some(digest) => json(app, digest).await?,
            None => Value::Null,
        };
        let mut seen = stored.clone();
        let mut hidden = veil.input(&mut input);
        hidden.extend(veil.stored_answer(&mut seen));
        veil.quotes(&mut messages, &hidden);
        Ok(Self {
            id,
            review,
            policy,
            veil,
            hidden,
            input,
            messages,
            answer: serde_json::from_value(stored).ok(),
            shown: serde_json::from_value(seen).ok(),
            has_another,
            events,
            call,
        })
    }

    /// When a person was asked about the call; for a drawn review that was before it was opened.
    pub fn asked_at(&self) -> Millis {
        let last = self.events.last().filter(|_| self.review.opened.is_drawn());
        last.map_or(self.review.opened_at, |last| last.envelope.at)
    }

    /// Words that the person may read: what is hidden is taken out of them.
    pub fn words(&self, text: &str) -> String {
        let mut value = Value::from(text);
        self.veil.quotes(&mut value, &self.hidden);
        value.as_str().unwrap_or_default().to_owned()
    }

    /// What the output is, as a form: none for an answer that only calls tools.
    pub fn output(&self) -> Option<Typed> {
        let calls = self.answer.as_ref().is_some_and(|answer| {
            answer.calls_tools() && answer.first_text().is_none_or(str::is_empty)
        });
        if calls {
            return None;
        }
        let schema = match self.policy.as_ref().map(|policy| &policy.output) {
            Some(OutputOf::Schema(schema)) => Some(schema.value().clone()),
            _ => None,
        };
        // An answer that is no JSON at all cannot be a form: the person starts from the schema.
        let value = |answer: &Option<Answer>| answer.as_ref()?.first_value(schema.is_some());
        let (original, shown) = (value(&self.answer), value(&self.shown));
        let may_edit = self.review.opened.may_edit.as_deref();
        let locks = Locks::new(original.as_ref(), shown.as_ref(), may_edit, "output");
        Some(Typed { part: "o".to_owned(), schema, original, shown, locks })
    }

    /// The text of an answer that should have been JSON and is not.
    pub fn unshaped(&self) -> Option<String> {
        let schema = matches!(self.policy.as_ref()?.output, OutputOf::Schema(_));
        let answer = self.shown.as_ref().filter(|answer| schema && !answer.calls_tools())?;
        let broken = answer.first_value(true).is_none();
        answer.first_text().filter(|_| broken).map(str::to_owned)
    }

    fn args_schema(&self, tool: &str) -> Option<Value> {
        let Tools::Listed(tools) = &self.policy.as_ref()?.tools else { return None };
        let known = tools.iter().find(|known| known.name == tool)?;
        Some(known.args.value().clone())
    }

    /// The calls of tools, each with its name and its arguments as a form.
    pub fn tools(&self) -> Vec<(String, Typed)> {
        let of = |answer: &Option<Answer>| {
            let choices = answer.iter().flat_map(|answer| answer.choices.first().cloned());
            choices.flat_map(|choice| choice.tool_calls).collect::<Vec<_>>()
        };
        let shown = of(&self.shown);
        let may_edit = self.review.opened.may_edit.as_deref();
        of(&self.answer)
            .into_iter()
            .enumerate()
            .map(|(index, tool)| {
                let args = |text: &str| serde_json::from_str::<Value>(text).ok();
                let schema = self.args_schema(&tool.name);
                let original = args(&tool.arguments);
                let seen = shown.get(index).and_then(|tool| args(&tool.arguments));
                let locks = Locks::new(original.as_ref(), seen.as_ref(), may_edit, "tool.args");
                let schema = Some(schema.unwrap_or_else(|| true.into()));
                let part = format!("t{index}");
                (tool.name, Typed { part, schema, original, shown: seen, locks })
            })
            .collect()
    }
}

/// A stored body as JSON; nothing once it is erased.
pub async fn json(app: &App, digest: backstop_domain::Digest) -> Result<Value, Trouble> {
    let body = app.engine.ledger().body(digest).await?;
    let bytes = body.and_then(|StoredBody { bytes, .. }| bytes);
    Ok(bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default())
}
