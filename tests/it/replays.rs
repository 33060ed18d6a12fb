//! `verify`: a call decided again is the same, byte for byte; or the first difference is named; or
//! what cannot be known is said. Every other story of this binary holds its calls to it too.

use backstop_domain::{CallEvent, Digest, Event, Status};
use backstop_engine::{
    Engine, What,
    replay::{RecordedCall, Unknown, Verdict, Verified, verify},
};
use backstop_tests::bench::{Bench, Setup, Told, calls_tool, label, label_at, says};
use serde_json::json;

/// Everything that happens only once: a service, a judge, votes, a sample, a limit on a tool.
const ONCE: &str = "
checks:
  calm: {service: detector, at: output.label, fail_over: 0.80, then: [escalate]}
  good: {judge: judge, model: large, at: output.label, then: [escalate]}
confidence: {at: output.label, from: [logprobs, votes: 3], accept: 0.90}
budget: {attempts: 8}
rules:
  - {id: audit, when: \"sample(call.key, 0.5)\", then: {accept: {also_review: audit}}}
";

async fn busy() -> (Bench, Told) {
    let judge = says("{\"score\": 0.9, \"reason\": \"fine\"}");
    let bench = Setup::policy(ONCE)
        .model_by("small", |_, _| label_at("ham", 0.6))
        .model("large", [judge])
        .service("detector", std::time::Duration::from_millis(3), |_| Ok(0.25))
        .start()
        .await;
    let told = bench.ask("text").await;
    assert_eq!(told.state(), "accepted", "{:?}", told.names());
    (bench, told)
}

async fn record(engine: &Engine, told: &Told) -> RecordedCall {
    engine.recorded(&told.snapshot.id).await.unwrap()
}

fn again(record: &RecordedCall) -> Verified {
    verify(record, Some(&Setup::policy(ONCE).compiled()))
}

/// The record with one of its events told otherwise.
fn forged(record: &RecordedCall, mut change: impl FnMut(&mut CallEvent)) -> RecordedCall {
    let mut forged = record.clone();
    for recorded in &mut forged.events {
        if let Ok(Event::Call(event)) = &mut recorded.event {
            change(event);
        }
    }
    forged
}

#[tokio::test(start_paused = true)]
async fn whatever_happened_only_once_is_in_the_record_and_decides_the_same_again() {
    let (bench, told) = busy().await;
    let record = record(&bench.engine, &told).await;
    let judged = told.events.iter().find_map(|event| match event {
        CallEvent::AnswerJudged(judged) => Some(judged),
        _ => None,
    });
    let basis = &judged.unwrap().basis;
    assert_eq!(basis.paid.len(), 3, "a service, a judge, votes: {basis:?}");
    assert_eq!(basis.drawn.len(), 1, "a sample");
    assert!(basis.paid.iter().any(|paid| paid.attempts.len() == 2), "two further votes");
    let verified = again(&record);
    assert_eq!(verified.verdict(), Verdict::Equal, "{verified:#?}");
    assert_eq!((verified.given, verified.compared), (0, verified.events));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_was_changed_is_told_with_the_place_and_both_values() {
    let (bench, told) = busy().await;
    let record = record(&bench.engine, &told).await;
    let softer = forged(&record, |event| {
        if let CallEvent::AnswerJudged(judged) = event {
            judged.findings[0].status = Status::Skipped;
        }
    });
    let found = again(&softer).difference.unwrap();
    assert_eq!(
        (found.kind.as_str(), found.pointer.as_str()),
        ("answer_judged", "/findings/0/status")
    );
    assert_eq!((found.recorded, found.replayed), (json!("skipped"), json!("pass")));
    let other_request = forged(&record, |event| {
        if let CallEvent::AttemptStarted(started) = event {
            started.request = Digest::of(b"another prompt");
        }
    });
    let found = again(&other_request).difference.unwrap();
    assert_eq!(found.pointer, "/request");
    let other_score = forged(&record, |event| {
        if let CallEvent::AnswerJudged(judged) = event {
            judged.basis.drawn[0].taken = !judged.basis.drawn[0].taken;
        }
    });
    assert_eq!(again(&other_score).verdict(), Verdict::Different, "the sample decides");
    let mut cut = record.clone();
    cut.events.remove(2);
    assert_eq!(again(&cut).verdict(), Verdict::Different, "an event is missing");
}

#[tokio::test(start_paused = true)]
async fn what_was_erased_cannot_be_known_and_the_rest_is_still_held_to_the_record() {
    let (bench, told) = busy().await;
    let mut record = record(&bench.engine, &told).await;
    let request = told.snapshot.state.received.request;
    record.bodies.insert(request, None);
    let verified = again(&record);
    assert_eq!(verified.verdict(), Verdict::Unknown, "{verified:#?}");
    assert!(
        verified.unknown.iter().all(|one| {
            matches!(&one.reason, Unknown::Erased { what } if what == "the request")
        })
    );
    assert!(verified.compared >= 3, "decisions are made again without the request");
    let changed = forged(&record, |event| {
        if let CallEvent::VerdictReached(decision) = event {
            decision.because = vec!["rules.made-up".to_owned()];
        }
    });
    assert_eq!(again(&changed).verdict(), Verdict::Different);
}

#[tokio::test(start_paused = true)]
async fn a_judgement_that_an_older_version_recorded_without_its_basis_is_not_called_different() {
    let (bench, told) = busy().await;
    let old = forged(&record(&bench.engine, &told).await, |event| {
        if let CallEvent::AnswerJudged(judged) = event {
            judged.basis = Default::default();
        }
    });
    let verified = again(&old);
    assert_eq!(verified.verdict(), Verdict::Unknown, "{verified:#?}");
    assert!(matches!(verified.unknown[0].reason, Unknown::NotWritten { .. }));
}

#[tokio::test(start_paused = true)]
async fn an_old_call_replays_after_its_policy_is_gone_from_disk() {
    let policy = "rules: [{id: no-spam, when: output.label == \"spam\", then: reject}]\n";
    let old = Setup::policy(policy).model("small", [label("spam")]).start().await;
    let told = old.ask("text").await;
    assert_eq!(told.state(), "refused");
    // Another process, whose files have no policy `story` at all.
    let files = Setup::policy("").without_policy().over(&old.ledger);
    let new = files.start().await;
    assert!(!new.engine.workspace().policies.contains_key("story"));
    let verified = new.engine.verify(&told.snapshot.id).await.unwrap();
    assert_eq!(verified.verdict(), Verdict::Equal, "{verified:#?}");
    let record = record(&new.engine, &told).await;
    let gone = verify(&record, None);
    assert_eq!(gone.verdict(), Verdict::Unknown);
    assert!(matches!(gone.unknown[0].reason, Unknown::RevisionGone { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_found_no_room_finds_none_again() {
    let policy = "output: text\nmodels: [small]\nqueue: desk\ntools:\n  refund:\n    effect: irreversible\n    args: schemas/refund.json\n    limits: [{calls: 1/day}]\n    then: [escalate]\n";
    let bench = Setup::policy(policy);
    let refund = calls_tool("refund", &json!({ "order": "A1", "cents": 5 }));
    let bench = bench.model("small", [refund]).start().await;
    bench.ask("one").await;
    // Each look holds the record to its replay: the denial, and a person who overruled it.
    let second = bench.ask("two").await;
    assert_eq!(second.state(), "in_review");
    let overruled = bench.decide(&second, "ada", What::Approve).await.unwrap();
    assert_eq!(overruled.state(), "approved");
}
