//! The models that Backstop asks: one request in, one classified result out.
//!
//! It sends and receives, holds the guards behind locks, and says what happened. It never retries,
//! never judges an answer, and never chooses another model: the policy decides, the engine acts.

pub mod adapters;
pub mod answer;
pub mod chaos;
pub mod classify;
pub mod client;
pub mod clock;
pub mod model;
pub mod outcome;
pub mod recorded;
pub mod recorder;
pub mod retry_after;
pub mod secrets;
pub mod service;
pub mod simulated;
mod sse;
mod stream;
mod transport;

pub use adapters::{
    Asker, AtOnce, Blocked, GateSnapshot, GuardedService, LimitPermit, LimitSet, ModelGate,
    ModelGuards, Permit, ProviderGate, Purpose, QualityStanding, Rating, Refused, ServiceGuards,
    Wish, acquire_all,
};
pub use answer::{Answer, Choice, ToolCall, completion_of};
pub use client::{Endpoint, EndpointConfig, EndpointError, HeaderText, HttpModel, ModelConfig};
pub use clock::{Clock, MonotonicClock};
pub use model::{AskRequest, BoxFuture, Model, Timeouts};
pub use outcome::{AttemptResult, Failure, Settle, Timer, Timing};
pub use recorded::{Recorded, RecordedService, RecordingError, Recordings, service_line};
pub use recorder::{Recorder, ServiceRecorder};
pub use secrets::{SecretError, SecretRef, SecretSource};
pub use service::{HttpService, Score, Service};
pub use simulated::Simulated;
