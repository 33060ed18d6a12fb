//! People: queues and their due times, four eyes, changes, undo, audits, and what the due time does.

use backstop_domain::{
    Actor, ActorKind, Event, FailureClass as Class, Opened, Refusal, ReviewEvent, ReviewId, Stream,
    review::HandOver,
};
use backstop_engine::{Edit, ReviewError, What};
use backstop_ledger::{Ledger, NewEvent, Transaction};
use backstop_tests::bench::{Bench, NOW, Setup, Told, fails, label, person, request};
use serde_json::json;
use std::time::Duration;

const ASKS: &str = "rules: [{id: look, for: model, then: escalate}]\n";

async fn asked(policy: &str, desk: &str) -> (Bench, Told) {
    let setup = Setup::policy(policy);
    let setup = setup.gateway("{title: Desk, due: 1h, on_expiry: reject}", desk);
    let bench = setup.model("small", [label("ham"), label("spam")]).start().await;
    let told = bench.ask("text").await;
    assert_eq!(told.state(), "in_review");
    (bench, told)
}

#[tokio::test(start_paused = true)]
async fn nobody_came_and_the_queue_rejects_at_its_due_time() {
    let (bench, told) = asked(ASKS, "{due: 1h, on_expiry: reject}").await;
    let ended = bench.end(&told).await;
    assert_eq!((ended.state(), ended.by()), ("expired", "nobody"));
    assert_eq!(ended.after("call_ended") / 60_000, 60);
    assert_eq!(ended.ended().cause.by.as_deref(), Some("review_expired"));
}

#[tokio::test(start_paused = true)]
async fn nobody_came_and_the_fallback_answers() {
    let policy = format!("{ASKS}fallback: {{answer: {{label: none}}}}\n");
    let (bench, told) = asked(&policy, "{due: 1h, on_expiry: fallback}").await;
    let ended = bench.end(&told).await;
    assert_eq!((ended.state(), ended.by()), ("fallback", "rule"));
    assert_eq!(ended.output(), json!({ "label": "none" }));
}

#[tokio::test(start_paused = true)]
async fn nobody_came_and_the_answer_leaves_marked_unreviewed() {
    let desk = "{due: 1h, on_expiry: approve, approve_unseen: true}";
    let (bench, told) = asked(ASKS, desk).await;
    let ended = bench.end(&told).await;
    assert_eq!((ended.state(), ended.by()), ("expired", "model"));
    assert!(ended.ended().unreviewed);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_takes_its_terminal_action_at_once() {
    let (bench, _) = asked(ASKS, "{due: 1h, on_expiry: reject, capacity: 1}").await;
    let second = bench.ask("another").await;
    assert_eq!((second.state(), second.by()), ("expired", "nobody"));
    assert!(second.after("call_ended") < 1_000);
}

#[tokio::test(start_paused = true)]
async fn two_queues_are_asked_one_after_the_other_and_both_must_agree() {
    let policy = "rules: [{id: a, for: model, then: escalate}, {id: b, for: model, then: {escalate: second}}]\n";
    let (bench, told) = asked(policy, "{due: 1h, on_expiry: reject}").await;
    assert_eq!(told.queue(), "desk");
    let next = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!((next.state(), next.queue()), ("in_review", "second"));
    let ended = bench.decide(&next, "bob", What::Approve).await.unwrap();
    assert_eq!((ended.state(), ended.by()), ("approved", "model"));
}

#[tokio::test(start_paused = true)]
async fn four_eyes_are_two_people() {
    let (bench, told) = asked(ASKS, "{due: 1h, on_expiry: reject, approvals: 2}").await;
    let one = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(one.state(), "in_review");
    bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(bench.look(&told).await.state(), "in_review", "one person is not two");
    let two = bench.decide(&told, "bob", What::Approve).await.unwrap();
    assert_eq!(two.state(), "approved");
}

#[tokio::test(start_paused = true)]
async fn a_person_sends_the_answer_back_as_often_as_the_policy_allows() {
    let (bench, told) = asked(ASKS, "{due: 1h, on_expiry: reject}").await;
    let changes = || What::RequestChanges("Look at the sender.".to_owned());
    let again = bench.decide(&told, "ada", changes()).await.unwrap();
    assert_eq!((again.state(), again.attempts().len()), ("in_review", 2));
    assert!(bench.asked("small")[1].to_string().contains("Look at the sender."));
    assert!(bench.decide(&again, "ada", changes()).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_decision_can_be_taken_back_inside_its_window_and_not_after() {
    let (bench, told) = asked(ASKS, "{due: 1h, on_expiry: reject, undo: 30s}").await;
    let held = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(bench.look(&held).await.state(), "releasing");
    bench.engine.undo(&told.review(), person("ada")).await.unwrap();
    assert_eq!(bench.look(&held).await.state(), "in_review");
    bench.decide(&told, "ada", What::Reject).await.unwrap();
    tokio::time::sleep(Duration::from_secs(31)).await;
    assert_eq!(bench.look(&held).await.state(), "rejected");
    assert!(bench.engine.undo(&told.review(), person("ada")).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_edit_is_judged_like_any_answer() {
    let (bench, told) = asked(ASKS, "{due: 1h, on_expiry: reject}").await;
    let edit = |label: &str| What::Edit(Edit::Output(json!({ "label": label })));
    let junk = bench.decide(&told, "ada", edit("junk")).await;
    assert!(matches!(junk, Err(backstop_engine::ReviewError::Blocked(_))), "{junk:?}");
    let ended = bench.decide(&told, "ada", edit("spam")).await.unwrap();
    assert_eq!((ended.state(), ended.by()), ("edited", "human"));
    assert_eq!(ended.output(), json!({ "label": "spam" }));
}

#[tokio::test(start_paused = true)]
async fn an_audit_is_opened_beside_an_accepted_answer_and_delays_nobody() {
    let policy = "rules: [{id: drawn, then: {accept: {also_review: audit}}}]\n";
    let bench = Setup::policy(policy).start().await;
    let told = bench.ask("text").await;
    assert_eq!(told.state(), "accepted");
    let open = backstop_ledger::Ledger::open_reviews(&bench.ledger).await.unwrap();
    assert_eq!(open.iter().map(|one| one.queue.as_str()).collect::<Vec<_>>(), ["audit"]);
}

#[tokio::test(start_paused = true)]
async fn an_audit_without_an_answer_is_never_approved_and_never_rejected_by_a_click_on_approve() {
    let policy = "rules: [{id: drawn, then: {accept: {also_review: audit}}}]\n";
    let bench = Setup::policy(policy).start().await;
    bench.ask("text").await;
    let drawn = bench.ledger.open_reviews().await.unwrap().remove(0).id;
    let opened = Opened { subject: None, ..bench.review(&drawn).await.opened };
    let id = ReviewId("rev_without_answer".to_owned());
    let event = NewEvent {
        id: bench.engine.ids().event(NOW),
        at: NOW,
        actor: Actor::system("engine"),
        run: opened.generation,
        causation: None,
        correlation: None,
        revision: None,
        event: Event::Review(ReviewEvent::ReviewOpened(opened)),
    };
    let one = Transaction::one(Stream::review(&id), 0, vec![event]);
    bench.ledger.append(one).await.unwrap();
    let approved = bench.decide_review(&id, "ada", What::Approve).await;
    assert!(matches!(approved, Err(ReviewError::Refused(Refusal::NotPossible { .. }))));
    assert_eq!(bench.review(&id).await.standing.name(), "open", "the click left no verdict");
    let rejected = bench.decide_review(&id, "ada", What::Reject).await.unwrap();
    assert_eq!(rejected.standing.name(), "decided");
}

#[tokio::test(start_paused = true)]
async fn a_before_rule_hands_the_request_to_a_person_who_writes_the_answer() {
    let policy = "before: [{id: vip, when: input == \"vip\", then: escalate}]\n";
    let bench = Setup::policy(policy).start().await;
    let told = bench.ask("vip").await;
    assert_eq!((told.state(), told.attempts().len()), ("in_review", 0));
    let edit = What::Edit(Edit::Output(json!({ "label": "ham" })));
    let ended = bench.decide(&told, "ada", edit).await.unwrap();
    assert_eq!((ended.state(), ended.by()), ("edited", "human"));
}

#[tokio::test(start_paused = true)]
async fn a_person_may_choose_the_fallback() {
    let policy = format!("{ASKS}fallback: {{answer: {{label: none}}}}\n");
    let (bench, told) = asked(&policy, "{due: 1h, on_expiry: reject}").await;
    let ended = bench.decide(&told, "ada", What::UseFallback).await.unwrap();
    assert_eq!((ended.state(), ended.by()), ("fallback", "rule"));
}

#[tokio::test(start_paused = true)]
async fn an_escalation_without_an_answer_can_be_written_but_not_approved() {
    let setup = Setup::policy("on: {transport: escalate}\n");
    let bench = setup.model("small", [fails(Class::Transport)]).start().await;
    let told = bench.ask("text").await;
    assert!(bench.decide(&told, "ada", What::Approve).await.is_err());
    let edit = What::Edit(Edit::Output(json!({ "label": "ham" })));
    assert_eq!(bench.decide(&told, "ada", edit).await.unwrap().state(), "edited");
}

#[tokio::test(start_paused = true)]
async fn what_its_time_is_over_for_is_forgotten_and_what_still_waits_is_not() {
    let policy = "rules: [{id: look, when: output.label == \"spam\", for: model, then: escalate}]\nretain: {bodies: 40d}\n";
    let setup = Setup::policy(policy);
    let setup = setup.gateway(
        "{title: Desk, due: 1h, on_expiry: reject}",
        "{title: Desk, due: 90d, on_expiry: reject}",
    );
    let bench = setup.model("small", [label("ham"), label("spam")]).start().await;
    bench.engine.forget_on_time();
    let ended = bench.ask("text").await;
    assert_eq!(ended.state(), "accepted");
    let erased = |told: &Told| {
        let (ledger, id) = (bench.ledger.clone(), told.snapshot.id.clone());
        async move {
            let stream = backstop_domain::Stream::call(&id);
            let events = backstop_ledger::Ledger::stream(&ledger, &stream, 0).await.unwrap();
            events.iter().filter(|one| one.event.is_err()).count()
        }
    };
    tokio::time::sleep(Duration::from_secs(39 * 86_400)).await;
    assert_eq!(erased(&ended).await, 0, "the policy asked for forty days");
    let answer = async || {
        let kept = bench.engine.call(&ended.snapshot.id).await.unwrap().unwrap();
        kept.answer
    };
    assert!(answer().await.is_some());
    tokio::time::sleep(Duration::from_secs(2 * 86_400)).await;
    assert_eq!(answer().await, None);
    assert_eq!(erased(&ended).await, 0, "what happened is told for 400 days");
    let waiting = bench.ask("another").await;
    assert_eq!(waiting.state(), "in_review");
    tokio::time::sleep(Duration::from_secs(60 * 86_400)).await;
    assert_eq!(erased(&waiting).await, 0, "a person still has to read it");
    let decided = bench.decide(&waiting, "ada", What::Approve).await.unwrap();
    assert_eq!(decided.state(), "approved", "and can be decided again to the same");
}

#[tokio::test(start_paused = true)]
async fn who_hangs_up_in_the_middle_leaves_no_call_half_moved() {
    let moment = Duration::from_millis(10);
    for acts in 0..3 {
        let (bench, told) = asked(ASKS, "{due: 1h, on_expiry: reject}").await;
        let id = &told.snapshot.id;
        let seq = told.seq_of("review_requested");
        bench.ledger.hold();
        let gone = match acts {
            0 => {
                let decides = bench.decide(&told, "ada", What::Approve);
                tokio::time::timeout(moment, decides).await.is_err()
            }
            1 => {
                let cancels = bench.engine.cancel(id, person("ada"), "enough".to_owned());
                tokio::time::timeout(moment, cancels).await.is_err()
            }
            _ => {
                let rolls = bench.roll_back(&told, seq);
                tokio::time::timeout(moment, rolls).await.is_err()
            }
        };
        assert!(gone, "the disk is slow, and whoever asked goes away");
        bench.ledger.release();
        tokio::time::sleep(moment).await;
        let now = bench.look(&told).await;
        assert_eq!(now.state(), ["approved", "cancelled", "in_review"][acts]);
        assert_eq!(now.snapshot.state.run, [1, 1, 2][acts]);
        if acts == 2 {
            let ended = bench.decide(&now, "bob", What::Approve).await.unwrap();
            assert_eq!(ended.state(), "approved", "it was carried on");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_came_so_the_chain_raises_the_review_and_shows_it_to_another_queue() {
    let chain = "[{after: 10min, priority: high}, {after: 20min, add_queue: lead}]";
    let desk = format!("{{due: 1h, on_expiry: reject, steps: {chain}}}");
    let (bench, told) = asked(ASKS, &desk).await;
    let id = told.review();
    let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
    tokio::time::sleep(minutes(9)).await;
    assert_eq!(bench.review(&id).await.steps, 0);
    tokio::time::sleep(minutes(2)).await;
    let raised = bench.review(&id).await;
    assert_eq!((raised.steps, raised.priority), (1, backstop_domain::Priority::High));
    tokio::time::sleep(minutes(10)).await;
    assert_eq!(bench.review(&id).await.queues, ["desk", "lead"]);
    let ended = bench.end(&told).await;
    assert_eq!((ended.state(), ended.by()), ("expired", "nobody"), "the due time still ends it");
    assert_eq!(ended.after("call_ended") / 60_000, 60);
}

#[tokio::test(start_paused = true)]
async fn after_a_restart_the_chain_goes_on_where_it_was() {
    let chain = "[{after: 10min, priority: high}, {after: 20min, add_queue: lead}]";
    let desk = format!("{{due: 10h, on_expiry: reject, steps: {chain}}}");
    let (bench, told) = asked(ASKS, &desk).await;
    let id = told.review();
    tokio::time::sleep(Duration::from_secs(11 * 60)).await;
    assert_eq!(bench.review(&id).await.steps, 1);
    bench.engine.close();
    let setup = Setup::policy(ASKS).over(&bench.ledger);
    let setup = setup.gateway("{title: Desk, due: 1h, on_expiry: reject}", &desk);
    let next = setup.start().await;
    tokio::time::sleep(Duration::from_secs(25 * 60)).await;
    let review = next.review(&id).await;
    assert_eq!((review.steps, review.queues), (2, vec!["desk".to_owned(), "lead".to_owned()]));
}

#[tokio::test(start_paused = true)]
async fn a_review_that_was_handed_over_still_answers_for_the_queue_that_was_asked() {
    let policy = "rules: [{id: a, for: model, then: escalate}, {id: b, for: model, then: {escalate: second}}]\n";
    let (bench, told) = asked(policy, "{due: 1h, on_expiry: reject}").await;
    let over = HandOver {
        teams: Vec::new(),
        queue: Some("lead".to_owned()),
        to: Some("lea".to_owned()),
        note: None,
    };
    let id = told.review();
    bench.engine.hand_over(&id, person("ada"), false, over).await.unwrap();
    let next = bench.decide(&told, "lea", What::Approve).await.unwrap();
    assert_eq!((next.state(), next.queue()), ("in_review", "second"), "the second queue is asked");
}

/// The caller `teller` is tilda's: whoever is of that team has no say in what it asks.
const TEAMS: &str = "reviewers:\n  \
    tim: {login: tim, roles: [reviewer], teams: [tilda, other]}\n  \
    ada: {login: ada, roles: [reviewer]}\n";

/// A call of tilda's.
async fn by_tildas(bench: &Bench) -> Told {
    let mut asked = request("text");
    asked.caller.owner = Some("tilda".to_owned());
    let id = bench.submit(&asked).await.unwrap().id;
    bench.rest(&id).await
}

fn excluded(refused: &Result<impl std::fmt::Debug, ReviewError>) -> bool {
    matches!(refused, Err(ReviewError::Refused(Refusal::Excluded { .. })))
}

#[tokio::test(start_paused = true)]
async fn whoever_belongs_to_the_callers_team_decides_on_nothing_it_asks() {
    let setup = Setup::policy(ASKS).gateway_has(TEAMS);
    let bench = setup.model("small", [label("ham")]).start().await;
    let told = by_tildas(&bench).await;
    let id = told.review();
    for what in [What::Approve, What::Reject, What::RequestChanges("shorter".to_owned())] {
        let said = bench.decide(&told, "tim", what).await;
        assert!(excluded(&said), "{said:?}");
    }
    let claimed = bench.engine.claim(&id, person("tim")).await;
    assert!(excluded(&claimed), "{claimed:?}");
    let to_tim = HandOver { to: Some("tim".to_owned()), ..HandOver::default() };
    let over = bench.engine.hand_over(&id, person("ada"), true, to_tim).await;
    assert!(excluded(&over), "{over:?}");
    // Nor does the caller itself, by whatever key.
    let teller = Actor { kind: ActorKind::Caller, id: "teller".to_owned(), via: None };
    let claimed = bench.engine.claim(&id, teller).await;
    assert!(excluded(&claimed), "{claimed:?}");
    let ended = bench.decide(&told, "ada", What::Approve).await.unwrap();
    assert_eq!(ended.state(), "approved");
}

#[tokio::test(start_paused = true)]
async fn whoever_joins_the_team_later_is_excluded_from_then_on() {
    let setup = Setup::policy(ASKS).gateway_has(TEAMS);
    let bench = setup.model("small", [label("ham")]).start().await;
    let told = by_tildas(&bench).await;
    bench.engine.claim(&told.review(), person("ada")).await.unwrap();
    let mut files = bench.files.clone();
    let file = files.get_mut("policies/gateway.yaml").unwrap();
    *file = file.replace("ada: {login: ada,", "ada: {login: ada, teams: tilda,");
    bench.reload(&files).await.unwrap();
    let said = bench.decide(&told, "ada", What::Approve).await;
    assert!(excluded(&said), "{said:?}");
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_excludes_nobody_lets_the_team_decide() {
    let setup = Setup::policy(ASKS).gateway_has(TEAMS);
    let setup = setup.gateway("{title: Desk, due: 1h,", "{title: Desk, exclude: [], due: 1h,");
    let bench = setup.model("small", [label("ham")]).start().await;
    let told = by_tildas(&bench).await;
    assert!(bench.decide(&told, "tim", What::Approve).await.is_ok());
}
