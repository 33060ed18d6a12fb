//! Words and the pure machines of Backstop: call, review, plan, guards, outcome.
//!
//! It knows no clock, no randomness, no files and no network: `no_std` makes the compiler say so.
//! Time, ids, model answers and grants enter only as fields of events.
#![no_std]
#![deny(missing_docs)]

extern crate alloc;

pub mod attempt;
pub mod basis;
pub mod call;
pub mod canonical;
pub mod control;
pub mod digest;
pub mod envelope;
pub mod event;
pub mod failure;
pub mod finding;
pub mod guard;
pub mod ids;
pub mod outcome;
pub mod plan;
pub mod review;
pub mod run;
pub mod units;
pub mod upcast;
pub mod verdict;

pub use attempt::{AttemptEnded, AttemptResult, AttemptStarted, Purpose};
pub use basis::{Basis, Drawn, FullLimit, Paid};
pub use call::{
    Act, Ask, CallState, Decision, Illegal, Phase, ReviewSpec, RungRef, SkipReason, Skipped, Step,
    Topic, next,
};
pub use canonical::canonical;
pub use control::{ControlEvent, Granted, Left, QualityOf, ShadowResult};
pub use digest::Digest;
pub use envelope::{Actor, ActorKind, ENGINE, Envelope, Event, ReadError};
pub use event::{
    AtDoor, CallEvent, Estimate, Face, Judged, Received, Requested, Resolution, Resolved,
};
pub use failure::FailureClass;
pub use finding::{Finding, Objection, Scored, Source, Status, Subject};
pub use ids::{CallId, EventId, ReviewId, Stream};
pub use outcome::{
    AnsweredBy, Cause, Ended, Interim, Leaving, Outcome, ReleaseError, Released, Unchecked,
};
pub use plan::{Budget, Criticality, Mode, ModelPlan, OnExpiry, Plan, Price, RESERVE_MS, Usage};
pub use review::{Decide, Opened, Reason, Refusal, ReviewEvent, ReviewKind, ReviewState, Sampled};
pub use run::{Compensation, Effect, ForkKind, Forked, PauseEnd, Paused, RunEnd, effect_key};
pub use units::{MicroMoney, Millis, Signal};
pub use verdict::{Escalation, Ladder, Priority, Rung, Show, Verdict};
