//! A desk for tests: one review, a clock, and people who give commands.

use alloc::{string::ToString, vec, vec::Vec};

use crate::{
    CallId, Decide, Digest, Millis, OnExpiry, Opened, Priority, Refusal, Resolution, ReviewEvent,
    ReviewKind, ReviewState, Show, Source, Subject,
    review::{HandOver, Step},
};

/// When the review is opened.
pub(super) const START: u64 = 1_000;
/// When it is due.
pub(super) const DUE: u64 = 61_000;
/// How long a claim lasts.
pub(super) const CLAIM_MS: u64 = 10_000;
/// How long a decision can be taken back.
pub(super) const UNDO_MS: u64 = 5_000;

/// One review and the time.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub now: u64,
    pub review: ReviewState,
    /// Every event so far, in order.
    pub log: Vec<(ReviewEvent, Millis)>,
}

pub(super) fn shown() -> Digest {
    Digest::of(b"the answer")
}

pub(super) fn person(text: &str) -> Subject {
    let digest = Digest::of(text.as_bytes());
    Subject { source: Source::Human, digest, attempt: None, model: None }
}

pub(super) fn approve() -> Resolution {
    Resolution::Approved { subject: person("the answer") }
}

pub(super) fn edit() -> Resolution {
    Resolution::Edited { subject: person("a better one") }
}

pub(super) fn changes() -> Resolution {
    Resolution::ChangesRequested { tell: "shorter".to_string() }
}

pub(super) fn opened() -> Opened {
    Opened {
        call: CallId::from("call_1"),
        generation: 1,
        policy: "invoices".to_string(),
        queue: "finance".to_string(),
        kind: ReviewKind::Decision,
        reasons: vec![],
        subject: Some(shown()),
        due: Millis(DUE),
        on_expiry: OnExpiry::Reject,
        priority: Priority::Normal,
        approvals: 1,
        blind: false,
        excluded: vec!["carl".to_string()],
        may_edit: None,
        show: Show::All,
        claim_ms: CLAIM_MS,
        undo_ms: UNDO_MS,
        changes_left: 1,
        sampled: None,
    }
}

pub(super) fn desk(opened: Opened) -> Desk {
    let event = ReviewEvent::ReviewOpened(opened);
    let review = ReviewState::fold(None, &event, Millis(START)).unwrap();
    Desk { now: START, review, log: vec![(event, Millis(START))] }
}

/// A review that two people must approve.
pub(super) fn four_eyes() -> Desk {
    desk(Opened { approvals: 2, blind: true, ..opened() })
}

impl Desk {
    pub fn at(mut self, now: u64) -> Self {
        self.now = now;
        self
    }

    pub fn now(&self) -> Millis {
        Millis(self.now)
    }

    /// What a command yields must fold; what it refuses leaves no trace.
    pub fn take(&mut self, events: Vec<ReviewEvent>) {
        for event in events {
            let folded = ReviewState::fold(Some(self.review.clone()), &event, self.now());
            self.review = folded.unwrap();
            self.log.push((event, Millis(self.now)));
        }
    }

    pub fn claim(&mut self, by: &str) -> Result<u64, Refusal> {
        let event = self.review.claim(by, self.now())?;
        self.take(vec![event]);
        Ok(self.review.lease)
    }

    pub fn renew(&mut self, by: &str, lease: u64) -> Result<(), Refusal> {
        let event = self.review.renew(by, lease, self.now())?;
        self.take(vec![event]);
        Ok(())
    }

    pub fn release(&mut self, by: &str, lease: u64) -> Result<(), Refusal> {
        let event = self.review.release(by, lease, self.now())?;
        self.take(vec![event]);
        Ok(())
    }

    /// Decides on what is shown now.
    pub fn decide(&mut self, by: &str, resolution: Resolution) -> Result<(), Refusal> {
        self.decide_as(saw(by, resolution))
    }

    pub fn decide_as(&mut self, decide: Decide) -> Result<(), Refusal> {
        let events = self.review.decide(decide, self.now())?;
        self.take(events);
        Ok(())
    }

    pub fn undo(&mut self, by: &str) -> Result<(), Refusal> {
        let event = self.review.undo(by, self.now())?;
        self.take(vec![event]);
        Ok(())
    }

    pub fn set_aside(&mut self, by: &str, until: Option<u64>) -> Result<(), Refusal> {
        let event = self.review.set_aside(by, until.map(Millis), self.now())?;
        self.take(vec![event]);
        Ok(())
    }

    pub fn hand_over(&mut self, by: &str, lead: bool, over: HandOver) -> Result<(), Refusal> {
        let event = self.review.hand_over(by, lead, over, self.now())?;
        self.take(vec![event]);
        Ok(())
    }

    pub fn step(&mut self, step: u32) -> Result<(), Refusal> {
        let did = "raised it".to_string();
        let (priority, queue) = (Some(Priority::High), Some("leads".to_string()));
        let step = Step { step, did, priority, queue, ..Step::default() };
        let event = self.review.take_step(step, self.now())?;
        self.take(vec![event]);
        Ok(())
    }

    pub fn withdraw(&mut self) {
        self.take(vec![ReviewEvent::ReviewWithdrawn { reason: "cancelled".to_string() }]);
    }

    pub fn expire(&mut self) -> Result<(), Refusal> {
        let action = self.review.expire(self.now())?;
        self.take(vec![ReviewEvent::ReviewExpired { action }]);
        Ok(())
    }
}

/// To that person.
pub(super) fn to(person: &str) -> HandOver {
    HandOver { to: Some(person.to_string()), ..HandOver::default() }
}

/// The decision of somebody who saw what is on the table.
pub(super) fn saw(by: &str, resolution: Resolution) -> Decide {
    let (lease, generation, subject, reason) = (None, 1, Some(shown()), None);
    let by = by.to_string();
    Decide { by, teams: vec![], lease, generation, subject, resolution, reason }
}
