//! A call in a row: what lists, pages and a restart need to know.

use backstop_domain::{
    Act, AnsweredBy, AttemptEnded, AttemptResult, CallEvent, CallId, Criticality, Decision, Digest,
    Ended, Envelope, Face, FailureClass, Forked, MicroMoney, Millis, Mode, Outcome, Received,
    ReviewId,
};
use serde::{Deserialize, Serialize};

/// Where a call stands (DESIGN.md section 3). Only the machine of `domain` decides; this shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallPhase {
    /// Received; nothing was asked yet.
    Admitted,
    /// A model is asked, or about to be.
    Attempting,
    /// Backoff, limiter, breaker, pause.
    Waiting,
    /// An answer is judged.
    Checking,
    /// The policy's fallback is taken.
    FallingBack,
    /// A person is asked.
    InReview,
    /// Decided; the undo window runs.
    Releasing,
    /// Over.
    Ended,
}

impl CallPhase {
    /// Every state.
    pub const ALL: [Self; 8] = [
        Self::Admitted,
        Self::Attempting,
        Self::Waiting,
        Self::Checking,
        Self::FallingBack,
        Self::InReview,
        Self::Releasing,
        Self::Ended,
    ];

    /// The state of that name; what is not known is judged next, like all that goes on by itself.
    fn of(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|phase| phase.name() == name);
        known.unwrap_or(Self::Checking)
    }

    /// The word used in the API and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Attempting => "attempting",
            Self::Waiting => "waiting",
            Self::Checking => "checking",
            Self::FallingBack => "falling_back",
            Self::InReview => "in_review",
            Self::Releasing => "releasing",
            Self::Ended => "ended",
        }
    }
}

/// A call in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallSummary {
    /// The call.
    pub id: CallId,
    /// Last seq of its stream.
    pub seq: u64,
    /// Its newest run.
    pub run: u32,
    /// Name of the policy.
    pub policy: String,
    /// Revision that it is pinned to.
    pub revision: Digest,
    /// Name of the caller.
    pub caller: String,
    /// The caller's tenant.
    pub tenant: Option<String>,
    /// Which face it came in by.
    pub face: Face,
    /// The class that it runs under.
    pub criticality: Criticality,
    /// Whether verdicts are carried out.
    pub mode: Mode,
    /// Body digest of its request.
    pub request: Digest,
    /// Where it stands.
    pub phase: CallPhase,
    /// When it came in.
    pub received: Millis,
    /// End of the automatic part.
    pub deadline: Millis,
    /// When it last moved.
    pub updated: Millis,
    /// When it goes on by itself, if it waits for a time.
    pub wakes: Option<Millis>,
    /// Since when an operator holds it, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paused: Option<Millis>,
    /// Requests to models so far.
    pub attempts: u32,
    /// The model that was asked last.
    pub model: Option<String>,
    /// Input tokens so far.
    pub input_tokens: u64,
    /// Output tokens so far.
    pub output_tokens: u64,
    /// Money so far.
    pub cost: MicroMoney,
    /// The review that it waits for, or that decided last.
    pub review: Option<ReviewId>,
    /// That review's queue.
    pub queue: Option<String>,
    /// When that review is due.
    pub due: Option<Millis>,
    /// Until when that review's decision can be taken back.
    pub undo_until: Option<Millis>,
    /// How often a person was asked.
    pub reviews: u32,
    /// The class of the failure that it is about, or that it ended by.
    pub class: Option<FailureClass>,
    /// The rule, check or ladder of that.
    pub by: Option<String>,
    /// When it ended.
    pub ended: Option<Millis>,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// Whose answer it is.
    pub answered_by: Option<AnsweredBy>,
    /// Digest of the answer that may leave.
    pub answer: Option<Digest>,
    /// Whether the answer left although nobody looked.
    pub unreviewed: bool,
}

impl CallSummary {
    /// Goes on by one event. `None` only before `call_received`, which alone makes a call.
    pub fn fold(before: Option<Self>, around: &Envelope, event: &CallEvent) -> Option<Self> {
        let mut call = match (before, event) {
            (None, CallEvent::CallReceived(received)) => {
                Self::new(around.stream.call_id()?, around.at, received)
            }
            (before, _) => before?,
        };
        call.take(around.at, event);
        call.seq = around.seq;
        call.run = call.run.max(around.run);
        call.updated = call.updated.max(around.at);
        Some(call)
    }

    fn new(id: CallId, at: Millis, received: &Received) -> Self {
        Self {
            id,
            seq: 0,
            run: 1,
            policy: received.policy.clone(),
            revision: received.revision,
            caller: received.caller.clone(),
            tenant: received.tenant.clone(),
            face: received.face,
            criticality: received.criticality,
            mode: received.mode,
            request: received.request,
            phase: CallPhase::Admitted,
            received: at,
            deadline: received.deadline,
            updated: at,
            wakes: None,
            paused: None,
            attempts: 0,
            model: None,
            input_tokens: 0,
            output_tokens: 0,
            cost: MicroMoney(0),
            review: None,
            queue: None,
            due: None,
            undo_until: None,
            reviews: 0,
            class: received.held_at_door.as_ref().map(|held| held.class),
            by: None,
            ended: None,
            outcome: None,
            answered_by: None,
            answer: None,
            unreviewed: false,
        }
    }

    fn take(&mut self, at: Millis, event: &CallEvent) {
        match event {
            CallEvent::CallReceived(_)
            | CallEvent::DuplicateJoined { .. }
            | CallEvent::InterimReleased { .. }
            | CallEvent::OutcomeRevised { .. }
            | CallEvent::EffectsReleased { .. }
            | CallEvent::CompensationRequested { .. } => {}
            CallEvent::RequestJudged { .. }
            | CallEvent::AnswerJudged(_)
            | CallEvent::AnswerMasked { .. }
            | CallEvent::FallbackTaken { .. }
            | CallEvent::FallbackFailed { .. }
            | CallEvent::CacheLooked { hit: Some(_) } => self.go(CallPhase::Checking),
            CallEvent::CacheLooked { hit: None } | CallEvent::WaitEnded => {
                self.go(CallPhase::Attempting);
            }
            CallEvent::AttemptStarted(started) => {
                self.attempts = self.attempts.saturating_add(1);
                self.model = Some(started.model.clone());
            }
            CallEvent::AttemptEnded(ended) => self.spend(ended),
            CallEvent::AttemptBlocked { class, .. } => {
                self.class = Some(*class);
                self.go(CallPhase::Checking);
            }
            CallEvent::VerdictReached(decision) => self.decide(decision),
            CallEvent::ReviewRequested(asked) => {
                self.review = Some(asked.review.clone());
                self.queue = Some(asked.queue.clone());
                self.due = Some(asked.due);
                self.reviews = self.reviews.saturating_add(1);
                self.go(CallPhase::InReview);
                self.wakes = Some(asked.due);
            }
            CallEvent::ReviewResolved(resolved) => {
                self.undo_until = resolved.undo_until;
                self.go(CallPhase::Checking);
            }
            CallEvent::DecisionUndone { .. } => {
                self.undo_until = None;
                self.go(CallPhase::InReview);
                self.wakes = self.due;
            }
            CallEvent::CallEnded(ended) => self.end(at, ended),
            CallEvent::RunForked(forked) => self.reopen(forked),
            CallEvent::CallPaused(paused) => {
                self.go(CallPhase::Waiting);
                self.wakes = Some(paused.until);
                self.paused = Some(at);
            }
            CallEvent::CallResumed { state, .. } => {
                self.go(CallPhase::of(state));
                let held = self.paused.take().map_or(0, |since| at.since(since));
                self.deadline = self.deadline.plus(held);
            }
        }
    }

    const fn go(&mut self, phase: CallPhase) {
        self.phase = phase;
        self.wakes = None;
    }

    fn spend(&mut self, ended: &AttemptEnded) {
        self.input_tokens = self.input_tokens.saturating_add(ended.usage.input);
        self.output_tokens = self.output_tokens.saturating_add(ended.usage.output);
        self.cost = self.cost.plus(ended.cost);
        // Judges and votes run while an answer is checked; only an answer's attempt moves on.
        if self.phase != CallPhase::Attempting {
            return;
        }
        self.go(CallPhase::Checking);
        if let AttemptResult::Failed { class, .. } = &ended.result {
            self.class = Some(*class);
        }
    }

    fn decide(&mut self, decision: &Decision) {
        self.class = decision.class;
        self.by = decision.because.first().cloned();
        self.deadline = decision.renewed.unwrap_or(self.deadline);
        // As in `domain`: whether a time lies ahead is asked at the event before the decision.
        let ahead = |time: Option<Millis>| time.filter(|time| *time > self.updated);
        let (phase, wakes) = match &decision.act {
            Act::Begin { .. } | Act::Mask { .. } => (CallPhase::Checking, None),
            Act::Miss => (CallPhase::Attempting, None),
            Act::Ask(ask) => match ahead(ask.not_before) {
                None => (CallPhase::Attempting, None),
                later => (CallPhase::Waiting, later),
            },
            Act::Fallback => (CallPhase::FallingBack, None),
            Act::Review { .. } => (CallPhase::InReview, None),
            Act::End(ended) => match ahead(self.undo_until) {
                Some(until) if ended.outcome.is_a_persons() => (CallPhase::Releasing, Some(until)),
                _ => (CallPhase::Checking, None),
            },
        };
        self.go(phase);
        self.wakes = wakes;
    }

    fn end(&mut self, at: Millis, ended: &Ended) {
        self.go(CallPhase::Ended);
        self.paused = None;
        self.ended = Some(at);
        self.outcome = Some(ended.outcome);
        self.answered_by = Some(ended.answered_by);
        self.answer = ended.answer;
        self.unreviewed = ended.unreviewed;
        self.class = ended.cause.class;
        self.by = ended.cause.by.clone();
    }

    /// A new run: the call's outcome is that of its newest one. What it has spent stays spent.
    fn reopen(&mut self, forked: &Forked) {
        self.go(CallPhase::of(&forked.state));
        self.paused = None;
        self.deadline = forked.deadline;
        (self.review, self.queue, self.due, self.undo_until) = (None, None, None, None);
        (self.class, self.by) = (None, None);
        self.ended = None;
        self.outcome = None;
        self.answered_by = None;
        self.answer = None;
        self.unreviewed = false;
    }

    /// Whether it has not ended.
    pub fn is_open(&self) -> bool {
        self.phase != CallPhase::Ended
    }
}
