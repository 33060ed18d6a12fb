//! The pure guards of `backstop_domain::guard`, behind locks and with a clock.
//!
//! A lock is held for one step of a machine and never across an await. Everything that is taken is
//! given back when the permit for it is dropped.

mod gate;
mod limit_set;
mod permit;
mod places;
mod provider;
mod quality;
mod request_rate;
mod service_gate;
mod standing;
mod wish;

pub use gate::{ModelGate, ModelGuards};
pub use limit_set::{LimitPermit, LimitSet, Refused, acquire_all};
pub use permit::Permit;
pub use provider::ProviderGate;
pub use quality::{Asker, QualityStanding, Rating};
pub use service_gate::{GuardedService, ServiceGuards};
pub use standing::{AtOnce, GateSnapshot};
pub use wish::{Blocked, Purpose, Wish};
