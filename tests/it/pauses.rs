//! Pauses: an operator holds a policy, a model, a queue or a call; for a reason and for a time.

use std::time::Duration;

use backstop_domain::{Actor, ActorKind, ControlEvent, ForkKind, Millis, PauseEnd};
use backstop_engine::{Fork, PauseError, Refused, ReviewError, Target, What};
use backstop_tests::bench::{Bench, Setup, label, person, request};

const ASKS: &str = "rules: [{id: look, for: model, then: escalate}]\n";

fn operator() -> Actor {
    Actor { kind: ActorKind::Operator, id: "ops".to_owned(), via: None }
}

async fn hold(bench: &Bench, target: &str, seconds: u64) -> Result<Millis, PauseError> {
    let target = Target::read(target).expect("a target");
    bench.engine.pause(target, seconds * 1_000, "odd since noon".to_owned(), operator()).await
}

#[tokio::test(start_paused = true)]
async fn a_paused_policy_takes_no_calls_until_it_goes_on_by_itself() {
    let bench = Setup::policy("").model("small", [label("ham")]).start().await;
    hold(&bench, "policy/story", 60).await.unwrap();
    let refused = bench.submit(&request("text")).await.unwrap_err();
    assert_eq!(refused.to_string(), "policy `story` is paused: odd since noon");
    assert!(matches!(refused, Refused::Paused { .. }));
    tokio::time::sleep(Duration::from_secs(61)).await;
    assert_eq!(bench.ask("text").await.state(), "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_paused_policy_that_names_a_ladder_for_it_takes_that() {
    let policy = "on: {shed: [fallback]}\nfallback: {answer: {label: none}}\n";
    let bench = Setup::policy(policy).model("small", [label("ham")]).start().await;
    hold(&bench, "policy/story", 60).await.unwrap();
    let told = bench.ask("text").await;
    assert_eq!((told.state(), told.by()), ("fallback", "rule"));
    assert!(bench.asked("small").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_paused_model_is_passed_by_also_after_a_restart() {
    let policy = "on: {breaker_open: [next_model]}\nmodels: [small, large]\n";
    let setup =
        || Setup::policy(policy).model("small", [label("ham")]).model("large", [label("spam")]);
    let bench = setup().start().await;
    hold(&bench, "model/small", 3_600).await.unwrap();
    assert_eq!(bench.ask("text").await.attempts(), ["large answer"]);
    let control = bench.control("pauses").await;
    let [ControlEvent::OperatorActed { act, target, .. }] = control.as_slice() else {
        panic!("one act: {control:?}")
    };
    assert_eq!((act.as_str(), target.as_str()), ("pause", "model/small"));
    let bench = setup().over(&bench.ledger).start().await;
    assert_eq!(bench.ask("text").await.attempts(), ["large answer"], "it survives a restart");
    let small = Target::read("model/small").unwrap();
    bench.engine.unpause(small.clone(), "well again".to_owned(), operator()).await.unwrap();
    assert_eq!(bench.ask("text").await.attempts(), ["small answer"]);
    let again = bench.engine.unpause(small, "well again".to_owned(), operator()).await;
    assert_eq!(again.unwrap_err(), PauseError::NotPaused);
}

#[tokio::test(start_paused = true)]
async fn in_a_paused_queue_nobody_decides_and_due_times_go_on() {
    let bench = Setup::policy(ASKS).model("small", [label("ham")]).start().await;
    let told = bench.ask("text").await;
    hold(&bench, "queue/desk", 24 * 3_600).await.unwrap();
    let refused = bench.decide(&told, "ada", What::Approve).await.unwrap_err();
    assert!(matches!(refused, ReviewError::Paused { .. }), "{refused}");
    bench.engine.claim(&told.review(), person("ada")).await.unwrap_err();
    let ended = bench.end(&told).await;
    assert_eq!((ended.state(), ended.by()), ("expired", "nobody"), "an hour later");
}

#[tokio::test(start_paused = true)]
async fn a_paused_call_waits_survives_a_restart_and_ends_as_its_pause_said() {
    let slow = Duration::from_secs(5);
    for (then, ends) in [(PauseEnd::Resume, "accepted"), (PauseEnd::Cancel, "cancelled")] {
        let setup = || Setup::policy("").slow_model("small", slow, |_, _| label("ham"));
        let bench = setup().start().await;
        let admitted = bench.submit(&request("text")).await.unwrap();
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (id, why) = (&admitted.id, "odd".to_owned());
        let until = bench.engine.pause_call(id, (600_000, then), why, operator()).await.unwrap();
        assert_eq!(until, bench.now().plus(600_000), "from when it is held");
        let held = bench.engine.call(id).await.unwrap().unwrap();
        assert_eq!(held.state.state_name(), "waiting", "the attempt under way has ended first");
        assert!(held.state.attempts.iter().all(|attempt| attempt.ended.is_some()));
        bench.engine.drain(Duration::from_secs(1)).await;
        let bench = setup().over(&bench.ledger).start().await;
        let still = bench.engine.wait_end(id, Duration::from_secs(60)).await.unwrap().unwrap();
        assert_eq!(still.state.state_name(), "waiting");
        let ended = bench.engine.wait_end(id, Duration::from_secs(900)).await.unwrap().unwrap();
        assert_eq!(ended.state.state_name(), ends);
        assert!(ended.state.at >= until);
        let told = bench.rest(id).await;
        assert!(told.names().contains(&"call_paused"), "and the replay comes to the same");
    }
}

#[tokio::test(start_paused = true)]
async fn a_paused_call_goes_on_when_its_operator_says_so() {
    let slow = Duration::from_secs(5);
    let bench = Setup::policy("").slow_model("small", slow, |_, _| label("ham")).start().await;
    let admitted = bench.submit(&request("text")).await.unwrap();
    let id = &admitted.id;
    let held = (600_000, PauseEnd::Cancel);
    bench.engine.pause_call(id, held, "odd".to_owned(), operator()).await.unwrap();
    tokio::time::sleep(Duration::from_secs(60)).await;
    bench.engine.unpause_call(id, "mended".to_owned(), operator()).await.unwrap();
    let told = bench.rest(id).await;
    assert_eq!(told.state(), "accepted");
    let again = bench.engine.pause_call(id, held, "odd".to_owned(), operator()).await;
    assert_eq!(again.unwrap_err(), PauseError::NoCall);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_is_not_paused() {
    let bench = Setup::policy("").model("small", [label("ham")]).start().await;
    let refused = hold(&bench, "model/smal", 60).await.unwrap_err();
    assert_eq!(refused.to_string(), "there is no model/smal");
    assert!(bench.engine.pauses().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_paused_call_takes_no_room_from_others() {
    let limits = "limits: [{concurrency: 1}]\n";
    let slow = Duration::from_secs(5);
    let bench = Setup::policy(limits).slow_model("small", slow, |_, _| label("ham")).start().await;
    let first = bench.submit(&request("one")).await.unwrap();
    bench.submit(&request("two")).await.expect_err("there is room for one");
    let held = (600_000, PauseEnd::Resume);
    bench.engine.pause_call(&first.id, held, "odd".to_owned(), operator()).await.unwrap();
    assert_eq!(bench.ask("two").await.state(), "accepted");
    bench.engine.unpause_call(&first.id, "mended".to_owned(), operator()).await.unwrap();
    assert_eq!(bench.rest(&first.id).await.state(), "accepted");
}

#[tokio::test(start_paused = true)]
async fn a_pause_whose_operator_hangs_up_is_carried_out() {
    let bench = Setup::policy("").model("small", [label("ham")]).start().await;
    let hangs_up = tokio::time::timeout(Duration::ZERO, hold(&bench, "policy/story", 60)).await;
    drop(hangs_up);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let told = bench.control("pauses").await.len();
    assert_eq!((bench.engine.pauses().len(), told), (1, 1), "memory says what the ledger says");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_model_pause_holds_back_waits_for_it_or_passes_it_by() {
    let policy = "on: {breaker_open: [wait, reject]}\nmodels: [small]\ndeadline: 30s\n";
    let bench = Setup::policy(policy).model("small", [label("ham")]).start().await;
    hold(&bench, "model/small", 10).await.unwrap();
    let told = bench.ask("one").await;
    assert_eq!((told.state(), told.attempts().len()), ("accepted", 1), "ten seconds later");
    assert!(told.after("attempt_started") >= 10_000);
    hold(&bench, "model/small", 600).await.unwrap();
    let told = bench.ask("two").await;
    assert_eq!((told.state(), told.class()), ("refused", "breaker_open"), "it is too long");
    assert!(bench.asked("small").len() == 1);
}

#[tokio::test(start_paused = true)]
async fn a_paused_call_can_be_cancelled_or_started_anew() {
    let slow = Duration::from_secs(5);
    let bench = Setup::policy("").slow_model("small", slow, |_, _| label("ham")).start().await;
    let held = (600_000, PauseEnd::Resume);
    let one = bench.submit(&request("one")).await.unwrap().id;
    bench.engine.pause_call(&one, held, "odd".to_owned(), operator()).await.unwrap();
    bench.engine.cancel(&one, operator(), "enough".to_owned()).await.unwrap();
    assert_eq!(bench.rest(&one).await.state(), "cancelled");
    let two = bench.submit(&request("two")).await.unwrap().id;
    bench.engine.pause_call(&two, held, "odd".to_owned(), operator()).await.unwrap();
    let twice = bench.engine.pause_call(&two, held, "odd".to_owned(), operator()).await;
    assert!(matches!(twice, Err(PauseError::NotNow { state: "waiting", .. })), "{twice:?}");
    let again = Fork {
        how: ForkKind::Resume,
        from_seq: 1,
        run: None,
        reason: "mended".to_owned(),
        actor: operator(),
    };
    bench.engine.fork(&two, again).await.unwrap();
    let told = bench.rest(&two).await;
    assert_eq!((told.state(), told.snapshot.state.run), ("accepted", 2), "a new run is not held");
}
