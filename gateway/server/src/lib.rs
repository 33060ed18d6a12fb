//! The HTTP face: one route table over the engine.
//!
//! It reads requests, says who asks, and writes answers. It decides nothing about calls, and an
//! answer reaches it only in a type that the recorded outcome made.

mod access;
mod app;
mod auth;
mod body;
mod breakers;
mod calls;
mod complaints;
pub mod coverage;
mod cursor;
pub mod deliver;
mod desk;
mod erasures;
mod events;
mod face;
mod feed;
mod hangup;
mod headers;
mod level;
mod listen;
mod metrics;
mod openai;
mod ops;
mod paced;
mod pauses;
mod problem;
mod query;
mod reason;
mod replay;
mod reviews;
mod routes;
mod runs;
mod subscriptions;
mod tasks;
pub mod telemetry;
mod tongue;
mod veil;
mod view;
mod words;

pub use app::{App, Caps};
pub use auth::Keys;
pub use desk::{Desk, Provider, Proxy};
pub use listen::serve;
pub use metrics::metrics;
pub use routes::routes;
pub use tongue::{Tongue, Tongues};
pub use view::call as call_view;

/// What pages say, in the reader's language.
use tongue::{named, phrase, say};
