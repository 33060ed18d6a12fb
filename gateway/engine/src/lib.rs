//! The engine: admits calls, carries them on step by step, and lets people decide.
//!
//! `run` is the loop; `admit` and `let_in` are the door; `attempt`, `judge`, `fallback`, `escalate`
//! and `finish` each carry out one kind of step. It decides nothing: the policy's plan and the pure
//! machine do.
//! Nothing is shown to anybody before the ledger has it on disk.

mod admit;
mod attempt;
mod breakers;
mod cache;
mod canary;
mod changes;
mod desk_log;
mod door;
mod due;
mod ends_by;
mod engine;
pub mod erasure;
mod escalate;
mod estimate;
pub mod explain;
mod fallback;
mod finish;
mod fork;
mod guards;
mod hedge;
mod ids;
mod in_force;
mod interim;
mod judge;
mod keys;
mod let_in;
mod limit_rules;
mod live;
mod load;
mod models;
mod pause;
mod people;
mod pinned;
mod places;
mod provided;
mod rates;
mod recover;
mod reload;
pub mod replay;
mod replaying;
mod retain;
mod reviews;
pub mod revisions;
mod run;
mod seen;
mod services;
mod shadow;
mod stages;
mod tasks;
mod tool_limits;
mod tool_memory;
pub mod trace;
mod upstream_answer;
mod wait;
pub mod what_if;
pub mod words;

pub use admit::{Admitted, Caller, Refused, Submit};
pub use breakers::{BreakerOrder, BreakerRefused};
pub use engine::{Engine, Parts};
pub use fork::{Fork, ForkError};
pub use guards::{model_guards, service_guards, timeouts};
pub use ids::Ids;
pub use in_force::InForce;
pub use limit_rules::limit_rules;
pub use live::{Shown, Snapshot, Stop};
pub use load::{HeldBy, LoadStands};
pub use models::{Models, Upstream};
pub use pause::{Held, PAUSE_MS_MAX, PauseError, Target};
pub use rates::Rates;
pub use recover::Recovered;
pub use reload::{Fresh, ReloadRefused};
pub use replaying::NoReplay;
pub use retain::over;
pub use reviews::{Complaint, ComplaintError, Edit, ReviewError, Verb, What};
pub use services::Services;
pub use stages::Stages;
