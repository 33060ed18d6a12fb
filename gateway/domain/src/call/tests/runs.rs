//! New runs: what they keep, what they grant afresh, and what they can never do.

use alloc::{string::ToString, vec, vec::Vec};

use proptest::prelude::*;

use super::{
    properties::{any_resolution, any_world, live},
    world::*,
};
use crate::{
    CallEvent, CallState, Effect, Ended, FailureClass, ForkKind, Forked, Millis, Outcome, Phase,
    Resolution, RunEnd, Rung,
};

/// A call that an objection brought to two queues, approved in both.
fn approved_twice() -> World {
    let mut world = world()
        .ladder("rules.a", vec![to("people")])
        .ladder("rules.b", vec![to("fraud")])
        .objecting("good", &["rules.a", "rules.b"]);
    world.for_models = true;
    world.run();
    world.approve();
    world.approve();
    assert_eq!(world.ended().outcome, Outcome::Approved);
    world
}

#[test]
fn after_an_outcome_only_a_new_run_follows() {
    let mut world = world();
    world.run();
    let log: Vec<CallEvent> = world.log.iter().map(|(event, _)| event.clone()).collect();
    assert!(!log.iter().any(|event| world.follows(event)), "something follows an outcome");
    let from = world.seq_of("request_judged");
    assert!(world.fork(from));
    assert_eq!((world.state().run, world.state().ended()), (2, None));
}

#[test]
fn a_new_run_keeps_what_was_there_and_asks_for_the_rest_anew() {
    let mut world = world().objecting("bad", &["rules.a"]);
    world = world.ladder("rules.a", vec![Rung::Reject]).says([Says::Answer("bad")]);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
    let asked = world.seq_of("verdict_reached");
    assert!(world.fork(asked));
    assert!(world.state().attempts.is_empty(), "the answer came after that");
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Accepted);
    assert_eq!(world.state().attempts.len(), 1);

    let judged = world.seq_of("attempt_ended");
    assert!(world.fork(judged));
    assert_eq!(world.state().attempts.len(), 1, "its answer is kept");
    world.run();
    assert_eq!((world.state().run, world.ended().outcome), (3, Outcome::Refused));
}

#[test]
fn a_new_run_has_a_fresh_budget_deadline_and_ladders() {
    let mut world = world().says([
        Says::Fails(FailureClass::Transport, None),
        Says::Fails(FailureClass::Transport, None),
    ]);
    world = world.ladder("on.transport", vec![retry(1), Rung::Reject]);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Refused);
    let failed = world.seq_of("attempt_ended");
    world.now += 3_600_000;
    assert!(world.fork(failed));
    assert_eq!((world.state().used.attempts, world.state().spent.len()), (0, 0));
    assert_eq!(world.state().deadline, Millis(world.now + 30_000));
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Accepted, "the retry is there again");
}

#[test]
fn rolled_back_to_the_second_queue_the_first_ones_approval_holds() {
    let mut world = approved_twice();
    let second = world.log.iter().rposition(|(event, _)| event.name() == "review_requested");
    assert!(world.fork(second.unwrap() as u64 + 1));
    assert!(matches!(&world.state().phase, Phase::Opening { reviews } if reviews.len() == 1));
    assert_eq!(world.state().decided.len(), 1);
    world.run();
    let Phase::InReview { queue, .. } = &world.state().phase else { panic!("nobody is asked") };
    assert_eq!(queue, "fraud");
    world.resolve(Resolution::Rejected, None);
    world.run();
    assert_eq!(world.ended().outcome, Outcome::Rejected);
}

#[test]
fn rolled_back_to_the_first_queue_both_are_asked_again() {
    let mut world = approved_twice();
    let first = world.seq_of("review_requested");
    assert!(world.fork(first));
    assert!(matches!(&world.state().phase, Phase::Opening { reviews } if reviews.len() == 2));
    assert!(world.state().decided.is_empty());
    world.run();
    world.approve();
    world.approve();
    assert_eq!(world.ended().outcome, Outcome::Approved);
}

#[test]
fn no_run_starts_in_the_middle_of_an_attempt_a_persons_word_or_an_end() {
    let world = approved_twice();
    let checkpoints = world.state().checkpoints();
    for (place, (event, _)) in world.log.iter().enumerate() {
        let is_one = checkpoints.iter().any(|one| one.seq == place as u64 + 1);
        let may = !matches!(
            event,
            CallEvent::AttemptStarted(_) | CallEvent::ReviewResolved(_) | CallEvent::CallEnded(_)
        );
        assert!(may || !is_one, "{} is a checkpoint", event.name());
    }
    let named: Vec<_> = checkpoints.iter().map(|one| (one.event, one.state)).collect();
    assert!(named.contains(&("review_requested", "in_review")), "{named:?}");
    assert!(named.contains(&("attempt_ended", "checking")), "{named:?}");
}

#[test]
fn a_fork_that_names_another_run_or_state_is_refused() {
    let mut world = world();
    world.run();
    let lawful = Forked {
        from_run: 1,
        from_seq: 1,
        how: ForkKind::Resume,
        state: "admitted".to_string(),
        deadline: Millis(world.now + 1),
        reason: "again".to_string(),
        by: "lee".to_string(),
    };
    assert!(world.follows(&CallEvent::RunForked(lawful.clone())));
    let wrong = [
        Forked { from_run: 2, ..lawful.clone() },
        Forked { from_seq: 0, ..lawful.clone() },
        Forked { from_seq: 99, ..lawful.clone() },
        Forked { state: "ended".to_string(), ..lawful },
    ];
    for forked in wrong {
        assert!(!world.follows(&CallEvent::RunForked(forked)));
    }
}

#[test]
fn who_acted_on_the_first_outcome_is_told_before_the_second_ends() {
    let mut world = world().says([Says::Answer("good"), Says::Answer("better")]);
    world.run();
    let (first, asked) = (world.ended().clone(), world.seq_of("verdict_reached"));
    world.fork(asked);
    world.run();
    let second = world.ended().clone();
    assert_ne!(first.answer, second.answer);
    let names: Vec<_> = world.log.iter().rev().take(2).map(|(event, _)| event.name()).collect();
    assert_eq!(names, ["call_ended", "outcome_revised"]);
    let (from, to) = (RunEnd::of(1, &first), RunEnd::of(2, &second));
    let (told, _) = world.log.iter().rev().nth(1).unwrap();
    assert_eq!(*told, CallEvent::OutcomeRevised { from, to });
    let runs = world.state().runs();
    assert_eq!(runs.iter().map(|run| run.run).collect::<Vec<_>>(), [1, 2]);
    assert!(runs.iter().all(|run| run.ended.is_some()));
}

#[test]
fn a_cancelled_second_run_revises_the_first_outcome_too() {
    let mut world = world();
    world.run();
    let answer = world.ended().answer;
    world.fork(1);
    let cancelled = Ended {
        outcome: Outcome::Cancelled,
        answered_by: crate::AnsweredBy::Nobody,
        answer: None,
        cause: crate::Cause::default(),
        unreviewed: false,
        audits: vec![],
    };
    let end = CallEvent::CallEnded(cancelled.clone());
    assert!(!world.follows(&end), "nobody was told");
    let told = world.state().revision(&cancelled).unwrap();
    let CallEvent::OutcomeRevised { from, .. } = &told else { panic!("{told:?}") };
    assert_eq!(from.answer, answer);
    world.record(told);
    world.record(end);
    assert_eq!(world.ended().outcome, Outcome::Cancelled);
}

#[test]
fn effects_leave_only_with_an_end_that_has_an_answer() {
    let mut world = world();
    world.run();
    let released = CallEvent::EffectsReleased {
        effects: vec![Effect { key: "call_1.1.0".to_string(), tool: "refund".to_string() }],
    };
    assert!(!world.follows(&released), "after the end");
    world.fork(1);
    assert!(!world.follows(&released), "before anything is decided");
    let last = |world: &World| matches!(world.state().phase, Phase::Ending(_));
    while !last(&world) {
        let step = crate::next(&world.plan, world.state());
        world.step(step);
    }
    world.record(released);
    world.run();
    assert_eq!(world.state().effects.len(), 1);
    world.fork(1);
    assert!(world.state().effects.is_empty(), "they are the old run's");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    /// Why it matters: one run, one outcome, over as many runs as anybody starts; each of them gets
    /// its own budget and no more; and the whole stream folds again to the same.
    #[test]
    fn every_run_ends_once_and_the_stream_folds_to_the_same(
        mut world in any_world(),
        people in prop::collection::vec(any_resolution(), 0..4),
        forks in prop::collection::vec((any::<prop::sample::Index>(), 0..4_u8), 0..5),
    ) {
        live(&mut world, people.clone());
        for (place, steps) in forks {
            let starts = world.state().checkpoints();
            let start = place.get(&starts);
            let (kept, before) = (start.seq, world.state().run);
            prop_assert!(world.fork(kept));
            prop_assert_eq!(world.state().run, before + 1);
            prop_assert_eq!(world.state().phase.name(), start.state);
            prop_assert!(world.state().attempts.iter().all(|attempt| attempt.ended.is_some()));
            let had = world.state().attempts.len();
            // Some runs are superseded before they end.
            if steps > 0 {
                live(&mut world, people.clone());
                let grants = (world.state().changes + 1) as usize;
                let asked = world.state().attempts.len() - had;
                prop_assert!(asked <= world.plan.budget.attempts as usize * grants);
            }
        }
        live(&mut world, people);
        let runs = world.state().runs();
        let (mut ends, mut told) = (0, 0);
        for (event, _) in &world.log {
            ends += usize::from(matches!(event, CallEvent::CallEnded(_)));
            told += usize::from(matches!(event, CallEvent::OutcomeRevised { .. }));
        }
        prop_assert_eq!(ends, runs.iter().filter(|run| run.ended.is_some()).count());
        prop_assert_eq!(told, ends - 1, "everybody who was told an outcome is told the next");
        prop_assert!(runs.last().unwrap().ended.is_some());
        let mut state = None;
        for (event, at) in &world.log {
            state = Some(CallState::fold(state, event, *at).unwrap());
        }
        prop_assert_eq!(state, world.state);
    }

    /// Why it matters: a rollback to where people are asked lets nothing out that they had
    /// approved: they are asked again.
    #[test]
    fn an_approval_of_the_old_run_lets_nothing_out_of_the_new_one(
        mut world in any_world(),
        people in prop::collection::vec(any_resolution(), 0..4),
        place in any::<prop::sample::Index>(),
    ) {
        live(&mut world, people);
        let starts: Vec<u64> = world.state().checkpoints().iter().map(|one| one.seq).collect();
        world.fork(*place.get(&starts));
        let approvals = world.state().decided.len();
        world.run();
        let asked = matches!(world.state().phase, Phase::InReview { .. });
        let passed = world.state().ended().is_some_and(|ended| {
            matches!(ended.outcome, Outcome::Approved | Outcome::Edited)
        });
        prop_assert!(!passed, "people approved it without being asked: {:?}", world.way);
        prop_assert!(asked || world.state().decided.len() == approvals);
    }
}
