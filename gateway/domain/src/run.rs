//! What stands between two runs of a call: why a new one was started, what the old one had brought
//! about, and what is told to those who acted on it.

use alloc::{format, string::String};

use serde::{Deserialize, Serialize};

use crate::{AnsweredBy, CallId, Digest, Ended, Millis, Outcome};

/// A new run of a call, from a checkpoint of what happened before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forked {
    /// The run that the checkpoint belongs to.
    pub from_run: u32,
    /// The checkpoint: what happened up to this seq is kept.
    pub from_seq: u64,
    /// What for.
    pub how: ForkKind,
    /// Name of the state that the run starts in.
    pub state: String,
    /// End of its automatic part.
    pub deadline: Millis,
    /// Why, in the words of whoever asked for it.
    pub reason: String,
    /// Who asked for it.
    pub by: String,
}

/// What a new run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForkKind {
    /// To go on from a checkpoint, as if the rest had not happened.
    Resume,
    /// To take back what was decided.
    Rollback,
}

impl ForkKind {
    /// The word used in the API and in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Rollback => "rollback",
        }
    }
}

/// A call is held where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paused {
    /// Until when, at most.
    pub until: Millis,
    /// What becomes of it when nobody has let it go on by then.
    pub then: PauseEnd,
    /// Why, in the words of whoever asked for it.
    pub reason: String,
}

/// What becomes of a paused call when its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PauseEnd {
    /// It is cancelled: whoever held it had a reason.
    #[default]
    Cancel,
    /// It goes on.
    Resume,
}

/// How a run ended, as it is told beside another one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEnd {
    /// The run.
    pub run: u32,
    /// How it ended.
    pub outcome: Outcome,
    /// Whose answer it was.
    pub answered_by: AnsweredBy,
    /// Digest of that answer; `None` when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Digest>,
}

impl RunEnd {
    /// That end of that run.
    pub const fn of(run: u32, ended: &Ended) -> Self {
        let Ended { outcome, answered_by, answer, .. } = ended;
        Self { run, outcome: *outcome, answered_by: *answered_by, answer: *answer }
    }
}

/// A tool call that left with an answer, or leaves with the end that follows in the same commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Names it for ever: whoever carries it out drops what it has seen.
    pub key: String,
    /// The tool.
    pub tool: String,
}

/// The key of the tool call at that place of a run's answer, counted over all choices from 0.
pub fn effect_key(call: &CallId, run: u32, place: usize) -> String {
    format!("{call}.{run}.{place}")
}

/// An effect of a superseded run, and how its policy wants it made good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compensation {
    /// The effect's key.
    pub effect: String,
    /// The tool that was called.
    pub tool: String,
    /// What is to be done, in the policy's word: `tools.<name>.compensate`.
    pub by: String,
}
