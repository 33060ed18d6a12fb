//! The pure guards of `backstop_domain::guard`, behind locks and with a clock.
//!
//! A lock is held for one step of a machine and never across an await. Everything that is taken is
//! given back when the permit for it is dropped.

mod credential;
mod gate;
mod limit_set;
mod permit;
mod quality;
mod request_rate;
mod service_gate;

pub use credential::CredentialGate;
pub use gate::{Blocked, GateSnapshot, ModelGate, ModelGuards, Purpose, Wish};
pub use limit_set::{LimitPermit, LimitSet, Refused, acquire_all};
pub use permit::Permit;
pub use quality::{Asker, QualityStanding, Rating};
pub use service_gate::{GuardedService, ServiceGuards};
