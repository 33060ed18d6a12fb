//! A review in a row: what the queue page, its filters and a restart need to know.

use backstop_domain::{
    CallId, Digest, Envelope, Millis, OnExpiry, Opened, Priority, ReviewEvent, ReviewId,
    ReviewKind, Sampled,
};
use serde::{Deserialize, Serialize};

/// Where a review stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewPhase {
    /// It waits in its queue.
    Open,
    /// A person holds it; after `lease_until` it is as if open.
    Claimed,
    /// It is decided; until `undo_until` that can be taken back.
    Decided,
    /// Nobody decided in time.
    Expired,
    /// It is no longer asked.
    Withdrawn,
}

impl ReviewPhase {
    /// The word used in the API and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Claimed => "claimed",
            Self::Decided => "decided",
            Self::Expired => "expired",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether it still waits for a decision.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Claimed)
    }
}

/// A review in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReviewSummary {
    /// The review.
    pub id: ReviewId,
    /// Last seq of its stream.
    pub seq: u64,
    /// The call.
    pub call: CallId,
    /// The call's run.
    pub generation: u32,
    /// The policy.
    pub policy: String,
    /// The queue.
    pub queue: String,
    /// Whether a call waits for it.
    pub kind: ReviewKind,
    /// Where it stands.
    pub phase: ReviewPhase,
    /// How urgent.
    pub priority: Priority,
    /// When it was opened.
    pub opened: Millis,
    /// When its terminal action is taken.
    pub due: Millis,
    /// What that action is.
    pub on_expiry: OnExpiry,
    /// When it last moved.
    pub updated: Millis,
    /// Digest of what the person sees; `None`: they write the answer.
    pub subject: Option<Digest>,
    /// The rules, checks and classes that objected, in file order.
    pub because: Vec<String>,
    /// How many different people must approve.
    pub approvals: u8,
    /// Who has voted since it was last open.
    pub voters: Vec<String>,
    /// Who may not decide.
    pub excluded: Vec<String>,
    /// Who holds it.
    pub holder: Option<String>,
    /// The last fencing token that was given out.
    pub lease: u64,
    /// End of the lease.
    pub lease_until: Option<Millis>,
    /// What was decided, in a word: `approved edited rejected changes_requested fallback_chosen`.
    pub decision: Option<String>,
    /// Who decided.
    pub decided_by: Vec<String>,
    /// Until when that can be taken back.
    pub undo_until: Option<Millis>,
    /// The next step of the queue's chain of reminders.
    pub next_step: u32,
    /// Other queues in which it is shown, because that chain said so.
    #[serde(default)]
    pub also: Vec<String>,
    /// The person it was given to.
    #[serde(default)]
    pub assigned: Option<String>,
    /// Who does not want to see it, and until when; `None` is for good.
    #[serde(default)]
    pub aside: Vec<(String, Option<Millis>)>,
    /// How it came here, if not by its policy or by a rule's chance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
    /// Since when whoever holds it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_since: Option<Millis>,
    /// How long whoever decided had held it, in milliseconds; `None`: they did not claim it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_ms: Option<u64>,
}

impl ReviewSummary {
    /// Whether it was drawn to learn how people decide: it shall look as if a call waited for it.
    pub fn is_drawn(&self) -> bool {
        self.kind == ReviewKind::Audit && self.is_measured()
    }

    /// Whether it is one of several that are decided apart, or its answer is known.
    pub fn is_measured(&self) -> bool {
        self.sampled.as_ref().is_some_and(Sampled::is_hidden)
    }

    /// Who holds it, unless their lease has run out at `at`.
    pub fn held_by(&self, at: Millis) -> Option<&str> {
        let held =
            self.phase == ReviewPhase::Claimed && self.lease_until.is_some_and(|end| at < end);
        self.holder.as_deref().filter(|_| held)
    }

    /// Whether that person holds it at `at`, or has voted or decided on it.
    pub fn involves(&self, person: &str, at: Millis) -> bool {
        self.held_by(at) == Some(person)
            || self.voters.iter().chain(&self.decided_by).any(|name| name == person)
    }

    /// Goes on by one event. `None` only before `review_opened`, which alone makes a review.
    pub fn fold(before: Option<Self>, around: &Envelope, event: &ReviewEvent) -> Option<Self> {
        let mut review = match (before, event) {
            (None, ReviewEvent::ReviewOpened(opened)) => {
                Self::new(around.stream.review_id()?, around.at, opened)
            }
            (before, _) => before?,
        };
        review.seq = around.seq;
        review.updated = around.at;
        review.time(around.at, event);
        review.take(event);
        Some(review)
    }

    fn new(id: ReviewId, at: Millis, opened: &Opened) -> Self {
        Self {
            id,
            seq: 0,
            call: opened.call.clone(),
            generation: opened.generation,
            policy: opened.policy.clone(),
            queue: opened.queue.clone(),
            kind: opened.kind,
            phase: ReviewPhase::Open,
            priority: opened.priority,
            opened: at,
            due: opened.due,
            on_expiry: opened.on_expiry,
            updated: at,
            subject: opened.subject,
            because: opened.reasons.iter().map(|reason| reason.by.clone()).collect(),
            approvals: opened.approvals,
            voters: Vec::new(),
            excluded: opened.excluded.clone(),
            holder: None,
            lease: 0,
            lease_until: None,
            decision: None,
            decided_by: Vec::new(),
            undo_until: None,
            next_step: 0,
            also: Vec::new(),
            assigned: None,
            aside: Vec::new(),
            sampled: opened.sampled.clone(),
            held_since: None,
            held_ms: None,
        }
    }

    /// How long people hold it. Who claims what they hold goes on holding it.
    fn time(&mut self, at: Millis, event: &ReviewEvent) {
        match event {
            ReviewEvent::ReviewClaimed { by, .. } if self.holder.as_ref() != Some(by) => {
                self.held_since = Some(at);
            }
            // A vote stands before the decision that it brings, in the same commit.
            ReviewEvent::VoteCast { .. } => {
                self.held_ms = self.held_since.take().map(|since| at.since(since));
            }
            ReviewEvent::ReviewUndone { .. } => self.held_ms = None,
            _ => {}
        }
    }

    fn take(&mut self, event: &ReviewEvent) {
        match event {
            ReviewEvent::ReviewOpened(_) | ReviewEvent::ReviewCommented { .. } => {}
            ReviewEvent::ReviewClaimed { by, lease, until } => {
                self.phase = ReviewPhase::Claimed;
                self.holder = Some(by.clone());
                self.lease = *lease;
                self.lease_until = Some(*until);
            }
            ReviewEvent::ReviewRenewed { until, .. } => {
                self.lease_until = self.lease_until.max(Some(*until));
            }
            ReviewEvent::ReviewReleased { .. } => self.free(ReviewPhase::Open),
            ReviewEvent::VoteCast { by, .. } => {
                self.voters.push(by.clone());
                self.free(ReviewPhase::Open);
            }
            ReviewEvent::ReviewDecided { by, resolution, undo_until, .. } => {
                self.free(ReviewPhase::Decided);
                self.decision = Some(resolution.name().into());
                self.decided_by.clone_from(by);
                self.undo_until = *undo_until;
            }
            ReviewEvent::ReviewUndone { .. } => {
                self.free(ReviewPhase::Open);
                self.decision = None;
                self.decided_by.clear();
                self.voters.clear();
                self.undo_until = None;
            }
            ReviewEvent::ReviewExpired { .. } => self.free(ReviewPhase::Expired),
            ReviewEvent::ReviewWithdrawn { .. } => self.free(ReviewPhase::Withdrawn),
            ReviewEvent::ReviewStepTaken { step, priority, queue, .. } => {
                self.next_step = step.saturating_add(1);
                self.priority = self.priority.max(priority.unwrap_or_default());
                let fresh = queue.iter().filter(|name| **name != self.queue);
                let fresh: Vec<String> =
                    fresh.filter(|name| !self.also.contains(name)).cloned().collect();
                self.also.extend(fresh);
            }
            ReviewEvent::ReviewSetAside { by, until } => {
                self.aside.retain(|(person, _)| person != by);
                self.aside.push((by.clone(), *until));
                if self.holder.as_ref() == Some(by) {
                    self.free(ReviewPhase::Open);
                }
            }
            ReviewEvent::ReviewHandedOver { to, queue, .. } => {
                self.assigned.clone_from(to);
                if let Some(queue) = queue {
                    self.also.retain(|name| name != queue);
                    self.queue.clone_from(queue);
                }
                self.aside.retain(|(person, _)| Some(person) != to.as_ref());
                self.free(ReviewPhase::Open);
            }
        }
    }

    fn free(&mut self, phase: ReviewPhase) {
        self.phase = phase;
        self.held_since = None;
        self.holder = None;
        self.lease_until = None;
    }
}
