//! What stands around every event, frozen for ever, and the chain that binds them.

use alloc::{format, string::String};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::upcast::{self, UPCASTS};
use crate::{
    CallEvent, ControlEvent, Digest, EventId, Millis, ReviewEvent, Stream, canonical,
    canonical::text_of,
};

#[cfg(test)]
mod tests;

/// Version of our decision semantics. Part of every revision and of every event.
pub const ENGINE: u32 = 1;

/// Who did it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of actor.
    pub kind: ActorKind,
    /// Name of the caller or person, or of the part of the gateway.
    pub id: String,
    /// By what means, such as `api`, `desk`, `cli`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<String>,
}

/// What kind of actor did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// The gateway itself.
    System,
    /// A workflow.
    Caller,
    /// A person at the desk.
    Reviewer,
    /// A person who runs the gateway.
    Operator,
}

impl Actor {
    /// The gateway itself, by that part of it.
    pub fn system(part: &str) -> Self {
        Self { kind: ActorKind::System, id: part.into(), via: None }
    }
}

/// Any event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Of a call's stream.
    Call(CallEvent),
    /// Of a review's stream.
    Review(ReviewEvent),
    /// Of a control stream.
    Control(ControlEvent),
}

/// Why a stored event cannot be read by this binary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A newer binary wrote it: its stream is read-only for this one.
    #[error("event type `{name}` version {version} is not known to this version of Backstop")]
    Unknown {
        /// Name of the type.
        name: String,
        /// Its version.
        version: u16,
    },
    /// The body does not fit its type.
    #[error("event `{name}` cannot be read: {message}")]
    Malformed {
        /// Name of the type.
        name: String,
        /// What is wrong.
        message: String,
    },
}

impl Event {
    /// Name of the type, as stored.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Call(event) => event.name(),
            Self::Review(event) => event.name(),
            Self::Control(event) => event.name(),
        }
    }

    /// Version of the type, as written today.
    pub fn version(&self) -> u16 {
        upcast::current(UPCASTS, self.name())
    }

    /// The body alone, as stored.
    pub fn body(&self) -> Value {
        let whole = match self {
            Self::Call(event) => serde_json::to_value(event),
            Self::Review(event) => serde_json::to_value(event),
            Self::Control(event) => serde_json::to_value(event),
        };
        // Our event types hold no maps with other than text keys, so this cannot fail; an event
        // that could not be written would be refused by the reader, not silently lost.
        let mut whole = whole.unwrap_or(Value::Null);
        whole.get_mut("body").map_or(Value::Null, Value::take)
    }

    /// The canonical JSON of [`Self::body`], written without making it; `None` if the type has no
    /// body.
    pub fn body_text(&self) -> Option<String> {
        let whole = match self {
            Self::Call(event) => text_of(event),
            Self::Review(event) => text_of(event),
            Self::Control(event) => text_of(event),
        };
        // `{"body":…,"type":"…"}`, in this order because keys are sorted.
        let mut whole = whole.ok()?;
        let body = whole.strip_prefix("{\"body\":")?;
        let end = body.len().checked_sub(self.name().len() + "\"type\":\"\",}".len())?;
        whole.truncate(whole.len() - (body.len() - end));
        whole.drain(.."{\"body\":".len());
        // A body that may be left out, and is.
        (whole != "null").then_some(whole)
    }

    /// Reads an event of that stream.
    ///
    /// # Errors
    /// [`ReadError`] if this binary does not know the type, or the body does not fit it.
    pub fn read(stream: &Stream, name: &str, version: u16, body: Value) -> Result<Self, ReadError> {
        let unknown = || ReadError::Unknown { name: name.into(), version };
        let body = upcast::lifted(UPCASTS, name, version, body).ok_or_else(unknown)?;
        let family = stream.0.split('/').next().unwrap_or_default();
        let known = match family {
            "call" => CALL_TYPES.contains(&name),
            "review" => REVIEW_TYPES.contains(&name),
            "control" => CONTROL_TYPES.contains(&name),
            _ => false,
        };
        if !known {
            return Err(unknown());
        }
        let whole = if body.is_null() {
            json!({ "type": name })
        } else {
            json!({ "type": name, "body": body })
        };
        let event = match family {
            "call" => serde_json::from_value(whole).map(Self::Call),
            "review" => serde_json::from_value(whole).map(Self::Review),
            _ => serde_json::from_value(whole).map(Self::Control),
        };
        event.map_err(|error| ReadError::Malformed {
            name: name.into(),
            message: format!("{error}"),
        })
    }
}

/// Every type of a call's stream.
pub const CALL_TYPES: [&str; 24] = [
    "call_received",
    "duplicate_joined",
    "request_judged",
    "cache_looked",
    "attempt_started",
    "attempt_ended",
    "attempt_blocked",
    "answer_judged",
    "verdict_reached",
    "answer_masked",
    "wait_ended",
    "fallback_taken",
    "fallback_failed",
    "review_requested",
    "review_resolved",
    "decision_undone",
    "interim_released",
    "outcome_revised",
    "effects_released",
    "call_ended",
    "run_forked",
    "compensation_requested",
    "call_paused",
    "call_resumed",
];

/// Every type of a review's stream.
pub const REVIEW_TYPES: [&str; 13] = [
    "review_opened",
    "review_claimed",
    "review_renewed",
    "review_released",
    "vote_cast",
    "review_decided",
    "review_undone",
    "review_expired",
    "review_withdrawn",
    "review_commented",
    "review_step_taken",
    "review_set_aside",
    "review_handed_over",
];

/// Every type of a control stream.
pub const CONTROL_TYPES: [&str; 13] = [
    "breaker_changed",
    "latch_changed",
    "revision_loaded",
    "operator_acted",
    "subscription_changed",
    "bodies_erased",
    "retention_applied",
    "signed_in",
    "signed_out",
    "page_viewed",
    "canary_returned",
    "shadow_judged",
    "level_changed",
];

/// One event as it stands in the ledger. Frozen: fields are never added, renamed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Stable identity.
    pub id: EventId,
    /// The stream.
    pub stream: Stream,
    /// Place in the stream, from 1 without gaps.
    pub seq: u64,
    /// Place in the ledger, from 1 without gaps.
    pub position: u64,
    /// Name of the event's type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Version of the type.
    pub version: u16,
    /// When.
    pub at: Millis,
    /// Who.
    pub actor: Actor,
    /// Run of the call, from 1; 0 in control streams.
    pub run: u32,
    /// The event that led to this one.
    pub causation: Option<EventId>,
    /// What ties it to the outside, such as a request id or trace id.
    pub correlation: Option<String>,
    /// Revision of the policy that it was decided under.
    pub revision: Option<Digest>,
    /// [`ENGINE`] of the binary that wrote it.
    pub engine: u32,
    /// The body, when it stands here.
    pub body: Option<Value>,
    /// The body's digest, when it stands beside the events and can be erased.
    pub body_digest: Option<Digest>,
    /// Hash of the event at `position - 1`; zero for the first.
    pub previous_hash: Digest,
    /// SHA-256 of the canonical JSON of all of the above.
    pub hash: Digest,
}

impl Envelope {
    /// The hash that this envelope must carry.
    pub fn computed_hash(&self) -> Digest {
        let mut whole = serde_json::to_value(self).unwrap_or(Value::Null);
        if let Some(map) = whole.as_object_mut() {
            map.remove("hash");
        }
        Digest::of(canonical(&whole).as_bytes())
    }
}
