//! The chain binds every field, and what cannot be read says so.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use alloc::{string::ToString, vec, vec::Vec};

use serde_json::{Value, json};

use super::*;
use crate::{CallId, Resolution, ReviewId};

fn envelope() -> Envelope {
    Envelope {
        id: EventId::from("evt_1"),
        stream: Stream::call(&CallId::from("call_1")),
        seq: 3,
        position: 17,
        kind: "call_ended".to_string(),
        version: 1,
        at: Millis(1_000),
        actor: Actor { kind: ActorKind::Caller, id: "shop".to_string(), via: None },
        run: 1,
        causation: None,
        correlation: None,
        revision: None,
        engine: ENGINE,
        body: None,
        body_digest: None,
        previous_hash: Digest::ZERO,
        hash: Digest::ZERO,
    }
}

/// What is done to one field.
type Change = fn(&mut Envelope);

/// Every field but `hash`, changed, by name.
fn changes() -> Vec<(&'static str, Change)> {
    vec![
        ("id", |e| e.id = EventId::from("evt_2")),
        ("stream", |e| e.stream = Stream::review(&ReviewId::from("call_1"))),
        ("seq", |e| e.seq += 1),
        ("position", |e| e.position += 1),
        ("type", |e| e.kind = "call_ende".to_string()),
        ("version", |e| e.version += 1),
        ("at", |e| e.at = Millis(1_001)),
        ("actor", |e| e.actor.kind = ActorKind::Operator),
        ("actor", |e| e.actor.id = "shop2".to_string()),
        ("actor", |e| e.actor.via = Some("api".to_string())),
        ("run", |e| e.run += 1),
        ("causation", |e| e.causation = Some(EventId::from("evt_0"))),
        ("correlation", |e| e.correlation = Some(String::new())),
        ("revision", |e| e.revision = Some(Digest::ZERO)),
        ("engine", |e| e.engine += 1),
        ("body", |e| e.body = Some(json!({}))),
        ("body", |e| e.body = Some(json!({ "outcome": "accepted" }))),
        ("body_digest", |e| e.body_digest = Some(Digest::ZERO)),
        ("previous_hash", |e| e.previous_hash = Digest::of(b"another")),
    ]
}

#[test]
fn the_hash_changes_with_every_field() {
    let mut hashes = vec![envelope().computed_hash()];
    for (field, change) in changes() {
        let mut changed = envelope();
        change(&mut changed);
        let hash = changed.computed_hash();
        assert!(!hashes.contains(&hash), "`{field}` is not bound by the hash");
        hashes.push(hash);
    }
}

#[test]
fn no_field_of_the_envelope_was_forgotten_above() {
    let whole = serde_json::to_value(envelope()).unwrap();
    let fields = whole.as_object().unwrap().keys().map(String::as_str);
    let changed: Vec<_> = changes().into_iter().map(|(field, _)| field).collect();
    for field in fields.filter(|field| *field != "hash") {
        assert!(changed.contains(&field), "`{field}` is new, and the envelope is frozen");
    }
}

#[test]
fn the_hash_is_not_taken_over_itself() {
    let mut sealed = envelope();
    sealed.hash = sealed.computed_hash();
    assert_eq!(sealed.computed_hash(), sealed.hash);
}

#[test]
fn the_hash_of_an_envelope_stays_what_it_was_when_the_format_was_frozen() {
    // A ledger that was written then must still be verified: never change this line.
    let frozen = "9335377aa13328b8a3e0fc3d989eecc92ab1bbd762ee265b42a98de560fb079f";
    assert_eq!(envelope().computed_hash().to_string(), frozen);
}

#[test]
fn an_envelope_survives_its_json() {
    for (_, change) in changes() {
        let mut changed = envelope();
        change(&mut changed);
        let text = serde_json::to_string(&changed).unwrap();
        assert_eq!(serde_json::from_str::<Envelope>(&text).unwrap(), changed);
    }
}

#[test]
fn what_a_newer_binary_wrote_is_told_apart_from_what_is_broken() {
    let stream = Stream::call(&CallId::from("call_1"));
    let unknown = Event::read(&stream, "call_sung", 1, Value::Null);
    assert!(matches!(unknown, Err(ReadError::Unknown { .. })));
    let newer = Event::read(&stream, "wait_ended", 2, Value::Null);
    assert!(matches!(newer, Err(ReadError::Unknown { version: 2, .. })));
    let broken = Event::read(&stream, "call_ended", 1, json!({ "outcome": "sung" }));
    assert!(matches!(broken, Err(ReadError::Malformed { .. })));
    let bare = Event::read(&stream, "call_ended", 1, Value::Null);
    assert!(matches!(bare, Err(ReadError::Malformed { .. })));
}

#[test]
fn an_event_is_read_only_from_a_stream_of_its_family() {
    let review = Stream::review(&ReviewId::from("rev_1"));
    let strange = Stream::from("diary/1");
    for stream in [review, strange] {
        let read = Event::read(&stream, "wait_ended", 1, Value::Null);
        assert!(matches!(read, Err(ReadError::Unknown { .. })));
    }
    let stream = Stream::call(&CallId::from("call_1"));
    let read = Event::read(&stream, "wait_ended", 1, Value::Null);
    assert_eq!(read, Ok(Event::Call(CallEvent::WaitEnded)));
}

#[test]
fn what_guards_and_operators_did_survives_its_json() {
    let stream = Stream::control("small");
    let (model, reason) = ("small".to_string(), "5 in a row".to_string());
    let (from, to) = ("closed".to_string(), "open".to_string());
    let events = [
        ControlEvent::BreakerChanged {
            model,
            from,
            to,
            reason,
            until: Some(Millis(9)),
            quality_of: None,
        },
        ControlEvent::LatchChanged {
            provider: "main".to_string(),
            until: None,
            reason: "paid".to_string(),
        },
        ControlEvent::RevisionLoaded {
            draft: false,
            policy: "mail".to_string(),
            revision: Digest::ZERO,
            sources: None,
        },
        ControlEvent::OperatorActed {
            act: "pause".to_string(),
            target: "mail".to_string(),
            reason: "audit".to_string(),
            until: Some(Millis(u64::MAX)),
        },
    ];
    for event in events.map(Event::Control) {
        assert!(CONTROL_TYPES.contains(&event.name()));
        let read = Event::read(&stream, event.name(), event.version(), event.body());
        assert_eq!(read, Ok(event));
    }
}

#[test]
fn a_persons_words_survive_whatever_they_hold() {
    let stream = Stream::review(&ReviewId::from("rev_1"));
    for words in ["", "\u{0}", "\"type\": \"x\"", "ß\u{202e}🦀", "a\nb"] {
        let vote = Resolution::ChangesRequested { tell: words.to_string() };
        let (by, reason) = (words.to_string(), Some(words.to_string()));
        let event = Event::Review(ReviewEvent::VoteCast { by, vote, reason });
        let text = event.body().to_string();
        let body = serde_json::from_str(&text).unwrap();
        assert_eq!(Event::read(&stream, event.name(), 1, body), Ok(event));
    }
}
