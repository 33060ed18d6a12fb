//! Promises that hold whatever two reviewers, an excluded one and the clock do.

use alloc::{string::ToString, vec, vec::Vec};

use proptest::prelude::*;

use super::desk::*;
use crate::{
    Decide, Digest, Event, Millis, Opened, Refusal, Resolution, ReviewEvent, ReviewId, ReviewState,
    Stream, review::Standing,
};

/// One thing that somebody does.
#[derive(Debug, Clone)]
enum Does {
    Claims(&'static str),
    Renews(&'static str, u64),
    Releases(&'static str, u64),
    Decides(Decide),
    Undoes(&'static str),
    SetsAside(&'static str, Option<u64>),
    HandsOver(&'static str, bool, &'static str),
    StepComes(u32),
    TimePasses(u64),
    CallEnds,
    DueTimeLooks,
}

fn any_person() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("ann"), 4 => Just("bea"), 1 => Just("carl")]
}

fn any_resolution() -> impl Strategy<Value = Resolution> {
    prop_oneof![
        4 => Just(approve()),
        1 => Just(Resolution::Approved { subject: person("slipped in") }),
        2 => Just(edit()),
        2 => Just(Resolution::Rejected),
        1 => Just(changes()),
        1 => Just(Resolution::FallbackChosen),
    ]
}

prop_compose! {
    fn any_decision()(
        by in any_person(),
        lease in prop_oneof![3 => Just(None), 1 => (0..5_u64).prop_map(Some)],
        generation in prop_oneof![9 => Just(1), 1 => Just(2)],
        subject in prop_oneof![9 => Just(shown()), 1 => Just(Digest::ZERO)],
        resolution in any_resolution(),
    ) -> Decide {
        let (by, subject) = (by.to_string(), Some(subject));
        Decide { by, teams: vec![], lease, generation, subject, resolution, reason: None }
    }
}

fn any_deed() -> impl Strategy<Value = Does> {
    prop_oneof![
        3 => any_person().prop_map(Does::Claims),
        1 => (any_person(), 0..5_u64).prop_map(|(by, lease)| Does::Renews(by, lease)),
        1 => (any_person(), 0..5_u64).prop_map(|(by, lease)| Does::Releases(by, lease)),
        5 => any_decision().prop_map(Does::Decides),
        2 => any_person().prop_map(Does::Undoes),
        1 => (any_person(), prop::option::of(0..DUE)).prop_map(|(by, until)| {
            Does::SetsAside(by, until)
        }),
        1 => (any_person(), any::<bool>(), any_person()).prop_map(|(by, lead, to)| {
            Does::HandsOver(by, lead, to)
        }),
        1 => (0..3_u32).prop_map(Does::StepComes),
        3 => (0..9_000_u64).prop_map(Does::TimePasses),
        1 => Just(Does::CallEnds),
        1 => Just(Does::DueTimeLooks),
    ]
}

fn any_opened() -> impl Strategy<Value = Opened> {
    (1..4_u8, 0..2_u32, prop_oneof![Just(0), Just(UNDO_MS)]).prop_map(
        |(approvals, changes_left, undo_ms)| Opened {
            approvals,
            changes_left,
            undo_ms,
            ..opened()
        },
    )
}

/// Does it; whether the review took it.
fn act(desk: &mut Desk, deed: Does) -> Result<(), Refusal> {
    match deed {
        Does::Claims(by) => desk.claim(by).map(|_| ()),
        Does::Renews(by, lease) => desk.renew(by, lease),
        Does::Releases(by, lease) => desk.release(by, lease),
        Does::Decides(decide) => desk.decide_as(decide),
        Does::Undoes(by) => desk.undo(by),
        Does::SetsAside(by, until) => desk.set_aside(by, until),
        Does::HandsOver(by, lead, who) => desk.hand_over(by, lead, to(who)),
        Does::StepComes(step) => desk.step(step),
        Does::TimePasses(ms) => {
            desk.now += ms;
            Ok(())
        }
        Does::CallEnds => {
            if desk.review.standing.is_open() {
                desk.withdraw();
            }
            Ok(())
        }
        Does::DueTimeLooks => desk.expire(),
    }
}

/// Everything that was done, in order.
fn lived(opened: Opened, deeds: Vec<Does>) -> Desk {
    let mut desk = desk(opened);
    for deed in deeds {
        let before = desk.clone();
        if act(&mut desk, deed).is_err() {
            assert_eq!(desk.review, before.review, "a refused command changed something");
            assert_eq!(desk.log.len(), before.log.len());
        }
    }
    desk
}

fn deeds() -> impl Strategy<Value = Vec<Does>> {
    prop::collection::vec(any_deed(), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Why it matters: nothing takes effect twice (invariant 3), and what is closed stays closed.
    #[test]
    fn one_decision_stands_at_most_and_none_after_the_end(
        opened in any_opened(), deeds in deeds(),
    ) {
        let (mut decided, mut closed) = (false, false);
        for (event, at) in lived(opened, deeds).log {
            match event {
                ReviewEvent::ReviewDecided { .. } => {
                    prop_assert!(!decided && !closed, "a second decision");
                    prop_assert!(at < Millis(DUE), "a decision after the due time");
                    decided = true;
                }
                ReviewEvent::ReviewUndone { .. } => {
                    prop_assert!(decided && !closed);
                    decided = false;
                }
                ReviewEvent::ReviewWithdrawn { .. } | ReviewEvent::ReviewExpired { .. } => {
                    prop_assert!(!decided && !closed);
                    closed = true;
                }
                ReviewEvent::VoteCast { .. }
                | ReviewEvent::ReviewClaimed { .. }
                | ReviewEvent::ReviewSetAside { .. }
                | ReviewEvent::ReviewHandedOver { .. }
                | ReviewEvent::ReviewStepTaken { .. } => {
                    prop_assert!(!decided && !closed);
                }
                _ => {}
            }
        }
    }

    /// Why it matters: two people must never both believe that they hold the same review.
    #[test]
    fn tokens_strictly_rise_and_leases_of_two_people_never_overlap(
        opened in any_opened(), deeds in deeds(),
    ) {
        let mut newest = 0;
        let mut holds: Option<(alloc::string::String, Millis)> = None;
        for (event, at) in lived(opened, deeds).log {
            match event {
                ReviewEvent::ReviewClaimed { by, lease, until } => {
                    prop_assert!(lease > newest);
                    newest = lease;
                    let others = holds.filter(|(holder, end)| *holder != by && at < *end);
                    prop_assert_eq!(others, None);
                    holds = Some((by, until));
                }
                ReviewEvent::ReviewRenewed { until, .. } => {
                    holds = holds.map(|(holder, end)| (holder, end.max(until)));
                }
                ReviewEvent::VoteCast { .. }
                | ReviewEvent::ReviewReleased { .. }
                | ReviewEvent::ReviewHandedOver { .. } => holds = None,
                ReviewEvent::ReviewSetAside { by, .. } => {
                    holds = holds.filter(|(holder, _)| *holder != by);
                }
                _ => {}
            }
        }
    }

    /// Why it matters: four eyes hold on every path, and nobody decides on their own work.
    #[test]
    fn who_decides_is_never_excluded_and_an_approval_has_enough_different_people(
        opened in any_opened(), deeds in deeds(),
    ) {
        let approvals = usize::from(opened.approvals);
        for (event, _) in lived(opened, deeds).log {
            match event {
                ReviewEvent::VoteCast { by, .. } | ReviewEvent::ReviewClaimed { by, .. } => {
                    prop_assert_ne!(by, "carl");
                }
                ReviewEvent::ReviewHandedOver { to: Some(to), .. } => {
                    prop_assert_ne!(to, "carl");
                }
                ReviewEvent::ReviewDecided { mut by, resolution, .. } => {
                    by.sort();
                    by.dedup();
                    let least = match resolution {
                        Resolution::Approved { subject } => {
                            prop_assert_eq!(subject.digest, shown());
                            approvals
                        }
                        _ => 1,
                    };
                    prop_assert_eq!(by.len(), least);
                }
                _ => {}
            }
        }
    }

    /// Why it matters: replay is exact (invariant 7), and a stream from another ledger, in any
    /// order, is refused and never crashes this process.
    #[test]
    fn a_stream_folds_to_what_lived_and_a_shuffled_one_never_panics(
        opened in any_opened(), deeds in deeds(), order in any::<u64>(),
    ) {
        let desk = lived(opened, deeds);
        let mut state = None;
        for (event, at) in &desk.log {
            state = Some(ReviewState::fold(state, event, *at).unwrap());
        }
        prop_assert_eq!(state.as_ref(), Some(&desk.review));
        let stream = Stream::review(&ReviewId::from("rev_1"));
        for (event, _) in &desk.log {
            let event = Event::Review(event.clone());
            let body = serde_json::from_str(&event.body().to_string()).unwrap();
            prop_assert_eq!(Event::read(&stream, event.name(), 1, body), Ok(event));
        }
        prop_assert_eq!(desk.review.seq, desk.log.len() as u64);
        let mut shuffled: Vec<_> = desk.log.iter().enumerate().collect();
        shuffled.sort_by_key(|(index, _)| (*index as u64 + 1).wrapping_mul(order | 1));
        let mut state: Option<ReviewState> = None;
        for (_, (event, at)) in shuffled {
            if let Ok(folded) = ReviewState::fold(state.clone(), event, *at) {
                prop_assert_eq!(folded.seq, state.map_or(0, |state| state.seq) + 1);
                state = Some(folded);
            }
        }
    }
}

#[test]
fn the_random_reviews_reach_decisions_undos_and_expiries() {
    // A property over lives that never get anywhere would prove nothing.
    let life = vec![
        Does::Claims("ann"),
        Does::Decides(saw("ann", approve())),
        Does::Undoes("ann"),
        Does::TimePasses(DUE),
        Does::DueTimeLooks,
    ];
    let desk = lived(opened(), life);
    assert!(matches!(desk.review.standing, Standing::Expired(_)));
    assert_eq!(desk.log.len(), 6);
}
