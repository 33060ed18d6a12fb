//! Promises that hold over random policies, models, checks and people.

use alloc::{string::ToString, vec, vec::Vec};

use proptest::prelude::*;

use super::world::*;
use crate::{
    AtDoor, CallEvent, CallId, CallState, Ended, Event, FailureClass, MicroMoney, Millis, Mode,
    OnExpiry, Outcome, Phase, Resolution, Rung, Stream,
};

fn any_rung() -> impl Strategy<Value = Rung> {
    prop_oneof![
        Just(Rung::Reject),
        Just(to("people")),
        Just(to("fraud")),
        Just(Rung::Fallback),
        Just(onward()),
        (1..4_u32).prop_map(retry),
        Just(Rung::Wait { at_most_ms: None }),
        Just(ask_again()),
        Just(Rung::Repair { times: 2, model: None, mask: Some("privacy".to_string()) }),
    ]
}

fn any_class() -> impl Strategy<Value = FailureClass> {
    (0..FailureClass::ALL.len()).prop_map(|index| FailureClass::ALL.into_iter().nth(index).unwrap())
}

fn any_shape() -> impl Strategy<Value = FailureClass> {
    prop_oneof![
        Just(FailureClass::Declined),
        Just(FailureClass::Truncated),
        Just(FailureClass::Malformed),
        Just(FailureClass::Schema),
    ]
}

fn any_says() -> impl Strategy<Value = Says> {
    prop_oneof![
        Just(Says::Answer("good")),
        Just(Says::Answer("bad")),
        (any_class(), proptest::option::of(0..40_000_u64)).prop_map(|(c, t)| Says::Fails(c, t)),
        (any_class(), proptest::option::of(0..40_000_u64)).prop_map(|(c, t)| Says::Blocked(c, t)),
    ]
}

pub(super) fn any_resolution() -> impl Strategy<Value = Resolution> {
    prop_oneof![
        Just(Resolution::Approved { subject: human(digest("good")) }),
        Just(Resolution::Edited { subject: human(digest("edited")) }),
        Just(Resolution::Rejected),
        Just(Resolution::ChangesRequested { tell: "shorter".to_string() }),
        Just(Resolution::FallbackChosen),
        Just(Resolution::Expired { action: OnExpiry::Reject }),
        Just(Resolution::Expired { action: OnExpiry::Fallback }),
        Just(Resolution::Expired { action: OnExpiry::Approve }),
    ]
}

prop_compose! {
    pub(super) fn any_world()(
        ladders in prop::collection::vec(prop::collection::vec(any_rung(), 0..4), 4),
        classes in prop::collection::vec(
            (any_class(), prop::collection::vec(any_rung(), 0..4)), 0..6,
        ),
        says in prop::collection::vec(any_says(), 0..12),
        otherwise in prop_oneof![Just(Rung::Reject), Just(Rung::Fallback), Just(to("people"))],
        has_fallback in any::<bool>(),
        objecting in prop::collection::vec((0..4_usize, 0..5_usize), 0..6),
        attempts in 1..6_u32,
        (cached, for_models, complete, observes) in (
            any::<bool>(), any::<bool>(), prop::bool::weighted(0.9), prop::bool::weighted(0.1),
        ),
        shape in prop::option::weighted(0.3, (0..5_usize, any_shape())),
        door in prop::option::weighted(0.2, prop::option::of(0..40_000_u64)),
        cost in prop::option::weighted(0.2, 0..400_u64),
    ) -> World {
        let names = ["rules.a", "rules.b", "rules.c", "checks.privacy"];
        let mut world = world().says(says);
        for (name, ladder) in names.into_iter().zip(ladders) {
            world = world.ladder(name, ladder);
        }
        for (class, ladder) in classes {
            world = world.ladder(&alloc::format!("on.{class}"), ladder);
        }
        let answers = ["bad", "good", "fallback", "edited", "masked"];
        for (rule, answer) in objecting {
            let (rule, answer) = (names.into_iter().nth(rule), answers.into_iter().nth(answer));
            let found = world.checks.entry(answer.unwrap()).or_default();
            found.push(objects(rule.unwrap()));
        }
        world.plan.otherwise = otherwise;
        world.plan.has_fallback = has_fallback;
        world.plan.budget.attempts = attempts;
        world.plan.budget.cost = cost.map(MicroMoney);
        world.plan.mode = if observes { Mode::Observe } else { Mode::Enforce };
        world.cached = cached.then_some("bad");
        (world.for_models, world.complete) = (for_models, complete);
        let named = |(answer, class)| (answers.into_iter().nth(answer).unwrap(), class);
        world.shape = shape.map(named);
        world.door = door.map(|after| AtDoor {
            class: FailureClass::Limit,
            reason: "600/min of `shop`".to_string(),
            until: after.map(|ms| Millis(world.now + ms)),
        });
        world
    }
}

/// Carries a call to its end, with these people.
pub(super) fn live(world: &mut World, people: Vec<Resolution>) {
    world.run();
    for resolution in people.into_iter().chain([Resolution::Rejected]) {
        if matches!(world.state().phase, Phase::InReview { .. }) {
            let seen = world.state().subject().map(|subject| subject.digest);
            let resolution = match &resolution {
                Resolution::Approved { .. } => match seen {
                    Some(digest) => Resolution::Approved { subject: human(digest) },
                    None => Resolution::Rejected,
                },
                other => other.clone(),
            };
            world.resolve(resolution, None);
            world.run();
        }
    }
    while matches!(world.state().phase, Phase::InReview { .. }) {
        world.resolve(Resolution::Rejected, None);
        world.run();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Why it matters: one run, one outcome (invariant 1), and everything is bounded (11).
    #[test]
    fn every_call_ends_once_within_its_budget(
        mut world in any_world(),
        people in prop::collection::vec(any_resolution(), 0..6),
    ) {
        live(&mut world, people);
        let ended = world.ended().clone();
        let grants = world.state().changes + 1;
        let attempts = u32::try_from(world.state().attempts.len()).unwrap();
        prop_assert!(attempts <= world.plan.budget.attempts * grants);
        let again = CallEvent::CallEnded(ended);
        let folded = CallState::fold(world.state.clone(), &again, Millis(world.now));
        prop_assert!(folded.is_err(), "a second outcome");
    }

    /// Why it matters: no silent pass (invariant 4). What leaves was judged, and what a written
    /// reject or nobody answered never leaves.
    #[test]
    fn an_answer_leaves_only_if_it_was_judged(
        mut world in any_world(),
        people in prop::collection::vec(any_resolution(), 0..6),
    ) {
        live(&mut world, people);
        let ended = world.ended();
        let judged = world.state().judged.as_ref();
        match ended.answer {
            Some(answer) => {
                prop_assert_eq!(judged.map(|judged| judged.subject.digest), Some(answer));
            }
            None => prop_assert!(!matches!(
                ended.outcome,
                Outcome::Accepted | Outcome::Fallback | Outcome::Approved | Outcome::Edited
            )),
        }
        let Some(judged) = judged.filter(|_| ended.answer.is_some()) else { return Ok(()) };
        if matches!(ended.outcome, Outcome::Accepted | Outcome::Fallback) {
            prop_assert!(judged.findings.iter().all(|finding| finding.objection.is_none()));
            prop_assert!(judged.complete && judged.shape.is_none());
        }
        if ended.outcome != Outcome::Observed {
            let stops = |finding| crate::call::written_reject(&world.plan, finding);
            prop_assert!(!judged.findings.iter().any(stops), "past a written reject");
            let broken = [Some(FailureClass::Malformed), Some(FailureClass::Schema)];
            prop_assert!(!broken.contains(&judged.shape), "off schema");
        }
    }

    /// Why it matters: replay is exact (invariant 7).
    #[test]
    fn the_same_script_takes_the_same_way(
        world in any_world(),
        people in prop::collection::vec(any_resolution(), 0..4),
    ) {
        let mut again = world.clone();
        let mut first = world;
        live(&mut first, people.clone());
        live(&mut again, people);
        prop_assert_eq!(first.state, again.state);
        prop_assert_eq!(first.way, again.way);
    }

    /// Why it matters: fold is total. Any event on any state folds or is refused; an outcome that
    /// the machine did not decide is always refused, cancelling aside.
    #[test]
    fn an_outcome_that_was_not_decided_is_refused(
        mut world in any_world(),
        outcome in (0..Outcome::ALL.len()),
    ) {
        world.run();
        let outcome = Outcome::ALL.into_iter().nth(outcome).unwrap();
        let forged = CallEvent::CallEnded(Ended {
            outcome,
            answered_by: crate::AnsweredBy::Model,
            answer: Some(digest("forged")),
            cause: crate::Cause::default(),
            unreviewed: false,
            audits: vec![],
        });
        prop_assert!(CallState::fold(world.state.clone(), &forged, Millis(world.now)).is_err());
    }

    /// Why it matters: what is stored can be read again, field for field, and holds no floats, so
    /// that replay is exact (invariant 7).
    #[test]
    fn every_event_of_a_life_survives_its_json(
        mut world in any_world(),
        people in prop::collection::vec(any_resolution(), 0..6),
    ) {
        live(&mut world, people);
        let stream = Stream::call(&CallId::from("call_1"));
        for (event, _) in world.log {
            let event = Event::Call(event);
            let text = event.body().to_string();
            let body: serde_json::Value = serde_json::from_str(&text).unwrap();
            prop_assert!(!has_floats(&body), "{}", text);
            let read = Event::read(&stream, event.name(), event.version(), body);
            prop_assert_eq!(read.unwrap(), event);
        }
    }

    /// Why it matters: fold is total. Events of another call, in any order, fold or are refused,
    /// and never crash this process. What is refused changes nothing.
    #[test]
    fn events_out_of_order_are_refused_and_never_panic(
        mut world in any_world(),
        people in prop::collection::vec(any_resolution(), 0..6),
        order in any::<u64>(),
    ) {
        live(&mut world, people);
        let mut shuffled: Vec<_> = world.log.iter().enumerate().collect();
        shuffled.sort_by_key(|(index, _)| (*index as u64 + 1).wrapping_mul(order | 1));
        let mut state: Option<CallState> = None;
        for (_, (event, at)) in world.log.iter().enumerate().take(1).chain(shuffled) {
            let Ok(folded) = CallState::fold(state.clone(), event, *at) else {
                if let Some(before) = &state {
                    let mut same = before.clone();
                    prop_assert!(same.advance(event, *at).is_err());
                    prop_assert_eq!(&same, before);
                }
                continue;
            };
            let before = state.map_or(0, |state| state.seq);
            prop_assert_eq!(folded.seq, before + 1);
            // Whatever was folded, the machine knows what is next.
            let _step = crate::next(&world.plan, &folded);
            state = Some(folded);
        }
    }
}

fn has_floats(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => number.is_f64(),
        serde_json::Value::Array(items) => items.iter().any(has_floats),
        serde_json::Value::Object(map) => map.values().any(has_floats),
        _ => false,
    }
}
