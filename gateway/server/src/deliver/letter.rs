//! What a consumer is sent: the same bytes for the same event at every try, as long as nothing of
//! it was erased meanwhile. Thin by default: ids and states, no word of a request or an answer.

use backstop_domain::{CallEvent, Event, Millis, ReviewEvent, ReviewId};
use backstop_engine::Engine;
use backstop_ledger::{ReadFailed, Unreadable};
use serde_json::{Map, Value, json};

use super::{Consumer, feed::Item};
use crate::{events::shown, veil::Veil};

/// A letter, ready to be signed and sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// The event's id: the same at every try.
    pub id: String,
    /// The body, byte for byte.
    pub body: Vec<u8>,
    /// Its type.
    pub content_type: &'static str,
    /// What it is about, in a line; only people are told so.
    pub subject: String,
    /// Whether something of the event was erased before it could be sent.
    pub gap: bool,
}

/// Writes the letter about an event to that consumer.
///
/// # Errors
/// [`ReadFailed`] if the ledger cannot be read.
pub async fn write(engine: &Engine, to: &Consumer, item: &Item) -> Result<Letter, ReadFailed> {
    let envelope = &item.recorded.envelope;
    let mut data = thin(item);
    let mut gap = false;
    if let Err(why) = &item.recorded.event {
        gap = *why == Unreadable::Erased;
        data.insert("unreadable".to_owned(), why.to_string().into());
    }
    if to.full {
        gap |= fill(engine, item, &mut data).await?;
    }
    let at = time(envelope.at);
    let (body, content_type) = if to.cloud_events {
        let event = json!({
            "specversion": "1.0",
            "id": envelope.id,
            "source": format!("/backstop/{}", engine.workspace().gateway.name),
            "type": format!("dev.backstop.{}", envelope.kind),
            "subject": envelope.stream,
            "time": at,
            "datacontenttype": "application/json",
            // The extension `sequence`: text that sorts as the positions do.
            "sequence": format!("{:020}", envelope.position),
            "data": data,
        });
        (event, "application/cloudevents+json")
    } else {
        (json!({ "type": envelope.kind, "timestamp": at, "data": data }), "application/json")
    };
    let body = body.to_string().into_bytes();
    let id = envelope.id.0.clone();
    Ok(Letter { id, body, content_type, subject: String::new(), gap })
}

/// Ids and states.
fn thin(item: &Item) -> Map<String, Value> {
    let envelope = &item.recorded.envelope;
    let mut data = Map::new();
    let mut set = |name: &str, value: Value| {
        data.insert(name.to_owned(), value);
    };
    set("event", envelope.id.as_str().into());
    set("stream", envelope.stream.as_str().into());
    set("seq", envelope.seq.into());
    set("position", envelope.position.into());
    set("run", envelope.run.into());
    if let Some(call) = item.about.lane.call_id() {
        set("call", call.as_str().into());
    }
    if let Some(policy) = &item.about.policy {
        set("policy", policy.as_str().into());
    }
    let review = |id: &ReviewId| id.as_str().into();
    if let Some(id) = envelope.stream.review_id() {
        set("review", review(&id));
    }
    match &item.recorded.event {
        Ok(Event::Call(CallEvent::CallEnded(ended))) => {
            set("outcome", ended.outcome.name().into());
            set("answered_by", ended.answered_by.name().into());
            if let Some(answer) = ended.answer {
                set("answer_digest", answer.to_string().into());
            }
        }
        Ok(Event::Call(CallEvent::ReviewRequested(asked))) => {
            set("review", review(&asked.review));
            set("queue", asked.queue.as_str().into());
            set("due", time(asked.due).into());
        }
        Ok(Event::Call(CallEvent::ReviewResolved(resolved))) => {
            set("review", review(&resolved.review));
            set("resolution", resolved.resolution.name().into());
        }
        Ok(Event::Call(CallEvent::OutcomeRevised { from, to })) => {
            set("from", json!(from));
            set("to", json!(to));
        }
        Ok(Event::Call(CallEvent::RunForked(forked))) => {
            set("from_run", forked.from_run.into());
            set("from_seq", forked.from_seq.into());
            set("how", json!(forked.how));
        }
        Ok(Event::Call(CallEvent::EffectsReleased { effects })) => set("effects", json!(effects)),
        Ok(Event::Call(CallEvent::CompensationRequested { compensations })) => {
            set("compensations", json!(compensations));
        }
        Ok(Event::Review(ReviewEvent::ReviewOpened(opened))) => {
            set("queue", opened.queue.as_str().into());
            set("due", time(opened.due).into());
        }
        Ok(Event::Review(ReviewEvent::ReviewDecided { resolution, .. })) => {
            set("resolution", resolution.name().into());
        }
        _ => {}
    }
    data
}

/// Adds the event's body, and the answer that a call ended with; private places are masked.
/// `true`: something was erased already.
async fn fill(
    engine: &Engine,
    item: &Item,
    data: &mut Map<String, Value>,
) -> Result<bool, ReadFailed> {
    let veil = veil(engine, item);
    if let Some(body) = shown(&item.recorded, &veil).get_mut("body") {
        data.insert("body".to_owned(), body.take());
    }
    let Ok(Event::Call(CallEvent::CallEnded(ended))) = &item.recorded.event else {
        return Ok(false);
    };
    let Some(digest) = ended.answer else { return Ok(false) };
    let bytes = engine.ledger().body(digest).await?.and_then(|body| body.bytes);
    let Some(bytes) = bytes else { return Ok(true) };
    let mut answer = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    veil.stored_answer(&mut answer);
    data.insert("answer".to_owned(), answer);
    Ok(false)
}

/// What consumers do not see: a policy's private places, whoever they are.
fn veil(engine: &Engine, item: &Item) -> Veil {
    match (&item.about.policy, item.about.revision) {
        (Some(policy), Some(revision)) => Veil::of(&engine.workspace(), policy, revision),
        // Not of a call: nobody's words.
        _ => Veil::Lifted,
    }
}

/// A time as RFC 3339 has it.
pub fn time(at: Millis) -> String {
    let ms = i64::try_from(at.0).ok();
    let at = ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    at.map_or_else(String::new, |at| format!("{at:.3}"))
}
