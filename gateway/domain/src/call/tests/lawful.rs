//! Events that cannot follow are refused, one by one: fold guesses nothing.

use alloc::{string::ToString, vec};

use super::world::*;
use crate::{
    AttemptEnded, AttemptResult, AttemptStarted, Budget, CallEvent, Judged, MicroMoney, Millis,
    Phase, Purpose, Requested, Resolution, Resolved, ReviewId, Rung, SkipReason, Source, Subject,
    Usage, call::affordable, next,
};

/// The call, brought to where that holds.
fn until(mut world: World, there: impl Fn(&Phase) -> bool) -> World {
    let received = world.received();
    world.record(CallEvent::CallReceived(received));
    while !there(&world.state().phase) {
        let step = next(&world.plan, world.state());
        world.step(step);
    }
    world
}

fn of(source: Source) -> Subject {
    Subject { source, digest: digest("good"), attempt: None, model: None }
}

fn started(attempt: u32, model: &str, purpose: Purpose) -> CallEvent {
    CallEvent::AttemptStarted(AttemptStarted {
        attempt,
        model: model.to_string(),
        purpose,
        request: digest("request"),
        estimate: Usage::default(),
        cost: MicroMoney(0),
    })
}

#[test]
fn an_attempt_is_the_next_one_of_the_model_and_kind_that_was_decided() {
    let world = until(world(), |phase| matches!(phase, Phase::Attempting { .. }));
    assert!(world.follows(&started(1, "small", Purpose::Answer)));
    assert!(!world.follows(&started(2, "small", Purpose::Answer)));
    assert!(!world.follows(&started(1, "large", Purpose::Answer)));
    assert!(!world.follows(&started(1, "small", Purpose::Vote)));
}

#[test]
fn a_kept_answer_comes_from_the_cache_alone() {
    let world = until(world(), |phase| matches!(phase, Phase::LookingUp { .. }));
    assert!(!world.follows(&CallEvent::CacheLooked { hit: Some(of(Source::Model)) }));
    assert!(world.follows(&CallEvent::CacheLooked { hit: Some(of(Source::Cache)) }));
}

#[test]
fn a_judgement_is_of_the_answer_on_the_table() {
    let world = until(world(), |phase| matches!(phase, Phase::Checking { .. }));
    let judged = |source| {
        CallEvent::AnswerJudged(Judged {
            subject: of(source),
            shape: None,
            findings: vec![],
            signals: vec![],
            mended: vec![],
            complete: true,
            writes: false,
            basis: Default::default(),
        })
    };
    assert!(world.follows(&judged(Source::Model)));
    assert!(!world.follows(&judged(Source::Human)));
}

#[test]
fn a_masked_answer_stays_whose_it_was() {
    let mask = Rung::Repair { times: 1, model: None, mask: Some("privacy".to_string()) };
    let world = world().ladder("checks.privacy", vec![mask]).objecting("good", &["checks.privacy"]);
    let world = until(world, |phase| matches!(phase, Phase::Masking { .. }));
    assert!(world.follows(&CallEvent::AnswerMasked { subject: of(Source::Model) }));
    assert!(!world.follows(&CallEvent::AnswerMasked { subject: of(Source::Human) }));
}

#[test]
fn a_fallback_is_the_policys_and_only_where_it_was_asked_for() {
    let taken = |source| CallEvent::FallbackTaken { row: 0, subject: of(source), drawn: vec![] };
    let falling =
        world().ladder("rules.any", vec![Rung::Fallback]).objecting("good", &["rules.any"]);
    let falling = until(falling, |phase| matches!(phase, Phase::FallingBack));
    assert!(falling.follows(&taken(Source::Fallback)));
    assert!(!falling.follows(&taken(Source::Model)));
    let checking = until(world(), |phase| matches!(phase, Phase::Checking { .. }));
    assert!(!checking.follows(&taken(Source::Fallback)));
}

#[test]
fn a_wait_ends_when_its_time_has_come() {
    let throttled = Says::Fails(crate::FailureClass::Throttled, Some(2_000));
    let mut world =
        until(world().says([throttled]), |phase| matches!(phase, Phase::Waiting { .. }));
    assert!(!world.follows(&CallEvent::WaitEnded));
    world.now += 2_000;
    assert!(world.follows(&CallEvent::WaitEnded));
}

#[test]
fn a_review_is_opened_in_the_queue_that_was_decided_and_resolved_by_its_own_id() {
    let asked = world().ladder("rules.a", vec![to("finance")]).objecting("good", &["rules.a"]);
    let mut asked = until(asked, |phase| matches!(phase, Phase::Opening { .. }));
    let requested = |queue: &str| {
        CallEvent::ReviewRequested(Requested {
            review: ReviewId::from("rev_1"),
            queue: queue.to_string(),
            due: Millis(9_000_000),
            subject: None,
        })
    };
    assert!(!asked.follows(&requested("fraud")));
    asked.record(requested("finance"));
    let resolved = |review: &str| {
        CallEvent::ReviewResolved(Resolved {
            review: ReviewId::from(review),
            queue: "finance".to_string(),
            resolution: Resolution::Rejected,
            by: vec![],
            reason: None,
            undo_until: None,
        })
    };
    assert!(!asked.follows(&resolved("rev_2")));
    assert!(asked.follows(&resolved("rev_1")));
}

#[test]
fn only_the_recorded_interim_answer_is_shown_meanwhile() {
    let asked = world().ladder("rules.a", vec![to("finance")]).objecting("good", &["rules.a"]);
    let mut asked = until(asked, |phase| matches!(phase, Phase::InReview { .. }));
    assert!(asked.state().release_interim(b"fallback".to_vec()).is_err());
    asked.record(CallEvent::InterimReleased { digest: digest("fallback") });
    assert!(asked.state().release_interim(b"good".to_vec()).is_err());
    assert!(asked.state().release_interim(b"fallback".to_vec()).is_ok());
    // It is not the outcome.
    assert!(asked.state().release(b"fallback".to_vec()).is_err());
}

#[test]
fn what_was_reserved_is_settled_by_what_was_used() {
    let mut world = until(world(), |phase| matches!(phase, Phase::Attempting { .. }));
    let CallEvent::AttemptStarted(plain) = started(1, "small", Purpose::Answer) else { return };
    let estimate = Usage { input: 300, cached: 0, output: 200 };
    world.record(CallEvent::AttemptStarted(AttemptStarted {
        estimate,
        cost: MicroMoney(900),
        ..plain
    }));
    assert_eq!((world.state().used.tokens, world.state().used.cost), (500, MicroMoney(900)));
    let usage = Usage { input: 10, cached: 0, output: 10 };
    let result =
        AttemptResult::Answered { raw: digest("good"), answer: digest("good"), finish: None };
    let (attempt, took_ms, cost) = (1, 5, MicroMoney(40));
    let ended = AttemptEnded { attempt, result, took_ms, usage, cost };
    world.record(CallEvent::AttemptEnded(ended));
    assert_eq!((world.state().used.tokens, world.state().used.cost), (20, MicroMoney(40)));
    // The next one is expected to take as much again, though nothing was estimated.
    world.plan.budget.cost = Some(MicroMoney(79));
    let refused = affordable(&world.plan, world.state(), "small", 1, world.state().at);
    assert_eq!(refused, Err(SkipReason::Budget));
    world.plan.budget = Budget { cost: None, tokens: Some(39), ..world.plan.budget };
    let refused = affordable(&world.plan, world.state(), "small", 1, world.state().at);
    assert_eq!(refused, Err(SkipReason::Budget));
}
