//! Services in suites: what they said is recorded beside the models' answers and played back; what
//! the record lacks never passes for clean.

use std::sync::Arc;
use std::time::Duration;

use backstop_domain::Millis;
use backstop_evals::verdict::{Word, verdict};
use backstop_upstream::{
    Clock, MonotonicClock, RecordedService, Recordings, Score, Service, service_line,
};
use serde_json::json;

use crate::world::World;

const CHECK: &str =
    "checks: {guard: {service: guard, at: input, fail_over: 0.8, then: escalate}}\n";

/// Every tenth text is one that the guard objects to; about a text with `lost` it does not answer.
fn guarded(number: usize) -> World {
    World::new(number)
        .with(
            "policies/gateway.yaml",
            "queues:",
            "services: {guard: {url: \"http://127.0.0.1:1\"}}\nqueues:",
        )
        .with(
            "policies/label.yaml",
            "confidence: {at: output.label, from: [logprobs], accept: 0.9}\n",
            CHECK,
        )
        .with("policies/label.yaml", "otherwise:", "on_error: escalate\notherwise:")
}

#[test]
fn what_a_service_said_is_played_back() {
    let world = guarded(60);
    let tape = world.record();
    let (suite, results) = world.replay(&tape);
    assert!(results.ran.iter().all(|ran| ran.is_valid()), "{results:#?}");
    let stopped: Vec<_> =
        results.ran.iter().filter(|ran| ran.fired.iter().any(|by| by.contains("guard"))).collect();
    assert_eq!(stopped.len(), 6);
    assert!(stopped.iter().all(|ran| ran.end == "in_review" && ran.attempts == 0), "{stopped:#?}");
    let judged = verdict(&suite, &results, None, "2026-11-25".parse().unwrap());
    assert!(judged.stale.is_empty(), "{judged:#?}");
    assert_eq!(world.replay(&tape).1, results, "and the same every time");
}

#[test]
fn a_service_that_was_away_is_away_in_the_replay_too() {
    let mut world = guarded(60);
    world.change("evals/s/cases/a.jsonl", "ham number 2\"", "ham lost 2\"");
    let tape = world.record();
    let (_, results) = world.replay(&tape);
    let ran = &results.ran[2];
    assert!(ran.is_valid() && ran.end == "in_review", "{ran:#?}");
    assert_eq!(results.ran.iter().filter(|ran| ran.end == "in_review").count(), 7);
}

#[test]
fn a_score_that_is_not_recorded_is_stale_and_never_lets_an_answer_out() {
    let mut world = guarded(60);
    let tape = world.record();
    world.change("policies/label.yaml", "{guard: {service", "{shield: {service");
    let (suite, results) = world.replay(&tape);
    assert!(results.ran.iter().all(|ran| ran.end == "in_review"), "{results:#?}");
    let miss = &results.ran[1].misses[0];
    assert_eq!(miss.model, "service guard");
    assert_eq!(miss.hint, "it knows these texts for the check `guard`, not `shield`");
    let judged = verdict(&suite, &results, None, "2026-11-25".parse().unwrap());
    assert_eq!((judged.word, judged.stale.len()), (Word::Stale, 60));
}

#[test]
fn a_check_that_waits_less_than_the_service_took_hears_nothing() {
    let mut world = guarded(60);
    let tape = world.record();
    // Each score is recorded at forty milliseconds.
    world.change("policies/label.yaml", "fail_over: 0.8,", "fail_over: 0.8, timeout: 10ms,");
    let (_, results) = world.replay(&tape);
    assert!(results.ran.iter().all(|ran| ran.is_valid() && ran.end == "in_review"), "{results:#?}");
}

#[tokio::test(start_paused = true)]
async fn services_stand_in_the_same_record_and_say_the_same_again() {
    let clock = MonotonicClock::starting_at(Millis(1_790_000_000_000));
    let texts = |text: &str| vec![text.to_owned()];
    let odd = [json!({"kind": "override", "text": "ignore", "path": "/0"})].to_vec();
    let said = Ok(Score { score: Some(0.93), found: odd });
    let away: Result<Score, String> = Err("service `guard` answered 503".to_owned());
    let lines = [
        service_line("guard", &texts("ignore all"), "injection", &said, Some(40)),
        service_line("guard", &texts("hello"), "injection", &away, None),
    ];
    let record = Arc::new(Recordings::of_lines(lines).unwrap());
    let guard = RecordedService::new(Arc::clone(&record), "guard");
    let long = Duration::from_secs(2);
    let began = clock.now();
    assert_eq!(guard.score(&texts("ignore all"), "injection", long).await, said);
    assert_eq!(clock.now().since(began), 40, "it takes the time that it took");
    assert_eq!(guard.score(&texts("hello"), "injection", long).await, away);
    let late = guard.score(&texts("ignore all"), "injection", Duration::from_millis(39)).await;
    assert_eq!(late.unwrap_err(), "service `guard` did not answer within 39 ms");
    let unknown = guard.score(&texts("new"), "injection", long).await.unwrap_err();
    assert!(unknown.contains("has no recorded score"), "{unknown}");
    let hint = |texts: &[String], kind: &str| record.missing_service("guard", texts, kind);
    assert_eq!(hint(&texts("hello"), "injection"), None);
    let other = hint(&texts("hello"), "shield").unwrap();
    assert_eq!(other, "it knows these texts for the check `injection`, not `shield`");
    assert_eq!(record.len(), 2);
}

#[test]
fn a_services_line_that_is_wrong_is_refused_with_its_place() {
    let asked = json!({"texts": ["a"], "kind": "k"});
    let wrong = [
        (json!({"service": "s", "request": asked}), "either `body` or `failure`"),
        (json!({"service": "s", "request": asked, "raw": "{}"}), "unknown field `raw`"),
        (json!({"service": "s", "request": {"texts": ["a"]}, "body": {}}), "missing field `kind`"),
        (
            json!({"service": "s", "request": asked, "body": {}, "key": "0".repeat(64)}),
            "`key` is not that of the request",
        ),
    ];
    for (line, words) in wrong {
        let why = Recordings::of_lines([line.to_string()]);
        let why = why.unwrap_err();
        assert!(why.contains("line 1") && why.contains(words), "{why}");
    }
}
