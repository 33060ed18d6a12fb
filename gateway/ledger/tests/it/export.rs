//! An export as another tool reads it: whole or in pieces, its chain provable without the ledger, and
//! what was erased named as erased.

use backstop_domain::{AttemptResult, CallEvent, Digest, Envelope, Millis};
use backstop_ledger::{Body, Exported, Ledger, Offline, Retention, export};
use serde_json::Value;

use crate::{
    sqlite::Folder,
    stories::{START, answered, bodies, call_events, way_of_an_accepted_call},
};

fn exported(folder: &Folder, after: u64) -> (Vec<Value>, Exported) {
    let ledger = Offline::open(folder.path()).unwrap();
    let mut out = Vec::new();
    let done = export(&ledger, after, &mut out, |_| {}).unwrap();
    let lines = out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    (lines.map(|line| serde_json::from_slice(line).unwrap()).collect(), done)
}

fn events(lines: &[Value]) -> Vec<&Value> {
    lines.iter().filter(|line| line.get("stream").is_some()).collect()
}

fn body_of<'l>(lines: &'l [Value], bytes: &[u8]) -> Option<&'l Value> {
    let digest = Digest::of(bytes).to_string();
    lines.iter().find(|line| line.get("stream").is_none() && line["body"] == *digest)
}

#[tokio::test]
async fn pieces_of_an_export_make_the_whole_and_its_chain_holds_by_itself() {
    let folder = Folder::new();
    let ledger = folder.open();
    let first = call_events("a", 0, way_of_an_accepted_call()).with_bodies(bodies());
    ledger.append(first).await.unwrap();
    // The ledger is in use, and goes on between two pieces.
    let (first, done) = exported(&folder, 0);
    assert_eq!((done.events, done.bodies, done.position), (9, 4, 9));
    for call in ["b", "c"] {
        ledger.append(call_events(call, 0, way_of_an_accepted_call())).await.unwrap();
    }
    let (second, then) = exported(&folder, done.position);
    assert_eq!((then.events, then.position), (18, 27));
    let (whole, all) = exported(&folder, 0);
    assert_eq!(all.events, 27);
    assert_eq!([events(&first), events(&second)].concat(), events(&whole));
    let (nothing, end) = exported(&folder, all.position);
    assert_eq!((nothing.len(), end.position), (0, 27));
    // Whoever has the file alone proves the chain, and every body that is in it.
    let mut previous = Digest::ZERO;
    for line in events(&whole) {
        let mut line = line.clone();
        let body = line["body"].clone();
        if let Some(digest) = line["body_digest"].as_str().and_then(Digest::parse) {
            assert_eq!(Digest::of_json(&body), digest);
            line["body"] = Value::Null;
        }
        let envelope: Envelope = serde_json::from_value(line).unwrap();
        assert_eq!((envelope.previous_hash, envelope.computed_hash()), (previous, envelope.hash));
        previous = envelope.hash;
    }
    for text in ["request", "sent", "raw", "answer"] {
        assert_eq!(body_of(&whole, text.as_bytes()).unwrap()["bytes"], text);
    }
}

#[tokio::test]
async fn what_is_no_text_is_exported_and_what_was_erased_is_named_without_its_words() {
    let folder = Folder::new();
    let ledger = folder.open();
    let raw = [0xff, 0x00, 0x80];
    let CallEvent::AttemptEnded(mut ended) = answered(1) else { unreachable!() };
    let AttemptResult::Answered { raw: named, .. } = &mut ended.result else { unreachable!() };
    *named = Digest::of(&raw);
    let mut way = way_of_an_accepted_call();
    way[5] = CallEvent::AttemptEnded(ended);
    let call = call_events("a", 0, way).with_bodies(bodies());
    ledger.append(call.with_bodies([Body::new(raw.to_vec(), true)])).await.unwrap();
    let (lines, _) = exported(&folder, 0);
    assert_eq!(body_of(&lines, &raw).unwrap()["base64"], "/wCA");
    let all = Retention::all(Millis(START * 2));
    while ledger.sweep(all).await.unwrap().more {}
    let (lines, done) = exported(&folder, 0);
    assert_eq!(done.events, 9, "envelopes stay");
    let gone = events(&lines).into_iter().filter(|line| line["body"].is_null());
    assert!(gone.count() > 3, "an event whose words are gone is there without them");
    let text = serde_json::to_string(&lines).unwrap();
    assert!(!text.contains("invoice-triage") && !text.contains("base64"), "{text}");
    let attempt = events(&lines).into_iter().find(|line| line["type"] == "attempt_started");
    assert!(attempt.unwrap()["body"].is_object(), "what is nobody's words is told");
    assert_eq!(body_of(&lines, b"sent").unwrap()["erased"], true);
}
