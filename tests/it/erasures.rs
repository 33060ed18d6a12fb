//! What is erased at somebody's asking is gone for good, provably, and takes nothing along that others
//! rest on; what is held stays, whatever retention and erasure say.

use std::sync::Arc;

use backstop_domain::{Actor, ActorKind, CallId, ControlEvent, Digest, Event, Millis, Stream};
use backstop_engine::erasure::{EraseRefused, Erased, Erasures, Whose};
use backstop_engine::{Ids, Refused, Submit};
use backstop_ledger::{Ledger, Retention};
use backstop_tests::bench::{Bench, Setup, request, says};
use serde_json::Value;

async fn bench() -> Bench {
    let answers =
        ["ham", "spam", "ham", "ham"].map(|word| says(&format!("{{\"label\":\"{word}\"}}")));
    Setup::policy("").model("small", answers).start().await
}

fn ada() -> Actor {
    Actor { kind: ActorKind::Operator, id: "ada".to_owned(), via: None }
}

/// Everything that the ledger holds, as text.
async fn everything(ledger: &Arc<dyn Ledger>) -> String {
    let mut text = String::new();
    for recorded in ledger.feed(0, 1000).await.unwrap() {
        text.push_str(&serde_json::to_string(&recorded.envelope).unwrap());
        let mut named = vec![recorded.envelope.body_digest];
        if let Ok(event) = &recorded.event {
            text.push_str(&event.body().to_string());
            collect(&event.body(), &mut named);
        }
        for digest in named.into_iter().flatten() {
            if let Some(bytes) = ledger.body(digest).await.unwrap().and_then(|body| body.bytes) {
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }
    text
}

fn collect(value: &Value, found: &mut Vec<Option<backstop_domain::Digest>>) {
    match value {
        Value::String(text) => found.push(backstop_domain::Digest::parse(text)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(map) => map.values().for_each(|item| collect(item, found)),
        _ => {}
    }
}

async fn tagged(bench: &Bench, text: &str, customer: &str) -> CallId {
    let mut submit = request(text);
    submit.tags.insert("customer".to_owned(), customer.to_owned());
    let id = bench.submit(&submit).await.unwrap().id;
    bench.rest(&id).await;
    id
}

#[tokio::test(start_paused = true)]
async fn a_subject_is_erased_and_the_chain_still_holds() {
    let bench = bench().await;
    let first = tagged(&bench, "Anna Anker wants her money", "anna").await;
    let second = tagged(&bench, "Anna Anker again", "anna").await;
    let other = tagged(&bench, "Bert Birke is fine", "bert").await;
    let ledger: Arc<dyn Ledger> = Arc::new(bench.ledger.clone());
    let ids = Ids::seeded(99);
    let erasures = Erasures { ledger: &ledger, ids: &ids, now: bench.now() };
    let anna = Whose::subject("customer=anna").unwrap();
    let before = ledger.position();
    // First only what would go.
    let would = erasures.erase(&anna, &ada(), "asked by letter", true).await.unwrap();
    assert_eq!(ledger.position(), before, "a dry run leaves no trace");
    assert!(everything(&ledger).await.contains("Anna Anker"));
    let Erased { calls, bodies, bytes, shared, gone } = &would;
    assert_eq!((&**calls, *gone), (&[first.clone(), second][..], 0));
    assert!(*bodies > 4 && *bytes > 100 && *shared > 0, "{would:?}");
    // Then for good.
    let done = erasures.erase(&anna, &ada(), "asked by letter", false).await.unwrap();
    assert_eq!(done, would, "what goes is what would go");
    let left = everything(&ledger).await;
    assert!(!left.contains("Anna") && !left.contains("anna"), "not even the name is left");
    assert!(left.contains("Bert Birke"));
    // Others stand, bodies that they share included.
    let told = bench.engine.call(&other).await.unwrap().unwrap();
    assert!(told.answer.is_some());
    let events = ledger.stream(&Stream::call(&other), 0).await.unwrap();
    assert!(events.iter().all(|one| one.event.is_ok()));
    // The tombstone says which, and every hash still holds.
    let tombs = ledger.stream(&Stream::control("erasures"), 0).await.unwrap();
    let Ok(Event::Control(ControlEvent::BodiesErased { digests, calls, reason, .. })) =
        &tombs[0].event
    else {
        panic!("{tombs:?}")
    };
    assert_eq!(
        (digests.len() as u64, calls.len(), reason.as_str()),
        (done.bodies, 2, "asked by letter")
    );
    for digest in digests {
        assert_eq!(ledger.body(*digest).await.unwrap().unwrap().bytes, None);
    }
    let all = ledger.feed(0, 1000).await.unwrap();
    assert!(all.iter().all(|one| one.envelope.computed_hash() == one.envelope.hash));
    // Once more there is nothing left of them to find.
    let again = erasures.erase(&anna, &ada(), "again", false).await;
    assert!(matches!(again, Err(EraseRefused::Nobody)), "{again:?}");
    let by_id = erasures.erase(&Whose::Call(first), &ada(), "again", true).await.unwrap();
    assert_eq!(by_id.bodies, 0);
    assert!(by_id.gone > 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_repeats_an_erased_call_is_told_so_and_it_is_not_made_anew() {
    let bench = bench().await;
    let submit = || Submit { key: Some("anna-17".to_owned()), ..request("Anna Anker pays 17") };
    let first = bench.submit(&submit()).await.unwrap().id;
    bench.rest(&first).await;
    let ledger: Arc<dyn Ledger> = Arc::new(bench.ledger.clone());
    let ids = Ids::seeded(99);
    let erasures = Erasures { ledger: &ledger, ids: &ids, now: bench.now() };
    erasures.erase(&Whose::Call(first.clone()), &ada(), "a letter", false).await.unwrap();
    let refused = bench.submit(&submit()).await;
    assert!(matches!(&refused, Err(Refused::Erased { call }) if *call == first), "{refused:?}");
    let other = Submit { fingerprint: Digest::of(b"another body"), ..submit() };
    let refused = bench.submit(&other).await;
    assert!(matches!(refused, Err(Refused::KeyReused { .. })), "{refused:?}");
    assert_eq!(bench.asked("small").len(), 1, "nobody is asked again");
    // Once its time is over the key is free, as any other is.
    let over = Retention {
        keys_of_calls_ended_before: Some(Millis(u64::MAX >> 1)),
        ..Retention::default()
    };
    assert_eq!(ledger.sweep(over).await.unwrap().keys, 1);
    assert_ne!(bench.submit(&submit()).await.unwrap().id, first);
}

#[tokio::test(start_paused = true)]
async fn an_open_call_is_not_erased() {
    let setup = Setup::policy("rules: [{id: always, then: escalate}]\n");
    let bench = setup.model("small", [says("{\"label\":\"ham\"}")]).start().await;
    let told = bench.ask("waits for a person").await;
    let ledger: Arc<dyn Ledger> = Arc::new(bench.ledger.clone());
    let ids = Ids::seeded(99);
    let erasures = Erasures { ledger: &ledger, ids: &ids, now: bench.now() };
    let id = told.snapshot.id.clone();
    let refused = erasures.erase(&Whose::Call(id.clone()), &ada(), "no", false).await;
    assert!(matches!(refused, Err(EraseRefused::Open(open)) if open == id));
}

#[tokio::test(start_paused = true)]
async fn what_is_held_outlives_erasure_and_retention() {
    let bench = bench().await;
    let held = bench.ask("the disputed one").await.snapshot.id;
    let free = bench.ask("an ordinary one").await.snapshot.id;
    let ledger: Arc<dyn Ledger> = Arc::new(bench.ledger.clone());
    let ids = Ids::seeded(99);
    let erasures = Erasures { ledger: &ledger, ids: &ids, now: bench.now() };
    erasures.hold(&Whose::Call(held.clone()), &ada(), "case 17").await.unwrap();
    let holds = erasures.holds().await.unwrap();
    assert_eq!(holds[&held].reason, "case 17");
    let refused = erasures.erase(&Whose::Call(held.clone()), &ada(), "no", false).await;
    assert!(matches!(refused, Err(EraseRefused::Held { reason, .. }) if reason == "case 17"));
    let over = Retention::all(Millis(u64::MAX >> 1));
    while ledger.sweep(over).await.unwrap().more {}
    let left = everything(&ledger).await;
    assert!(left.contains("the disputed one") && !left.contains("an ordinary one"));
    let readable = |id: CallId| {
        let ledger = Arc::clone(&ledger);
        async move {
            let events = ledger.stream(&Stream::call(&id), 0).await.unwrap();
            events.iter().all(|one| one.event.is_ok())
        }
    };
    assert!(readable(held.clone()).await && !readable(free).await);
    // Released it goes its way.
    erasures.release(&Whose::Call(held.clone()), &ada(), "settled").await.unwrap();
    assert!(erasures.holds().await.unwrap().is_empty());
    while ledger.sweep(over).await.unwrap().more {}
    assert!(!readable(held).await);
}
