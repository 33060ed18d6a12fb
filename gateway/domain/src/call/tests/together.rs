//! The machines of call and review together, moved as the engine moves them: two reviewers, the
//! owner of the call, the due time, a lead who rolls back, and a caller who gives up. Every order of
//! so many moves is tried.

use alloc::{format, string::ToString, vec, vec::Vec};

use super::world::*;
use crate::{
    CallEvent, CallId, Decide, Ended, Millis, OnExpiry, Opened, Outcome, Phase, Priority,
    Requested, Resolution, Resolved, ReviewEvent, ReviewId, ReviewKind, ReviewState, Show, Step,
    next, review::Standing,
};

/// How many moves deep.
const DEPTH: usize = 5;
/// Undo window and due time of the queue, in milliseconds.
const UNDO_MS: u64 = 5_000;
const DUE_MS: u64 = 60_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Move {
    Approve(&'static str),
    Reject(&'static str),
    Undo(&'static str),
    Wait(u64),
    RollBack,
    Cancel,
}

const MOVES: [Move; 9] = [
    Move::Approve("ada"),
    Move::Approve("bob"),
    // She owns the call.
    Move::Approve("tilda"),
    Move::Reject("bob"),
    Move::Undo("ada"),
    Move::Wait(UNDO_MS),
    Move::Wait(DUE_MS),
    Move::RollBack,
    Move::Cancel,
];

/// A call, and every review that was ever opened for it.
#[derive(Clone)]
struct Together {
    world: World,
    reviews: Vec<(ReviewId, ReviewState)>,
    approvals: u8,
}

impl Together {
    fn new(approvals: u8) -> Self {
        let mut world = world().ladder("rules.a", vec![to("people")]);
        world = world.objecting("good", &["rules.a"]);
        world.for_models = true;
        let mut both = Self { world, reviews: Vec::new(), approvals };
        let received = both.world.received();
        both.world.record(CallEvent::CallReceived(received));
        both.go_on();
        both
    }

    /// What the engine does by itself, up to a wait.
    fn go_on(&mut self) {
        loop {
            match next(&self.world.plan, self.world.state()) {
                Step::OpenReview(spec) => self.open(&spec.to.queue),
                Step::Sleep { until, .. } if until > Millis(self.world.now) => return,
                Step::AwaitReview | Step::Done => return,
                step => self.world.step(step),
            }
        }
    }

    fn open(&mut self, queue: &str) {
        let review = ReviewId(format!("rev_{}", self.reviews.len() + 1));
        let subject = self.world.state().subject().map(|subject| subject.digest);
        let due = Millis(self.world.now + DUE_MS);
        let opened = ReviewEvent::ReviewOpened(Opened {
            call: CallId::from("call_1"),
            generation: self.world.state().run,
            policy: "test".to_string(),
            queue: queue.to_string(),
            kind: ReviewKind::Decision,
            reasons: vec![],
            subject,
            due,
            on_expiry: OnExpiry::Reject,
            priority: Priority::Normal,
            approvals: self.approvals,
            blind: false,
            excluded: vec!["tilda".to_string()],
            may_edit: None,
            show: Show::All,
            claim_ms: 10_000,
            undo_ms: UNDO_MS,
            changes_left: 0,
            sampled: None,
        });
        let state = ReviewState::fold(None, &opened, Millis(self.world.now)).unwrap();
        let queue = queue.to_string();
        self.world.record(CallEvent::ReviewRequested(Requested {
            review: review.clone(),
            queue,
            due,
            subject,
        }));
        self.reviews.push((review, state));
    }

    /// The review's events are folded, and the call's word with them: one transaction.
    fn tell(&mut self, place: usize, events: &[ReviewEvent]) {
        let now = Millis(self.world.now);
        let (_, review) = self.reviews.get_mut(place).unwrap();
        for event in events {
            *review = ReviewState::fold(Some(review.clone()), event, now).unwrap();
        }
    }

    fn decide(&mut self, place: usize, by: &str, resolution: Resolution) {
        let (id, review) = self.reviews.get(place).cloned().unwrap();
        let decide = Decide {
            by: by.to_string(),
            teams: Vec::new(),
            lease: None,
            // Everybody sends what they saw when that review was opened.
            generation: review.opened.generation,
            subject: review.opened.subject,
            resolution: resolution.clone(),
            reason: None,
        };
        let Ok(events) = review.decide(decide, Millis(self.world.now)) else { return };
        self.tell(place, &events);
        let (_, review) = self.reviews.get(place).unwrap();
        if let Standing::Decided { by, undo_until, .. } = &review.standing {
            let (by, undo_until) = (by.clone(), *undo_until);
            let queue = review.opened.queue.clone();
            let reason = None;
            let resolved = Resolved { review: id, queue, resolution, by, reason, undo_until };
            self.world.record(CallEvent::ReviewResolved(resolved));
        }
    }

    fn undo(&mut self, place: usize, by: &str) {
        let (review, state) = self.reviews.get(place).cloned().unwrap();
        let Ok(event) = state.undo(by, Millis(self.world.now)) else { return };
        let undone = CallEvent::DecisionUndone { review };
        // The engine takes both or neither.
        if self.world.follows(&undone) {
            self.world.record(undone);
            self.tell(place, &[event]);
        }
    }

    fn expire(&mut self) {
        let Phase::InReview { review, queue, .. } = self.world.state().phase.clone() else {
            return;
        };
        let place = self.reviews.iter().position(|(id, _)| *id == review).unwrap();
        let (_, state) = self.reviews.get(place).cloned().unwrap();
        let Ok(action) = state.expire(Millis(self.world.now)) else { return };
        self.tell(place, &[ReviewEvent::ReviewExpired { action }]);
        self.world.record(CallEvent::ReviewResolved(Resolved {
            review,
            queue,
            resolution: Resolution::Expired { action },
            by: vec![],
            reason: None,
            undo_until: None,
        }));
    }

    /// The review that is open, or whose decision is not released yet, is taken off the table.
    fn withdraw(&mut self) {
        let releasing = matches!(self.world.state().phase, Phase::Releasing { .. });
        for place in 0..self.reviews.len() {
            let last = place + 1 == self.reviews.len();
            let (_, review) = self.reviews.get(place).cloned().unwrap();
            if review.standing.is_open() || (last && releasing) {
                self.tell(place, &[ReviewEvent::ReviewWithdrawn { reason: "over".to_string() }]);
            }
        }
    }

    fn cancel(&mut self) {
        if self.world.state().ended().is_some() {
            return;
        }
        self.withdraw();
        let ended = Ended {
            outcome: Outcome::Cancelled,
            answered_by: crate::AnsweredBy::Nobody,
            answer: None,
            cause: crate::Cause::default(),
            unreviewed: false,
            audits: vec![],
        };
        if let Some(told) = self.world.state().revision(&ended) {
            self.world.record(told);
        }
        self.world.record(CallEvent::CallEnded(ended));
    }

    fn roll_back(&mut self) {
        let starts = self.world.state().checkpoints();
        let Some(start) = starts.iter().rfind(|start| start.event == "review_requested") else {
            return;
        };
        self.withdraw();
        self.world.fork(start.seq);
    }

    /// `false`: nobody could do that.
    fn take(&mut self, one: Move) -> bool {
        let before = (self.world.log.len(), self.reviews.clone(), self.world.now);
        // People act on every review that they ever saw, the closed ones too.
        for place in 0..self.reviews.len() {
            let (_, review) = self.reviews.get(place).unwrap();
            let seen = review.opened.subject;
            match one {
                Move::Approve(by) => {
                    let subject = human(seen.unwrap());
                    self.decide(place, by, Resolution::Approved { subject });
                }
                Move::Reject(by) => self.decide(place, by, Resolution::Rejected),
                Move::Undo(by) => self.undo(place, by),
                _ => {}
            }
            self.go_on();
        }
        match one {
            Move::Wait(ms) => {
                self.world.now += ms;
                self.expire();
            }
            Move::RollBack => self.roll_back(),
            Move::Cancel => self.cancel(),
            _ => {}
        }
        self.go_on();
        before != (self.world.log.len(), self.reviews.clone(), self.world.now)
    }

    /// What must hold, whatever was done.
    fn is_lawful(&self, moves: &[Move]) {
        let mut ends = 0;
        for run in self.world.state().runs() {
            ends += usize::from(run.ended.is_some());
        }
        let recorded = |(event, _): &&(CallEvent, Millis)| matches!(event, CallEvent::CallEnded(_));
        assert_eq!(self.world.log.iter().filter(recorded).count(), ends, "{moves:?}");
        for (_, review) in &self.reviews {
            if let Standing::Decided { by, resolution, .. } = &review.standing {
                assert!(!by.contains(&"tilda".to_string()), "her own call: {moves:?}");
                let approved = matches!(resolution, Resolution::Approved { .. });
                assert!(!approved || by.len() == usize::from(self.approvals), "{moves:?}");
            }
        }
        let Some(ended) = self.world.state().ended() else { return };
        if ended.outcome == Outcome::Approved {
            let (_, last) = self.reviews.last().unwrap();
            assert_eq!(last.standing.name(), "decided", "released after a withdrawal: {moves:?}");
            assert_eq!(last.opened.generation, self.world.state().run, "an old one: {moves:?}");
        }
        let open = self.reviews.iter().filter(|(_, review)| review.standing.is_open());
        assert_eq!(open.count(), 0, "a review outlives its call: {moves:?}");
    }
}

fn explore(both: &Together, moves: &mut Vec<Move>, seen: &mut (usize, usize)) {
    both.is_lawful(moves);
    seen.0 += 1;
    seen.1 += usize::from(both.world.state().ended().is_some());
    if moves.len() == DEPTH {
        return;
    }
    for one in MOVES {
        let mut next = both.clone();
        if next.take(one) {
            moves.push(one);
            explore(&next, moves, seen);
            moves.pop();
        }
    }
}

#[test]
fn in_no_order_is_an_answer_released_twice_after_a_withdrawal_or_by_its_own_caller() {
    for approvals in [1, 2] {
        let mut seen = (0, 0);
        explore(&Together::new(approvals), &mut Vec::new(), &mut seen);
        let (states, ended) = seen;
        assert!(states > 1_000 && ended > 200, "{states} states, {ended} of them ended");
    }
}
