//! The trace of a call, made from its events: one root span, one child per request to a model, one
//! span event per event of the ledger. In OTLP's JSON form, with OpenTelemetry's `gen_ai.*` names.
//!
//! No word of a request or an answer stands in it.

use backstop_domain::{
    AttemptEnded, AttemptResult, AttemptStarted, CallEvent, CallId, Digest, Millis, Outcome,
    Received,
};
use backstop_ledger::Recorded;
use serde_json::{Value, json};

/// Whether a call is among the share (in millionths) of those that are traced. By its id, so that
/// every gateway and every restart draws the same.
pub fn is_sampled(id: &CallId, share_millionths: u32) -> bool {
    let draw = Digest::of(id.as_str().as_bytes());
    let bytes = draw.as_bytes().iter().take(8);
    let number = bytes.fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    number % 1_000_000 < u64::from(share_millionths)
}

/// The spans of a call whose events are all there; empty if they are not.
pub fn spans(id: &CallId, events: &[Recorded]) -> Vec<Value> {
    let (Some(first), Some(last)) = (events.first(), events.last()) else { return Vec::new() };
    let Some(CallEvent::CallReceived(received)) = first.as_call() else { return Vec::new() };
    let trace = Trace::of(id, received);
    let mut spans = vec![trace.root(received, events, first.envelope.at, last.envelope.at)];
    let mut started: Vec<(&AttemptStarted, Millis)> = Vec::new();
    for recorded in events {
        match recorded.as_call() {
            Some(CallEvent::AttemptStarted(attempt)) => {
                started.push((attempt, recorded.envelope.at));
            }
            Some(CallEvent::AttemptEnded(ended)) => {
                // A later run counts on from its checkpoint: the newest of that number is meant.
                let mut begun = started.iter().rev();
                let begun = begun.find(|(begun, _)| begun.attempt == ended.attempt);
                if let Some((begun, at)) = begun {
                    let run = recorded.envelope.run;
                    spans.push(trace.attempt((run, begun), ended, *at, recorded.envelope.at));
                }
            }
            _ => {}
        }
    }
    spans
}

/// Who the spans belong to.
struct Trace {
    trace_id: String,
    root_id: String,
    parent_id: String,
}

impl Trace {
    /// The caller's own trace where it sent one, else one made from the call's id.
    fn of(id: &CallId, received: &Received) -> Self {
        let sent = received.traceparent.as_deref().and_then(|text| {
            let mut parts = text.split('-').skip(1);
            Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
        });
        let own = Digest::of(id.as_str().as_bytes()).to_string();
        let (trace_id, parent_id) =
            sent.unwrap_or_else(|| (own.chars().take(32).collect(), String::new()));
        Self { trace_id, parent_id, root_id: span_id(&own, 0) }
    }

    fn root(&self, received: &Received, events: &[Recorded], start: Millis, end: Millis) -> Value {
        let ended = events.iter().rev().find_map(|recorded| match recorded.as_call() {
            Some(CallEvent::CallEnded(ended)) => Some(ended),
            _ => None,
        });
        let mut attributes = vec![
            text("backstop.policy", &received.policy),
            text("backstop.revision", &received.revision.to_string()),
            text("backstop.caller", &received.caller),
            text("gen_ai.operation.name", "chat"),
        ];
        let mut status = json!({ "code": 0 });
        if let Some(ended) = ended {
            attributes.push(text("backstop.outcome", ended.outcome.name()));
            attributes.push(text("backstop.answered_by", ended.answered_by.name()));
            if let Some(class) = ended.cause.class {
                attributes.push(text("error.type", class.name()));
            }
            let failed = matches!(ended.outcome, Outcome::Failed | Outcome::Expired);
            status = json!({ "code": if failed { 2 } else { 1 } });
        }
        let name = format!("backstop {}", received.policy);
        let steps: Vec<Value> = events.iter().map(step).collect();
        json!({
            "traceId": self.trace_id, "spanId": self.root_id, "parentSpanId": self.parent_id,
            "name": name, "kind": 2, "startTimeUnixNano": nanos(start),
            "endTimeUnixNano": nanos(end), "attributes": attributes, "events": steps,
            "status": status,
        })
    }

    fn attempt(
        &self,
        (run, begun): (u32, &AttemptStarted),
        ended: &AttemptEnded,
        start: Millis,
        end: Millis,
    ) -> Value {
        let mut attributes = vec![
            text("gen_ai.operation.name", "chat"),
            text("gen_ai.request.model", &begun.model),
            text("backstop.purpose", begun.purpose.name()),
            number("backstop.attempt", u64::from(begun.attempt)),
            number("gen_ai.usage.input_tokens", ended.usage.input),
            number("gen_ai.usage.output_tokens", ended.usage.output),
        ];
        let status = match &ended.result {
            AttemptResult::Answered { finish, .. } => {
                if let Some(finish) = finish {
                    let words = json!({ "values": [{ "stringValue": finish }] });
                    let key = "gen_ai.response.finish_reasons";
                    attributes.push(json!({ "key": key, "value": { "arrayValue": words } }));
                }
                json!({ "code": 1 })
            }
            AttemptResult::Failed { class, status, .. } => {
                attributes.push(text("error.type", class.name()));
                if let Some(status) = status {
                    attributes.push(number("http.response.status_code", u64::from(*status)));
                }
                json!({ "code": 2, "message": class.name() })
            }
        };
        // Attempts of a later run count on from its checkpoint.
        let number = run.saturating_sub(1) * 10_000 + begun.attempt;
        json!({
            "traceId": self.trace_id, "spanId": span_id(&self.root_id, number),
            "parentSpanId": self.root_id, "name": format!("chat {}", begun.model), "kind": 3,
            "startTimeUnixNano": nanos(start), "endTimeUnixNano": nanos(end),
            "attributes": attributes, "status": status,
        })
    }
}

fn step(recorded: &Recorded) -> Value {
    let mut attributes = vec![number("backstop.seq", recorded.envelope.seq)];
    if let Some(CallEvent::VerdictReached(decision)) = recorded.as_call() {
        attributes.push(text("backstop.verdict", decision.verdict.name()));
        if let Some(by) = decision.because.first() {
            attributes.push(text("backstop.because", by));
        }
    }
    let (at, name) = (nanos(recorded.envelope.at), &recorded.envelope.kind);
    json!({ "timeUnixNano": at, "name": name, "attributes": attributes })
}

fn span_id(seed: &str, number: u32) -> String {
    Digest::of(format!("{seed}/{number}").as_bytes()).to_string().chars().take(16).collect()
}

fn nanos(at: Millis) -> String {
    (u128::from(at.0) * 1_000_000).to_string()
}

fn text(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn number(key: &str, value: u64) -> Value {
    json!({ "key": key, "value": { "intValue": value.to_string() } })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

    use std::collections::BTreeMap;

    use backstop_domain::{
        Actor, Criticality, Envelope, Event, EventId, Face, MicroMoney, Mode, Purpose, Stream,
        Usage,
    };

    use super::*;

    fn recorded(seq: u64, at: u64, event: CallEvent) -> Recorded {
        let envelope = Envelope {
            id: EventId(format!("evt_{seq}")),
            stream: Stream::call(&CallId::from("call_1")),
            seq,
            position: seq,
            kind: event.name().to_owned(),
            version: 1,
            at: Millis(at),
            actor: Actor::system("test"),
            run: 1,
            causation: None,
            correlation: None,
            revision: None,
            engine: 1,
            body: None,
            body_digest: None,
            previous_hash: Digest::ZERO,
            hash: Digest::ZERO,
        };
        Recorded { envelope, event: Ok(Event::Call(event)) }
    }

    fn call(traceparent: Option<&str>) -> Vec<Recorded> {
        let received = Received {
            policy: "mail".to_owned(),
            revision: Digest::ZERO,
            caller: "shop".to_owned(),
            tenant: None,
            key: None,
            fingerprint: Digest::ZERO,
            request: Digest::ZERO,
            tags: BTreeMap::new(),
            traceparent: traceparent.map(str::to_owned),
            face: Face::Calls,
            criticality: Criticality::Standard,
            mode: Mode::Enforce,
            deadline: Millis(9_000),
            estimates: Vec::new(),
            canary_of: None,
            level: backstop_domain::guard::Level::Normal,
            held_at_door: None,
        };
        let started = AttemptStarted {
            attempt: 1,
            model: "small".to_owned(),
            purpose: Purpose::Answer,
            request: Digest::ZERO,
            estimate: Usage::default(),
            cost: MicroMoney(0),
        };
        let ended = AttemptEnded {
            attempt: 1,
            result: AttemptResult::Failed {
                class: backstop_domain::FailureClass::Overloaded,
                message: "secret words of a provider".to_owned(),
                status: Some(503),
                until: None,
                raw: None,
            },
            took_ms: 5,
            usage: Usage::default(),
            cost: MicroMoney(0),
        };
        vec![
            recorded(1, 1_000, CallEvent::CallReceived(received)),
            recorded(2, 1_001, CallEvent::AttemptStarted(started)),
            recorded(3, 1_006, CallEvent::AttemptEnded(ended)),
        ]
    }

    #[test]
    fn a_call_has_a_root_span_and_one_per_attempt_below_it() {
        let spans = spans(&CallId::from("call_1"), &call(None));
        assert_eq!(spans.len(), 2);
        let (root, attempt) = (spans.first().unwrap(), spans.get(1).unwrap());
        assert_eq!(root.get("spanId"), attempt.get("parentSpanId"));
        assert_eq!(root.pointer("/events/2/name").unwrap(), "attempt_ended");
        assert_eq!(attempt.pointer("/status/code").unwrap(), 2);
        assert_eq!(attempt.get("startTimeUnixNano").unwrap(), "1001000000");
    }

    #[test]
    fn the_callers_own_trace_is_gone_on_with() {
        let sent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let spans = spans(&CallId::from("call_1"), &call(Some(sent)));
        let root = spans.first().unwrap();
        assert_eq!(root.get("traceId").unwrap(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(root.get("parentSpanId").unwrap(), "b7ad6b7169203331");
    }

    #[test]
    fn no_word_of_a_provider_stands_in_a_trace() {
        let spans = spans(&CallId::from("call_1"), &call(None));
        assert!(!Value::from(spans).to_string().contains("secret words"));
    }

    #[test]
    fn a_share_of_nothing_traces_nothing_and_of_all_everything() {
        let ids = (0..100).map(|n| CallId(format!("call_{n}")));
        let ids: Vec<CallId> = ids.collect();
        assert!(ids.iter().all(|id| is_sampled(id, 1_000_000)));
        assert!(!ids.iter().any(|id| is_sampled(id, 0)));
        let half = ids.iter().filter(|id| is_sampled(id, 500_000)).count();
        assert!((30..70).contains(&half), "{half}");
    }
}
