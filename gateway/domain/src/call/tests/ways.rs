//! The ways that a call takes without people.

use alloc::vec;

use super::world::*;
use crate::{
    AnsweredBy, Digest, FailureClass, Mode, Outcome, Phase, Rung, Source, Step, Subject, next,
};

#[test]
fn a_good_answer_is_accepted_and_may_leave() {
    let mut world = world();
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Accepted);
    assert_eq!(world.ended().answered_by, AnsweredBy::Model);
    assert!(world.state().release(b"good".to_vec()).is_ok());
}

#[test]
fn other_bytes_than_the_judged_ones_never_leave() {
    let mut world = world();
    world.run();
    assert!(world.state().release(b"better".to_vec()).is_err());
}

#[test]
fn what_a_provider_sent_belongs_to_its_answer_and_to_no_other() {
    let mut world = world().says([Says::Answer("first")]).objecting("first", &["rules.sum"]);
    world.run();
    let of = |answer: &str, source, attempt| {
        let digest = Digest::of(answer.as_bytes());
        world.state().source_of(&Subject { source, digest, attempt, model: None })
    };
    let first = of("first", Source::Model, Some(1));
    assert_eq!(first.map(|(attempt, _)| attempt), Some(1));
    for (why, answer, source, attempt) in [
        ("masked since", "f***t", Source::Model, Some(1)),
        ("another attempt's", "first", Source::Model, Some(2)),
        ("no attempt's", "first", Source::Model, Some(0)),
        ("no attempt at all", "first", Source::Model, None),
        ("a person's, who said the same", "first", Source::Human, Some(1)),
    ] {
        assert_eq!(of(answer, source, attempt), None, "{why}");
    }
}

#[test]
fn a_transport_failure_is_retried_and_then_goes_to_the_next_model() {
    let fails = Says::Fails(FailureClass::Transport, None);
    let mut world = world().says([fails.clone(), fails]);
    world.run();
    assert_eq!(world.way, ["accept", "small", "retry", "small", "next_model", "large", "accept"]);
}

#[test]
fn when_every_model_fails_the_fallback_answers_with_the_cause() {
    let fails = Says::Fails(FailureClass::Overloaded, None);
    let mut world = world().says([fails.clone(), fails]);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Fallback);
    assert_eq!(world.ended().answered_by, AnsweredBy::Rule);
    assert_eq!(world.ended().cause.class, Some(FailureClass::Overloaded));
}

#[test]
fn a_throttled_model_is_waited_for_as_long_as_it_says() {
    let mut world = world().says([Says::Fails(FailureClass::Throttled, Some(2_000))]);
    let before = world.now;
    world.run();
    assert_eq!(world.way, ["accept", "small", "retry", "small", "accept"]);
    assert!(world.now >= before + 2_000);
}

#[test]
fn a_wait_that_the_deadline_cannot_pay_is_skipped() {
    let mut world = world().says([Says::Fails(FailureClass::Throttled, Some(60_000))]);
    world.run();
    assert_eq!(world.way, ["accept", "small", "next_model", "large", "accept"]);
}

#[test]
fn an_open_breaker_moves_on_without_spending_an_attempt() {
    let mut world = world()
        .ladder("on.breaker_open", vec![onward()])
        .says([Says::Blocked(FailureClass::BreakerOpen, None)]);
    world.run();
    assert_eq!(world.way, ["accept", "small", "next_model", "large", "accept"]);
    assert_eq!(world.state().used.attempts, 1);
}

#[test]
fn an_objection_is_repaired_once_and_then_takes_its_next_rung() {
    let mut world = world()
        .ladder("rules.sum", vec![ask_again(), onward()])
        .objecting("bad", &["rules.sum"])
        .says([Says::Answer("bad"), Says::Answer("bad")]);
    world.run();
    let way = ["accept", "small", "repair", "small", "next_model", "large", "accept"];
    assert_eq!(world.way, way);
}

#[test]
fn the_strictest_of_several_objections_wins_and_only_it_spends_a_rung() {
    let mut world = world()
        .ladder("rules.sum", vec![ask_again()])
        .ladder("rules.never", vec![Rung::Reject])
        .objecting("bad", &["rules.sum", "rules.never"])
        .says([Says::Answer("bad")]);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
    assert_eq!(world.ended().cause.by.as_deref(), Some("rules.never"));
    assert!(world.state().spent.keys().all(|rung| rung.ladder == "rules.never"));
}

#[test]
fn a_ladder_that_runs_out_takes_otherwise() {
    let mut world = world().ladder("rules.sum", vec![]).objecting("good", &["rules.sum"]);
    world.run();
    assert_eq!(world.way.last().unwrap(), "people");
    assert!(matches!(world.state().phase, Phase::InReview { .. }));
}

#[test]
fn a_fallback_that_is_objected_to_fails_the_call_and_does_not_loop() {
    let mut world = world()
        .ladder("rules.any", vec![Rung::Fallback])
        .objecting("good", &["rules.any"])
        .objecting("fallback", &["rules.any"]);
    world.plan.otherwise = Rung::Fallback;
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Failed);
    assert_eq!(world.ended().answer, None);
}

#[test]
fn a_call_that_no_fallback_helps_ends_for_what_led_to_it() {
    let fails = Says::Fails(FailureClass::Overloaded, None);
    let mut world = world().says([fails.clone(), fails]).objecting("fallback", &["rules.any"]);
    world.plan.otherwise = Rung::Fallback;
    world.run();
    let cause = &world.ended().cause;
    assert_eq!(
        (world.ended().outcome, cause.class),
        (Outcome::Failed, Some(FailureClass::Overloaded))
    );
    assert!(cause.text.contains("the fallback did not answer either"), "{}", cause.text);
}

#[test]
fn a_fallback_that_gives_nothing_ends_in_otherwise() {
    let fails = Says::Fails(FailureClass::Overloaded, None);
    let mut world = world().says([fails.clone(), fails]);
    world.fallback = None;
    world.run();
    assert_eq!(world.way.last().unwrap(), "people");
}

#[test]
fn an_answer_whose_checks_did_not_all_run_is_never_accepted() {
    let mut world = world();
    world.complete = false;
    world.run();
    assert_eq!(world.way.last().unwrap(), "people");
}

#[test]
fn a_kept_answer_that_is_objected_to_counts_as_none() {
    let mut world =
        world().ladder("rules.stale", vec![Rung::Reject]).objecting("kept", &["rules.stale"]);
    world.cached = Some("kept");
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Accepted);
    assert_eq!(world.ended().answered_by, AnsweredBy::Model);
}

#[test]
fn a_kept_answer_without_objection_asks_no_model() {
    let mut world = world();
    world.cached = Some("kept");
    world.run();
    assert_eq!(world.ended().answered_by, AnsweredBy::Cache);
    assert_eq!(world.state().used.attempts, 0);
}

#[test]
fn before_the_first_attempt_a_rule_can_start_with_a_later_model() {
    let mut world = world().ladder("before.hard", vec![onward()]);
    world.before = vec![objects("before.hard")];
    world.run();
    assert_eq!(world.way, ["next_model", "large", "accept"]);
}

#[test]
fn before_the_first_attempt_a_rule_can_refuse_and_no_model_is_asked() {
    let mut world = world().ladder("before.no", vec![Rung::Reject]);
    world.before = vec![objects("before.no")];
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
    assert_eq!(world.state().used.attempts, 0);
}

#[test]
fn observe_lets_the_first_answer_leave_as_unchecked_and_never_as_accepted() {
    let mut world =
        world().ladder("rules.any", vec![Rung::Reject]).objecting("good", &["rules.any"]);
    world.plan.mode = Mode::Observe;
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Observed);
    let leaving = world.state().release(b"good".to_vec()).unwrap();
    assert!(matches!(leaving, crate::Leaving::Unchecked(_)));
}

#[test]
fn observe_does_not_cover_a_tool_that_writes() {
    let mut world =
        world().ladder("rules.any", vec![Rung::Reject]).objecting("good", &["rules.any"]);
    world.plan.mode = Mode::Observe;
    world.writes = true;
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
}

#[test]
fn an_attempt_that_a_crash_cut_off_takes_the_interrupted_branch() {
    let mut world = world().ladder("on.interrupted", vec![retry(1)]);
    world.says = [Says::Answer("good")].into();
    world.run();
    // The same call, as a restart finds it: started, and nothing after that.
    let mut cut = super::world::world().ladder("on.interrupted", vec![retry(1)]);
    let received = cut.received();
    cut.record(crate::CallEvent::CallReceived(received));
    cut.record(crate::CallEvent::RequestJudged { findings: vec![], basis: Default::default() });
    let Step::Record(verdict) = next(&cut.plan, cut.state()) else { panic!("no verdict") };
    cut.record(*verdict);
    cut.record(crate::CallEvent::CacheLooked { hit: None });
    cut.record(crate::CallEvent::AttemptStarted(
        world.state().attempts.first().unwrap().started.clone(),
    ));
    cut.run();
    assert_eq!(cut.ended().outcome, Outcome::Accepted);
    assert_eq!(cut.state().used.attempts, 2);
}

#[test]
fn what_may_have_acted_is_never_sent_twice() {
    let fails = Says::Fails(FailureClass::Interrupted, None);
    let mut world = world().ladder("on.interrupted", vec![retry(1)]).says([fails]);
    world.plan.repeatable = false;
    world.run();
    assert_eq!(world.way.last().unwrap(), "people");
    assert_eq!(world.state().used.attempts, 1);
}
