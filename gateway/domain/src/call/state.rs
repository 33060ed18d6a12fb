//! What is known of a call: everything that a later decision rests on, and nothing else.

use alloc::{boxed::Box, collections::BTreeMap, string::String, sync::Arc, vec::Vec};

use super::fork::Folded;
use crate::{
    Ask, AttemptEnded, AttemptResult, AttemptStarted, Digest, Effect, Ended, FailureClass, Finding,
    Interim, Judged, Leaving, MicroMoney, Millis, Paused, Received, ReleaseError, Resolved,
    ReviewId, ReviewSpec, RunEnd, RungRef, Source, Subject, outcome,
};

/// A call, as its events so far make it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallState {
    /// The run that these events belong to, from 1.
    pub run: u32,
    /// How many events were folded: the `seq` of the newest one.
    pub seq: u64,
    /// Time of the newest event. Decisions know no other time.
    pub at: Millis,
    /// When the call was received.
    pub received_at: Millis,
    /// What was received.
    pub received: Received,
    /// End of the automatic part.
    pub deadline: Millis,
    /// Where the call is.
    pub phase: Phase,
    /// What checks and rules said of the request.
    pub request_findings: Vec<Finding>,
    /// Every request to a model, in order.
    pub attempts: Vec<Attempt>,
    /// What the automatic part has spent since it was last granted a budget.
    pub used: Used,
    /// How often each rung was taken.
    pub spent: BTreeMap<RungRef, u32>,
    /// What was last asked of a model.
    pub asked: Option<Ask>,
    /// What was about to be asked when a guard of ours, or the door, said no.
    pub blocked: Option<Ask>,
    /// The newest judgement of an answer.
    pub judged: Option<Judged>,
    /// Why the call left its straight way, newest last.
    pub causes: Vec<crate::Cause>,
    /// Whether the policy's fallback was taken or failed.
    pub fallback_tried: bool,
    /// Queues whose people approved, in order.
    pub decided: Vec<Approval>,
    /// The newest answer of a person or of the due time.
    pub resolved: Option<Resolved>,
    /// Reviews that are asked once the answer of the last one is judged.
    pub still_to_ask: Vec<ReviewSpec>,
    /// What was judged when a person was last asked: it is on the table again if they take their
    /// word back.
    pub shown: Option<Judged>,
    /// Whose answer was judged before a person took it up.
    pub origin: Option<Source>,
    /// How often a person sent the answer back.
    pub changes: u32,
    /// What was shown to a caller while a person decided.
    pub interim: Option<Digest>,
    /// The review that was asked last, as it was to be opened.
    pub people: Option<ReviewSpec>,
    /// Tool calls that left, or leave with the end that is being recorded.
    pub effects: Vec<Effect>,
    /// The outcome of an earlier run, which was told and holds no longer.
    pub revises: Option<RunEnd>,
    /// The outcome in its place, as it was told.
    pub revised: Option<RunEnd>,
    /// Every event so far, of all runs: a new run starts from what some of them made.
    pub(super) log: Vec<Arc<Folded>>,
}

/// Where a call is (DESIGN.md section 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Received; the request has not been judged.
    Admitted,
    /// The answer cache is asked before the first attempt.
    LookingUp {
        /// The model that is asked on a miss.
        model: String,
    },
    /// A model is asked.
    Attempting {
        /// What of whom.
        ask: Ask,
        /// The attempt that was sent and has not ended.
        in_flight: Option<u32>,
    },
    /// A model will be asked.
    Waiting {
        /// When.
        until: Millis,
        /// What of whom.
        ask: Ask,
    },
    /// An operator holds it.
    Paused {
        /// Since when.
        since: Millis,
        /// Until when, what then, and why.
        paused: Paused,
        /// Where it goes on.
        before: Box<Self>,
    },
    /// An answer is judged.
    Checking {
        /// The answer.
        subject: Subject,
    },
    /// Found spans are masked.
    Masking {
        /// The answer.
        subject: Subject,
        /// Whose finds.
        checks: Vec<String>,
    },
    /// The machine itself decides next.
    Deciding(Topic),
    /// The policy's fallback answers.
    FallingBack,
    /// Reviews are to be opened, one after the other.
    Opening {
        /// Those that are still to be asked; never empty.
        reviews: Vec<ReviewSpec>,
    },
    /// A person decides.
    InReview {
        /// The open review.
        review: ReviewId,
        /// Its queue.
        queue: String,
        /// Those that are asked afterwards.
        rest: Vec<ReviewSpec>,
    },
    /// Decided; the undo window is open.
    Releasing {
        /// Its end.
        until: Millis,
        /// The review that can be taken back.
        review: ReviewId,
        /// Its queue.
        queue: String,
        /// How the run ends when nobody does.
        ended: Ended,
    },
    /// The end is decided and not yet recorded.
    Ending(Ended),
    /// The run ended.
    Ended(Ended),
}

impl Phase {
    /// The state's name in the API, pages and metrics.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Admitted => "admitted",
            Self::Attempting { .. } => "attempting",
            Self::Waiting { .. } | Self::Paused { .. } => "waiting",
            Self::LookingUp { .. }
            | Self::Checking { .. }
            | Self::Masking { .. }
            | Self::Deciding(_)
            | Self::Ending(_) => "checking",
            Self::FallingBack => "falling_back",
            Self::Opening { .. } | Self::InReview { .. } => "in_review",
            Self::Releasing { .. } => "releasing",
            Self::Ended(_) => "ended",
        }
    }
}

/// What is decided on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// The request, by what its checks say.
    Request(Vec<Finding>),
    /// The answer in `judged`.
    Answer,
    /// An attempt that gave no answer, or was not let out.
    Failure {
        /// The failure class.
        class: FailureClass,
        /// In words.
        message: String,
        /// When it may be tried again, if known.
        until: Option<Millis>,
    },
    /// The fallback gave none.
    NoFallback {
        /// Why.
        reason: String,
    },
    /// A person, or the due time, said something other than an answer.
    Resolved,
}

/// One request to a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// As it was sent.
    pub started: AttemptStarted,
    /// When.
    pub at: Millis,
    /// How it ended; `None` while it is in flight.
    pub ended: Option<AttemptEnded>,
}

/// People of one queue approved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// The queue.
    pub queue: String,
    /// Whether they changed or wrote the answer.
    pub edited: bool,
}

/// What the automatic part has spent, reservations of attempts in flight included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Used {
    /// Requests to models.
    pub attempts: u32,
    /// Tokens.
    pub tokens: u64,
    /// Money.
    pub cost: MicroMoney,
}

impl CallState {
    /// Whether a person changed or wrote the answer.
    pub fn edited(&self) -> bool {
        self.decided.iter().any(|approval| approval.edited)
    }

    /// How the run ended, once it has.
    pub const fn ended(&self) -> Option<&Ended> {
        match &self.phase {
            Phase::Ended(ended) => Some(ended),
            _ => None,
        }
    }

    /// The state's name; for an ended run its outcome.
    pub const fn state_name(&self) -> &'static str {
        match &self.phase {
            Phase::Ended(ended) => ended.outcome.name(),
            phase => phase.name(),
        }
    }

    /// The attempt that this answer came from, and the digest of all that came with it; `None` if
    /// it is no model's as it came. What a provider says of its own text, such as its
    /// log-probabilities, says nothing of one that was masked or mended since.
    pub fn source_of(&self, subject: &Subject) -> Option<(u32, Digest)> {
        let number = subject.attempt.filter(|_| subject.source == Source::Model)?;
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        match &self.attempts.get(index)?.ended.as_ref()?.result {
            AttemptResult::Answered { raw, answer, .. } if *answer == subject.digest => {
                Some((number, *raw))
            }
            _ => None,
        }
    }

    /// Money that the whole run has taken.
    pub fn cost(&self) -> MicroMoney {
        self.attempts
            .iter()
            .filter_map(|attempt| attempt.ended.as_ref())
            .fold(MicroMoney(0), |sum, ended| sum.plus(ended.cost))
    }

    /// Lets an answer leave, if it is the one that the recorded outcome names.
    ///
    /// # Errors
    /// [`ReleaseError`] while the run is open, when it ended without an answer, or when `bytes`
    /// are not what was judged.
    pub fn release(&self, bytes: Vec<u8>) -> Result<Leaving, ReleaseError> {
        outcome::release(self.ended().ok_or(ReleaseError::Open)?, bytes)
    }

    /// Lets the interim fallback leave that was recorded as shown.
    ///
    /// # Errors
    /// [`ReleaseError`] if none was recorded, or `bytes` are not it.
    pub fn release_interim(&self, bytes: Vec<u8>) -> Result<Interim, ReleaseError> {
        outcome::release_interim(self.interim.ok_or(ReleaseError::NoAnswer)?, bytes)
    }
}
