//! What the stories in `it/` stand on: the real binary on a folder of its own, a scripted model
//! behind it, and a caller in front of it, known by its face only. Stories about policies stand on
//! `bench`: the same engine in this process, with time that is turned by hand.

pub mod bench;
pub mod binary;
pub mod caller;
pub mod desk;
pub mod gateway;
pub mod history;
pub mod person;
pub mod provider;
pub mod scratch;
pub mod upstream;
pub mod workspace;

pub use caller::{Answered, Caller};
pub use gateway::Gateway;
pub use history::History;
pub use person::Person;
pub use provider::Provider;
pub use scratch::Scratch;
pub use upstream::{Reply, Upstream};
pub use workspace::Workspace;
