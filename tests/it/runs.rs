//! New runs: rolled back by a lead, or resumed from a checkpoint. What was kept is kept, what
//! belonged to the old run is over, and whoever acted on it is told.

use std::time::Duration;

use backstop_domain::{CallEvent, ForkKind, ReviewState};
use backstop_engine::{Edit, Fork, ForkError, ReviewError, What};
use backstop_ledger::{Ledger, StorageFault};
use backstop_tests::bench::{Bench, Setup, Told, calls_tool, fails, fork, label, person, request};
use serde_json::json;

const ASKS: &str = "rules: [{id: look, for: model, then: escalate}]\n";

async fn asked() -> (Bench, Told) {
    let bench = Setup::policy(ASKS).model("small", [label("ham"), label("spam")]).start().await;
    let told = bench.ask("text").await;
    assert_eq!(told.state(), "in_review");
    (bench, told)
}

async fn review_of(bench: &Bench, told: &Told) -> ReviewState {
    bench.review(&told.review()).await
}

#[tokio::test(start_paused = true)]
async fn what_was_approved_wrongly_is_decided_again_and_who_acted_on_it_is_told() {
    let (bench, told) = asked().await;
    let approved = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(approved.state(), "approved");
    let again = bench.roll_back(&approved, approved.seq_of("review_requested")).await.unwrap();
    assert_eq!(again.state(), "in_review");
    assert_ne!(again.review(), told.review(), "it is asked anew");
    assert_eq!(review_of(&bench, &again).await.opened.generation, 2);
    let edit = What::Edit(Edit::Output(json!({ "label": "spam" })));
    let edited = bench.decide(&again, "bob", edit).await.unwrap();
    assert_eq!((edited.state(), edited.snapshot.state.run), ("edited", 2));
    assert_eq!(edited.output(), json!({ "label": "spam" }));
    assert_eq!(edited.count("attempt_started"), 1, "the model's answer was kept");
    let Some(CallEvent::OutcomeRevised { from, to }) =
        edited.events.iter().find(|event| event.name() == "outcome_revised")
    else {
        panic!("nobody was told: {:?}", edited.names())
    };
    assert_eq!((from.run, from.answer), (1, approved.ended().answer));
    assert_eq!((to.run, to.answer), (2, edited.ended().answer));
}

#[tokio::test(start_paused = true)]
async fn an_open_review_of_the_old_run_can_be_decided_no_more() {
    let (bench, told) = asked().await;
    let old = told.review();
    bench.engine.claim(&old, person("ada")).await.unwrap();
    let again = bench.resume_from(&told, told.seq_of("attempt_ended")).await.unwrap();
    assert_eq!(bench.review(&old).await.standing.name(), "withdrawn");
    let refused = bench.decide(&told, "ada", What::Approve).await.unwrap_err();
    assert!(matches!(refused, ReviewError::Refused(_)), "{refused}");
    bench.engine.claim(&old, person("bob")).await.unwrap_err();
    assert_ne!(again.review(), old);
    let ended = bench.decide(&again, "ada", What::Approve).await.unwrap();
    assert_eq!(ended.state(), "approved");
}

#[tokio::test(start_paused = true)]
async fn rolled_back_within_the_undo_window_nothing_is_released() {
    let desk = "{due: 1h, on_expiry: reject, undo: 1min}";
    let setup = Setup::policy(ASKS).gateway("{title: Desk, due: 1h, on_expiry: reject}", desk);
    let bench = setup.model("small", [label("ham")]).start().await;
    let told = bench.ask("text").await;
    let verb = backstop_engine::Verb {
        actor: person("ada"),
        lease: None,
        generation: 1,
        subject: review_of(&bench, &told).await.opened.subject,
        what: What::Approve,
        reason: None,
    };
    bench.engine.decide(&told.review(), verb).await.unwrap();
    let held = bench.look(&told).await;
    assert_eq!(held.state(), "releasing");
    let again = bench.roll_back(&held, held.seq_of("review_requested")).await.unwrap();
    assert_eq!(bench.review(&told.review()).await.standing.name(), "withdrawn");
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!(bench.look(&again).await.state(), "in_review", "the old approval is gone");
    bench.engine.undo(&told.review(), person("ada")).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_the_old_run_gets_the_new_ones_outcome() {
    let (bench, told) = asked().await;
    let (engine, id) = (bench.engine.clone(), told.snapshot.id.clone());
    let waits = tokio::spawn(async move { engine.wait_end(&id, Duration::from_secs(60)).await });
    tokio::time::sleep(Duration::from_millis(5)).await;
    let again = bench.resume_from(&told, told.seq_of("review_requested")).await.unwrap();
    bench.decide(&again, "ada", What::Reject).await.unwrap();
    let got = waits.await.unwrap().unwrap().unwrap();
    assert_eq!((got.state.state_name(), got.state.run), ("rejected", 2));
}

#[tokio::test(start_paused = true)]
async fn a_repeated_key_is_answered_by_the_newest_run() {
    let setup = Setup::policy("").model("small", [label("ham"), label("spam")]);
    let bench = setup.start().await;
    let submit = backstop_engine::Submit { key: Some("k".to_owned()), ..request("text") };
    let first = bench.submit(&submit).await.unwrap();
    let told = bench.rest(&first.id).await;
    assert_eq!(told.output(), json!({ "label": "ham" }));
    bench.resume_from(&told, told.seq_of("verdict_reached") - 2).await.unwrap();
    let again = bench.submit(&submit).await.unwrap();
    assert!(again.joined && again.id == first.id);
    assert_eq!(bench.rest(&again.id).await.snapshot.state.run, 2);
}

#[tokio::test(start_paused = true)]
async fn a_failed_call_goes_on_from_where_it_failed() {
    use backstop_domain::FailureClass::Transport;
    let policy =
        "on: {transport: [next_model, reject]}\notherwise: reject\nmodels: [small, large]\n";
    let down = || fails(Transport);
    let setup = Setup::policy(policy).model("small", [down()]);
    let bench = setup.model("large", [down(), label("ham")]).start().await;
    let failed = bench.ask("text").await;
    assert_eq!(failed.state(), "refused");
    let asked = bench.engine.call(&failed.snapshot.id).await.unwrap().unwrap();
    let starts = asked.state.checkpoints();
    let before_large = starts.iter().rfind(|start| start.state == "attempting").unwrap().seq;
    let again = bench.resume_from(&failed, before_large).await.unwrap();
    assert_eq!((again.state(), again.snapshot.state.run), ("accepted", 2));
    assert_eq!((bench.asked("small").len(), bench.asked("large").len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_of_the_old_run_is_nobodys() {
    let slow = Duration::from_secs(5);
    let answers = |_: &_, turn| if turn == 0 { label("spam") } else { label("ham") };
    let bench = Setup::policy("").slow_model("small", slow, answers).start().await;
    let admitted = bench.submit(&request("text")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.engine.fork(&admitted.id, fork(ForkKind::Resume, 1)).await.unwrap();
    let told = bench.rest(&admitted.id).await;
    assert_eq!((told.state(), told.snapshot.state.run), ("accepted", 2));
    assert_eq!((told.count("attempt_started"), told.count("attempt_ended")), (2, 1));
    assert_eq!(told.after("attempt_ended") / 1000, 6, "the first answer would have come after 5");
    assert_eq!(told.output(), json!({ "label": "ham" }));
}

#[tokio::test(start_paused = true)]
async fn a_new_run_survives_a_restart() {
    let (bench, told) = asked().await;
    let approved = bench.decide(&told, "ada", What::Approve).await.unwrap();
    let again = bench.roll_back(&approved, approved.seq_of("review_requested")).await.unwrap();
    bench.engine.drain(Duration::from_secs(1)).await;
    let bench = Setup::policy(ASKS).over(&bench.ledger).start().await;
    let ended = bench.decide(&again, "bob", What::Reject).await.unwrap();
    assert_eq!((ended.state(), ended.snapshot.state.run), ("rejected", 2));
    assert_eq!(ended.count("outcome_revised"), 1);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_rolled_back_is_not_kept_for_others() {
    let policy = "cache: 1h\n";
    let setup = Setup::policy(policy).model("small", [label("spam"), label("ham")]);
    let bench = setup.start().await;
    let first = bench.ask("text").await;
    let kept = bench.ask("text").await;
    assert_eq!(kept.by(), "cache");
    let again = bench.roll_back(&first, 1).await.unwrap();
    assert_eq!((again.by(), again.output()), ("model", json!({ "label": "ham" })));
    assert_eq!(bench.ask("text").await.output(), json!({ "label": "ham" }));
}

const REFUNDS: &str = "
output: text
models: [small]
tools:
  refund: {effect: irreversible, args: schemas/refund.json, compensate: cancel-refund}
";

#[tokio::test(start_paused = true)]
async fn a_released_refund_is_to_be_made_good_when_its_run_is_rolled_back() {
    let refund = calls_tool("refund", &json!({ "order": "A1", "cents": 5 }));
    let bench = Setup::policy(REFUNDS).model("small", [refund]).start().await;
    let told = bench.ask("text").await;
    let [released] = told.snapshot.state.effects.as_slice() else { panic!("one tool call") };
    assert_eq!(released.key, format!("{}.1.0", told.snapshot.id));
    let again = bench.roll_back(&told, 1).await.unwrap();
    let Some(CallEvent::CompensationRequested { compensations }) =
        again.events.iter().find(|event| event.name() == "compensation_requested")
    else {
        panic!("nobody is asked to make it good: {:?}", again.names())
    };
    assert_eq!(compensations.len(), 1);
    assert_eq!(compensations[0].effect, released.key);
    assert_eq!(compensations[0].by, "cancel-refund");
    let [second] = again.snapshot.state.effects.as_slice() else { panic!("one tool call") };
    assert_ne!(second.key, released.key, "another run, another effect");
    let lines = backstop_engine::explain::text(&backstop_engine::explain::explain(
        &bench.engine.events(&told.snapshot.id, 0).await.unwrap(),
    ));
    assert!(lines.contains("`cancel-refund` for `refund`"), "{lines}");
    assert!(lines.contains("`lee` rolled it back: a new run from event 1 of run 1"), "{lines}");
}

#[tokio::test(start_paused = true)]
async fn where_asking_already_acts_nobody_is_asked_twice() {
    let setup = Setup::policy("repeatable: false\n").model("small", [label("ham")]);
    let bench = setup.start().await;
    let told = bench.ask("text").await;
    let refused = bench.roll_back(&told, 1).await.unwrap_err();
    assert_eq!(refused, ForkError::NotRepeatable { seq: 1 });
    let judged = told.seq_of("attempt_ended");
    assert_eq!(bench.roll_back(&told, judged).await.unwrap().state(), "accepted");
    assert_eq!(bench.asked("small").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_is_refused_and_changes_nothing() {
    let (bench, told) = asked().await;
    let id = &told.snapshot.id;
    let started = told.seq_of("attempt_started");
    let refused = bench.roll_back(&told, started).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "no run can start at event 5; the last checkpoint before it is 4"
    );
    let stale = Fork { run: Some(2), ..fork(ForkKind::Rollback, 1) };
    assert_eq!(bench.engine.fork(id, stale).await.unwrap_err(), ForkError::Stale { run: 1 });
    let unknown = backstop_domain::CallId::from("call_none");
    let refused = bench.engine.fork(&unknown, fork(ForkKind::Rollback, 1)).await.unwrap_err();
    assert_eq!(refused, ForkError::Unknown);
    assert_eq!(bench.look(&told).await.events, told.events);
    let ended = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(ended.state(), "approved", "it was not disturbed");
}

#[tokio::test(start_paused = true)]
async fn a_working_call_is_not_rolled_back_under_its_callers_hands() {
    let bench = Setup::policy("")
        .slow_model("small", Duration::from_secs(5), |_, _| label("ham"))
        .start()
        .await;
    let admitted = bench.submit(&request("text")).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let refused = bench.engine.fork(&admitted.id, fork(ForkKind::Rollback, 1)).await.unwrap_err();
    assert_eq!(refused, ForkError::NotNow { state: "attempting" });
    let told = bench.rest(&admitted.id).await;
    assert_eq!((told.state(), told.snapshot.state.run), ("accepted", 1));
}

#[tokio::test(start_paused = true)]
async fn a_fork_that_the_disk_refuses_never_was() {
    let (bench, told) = asked().await;
    let approved = bench.decide(&told, "ada", What::Approve).await.unwrap();
    bench.ledger.fail_next_commit(StorageFault::Full);
    let refused = bench.roll_back(&approved, 1).await.unwrap_err();
    assert!(matches!(refused, ForkError::Stop(_)), "{refused}");
    let kept = bench.look(&approved).await;
    assert_eq!((kept.state(), kept.events.len()), ("approved", approved.events.len()));
}

#[tokio::test(start_paused = true)]
async fn two_rollbacks_at_once_make_runs_one_after_the_other() {
    let (bench, told) = asked().await;
    let approved = bench.decide(&told, "ada", What::Approve).await.unwrap();
    let id = &approved.snapshot.id;
    let seq = approved.seq_of("review_requested");
    let seen = |run| Fork { run: Some(run), ..fork(ForkKind::Rollback, seq) };
    let (one, two) = tokio::join!(bench.engine.fork(id, seen(1)), bench.engine.fork(id, seen(1)));
    assert!(one.is_ok() != two.is_ok(), "the second saw run 1: {one:?} {two:?}");
    tokio::time::sleep(Duration::from_millis(5)).await;
    let now = bench.rest(id).await;
    assert_eq!((now.state(), now.snapshot.state.run), ("in_review", 2));
    let open = bench.ledger.open_reviews().await.unwrap();
    assert_eq!(open.len(), 1);
}
